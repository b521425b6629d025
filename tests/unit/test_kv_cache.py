"""The KV cache of a rank has the size that vLLM's own classes give it."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from modelservice import facts
from modelservice.models.cache_layers import (
    AttentionCache,
    LatentCache,
    LayerCache,
    Sharding,
    StateCache,
    sharded,
)
from modelservice.models.kv_cache import CacheError, CacheSetup, plan
from support.render import ROOT
from support.vllm_sources import vllm_sources

VERSIONS = ("0.32.0", "0.33.0")
TENSORS = (1, 2, 4, 8)
LENGTHS = (1, 1000, 131072)
IN_FLIGHT = 16384

FULL = AttentionCache("full", 8, 128, 128)
GDN = StateCache(
    "gated_delta_net", channels=2 * 16 * 128 + 64 * 128, taps=3, heads=64, head=128 * 128, state_type="float32"
)
MAMBA2 = StateCache(
    "mamba2", channels=64 * 64, groups=8, group_channels=2 * 128, taps=3, heads=64, head=64 * 128, state_type="float32"
)
KDA = StateCache("kda", channels=3 * 96 * 128, taps=3, heads=96, head=128 * 128, state_type="float32")
FAMILIES: Mapping[str, Sequence[LayerCache]] = {
    "full attention": [FULL] * 4,
    "few heads": [AttentionCache("full", 2, 256, 256)] * 3,
    "wider keys than values": [AttentionCache("full", 4, 192, 128)] * 3,
    "latent": [LatentCache(576)] * 3,
    "latent, sparse": [LatentCache(576, indexer=132, sparse=True)] * 3,
    "latent, shared indexers": [LatentCache(576, indexer=132, sparse=True), LatentCache(576, sparse=True)] * 2,
    "window on every second layer": [AttentionCache("sliding", 8, 64, 64, 128), AttentionCache("full", 8, 64, 64)] * 3,
    "windows alone": [AttentionCache("sliding", 8, 128, 128, 4096)] * 3,
    "five windows to one": [*[AttentionCache("sliding", 16, 256, 256, 1024)] * 5, AttentionCache("full", 4, 512, 512)] * 2,
    "windows with more heads": [
        AttentionCache("full", 4, 192, 128), *[AttentionCache("sliding", 8, 192, 128, 128)] * 5
    ] * 2,
    "one more of a kind": [*[AttentionCache("sliding", 8, 64, 64, 128), AttentionCache("full", 8, 64, 64)] * 3, FULL],
    "chunks": [*[AttentionCache("chunked", 8, 128, 128, 8192)] * 3, FULL] * 2,
    "linear attention": [GDN, GDN, GDN, AttentionCache("full", 2, 256, 256)] * 2,
    "Mamba": [MAMBA2, None, MAMBA2, AttentionCache("full", 2, 128, 128), MAMBA2] * 2,
    "Mamba alone": [MAMBA2] * 3,
    "linear and latent": [KDA, KDA, KDA, LatentCache(576)] * 2,
}  # fmt: skip
TYPES = ("auto", "fp8", "fp8_ds_mla", "nvfp4_ds_mla", "nvfp4", "int8_per_token_head", "int4_per_token_head",
         "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")  # fmt: skip


def case(
    layers: Sequence[LayerCache], sharding: Sharding, setup: CacheSetup, stages: int = 1, prefix_caching: bool = True
) -> dict[str, Any]:
    """What vLLM is asked."""
    known = facts.engine_memory().cache.format(sharding.cache_type)
    ends = known.plain_layers if known and not any(isinstance(item, StateCache) for item in layers) else 0
    ends = min(ends, len(layers) // 2)
    described = [
        layer_of(item, sharding) | {"stage": stage, "plain": not ends <= number < len(layers) - ends}
        for number, (item, stage) in enumerate(staged(layers, stages))
        if item is not None
    ]
    return {
        "layers": described, "tensor": sharding.tensor, "dtype": sharding.cache_type, "model_dtype": sharding.model_type,
        "hybrid": setup.hybrid_manager, "block": setup.block_tokens, "context_parallel": setup.context_parallel,
        "in_flight": setup.tokens_in_flight, "prefix_caching": prefix_caching, "speculative": sharding.speculative,
        "lengths": LENGTHS,
    }  # fmt: skip


def layer_of(cache: LayerCache, sharding: Sharding) -> dict[str, Any]:
    """A layer as the oracle reads it: in vLLM's own terms."""
    if isinstance(cache, AttentionCache):
        return {
            "kind": cache.kind,
            "heads": cache.heads,
            "head": cache.key,
            "value": cache.value,
            "window": cache.window,
        }
    if isinstance(cache, LatentCache):
        return {"kind": "latent", "width": cache.width, "indexer": cache.indexer, "sparse": cache.sparse}
    assert cache is not None
    types = [cache.convolution_type or sharding.model_type]
    types.append(cache.state_type or types[0])
    found = {"kind": "state", "state": f"{cache.family}_state_shape", "dtypes": types}
    return found | {"arguments": state_arguments(cache)}


