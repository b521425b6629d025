"""What fills the memory of a rank: against measurements of real accelerators, and as properties."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice import facts
from modelservice.docs.memory import differs, measured, reason, recipes
from modelservice.engines.version import Version
from modelservice.kubernetes.quantity import GIB
from modelservice.models.accelerator_memory import DeviceMemory
from modelservice.models.catalogue import find, names
from modelservice.models.engine_settings import EngineSettings, Speculation
from modelservice.models.group_memory import group_memory
from modelservice.models.layers import Attention, Dense, Experts, LatentAttention, Layer, Mixer, State
from modelservice.models.overhead import overhead
from modelservice.models.parameters import parts, total
from modelservice.models.rank_memory import RankMemory, rank_memory
from modelservice.models.shape import ModelShape
from modelservice.models.weight_shares import stages_of
from support.render import ROOT
from support.vllm_pods import group

H100 = DeviceMemory(int(79.18 * GIB), int(79.18 * GIB), "measured")


DATA = ROOT / "tests/data"
"""What others measured and recommend."""


@pytest.mark.parametrize(
    ("row", "found"), list(measured(DATA)), ids=lambda value: value["model"] if isinstance(value, dict) else ""
)
def test_the_measured_memory_is_in_the_band(row: dict[str, Any], found: RankMemory) -> None:
    assert found.room and found.room.least <= row["room"] * GIB <= found.room.most
    # Kernels pad the experts of gpt-oss, which files and shape do not show.
    assert found.weights == pytest.approx(row["weights"] * GIB, rel=0.06)


def test_every_difference_from_the_recipes_has_a_reason() -> None:
    listed = list(recipes(DATA))
    different = [(row, ours) for row, ours in listed if differs(row["minimum"], ours)]
    assert len(listed) > 100 and len(different) < 0.2 * len(listed)
    assert [row["model"] for row, ours in different if not reason(DATA, row, ours)] == []


def test_the_multimodal_row_is_in_the_band() -> None:
    """Mistral Small, of which no catalogue has the size of the part for pictures: with the weights as measured."""
    band = overhead(131072, EngineSettings(version=Version(0, 11)), H100)
    assert band.least <= (0.95 * 79.18 - 44.76 - 28.20) * GIB <= band.most


FULL = Attention("full", 32, 8, 128, 128)
WINDOW = Attention("sliding", 32, 8, 128, 128, 4096)
LATENT = LatentAttention(128, 512, 64, 128, 128, indexer=128)
LINEAR = State("gated_delta_net", heads=32, head_dim=128, state=128, groups=16, kernel=4, state_type="float32")
PATTERNS: tuple[tuple[Mixer | None, ...], ...] = (
    (FULL,), (WINDOW, FULL), (LATENT,), (LINEAR, LINEAR, LINEAR, FULL), (None, FULL), (Attention("chunked", 32, 8, 128, 128, 8192), FULL),
)  # fmt: skip


def shape(mixers: Sequence[Mixer | None], experts: int = 0, vocabulary: int = 128256, **more: Any) -> ModelShape:
    """The shape of a model with these layers."""
    network = Experts(experts, 8, 1024) if experts else Dense(14336)
    return ModelShape(
        architectures=("M",), model_type="m", hidden_size=4096, layers=tuple(Layer(mixer, network) for mixer in mixers),
        layer_count=len(mixers), attention_heads=32, kv_heads=8, head_dim=128, vocab_size=vocabulary, tied=False,
        longest=131072, default_length=131072, dtype="bfloat16", **more,
    )  # fmt: skip


@st.composite
def shapes(draw: st.DrawFn) -> ModelShape:
    """Models of every kind of layers."""
    mixers = draw(st.sampled_from(PATTERNS)) * draw(st.integers(2, 6))
    return shape(mixers, draw(st.sampled_from((0, 16, 128))), draw(st.sampled_from((32000, 151936))))


SETTINGS = st.builds(
    EngineSettings,
    version=st.sampled_from((None, Version(0, 11), Version(0, 19), Version(0, 33))),
    pipeline=st.sampled_from((1, 2)),
    data=st.sampled_from((1, 4)),
    expert_parallel=st.booleans(),
    cache_type=st.sampled_from(("auto", "fp8")),
    batch_tokens=st.sampled_from((None, 2048)),
    prefix_caching=st.booleans(),
    redundant_experts=st.sampled_from((0, 32)),
    speculation=st.sampled_from((None, Speculation("mtp", 2))),
)


def used(found: RankMemory) -> tuple[int, int]:
    """Bytes of the weights, and of the cache of the longest request."""
    assert found.weights is not None and found.needed is not None, found.unknown
    return found.weights, found.needed


@given(shapes(), SETTINGS, st.sampled_from(((1, 2), (2, 4), (4, 8), (1, 8), (1, 16))))
def test_more_tensor_parallelism_never_needs_more_memory(
    asked: ModelShape, settings: EngineSettings, sizes: tuple[int, int]
) -> None:
    stages = range(settings.pipeline)
    for stage in stages:
        few, many = (rank_memory(asked, replace(settings, tensor=size), H100, stage=stage) for size in sizes)
        assert used(many)[0] <= used(few)[0]
        assert many.cache and few.cache
        # Blocks next to states are rounded to whole steps, so a request may end in a larger last block.
        rounding = (
            sum(many.cache.block_bytes for group in many.cache.groups)
            if any(layer.mixer == LINEAR for layer in asked.layers or ())
            else 0
        )
        assert used(many)[1] <= used(few)[1] + rounding


@pytest.mark.parametrize("name", names())
def test_more_tensor_parallelism_never_needs_more_memory_for_known_models(name: str) -> None:
    known = find(name)
    assert known
    found = [rank_memory(known.shape, EngineSettings(tensor=size, longest=32768), H100) for size in (1, 2, 4, 8)]
    if all(item.weights is not None and item.needed is not None for item in found):
        sizes = [used(item) for item in found]
        assert all(few[0] >= many[0] and few[1] >= many[1] for few, many in itertools.pairwise(sizes))
    else:
        assert all(item.unknown for item in found)


@given(shapes(), SETTINGS, st.integers(1, 200_000), st.integers(1, 200_000))
def test_a_longer_context_never_needs_less(asked: ModelShape, settings: EngineSettings, one: int, other: int) -> None:
    short, long = sorted((one, other))
    found = [rank_memory(asked, replace(settings, longest=length), H100) for length in (short, long)]
    assert used(found[0])[1] <= used(found[1])[1]
    first, second = (item.concurrency(length) for item, length in zip(found, (short, long), strict=True))
    assert first and second and first.most >= second.most and first.least >= second.least


@given(shapes(), SETTINGS, st.integers(0, 60 * GIB), st.integers(1, 200_000))
def test_the_longest_request_is_the_longest_that_fits(
    asked: ModelShape, settings: EngineSettings, room: int, limit: int
) -> None:
    cache = rank_memory(asked, settings, H100).cache
    assert cache
    longest = cache.longest(room, limit)
    assert longest == 0 or cache.needed(longest) <= room
    assert longest == limit or cache.needed(longest + 1) > room


@given(shapes(), SETTINGS)
def test_every_layer_is_in_one_stage(asked: ModelShape, settings: EngineSettings) -> None:
    stages = stages_of(asked.layer_count, settings)
    assert len(stages) == asked.layer_count and stages == sorted(stages)
    summed = sum(
        rank_memory(asked, replace(settings, redundant_experts=0, data=1), H100, stage=stage).weights or 0
        for stage in range(settings.pipeline)
    )
    assert summed == pytest.approx(total(parts(asked) or ()).size, abs=100)


@given(shapes(), SETTINGS, st.sampled_from((22, 79, 141, 180)), st.sampled_from((22, 79, 141, 180)))
def test_a_larger_accelerator_has_more_room(asked: ModelShape, settings: EngineSettings, one: int, other: int) -> None:
    given_ = replace(settings, sequences=256)
    found = [rank_memory(asked, given_, DeviceMemory(size * GIB, size * GIB, "")).room for size in sorted((one, other))]
    assert found[0] and found[1] and found[0].least <= found[1].least and found[0].most <= found[1].most


@given(shapes(), SETTINGS)
def test_the_band_has_its_least_first(asked: ModelShape, settings: EngineSettings) -> None:
    band = overhead(asked.vocab_size or 0, settings, H100)
    assert 0 < band.least < band.most


def test_the_bands_follow_each_other_without_a_gap() -> None:
    known = facts.engine_memory().overheads
    assert [item.since for item in known] == ["", *(item.until for item in known[:-1])] and not known[-1].until
    for item in known:
        bands = (item.logits, item.floor, item.context, item.collectives, item.graphs)
        assert all(len(band) == 2 and band[0] <= band[1] for band in bands)


# --- Single facts -----------------------------------------------------------------------------


def dense() -> ModelShape:
    """A dense model of 32 layers, 15 GiB in 16 bits."""
    return shape([FULL] * 32)


def test_weights_that_exceed_the_accelerator_are_certain_not_to_fit() -> None:
    small = DeviceMemory(14 * GIB, 16 * GIB, "")
    found = rank_memory(dense(), EngineSettings(), small)
    assert found.overfull and found.fits is False
    assert not rank_memory(dense(), EngineSettings(tensor=4), small).overfull
    assert not rank_memory(dense(), EngineSettings(offloaded_bytes=4 * GIB), small).overfull


def test_a_request_that_fits_only_at_best_is_left_open() -> None:
    settings = EngineSettings(version=Version(0, 33), longest=131072)
    assert rank_memory(dense(), settings, DeviceMemory(80 * GIB, 80 * GIB, "")).fits is True
    assert rank_memory(dense(), settings, DeviceMemory(36 * GIB, 36 * GIB, "")).fits is None
    assert rank_memory(dense(), settings, DeviceMemory(32 * GIB, 32 * GIB, "")).fits is False


def test_heads_that_there_are_too_few_of_are_replicated() -> None:
    eight, sixteen = (rank_memory(dense(), EngineSettings(tensor=size), H100) for size in (8, 16))
    assert eight.cache and sixteen.cache and eight.cache.token_bytes == sixteen.cache.token_bytes
    assert eight.parts and sixteen.parts
    keys = 32 * 4096 * 2 * 8 * 128 * 2 / 8
    assert eight.parts["attention"] - keys == 2 * (sixteen.parts["attention"] - keys)


def test_experts_are_spread_over_data_parallel_ranks() -> None:
    asked, experts = shape([FULL] * 4, 128), 4 * 128 * 3 * 4096 * 1024 * 2
    parallel = EngineSettings(tensor=2, data=8, expert_parallel=True)
    found = rank_memory(asked, parallel, H100).parts
    assert found and found["experts"] == experts / 16
    more = rank_memory(asked, replace(parallel, redundant_experts=32), H100).parts
    assert more and more["experts"] == experts * (160 / 16) / 128


def test_a_draft_model_is_added_to_the_last_stage() -> None:
    settings = EngineSettings(pipeline=2, speculation=Speculation("eagle3", 3, "draft"))
    draft = shape([FULL])
    first, last = (rank_memory(dense(), settings, H100, stage=stage, draft=draft) for stage in (0, 1))
    assert first.parts and last.parts and "speculative decoding" not in first.parts
    assert last.parts["speculative decoding"] > 2e9
    assert first.cache and last.cache and last.cache.block_bytes == first.cache.block_bytes * 17 // 16
    assert "draft is not known" in rank_memory(dense(), settings, H100, stage=1).unknown["draft"]


def test_layers_of_the_model_itself_propose_tokens() -> None:
    asked = replace(dense(), drafts=(Layer(FULL, Dense(14336)),))
    settings = EngineSettings(speculation=Speculation("mtp", 1))
    found, without = rank_memory(asked, settings, H100), rank_memory(asked, EngineSettings(), H100)
    assert found.parts and found.parts["speculative decoding"] > 4e8 and "draft" not in found.unknown
    assert found.cache and without.cache and found.cache.block_bytes == without.cache.block_bytes * 33 // 32


def test_adapters_have_room_of_their_own() -> None:
    found = rank_memory(dense(), EngineSettings(tensor=2, adapters=4, adapter_rank=32), H100).parts
    attention = 4 * 4096 + (32 + 8) * 256 / 2
    network = 3 * 4096 + 3 * 14336 / 2
    assert found and found["adapters"] == 4 * 32 * 32 * (attention + network) * 2


def test_weights_that_are_quantised_on_loading_are_whole_at_first() -> None:
    found, plain = (rank_memory(dense(), EngineSettings(quantization=method), H100) for method in ("fp8", ""))
    assert found.weights and plain.weights and 0.5 < found.weights / plain.weights < 0.6
    assert found.loading == plain.weights and plain.loading is None
    assert "not known" in rank_memory(dense(), EngineSettings(quantization="bitsandbytes"), H100).unknown["weights"]


def test_a_length_that_the_engine_finds_itself_always_fits() -> None:
    small = DeviceMemory(22 * GIB, 22 * GIB, "")
    found = rank_memory(dense(), EngineSettings(longest=-1), small)
    assert found.fits is True and found.longest_request
    assert 0 < found.longest_request.least < found.longest_request.most < 131072
    assert rank_memory(dense(), EngineSettings(), small).fits is False


def test_a_cache_that_is_given_ignores_the_utilization() -> None:
    found = rank_memory(dense(), EngineSettings(cache_bytes=10 * GIB), H100)
    assert found.room and found.room.least == found.room.most == 10 * GIB


def test_without_an_accelerator_its_part_is_unknown() -> None:
    found = rank_memory(dense(), EngineSettings())
    assert found.room is None and found.fits is None and found.tokens is None
    assert found.weights and found.needed and "accelerator" in found.unknown["device"]


def test_what_vllm_rejects_is_unknown_with_the_reason() -> None:
    asked = shape([LINEAR, FULL] * 16)
    found = rank_memory(asked, EngineSettings(hybrid_manager=False), H100)
    assert found.cache is None and found.unknown["cache"] == "layers with states need the hybrid KV cache manager"


def test_windows_hold_the_tokens_of_the_steps_that_may_run_at_once() -> None:
    asked = shape([WINDOW] * 4)
    tokens = {}
    for version, overlaps in ((Version(0, 25), True), (Version(0, 26), True), (Version(0, 26), False)):
        settings = EngineSettings(version=version, overlaps=overlaps, batch_tokens=2048)
        cache = rank_memory(asked, settings, H100).cache
        assert cache
        tokens[version, overlaps] = cache.setup.tokens_in_flight
    assert tokens == {(Version(0, 25), True): 2048, (Version(0, 26), True): 4096, (Version(0, 26), False): 2048}


def test_chunks_cost_like_full_attention_unless_told_otherwise() -> None:
    asked = shape([Attention("chunked", 32, 8, 128, 128, 8192), FULL] * 16)
    sizes = [
        rank_memory(asked, EngineSettings(chunks_share=shares, batch_tokens=2048), H100).needed
        for shares in (False, True)
    ]
    assert sizes[0] and sizes[1] and sizes[0] > 1.5 * sizes[1]


def test_windows_cost_like_full_attention_without_the_hybrid_manager() -> None:
    asked = shape([WINDOW, FULL] * 16)
    with_manager, without = (
        rank_memory(asked, EngineSettings(hybrid_manager=on, batch_tokens=2048), H100).needed for on in (None, False)
    )
    assert with_manager and without and without > 1.8 * with_manager


# --- Pods -------------------------------------------------------------------------------------


def test_pods_have_the_memory_of_their_accelerators() -> None:
    pods = group(["-tp", "2", "--max-model-len", "32K"], spec={"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"}})
    found = group_memory(pods, dense())
    assert found and found.device and found.device.source == "product NVIDIA-L4" and found.longest == 32768
    assert found.weights == pytest.approx(total(parts(dense()) or ()).size / 2, rel=0.01)
    assert found.fits is True


def test_processors_have_the_memory_of_the_container() -> None:
    pods = group(
        [], image="vllm/vllm-openai-cpu:v0.33.0", env={"VLLM_CPU_KVCACHE_SPACE": "40"}, limits={"memory": "64Gi"}
    )
    found = group_memory(pods, dense())
    assert found and found.device and found.device.most == 64 * GIB
    assert found.room and found.room.least == 40 * GIB


@pytest.mark.parametrize("words", [["$(OPTIONS)"], ["--tensor-parallel-size", "$(TP)"], ["--cpu-offload-gb=$(GB)"]])
def test_nothing_is_certain_of_flags_that_only_the_container_knows(words: list[str]) -> None:
    pods = group(words, spec={"nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}})
    found = group_memory(pods, dense())
    assert found and found.unsure and not found.overfull and found.fits is None
    seen = group_memory(group([], spec={"nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}}), dense())
    assert seen and seen.overfull


def test_devices_with_several_cores_are_left_alone() -> None:
    selector = {"nodeSelector": {"cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice"}}
    found = group_memory(group([], limits={"google.com/tpu": 4}, spec=selector), dense())
    assert found and found.device is None and found.fits is None


def test_blackwell_keeps_the_cache_of_sparse_attention_in_plain_8_bits() -> None:
    known = find("zai-org/GLM-5")
    assert known
    sizes = {}
    for product in ("NVIDIA-H200", "NVIDIA-B200"):
        device = DeviceMemory(140 * GIB, 140 * GIB, "", product)
        for cache_type in ("auto", "fp8"):
            cache = rank_memory(known.shape, EngineSettings(tensor=8, cache_type=cache_type), device).cache
            assert cache
            sizes[product, cache_type] = cache.token_bytes / 78
    assert sizes == {
        ("NVIDIA-H200", "auto"): 1152 + 132, ("NVIDIA-H200", "fp8"): 656 + 132,
        ("NVIDIA-B200", "auto"): 576 + 132, ("NVIDIA-B200", "fp8"): 576 + 132,
    }  # fmt: skip


def test_weights_of_a_sleeping_engine_are_in_the_memory_of_processors() -> None:
    awake, asleep = (rank_memory(dense(), EngineSettings(sleeps=on, offloaded_bytes=GIB), H100) for on in (False, True))
    assert awake.in_processors == GIB and asleep.weights
    assert asleep.in_processors == GIB + asleep.weights


def test_pods_of_another_engine_are_left_alone() -> None:
    assert group_memory(group([], image="lmsysorg/sglang:v0.5.23"), dense()) is None
