"""What the layers of a model keep in the cache, and the share of it that a rank holds.

Tensor parallelism divides heads and states; a head that there are too few of is replicated, and a latent cache (MLA)
is whole on every rank. As ``get_kv_cache_spec`` of vLLM's layers, and ``MambaStateShapeCalculator``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modelservice import facts
from modelservice.facts.memory import CacheFormat
from modelservice.models.kv_cache import CacheError, CacheLayer


@dataclass(frozen=True)
class AttentionCache:
    """Keys and values of a layer.

    Args:
        kind: ``full``, or only those of a window (``sliding``) or chunk (``chunked``).
        heads: heads of keys and values in the whole model.
        key: elements of a key.
        value: elements of a value.
        window: tokens of the window or chunk.
    """

    kind: Literal["full", "sliding", "chunked"]
    heads: int
    key: int
    value: int
    window: int = 0


@dataclass(frozen=True)
class LatentCache:
    """The latent vector of a layer (MLA), from which keys and values are computed.

    Args:
        width: its elements.
        indexer: bytes of a token for the indexer of sparse attention; 0 without.
        sparse: whether attention reads only the tokens that an indexer chooses.
    """

    width: int
    indexer: int = 0
    sparse: bool = False


@dataclass(frozen=True)
class StateCache:
    """The state of a layer (Mamba, linear attention), whose size does not depend on the request.

    Args:
        family: what computes it, as vLLM's ``MambaStateShapeCalculator`` names it.
        channels: channels of the convolution that are divided among ranks.
        groups: groups of further channels, of which each rank has at least one.
        group_channels: channels of a group.
        taps: tokens of a channel that the convolution keeps.
        heads: heads of the recurrent state.
        head: elements of a head.
        convolution_type: type of the convolution's state; empty for the model's.
        state_type: type of the recurrent state; empty for the convolution's.
    """

    family: Literal["mamba1", "mamba2", "gated_delta_net", "kda", "linear_attention", "short_conv"]
    channels: int = 0
    groups: int = 0
    group_channels: int = 0
    taps: int = 0
    heads: int = 0
    head: int = 0
    convolution_type: str = ""
    state_type: str = ""


LayerCache = AttentionCache | LatentCache | StateCache | None
"""None for a layer that keeps nothing, or uses the cache of another."""


@dataclass(frozen=True)
class Sharding:
    """How a layer's cache is divided and stored.

    Args:
        tensor: tensor parallel size.
        cache_type: value of ``--kv-cache-dtype``, ``auto`` for the model's.
        model_type: type of the model's activations.
        speculative: speculative tokens, for which states keep room.
    """

    tensor: int = 1
    cache_type: str = "auto"
    model_type: str = "bfloat16"
    speculative: int = 0


def sharded(caches: list[tuple[LayerCache, int]], sharding: Sharding) -> list[CacheLayer]:
    """Return what the layers keep on one rank.

    Args:
        caches: by layer what it keeps in the whole model, and its pipeline stage.
        sharding: how it is divided and stored.

    Raises:
        CacheError: the sizes do not divide, or the size of a type is not known.
    """
    plain = _plain_layers(caches, sharding)
    found = []
    for number, (cache, stage) in enumerate(caches):
        if isinstance(cache, AttentionCache):
            found.append(_attention(cache, stage, sharding, plain=number in plain))
        elif isinstance(cache, LatentCache):
            found += _latent(cache, stage, sharding)
        elif cache is not None:
            found.append(_state(cache, stage, sharding))
    return found


def _plain_layers(caches: list[tuple[LayerCache, int]], sharding: Sharding) -> set[int]:
    """The layers that keep the model's type in spite of ``--kv-cache-dtype``."""
    known = facts.engine_memory().cache.format(sharding.cache_type)
    ends = known.plain_layers if known else 0
    if not ends or any(isinstance(cache, StateCache) for cache, _ in caches):
        return set()
    ends = min(ends, len(caches) // 2)
    return {*range(ends), *range(len(caches) - ends, len(caches))}


def _attention(cache: AttentionCache, stage: int, sharding: Sharding, *, plain: bool) -> CacheLayer:
    heads = max(1, cache.heads // sharding.tensor)
    known = _format(sharding.model_type if plain else _type(sharding))
    if not known.key_bits:
        raise CacheError(f"--kv-cache-dtype {sharding.cache_type} is for latent caches (MLA) only")
    if known.symmetric and cache.key != cache.value:
        raise CacheError(f"--kv-cache-dtype {sharding.cache_type} needs keys and values of one size")
    head = _bytes(cache.key, known.key_bits, known.scaled_group) + known.key_scale
    value = cache.key if known.value_as_key else cache.value
    head += _bytes(value, known.value_bits, known.scaled_group) + known.value_scale
    head += head % 2 if known.even else 0
    form = (heads, cache.key, cache.value, known.names[0])
    return CacheLayer(cache.kind, stage, heads * head, form, cache.window)


def _latent(cache: LatentCache, stage: int, sharding: Sharding) -> list[CacheLayer]:
    name = _type(sharding)
    if cache.sparse:
        name = facts.engine_memory().cache.sparse_latent_formats.get(name, name)
    known = _format(name)
    if not known.latent:
        raise CacheError(f"--kv-cache-dtype {sharding.cache_type} is not for latent caches (MLA)")
    elements = _bytes(cache.width, known.key_bits or 8, 0)
    size = known.latent_bytes or elements
    found = [CacheLayer("latent", stage, size, (cache.width, name), aligned_bytes=elements)]
    if cache.indexer:
        found.append(CacheLayer("latent", stage, cache.indexer, (cache.indexer, "indexer")))
    return found


def _state(cache: StateCache, stage: int, sharding: Sharding) -> CacheLayer:
    tensor = sharding.tensor
    groups = cache.groups if cache.groups % tensor == 0 else tensor
    taps = cache.taps + (sharding.speculative if cache.family != "mamba1" else 0)
    convolution = _share(cache.channels + groups * cache.group_channels, tensor) * taps
    heads = cache.heads // tensor if cache.family == "linear_attention" else _share(cache.heads, tensor)
    type_ = cache.convolution_type or sharding.model_type
    size = convolution * _type_bytes(type_) + heads * cache.head * _type_bytes(cache.state_type or type_)
    return CacheLayer("state", stage, 0, (cache.family,), state_bytes=size)


def _share(number: int, tensor: int) -> int:
    if number % tensor:
        raise CacheError(f"{number} of a layer with states do not divide by tensor parallel size {tensor}")
    return number // tensor


def _type(sharding: Sharding) -> str:
    return sharding.model_type if sharding.cache_type == "auto" else sharding.cache_type


def _type_bytes(name: str) -> int:
    return _format(name).key_bits // 8


def _format(name: str) -> CacheFormat:
    known = facts.engine_memory().cache.format(name)
    if known is None:
        raise CacheError(f"the size of --kv-cache-dtype {name} is not known")
    return known


def _bytes(elements: int, bits: int, group: int) -> int:
    """Bytes of packed elements, with a scale of one byte for each group of them."""
    return -(-elements * bits // 8) + (elements // group if group else 0)
