"""The KV cache of a rank has the size that vLLM's own classes give it."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from modelservice import facts
from modelservice.engines.arguments import arguments
from modelservice.models.cache_layers import Sharding, sharded
from modelservice.models.catalogue import find, names
from modelservice.models.engine_settings import EngineSettings
from modelservice.models.kv_cache import CacheError, CacheSetup, plan
from modelservice.models.layers import Attention, LatentAttention, Mixer, State
from modelservice.models.rank_memory import cache_setup
from support.render import ROOT
from support.vllm_sources import vllm_sources

VERSIONS = ("0.32.0", "0.33.0")
TENSORS = (1, 2, 4, 8)
LENGTHS = (1, 1000, 131072)
IN_FLIGHT = 16384

FULL = Attention("full", 32, 8, 128, 128)
GDN = State("gated_delta_net", heads=64, head_dim=128, state=128, groups=16, kernel=4, state_type="float32")
MAMBA1 = State("mamba1", heads=1, head_dim=8192, state=16, kernel=4)
MAMBA2 = State("mamba2", heads=64, head_dim=64, state=128, groups=8, kernel=4, state_type="float32")
ONE_GROUP = replace(MAMBA2, groups=1)
KDA = State("kda", heads=96, head_dim=128, state=128, groups=96, kernel=4, state_type="float32")
LINEAR = State("linear_attention", heads=64, head_dim=128, state=128)
SHORT = State("short_conv", heads=1, head_dim=2048, kernel=3)
LATENT = LatentAttention(128, 512, 64, 128, 128)
SPARSE = replace(LATENT, indexer=128)


def windows(number: int, heads: int, key: int, value: int, window: int) -> list[Attention]:
    """Layers with a sliding window."""
    return [Attention("sliding", 64, heads, key, value, window)] * number


def full(heads: int, key: int, value: int) -> Attention:
    """A layer that keeps all tokens."""
    return Attention("full", 64, heads, key, value)


FAMILIES: Mapping[str, Sequence[Mixer | None]] = {
    "full attention": [FULL] * 4,
    "few heads": [full(2, 256, 256)] * 3,
    "wider keys than values": [full(4, 192, 128)] * 3,
    "side cache": [FULL, replace(FULL, indexer=128), replace(FULL, indexer=128)],
    "shared caches": [FULL, FULL, replace(FULL, shares_cache=True)],
    "latent": [LATENT] * 3,
    "latent, sparse": [SPARSE] * 3,
    "latent, shared indexers": [SPARSE, replace(SPARSE, indexes=False)] * 2,
    "window on every second layer": [*windows(1, 8, 64, 64, 128), full(8, 64, 64)] * 3,
    "windows alone": windows(3, 8, 128, 128, 4096),
    "five windows to one": [*windows(5, 16, 256, 256, 1024), full(4, 512, 512)] * 2,
    "windows with more heads": [full(4, 192, 128), *windows(5, 8, 192, 128, 128)] * 2,
    "one more of a kind": [*[*windows(1, 8, 64, 64, 128), full(8, 64, 64)] * 3, FULL],
    "chunks": [*[Attention("chunked", 40, 8, 128, 128, 8192)] * 3, FULL] * 2,
    "linear attention": [GDN, GDN, GDN, full(2, 256, 256)] * 2,
    "Mamba": [MAMBA2, None, MAMBA2, full(2, 128, 128), MAMBA2] * 2,
    "Mamba with one group": [ONE_GROUP, ONE_GROUP, full(8, 128, 128)] * 2,
    "Mamba alone": [MAMBA2] * 3,
    "first Mamba": [MAMBA1, MAMBA1, MAMBA1, FULL] * 2,
    "lightning attention": [LINEAR, LINEAR, LINEAR, FULL] * 2,
    "short convolutions": [SHORT, SHORT, full(8, 64, 64)] * 2,
    "linear and latent": [KDA, KDA, KDA, LATENT] * 2,
}  # fmt: skip
TYPES = ("auto", "fp8", "fp8_ds_mla", "nvfp4_ds_mla", "nvfp4", "int8_per_token_head", "int4_per_token_head",
         "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")  # fmt: skip


def case(
    layers: Sequence[Mixer | None], sharding: Sharding, setup: CacheSetup, stages: int = 1, prefix_caching: bool = True
) -> dict[str, Any]:
    """What vLLM is asked."""
    known = facts.engine_memory().cache.format(sharding.cache_type)
    ends = known.plain_layers if known and not any(isinstance(item, State) for item in layers) else 0
    ends = min(ends, len(layers) // 2)
    described = [
        layer_of(item, sharding) | {"stage": stage, "plain": not ends <= number < len(layers) - ends}
        for number, (item, stage) in enumerate(staged(layers, stages))
        if item is not None and not (isinstance(item, Attention) and item.shares_cache)
    ]
    return {
        "layers": described, "tensor": sharding.tensor, "dtype": sharding.cache_type, "model_dtype": sharding.model_type,
        "hybrid": setup.hybrid_manager, "block": setup.block_tokens, "context_parallel": setup.context_parallel,
        "in_flight": setup.tokens_in_flight, "prefix_caching": prefix_caching, "speculative": sharding.speculative,
        "lengths": LENGTHS,
    }  # fmt: skip


def layer_of(mixer: Mixer, sharding: Sharding) -> dict[str, Any]:
    """A layer as the oracle reads it: in vLLM's own terms."""
    if isinstance(mixer, Attention):
        return {
            "kind": mixer.kind, "heads": mixer.kv_heads, "head": mixer.key, "value": mixer.value, "window": mixer.window,
            "side": mixer.indexer,
        }  # fmt: skip
    if isinstance(mixer, LatentAttention):
        index = mixer.indexer + mixer.indexer // 128 * 4 if mixer.indexes else 0
        return {"kind": "latent", "width": mixer.latent + mixer.rope, "indexer": index, "sparse": mixer.indexer > 0}
    types = [sharding.model_type, mixer.state_type or sharding.model_type]
    one = mixer.family in ("linear_attention", "short_conv")
    return {
        "kind": "state", "state": f"{mixer.family}_state_shape", "dtypes": types[:1] if one else types,
        "arguments": state_arguments(mixer),
    }  # fmt: skip


