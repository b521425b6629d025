"""What the layers of a model keep in the cache, and the share of it that a rank holds.

Tensor parallelism divides heads and states; a head that there are too few of is replicated, and a latent cache (MLA)
is whole on every rank. As ``get_kv_cache_spec`` of vLLM's layers, and ``MambaStateShapeCalculator``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice import facts
from modelservice.facts.memory import CacheFormat
from modelservice.models.kv_cache import CacheError, CacheLayer
from modelservice.models.layers import Attention, LatentAttention, Mixer, State

StagedMixer = tuple[Mixer | None, int]
"""What mixes the tokens in a layer, and the layer's pipeline stage."""


@dataclass(frozen=True)
class Sharding:
    """How a layer's cache is divided and stored.

    Args:
        tensor: tensor parallel size.
        cache_type: value of ``--kv-cache-dtype``, ``auto`` for the model's.
        model_type: type of the model's activations.
        speculative: speculative tokens, for which states keep room.
        packs_sparse: whether the accelerator packs the latent cache of sparse attention in a format of its own.
    """

    tensor: int = 1
    cache_type: str = "auto"
    model_type: str = "bfloat16"
    speculative: int = 0
    packs_sparse: bool = True


def sharded(mixers: Sequence[StagedMixer], sharding: Sharding) -> list[CacheLayer]:
    """Return what the layers keep on one rank.

    Args:
        mixers: what mixes the tokens in each layer; None for a layer that keeps nothing.
        sharding: how it is divided and stored.

    Raises:
        CacheError: the sizes do not divide, or the size of a type is not known.
    """
    plain = _plain_layers(mixers, sharding)
    found = []
    for number, (mixer, stage) in enumerate(mixers):
        if isinstance(mixer, Attention) and not mixer.shares_cache:
            found += _attention(mixer, stage, sharding, plain=number in plain)
        elif isinstance(mixer, LatentAttention):
            found += _latent(mixer, stage, sharding)
        elif isinstance(mixer, State):
            found.append(_state(mixer, stage, sharding))
    return found


def _plain_layers(mixers: Sequence[StagedMixer], sharding: Sharding) -> set[int]:
    """The layers that keep the model's type in spite of ``--kv-cache-dtype``."""
    known = facts.engine_memory().cache.format(sharding.cache_type)
    ends = known.plain_layers if known else 0
    if not ends or any(isinstance(mixer, State) for mixer, _ in mixers):
        return set()
    ends = min(ends, len(mixers) // 2)
    return {*range(ends), *range(len(mixers) - ends, len(mixers))}


def _attention(mixer: Attention, stage: int, sharding: Sharding, *, plain: bool) -> list[CacheLayer]:
    heads = max(1, mixer.kv_heads // sharding.tensor)
    known = _format(sharding.model_type if plain else _type(sharding))
    if not known.key_bits:
        raise CacheError(f"--kv-cache-dtype {sharding.cache_type} is for latent caches (MLA) only")
    if known.symmetric and mixer.key != mixer.value:
        raise CacheError(f"--kv-cache-dtype {sharding.cache_type} needs keys and values of one size")
    head = _bytes(mixer.key, known.key_bits, known.scaled_group) + known.key_scale
    value = mixer.key if known.value_as_key else mixer.value
    head += _bytes(value, known.value_bits, known.scaled_group) + known.value_scale
    head += head % 2 if known.even else 0
    form = (heads, mixer.key, mixer.value, known.names[0])
    found = [CacheLayer(mixer.kind, stage, heads * head, form, mixer.window)]
    if mixer.indexer:
        size = mixer.indexer * _type_bytes(sharding.model_type)
        found.append(CacheLayer("latent", stage, size, (mixer.indexer, "indexer")))
    return found


def _latent(mixer: LatentAttention, stage: int, sharding: Sharding) -> list[CacheLayer]:
    known = facts.engine_memory().cache
    name = _type(sharding)
    if mixer.indexer and sharding.packs_sparse:
        name = known.sparse.formats.get(name, name)
    format_ = _format(name)
    if not format_.latent:
        raise CacheError(f"--kv-cache-dtype {sharding.cache_type} is not for latent caches (MLA)")
    width = mixer.latent + mixer.rope
    elements = _bytes(width, format_.key_bits or 8, 0)
    size = format_.latent_bytes or elements
    found = [CacheLayer("latent", stage, size, (width, name), aligned_bytes=elements)]
    if mixer.indexer and mixer.indexes:
        index = mixer.indexer + mixer.indexer // known.indexer.scaled_group * known.indexer.scale
        found.append(CacheLayer("latent", stage, index, (index, "indexer")))
    return found


def _state(mixer: State, stage: int, sharding: Sharding) -> CacheLayer:
    tensor, recurrent = sharding.tensor, mixer.head_dim * mixer.state
    if mixer.family == "linear_attention":
        size = mixer.heads // tensor * recurrent * _type_bytes(mixer.state_type or sharding.model_type)
        return CacheLayer("state", stage, 0, (mixer.family,), state_bytes=size)
    groups = mixer.groups if mixer.family != "mamba2" or mixer.groups % tensor == 0 else tensor
    channels = mixer.heads * mixer.head_dim
    if mixer.family not in ("mamba1", "short_conv"):
        channels += 2 * groups * mixer.state
    kept = mixer.kernel - 1 + (sharding.speculative if mixer.family != "mamba1" else 0)
    size = _share(channels, tensor) * kept * _type_bytes(sharding.model_type)
    if mixer.family != "short_conv":
        divided = channels if mixer.family == "mamba1" else mixer.heads
        size += (
            _share(divided, tensor)
            * recurrent
            * mixer.heads
            // divided
            * _type_bytes(mixer.state_type or sharding.model_type)
        )
    return CacheLayer("state", stage, 0, (mixer.family,), state_bytes=size)


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
