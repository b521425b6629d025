"""Tensor parallel sizes that divide a model: as vLLM's own checks say, which are read from its wheels."""

import functools
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from modelservice import facts
from modelservice.engines.version import Version
from modelservice.models.catalogue import find, names
from modelservice.models.layers import Attention, Dense, Experts, LatentAttention
from modelservice.models.shape import ModelShape
from modelservice.models.tensor_sizes import Division, context_sizes, nearest_sizes, obstacles, tensor_sizes
from support.vllm_functions import vllm_function

pytestmark = pytest.mark.slow

VERSIONS = ("0.32.0", "0.33.0")
SIZES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 32)
LAYERS = "vllm/model_executor/layers"
FP8 = f"{LAYERS}/quantization/utils/fp8_utils.py"
MODELS = [name for name in names() if (known := find(name)) and known.shape.layers]


class Vllm:
    """What a release of vLLM checks when it divides a model among some ranks."""

    def __init__(self, version: str, size: int) -> None:
        take = functools.partial(vllm_function, version)
        ensure = take("vllm/distributed/utils.py", "ensure_divisibility")
        self.divide = take("vllm/distributed/utils.py", "divide", ensure_divisibility=ensure)
        self.size = size
        self.version = version
        self.take = take
        ranks = {"get_tensor_model_parallel_world_size": lambda: size}
        self.keys_and_values = take(
            f"{LAYERS}/linear.py",
            "QKVParallelLinear",
            ColumnParallelLinear=type("ColumnParallelLinear", (), {"__init__": lambda *_, **__: None}),
            divide=self.divide,
            **ranks,
        )
        self.padded = take(f"{LAYERS}/vocab_parallel_embedding.py", "pad_vocab_size", DEFAULT_VOCAB_PADDING_SIZE=64)
        self.matrix = take(FP8, "validate_fp8_block_shape", **ranks)
        self.experts = take(FP8, "validate_fp8_block_shape_moe", **ranks)
        self.refined = take(f"{LAYERS}/fused_moe/oracle/fp8.py", "refine_fp8_moe_block_shape", math=math)

    def verify(self, shape: ModelShape, context: int = 1) -> None:
        """Compare the configuration with the parallel sizes, as the engine does before it loads anything."""
        verify = self.take("vllm/config/model.py", "verify_with_parallel_config")
        model = SimpleNamespace(
            model_arch_config=SimpleNamespace(total_num_attention_heads=shape.attention_heads),
            use_mla=shape.is_latent,
            multimodal_config=None,
            get_total_num_kv_heads=lambda: shape.kv_heads,
        )
        parallel = SimpleNamespace(
            tensor_parallel_size=self.size,
            pipeline_parallel_size=1,
            decode_context_parallel_size=context,
            enable_expert_parallel=False,
            enable_hc_sp=False,
        )
        verify(model, parallel)

    def rows(self, width: int, block: int) -> None:
        """Divide the inputs of a matrix, as ``RowParallelLinear`` does."""
        part = self.divide(width, self.size)
        if block > 1:
            self.matrix(SimpleNamespace(tp_size=self.size), width, 1, part, [1], [block, block])

    def load(self, shape: ModelShape) -> None:
        """Divide the weights."""
        self.divide(self.padded(shape.vocab_size or 0), self.size)
        block = block_of(shape)
        for layer in dict.fromkeys(shape.layers or ()):
            mixer, network = layer.mixer, layer.feed_forward
            if isinstance(mixer, Attention):
                self.keys_and_values(shape.hidden_size, mixer.key, mixer.heads, mixer.kv_heads)
            if isinstance(mixer, Attention | LatentAttention):
                self.rows(mixer.heads * mixer.value, block)
            if isinstance(network, Dense):
                self.rows(network.intermediate, block)
            elif isinstance(network, Experts):
                self.spread(shape, network, block)

    def spread(self, shape: ModelShape, network: Experts, block: int) -> None:
        """Divide routed experts, as ``Fp8MoEMethod`` does."""
        part = self.divide(network.intermediate, self.size)
        config = SimpleNamespace(intermediate_size_per_partition=part, tp_size=self.size, hidden_dim=shape.hidden_size)
        if block > 1 and self.refined(config, [block, block]) is None:
            self.experts(part, [block, block])


def block_of(shape: ModelShape) -> int:
    known = shape.quantization
    return math.isqrt(known.form.group) or 1 if known and known.form and known.method == "fp8" else 1


def refused(run: Callable[[ModelShape], None], shape: ModelShape) -> bool:
    """Whether vLLM raises."""
    try:
        run(shape)
    except (AssertionError, ValueError):
        return True
    return False


def division(version: str, size: int) -> Division:
    return Division(size, version=Version.parse(version))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", SIZES)
def test_vllm_refuses_the_same_sizes(version: str, size: int) -> None:
    vllm = Vllm(version, size)
    for name in MODELS:
        known = find(name)
        assert known
        found = [item for item in obstacles(known.shape, division(version, size)) if item.refused is not False]
        ours = {item.refused for item in found}
        theirs = refused(vllm.verify, known.shape) or refused(vllm.load, known.shape)
        assert theirs == (True in ours) or (theirs and None in ours), (name, found)