def state_arguments(mixer: State) -> dict[str, int]:
    """Arguments of vLLM's calculator of the shapes of a state."""
    heads, head, state, groups = mixer.heads, mixer.head_dim, mixer.state, mixer.groups
    return {
        "mamba1": {"intermediate_size": heads * head, "state_size": state, "conv_kernel": mixer.kernel},
        "mamba2": {
            "intermediate_size": heads * head, "n_groups": groups, "num_heads": heads, "head_dim": head,
            "state_size": state, "conv_kernel": mixer.kernel,
        },
        "gated_delta_net": {
            "num_k_heads": groups, "num_v_heads": heads, "head_k_dim": state, "head_v_dim": head,
            "conv_kernel_size": mixer.kernel,
        },
        "kda": {"num_heads": heads, "head_dim": head, "conv_kernel_size": mixer.kernel},
        "linear_attention": {"num_heads": heads, "head_dim": head},
        "short_conv": {"intermediate_size": heads * head, "conv_kernel": mixer.kernel},
    }[mixer.family]  # fmt: skip


def staged(layers: Sequence[Mixer | None], stages: int) -> list[tuple[Mixer | None, int]]:
    """The layers with their pipeline stage."""
    each = -(-len(layers) // stages)
    return [(item, number // each) for number, item in enumerate(layers)]


def ours(
    question: dict[str, Any], layers: Sequence[Mixer | None], sharding: Sharding, setup: CacheSetup, stages: int
) -> Any:
    """What the product answers."""
    try:
        kept = sharded(staged(layers, stages), sharding)
        plans = [plan(kept, setup, stage) for stage in sorted({layer.stage for layer in kept})]
    except CacheError as error:
        return {"error": str(error)}
    answers = [
        {"block": found.block_bytes, "requests": [found.request(length) for length in LENGTHS]} for found in plans
    ]
    return {"stages": answers}


def vllm_answers(version: str, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What vLLM's classes answer, in one process."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/support/vllm_kv_cache.py"), str(vllm_sources(version))],
        input=json.dumps(questions), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def takes(layers: Sequence[Mixer | None], type_: str) -> bool:
    """Whether there are backends for a cache type and these layers."""
    known = facts.engine_memory().cache.format(type_)
    assert known
    latent = any(isinstance(item, LatentAttention) for item in layers)
    return known.latent if latent else not known.latent_bytes


def settings() -> Iterator[tuple[str, Sequence[Mixer | None], Sharding, CacheSetup, int, bool]]:
    """Every family in every way to arrange it."""
    for (name, layers), tensor, type_, hybrid in itertools.product(FAMILIES.items(), TENSORS, TYPES, (True, False)):
        latent = any(isinstance(item, LatentAttention) for item in layers)
        states = any(isinstance(item, State) for item in layers)
        known = facts.engine_memory().cache
        if type_ != "auto" and not takes(layers, type_):
            continue  # the backend rejects it, before there are specifications
        blocks = known.blocks
        setup = CacheSetup(
            block_tokens=blocks.latent_tokens if latent else blocks.tokens,
            block_multiple=blocks.latent_tokens_with_states if latent else 1,
            hybrid_manager=hybrid, tokens_in_flight=IN_FLIGHT,
        )  # fmt: skip
        sharding = Sharding(tensor, type_)
        yield name, layers, sharding, replace(setup, state_blocks=2), 1, True
        if type_ != "auto":
            continue
        yield f"{name}, two stages", layers, sharding, replace(setup, state_blocks=2), 2, True
        yield f"{name}, no prefix caching", layers, sharding, setup, 1, False
        if states:
            yield (
                f"{name}, speculative",
                layers,
                replace(sharding, speculative=3),
                replace(setup, state_blocks=5),
                1,
                True,
            )
        if not any(isinstance(item, Attention) and item.kind != "full" for item in layers):
            yield f"{name}, context parallel", layers, sharding, replace(setup, context_parallel=2), 1, False


def catalogued() -> dict[tuple[Mixer | None, ...], tuple[str, str]]:
    """The layers of every model whose layers are known, with its name and type."""
    found = {}
    for name in names():
        known = find(name)
        if known and known.shape.layers is not None:
            mixers = tuple(layer.mixer for layer in known.shape.layers)
            found[mixers] = (name, known.shape.dtype or "bfloat16")
    return found


def settings_of_models() -> Iterator[tuple[str, Sequence[Mixer | None], Sharding, CacheSetup, int, bool]]:
    """Every model in the ways that the command line arranges it."""
    for (mixers, (name, type_)), tensor, cache, hybrid in itertools.product(
        catalogued().items(), TENSORS, TYPES, (None, False)
    ):
        if cache != "auto" and not takes(mixers, cache):
            continue
        told = EngineSettings(tensor=tensor, hybrid_manager=hybrid, batch_tokens=8192)
        yield name, mixers, Sharding(tensor, cache, type_), cache_setup(mixers, told), 1, True


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("listed", [settings, settings_of_models], ids=["families", "models"])
def test_the_cache_has_the_bytes_of_vllms_classes(version: str, listed: Callable[[], Iterator[Any]]) -> None:
    compare(version, list(listed()))


def compare(version: str, listed: Sequence[Any]) -> None:
    """Ask vLLM's classes about each way to arrange a cache, and expect the same answer."""
    questions = [case(*item[1:]) for item in listed]
    answers = vllm_answers(version, questions)
    different = []
    for (name, layers, sharding, setup, stages, _), question, theirs in zip(listed, questions, answers, strict=True):
        found = ours(question, layers, sharding, setup, stages)
        if found != theirs and not ("error" in found and "error" in theirs):
            different.append(f"{name} {sharding} {setup}: {found} is not {theirs}")
    assert not different, "\n".join(different[:10])


UNKNOWN_TYPES = {"octave_k3v4", "octave_k3v3", "octave_k3v3_compact", "ultraquant_4bit"}
"""Types that only ROCm packs, of which the size is not known."""


def test_every_type_of_the_cache_is_known() -> None:
    choices = {choice for item in arguments() if item.name == "kv-cache-dtype" for choice in item.choices}
    known = {name for item in facts.engine_memory().cache.formats for name in item.names}
    assert choices - known - UNKNOWN_TYPES == {"auto"}


@pytest.mark.parametrize("type_", sorted(UNKNOWN_TYPES))
def test_an_unknown_type_is_said_to_be_unknown(type_: str) -> None:
    with pytest.raises(CacheError, match=f"the size of --kv-cache-dtype {type_} is not known"):
        sharded([(FULL, 0)], Sharding(cache_type=type_))