def state_arguments(cache: StateCache) -> dict[str, int]:
    """Arguments by which vLLM's calculator has the channels and heads of a state."""
    head = {128 * 128: 128, 64 * 128: 64}[cache.head]
    if cache.family == "gated_delta_net":
        keys = (cache.channels - cache.heads * head) // 2 // head
        sizes = {"num_k_heads": keys, "num_v_heads": cache.heads, "head_k_dim": head, "head_v_dim": head}
        return sizes | {"conv_kernel_size": cache.taps + 1}
    if cache.family == "kda":
        return {"num_heads": cache.heads, "head_dim": head, "conv_kernel_size": cache.taps + 1}
    return {
        "intermediate_size": cache.channels, "n_groups": cache.groups, "num_heads": cache.heads, "head_dim": head,
        "state_size": cache.group_channels // 2, "conv_kernel": cache.taps + 1,
    }  # fmt: skip


def staged(layers: Sequence[LayerCache], stages: int) -> list[tuple[LayerCache, int]]:
    """The layers with their pipeline stage."""
    each = -(-len(layers) // stages)
    return [(item, number // each) for number, item in enumerate(layers)]


def ours(
    question: dict[str, Any], layers: Sequence[LayerCache], sharding: Sharding, setup: CacheSetup, stages: int
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


def takes(layers: Sequence[LayerCache], type_: str) -> bool:
    """Whether there are backends for a cache type and these layers."""
    known = facts.engine_memory().cache.format(type_)
    assert known
    latent = any(isinstance(item, LatentCache) for item in layers)
    return known.latent if latent else not known.latent_bytes


def settings() -> Iterator[tuple[str, Sequence[LayerCache], Sharding, CacheSetup, int, bool]]:
    """Every family in every way to arrange it."""
    for (name, layers), tensor, type_, hybrid in itertools.product(FAMILIES.items(), TENSORS, TYPES, (True, False)):
        latent = any(isinstance(item, LatentCache) for item in layers)
        states = any(isinstance(item, StateCache) for item in layers)
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
        if not any(isinstance(item, AttentionCache) and item.kind != "full" for item in layers):
            yield f"{name}, context parallel", layers, sharding, replace(setup, context_parallel=2), 1, False


@pytest.mark.parametrize("version", VERSIONS)
def test_every_family_has_the_bytes_of_vllms_classes(version: str) -> None:
    listed = list(settings())
    questions = [case(*item[1:]) for item in listed]
    answers = vllm_answers(version, questions)
    different = []
    for (name, layers, sharding, setup, stages, _), question, theirs in zip(listed, questions, answers, strict=True):
        found = ours(question, layers, sharding, setup, stages)
        if found != theirs and not ("error" in found and "error" in theirs):
            different.append(f"{name} {sharding} {setup}: {found} is not {theirs}")
    assert not different, "\n".join(different[:10])