@pytest.mark.parametrize("version", VERSIONS)
def test_vllm_refuses_the_same_decode_context_parallel_sizes(version: str) -> None:
    for size in (4, 8, 16):
        vllm = Vllm(version, size)
        for name in MODELS:
            known = find(name)
            assert known
            shape = known.shape
            if not shape.kv_heads or refused(vllm.verify, shape):
                continue
            accepted = [
                context
                for context in range(1, size + 1)
                if size % context == 0 and not refused(functools.partial(vllm.verify, context=context), shape)
            ]
            assert context_sizes(shape, size) == accepted, (name, size)


@pytest.mark.parametrize("version", VERSIONS)
def test_facts_are_those_of_the_wheel(version: str) -> None:
    known = facts.engine_memory().shards
    padded = vllm_function(
        version, f"{LAYERS}/vocab_parallel_embedding.py", "pad_vocab_size", DEFAULT_VOCAB_PADDING_SIZE=0
    )
    assert padded(1, known.vocabulary_padding) == known.vocabulary_padding
    refine = Vllm(version, 4).refined
    for part, expected in ((known.refined_block * 3, [known.refined_block] * 2), (known.refined_block // 2 * 3, None)):
        config = SimpleNamespace(intermediate_size_per_partition=part, tp_size=4, hidden_dim=4096)
        assert refine(config, [128, 128]) == expected


def drafts(version: str, method: str, own: int, other: int) -> Any:
    """What vLLM says of a draft model with a vocabulary of its own."""
    check = vllm_function(version, "vllm/config/speculative.py", "verify_equal_vocab_size_if_draft_model")
    models = [SimpleNamespace(get_vocab_size=lambda size=size: size) for size in (own, other)]
    return check(SimpleNamespace(method=method, target_model_config=models[0], draft_model_config=models[1]))


@pytest.mark.parametrize("version", [facts.engine_memory().drafts.same_vocabulary_since + ".0", *VERSIONS])
def test_vllm_refuses_a_draft_model_of_another_vocabulary(version: str) -> None:
    with pytest.raises(ValueError, match="same vocabulary size"):
        drafts(version, "draft_model", 151936, 128256)
    drafts(version, "draft_model", 151936, 151936)
    drafts(version, "eagle3", 151936, 32000)


@pytest.mark.parametrize(("version", "more"), [("0.32.0", [SimpleNamespace(model_type="qwen3")]), ("0.33.0", [])])
def test_vllm_refuses_a_draft_model_of_another_tensor_size(version: str, more: list[Any]) -> None:
    check = vllm_function(version, "vllm/config/speculative.py", "_verify_and_get_draft_tp")
    target = SimpleNamespace(tensor_parallel_size=4)
    assert [check(target, size, *more) for size in (None, 1, 4)] == [4, 1, 4]
    with pytest.raises(ValueError, match="1 or target model tensor_parallel_size"):
        check(target, 2, *more)


def test_no_release_before_refines_the_blocks_of_experts() -> None:
    with pytest.raises(StopIteration):
        Vllm("0.28.0", 4)
    assert facts.engine_memory().shards.refined_since == "0.29"


@pytest.mark.parametrize(
    ("model", "division", "found"),
    [
        ("Qwen/Qwen3-32B", Division(8), {}),
        ("microsoft/phi-4", Division(4), {"10 heads of keys and values": True}),
        ("Qwen/Qwen3-32B", Division(12), {"64 attention heads": True, "8 heads of keys and values": True,
                                           "vocabulary of 151936 tokens": True,
                                           "feed-forward networks of 25600 elements": True}),
        ("Qwen/Qwen3-235B-A22B-FP8", Division(8), {"experts of 1536 elements in quantised blocks of 128": None}),
        ("Qwen/Qwen3-235B-A22B-FP8", Division(8, expert=True), {}),
        ("Qwen/Qwen3.6-35B-A3B-FP8", Division(8, expert=True), {"shared experts of 512 elements in quantised blocks of 128":
                                                                None}),
        # Without expert parallelism the data parallel ranks share each expert too.
        ("Qwen/Qwen3-235B-A22B-FP8", Division(4, data=2), {"experts of 1536 elements in quantised blocks of 128": None}),
    ],
)  # fmt: skip
def test_what_the_ranks_cannot_share(model: str, division: Division, found: dict[str, bool | None]) -> None:
    known = find(model)
    assert known
    assert {item.what: item.refused for item in obstacles(known.shape, division)} == found


def steps(shape: ModelShape) -> Iterator[tuple[int, int, int | None]]:
    for size in SIZES:
        if obstacles(shape, Division(size)):
            yield size, *nearest_sizes(shape, Division(size))


@pytest.mark.parametrize(
    "name", ["Qwen/Qwen3-32B", "microsoft/phi-4", "Qwen/Qwen3-235B-A22B-FP8", "google/gemma-3-1b-it"]
)
def test_the_sizes_to_use_instead_have_no_obstacles(name: str) -> None:
    known = find(name)
    assert known
    for size, below, above in steps(known.shape):
        assert below < size and (above is None or size < above)
        assert not any(obstacles(known.shape, Division(other)) for other in (below, above) if other)
    assert tensor_sizes(known.shape, 8)[0] == 1
