"""What fills the memory of one rank: weights, overhead and KV cache.

The engine may use a share of the accelerator, ``--gpu-memory-utilization``. What weights and overhead leave of it is
the room for the KV cache. Weights and cache are known to the byte; accelerator and overhead only as a range, so the
room is one too: ``room.least`` is what is there for certain, ``room.most`` what is there at best.

    >>> found = rank_memory(shape, settings, device)
    >>> found.overfull                      # certain: weights alone exceed what the accelerator has
    >>> found.needed, found.room            # bytes of the longest request, bytes for the cache
    >>> found.tokens, found.concurrency(32768), found.longest_request

What is not known is None, and ``unknown`` says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelservice import facts
from modelservice.engines.version import Version
from modelservice.models import parameters
from modelservice.models.accelerator_memory import DeviceMemory
from modelservice.models.cache_layers import Sharding, sharded
from modelservice.models.engine_settings import EngineSettings
from modelservice.models.kv_cache import CacheError, CacheSetup, KVCache, plan
from modelservice.models.layers import Attention, LatentAttention, Mixer, State
from modelservice.models.overhead import Band, batch_size, overhead
from modelservice.models.shape import ModelShape, NumberFormat, Quantization
from modelservice.models.weight_shares import adapter_weights, rank_weights, stages_of


@dataclass(frozen=True)
class RankMemory:
    """What fills the memory of one rank.

    Args:
        stage: pipeline stage of the rank.
        device: memory of the accelerator, or of the processors.
        budget: bytes that the engine may use.
        parts: bytes of the weights by what they are; None where they are not known.
        offloaded: bytes of the weights that stay in the memory of processors.
        overhead: bytes of activations, CUDA graphs and libraries.
        cache: how the KV cache is arranged.
        given: bytes of the KV cache, where the engine is told.
        longest: tokens of the longest request; None where only the model says, and it is not known.
        shortens: the engine shortens it to what fits (``--max-model-len auto``).
        loading: bytes of the weights while they are loaded, where they are quantised only then.
        sleeps: the engine can release the memory, and keeps the weights in that of processors then.
        unsure: flags or words of the command line that only the container knows; nothing is certain with any.
        unknown: why something is None, by its name.
    """

    stage: int
    device: DeviceMemory | None
    budget: Band | None
    parts: Mapping[str, int] | None
    offloaded: int
    overhead: Band
    cache: KVCache | None
    given: int | None
    longest: int | None
    shortens: bool
    loading: int | None
    sleeps: bool
    unsure: tuple[str, ...]
    unknown: Mapping[str, str]

    @property
    def weights(self) -> int | None:
        """Bytes of the weights on the accelerator."""
        return None if self.parts is None else max(0, sum(self.parts.values()) - self.offloaded)

    @property
    def in_processors(self) -> int | None:
        """Bytes of the weights that the memory of processors holds: offloaded ones, and all of a sleeping engine."""
        return self.offloaded + (self.weights if self.sleeps else 0) if self.weights is not None else None

    @property
    def room(self) -> Band | None:
        """Bytes for the KV cache; negative where weights and overhead take more than there is."""
        if self.given is not None:
            return Band(self.given, self.given)
        if self.budget is None or self.weights is None:
            return None
        taken = self.weights
        return Band(self.budget.least - taken - self.overhead.most, self.budget.most - taken - self.overhead.least)

    @property
    def is_open(self) -> bool:
        """Whether something is not known that may change weights or cache, so that nothing is certain."""
        return bool(self.unsure) or "weights" in self.unknown

    @property
    def overfull(self) -> bool:
        """Whether it is certain that the weights alone do not fit."""
        if self.budget is None or self.weights is None or self.is_open:
            return False
        return self.weights > (self.device.most if self.given is not None and self.device else self.budget.most)

    @property
    def needed(self) -> int | None:
        """Bytes of KV cache without which the engine exits: those of the longest request."""
        if self.cache is None or self.longest is None:
            return None
        return self.cache.needed(1 if self.shortens else self.longest)

    @property
    def fits(self) -> bool | None:
        """Whether the longest request fits: True and False are certain, None is not known."""
        if self.room is None or self.needed is None or self.is_open:
            return False if self.overfull else None
        return True if self.needed <= self.room.least else False if self.needed > self.room.most else None

    @property
    def longest_request(self) -> Band | None:
        """Tokens of the longest request that there is room for, up to the longest that is allowed."""
        if self.room is None or self.cache is None or self.longest is None:
            return None
        cache, limit = self.cache, self.longest
        return Band(*(cache.longest(int(room), limit) for room in (self.room.least, self.room.most)))

    @property
    def tokens(self) -> Band | None:
        """Tokens that fit into the cache in requests of the longest length, as the engine logs it."""
        if self.room is None or self.cache is None or not self.longest:
            return None
        cache, length = self.cache, self.longest
        return Band(*(cache.tokens(max(0, int(room)), length) for room in (self.room.least, self.room.most)))

    def concurrency(self, tokens: int) -> Band | None:
        """Return how many requests of some tokens run at once."""
        if self.room is None or self.cache is None:
            return None
        cache = self.cache
        return Band(*(cache.concurrency(max(0, int(room)), tokens) for room in (self.room.least, self.room.most)))


def rank_memory(
    shape: ModelShape,
    settings: EngineSettings,
    device: DeviceMemory | None = None,
    *,
    stage: int | None = None,
    draft: ModelShape | None = None,
) -> RankMemory:
    """Return what fills the memory of a rank.

    Args:
        shape: shape of the model.
        settings: how the engine is told to run it.
        device: memory of the rank's accelerator; None where it is not known.
        stage: pipeline stage; None for the one that decides, because its cache has room for the fewest blocks.
        draft: shape of the draft model of speculative decoding; None without, or where it is not known.
    """
    if stage is None:
        ranks = [rank_memory(shape, settings, device, stage=each, draft=draft) for each in range(settings.pipeline)]
        return min(ranks, key=_blocks)
    unknown: dict[str, str] = {}
    served = _quantized(shape, settings, unknown)
    parts = _parts(served, settings, stage, draft, unknown)
    loading = _parts(shape, settings, stage, draft, {}) if served is not shape else None
    cache = _cache(shape, settings, device, stage, draft, unknown)
    if device is None:
        unknown["device"] = "nothing tells the memory of the accelerator"
    return RankMemory(
        stage=stage,
        device=device,
        budget=_budget(settings, device),
        parts=parts,
        offloaded=settings.offloaded_bytes,
        overhead=overhead(shape.vocab_size or 0, settings, device),
        cache=cache,
        given=settings.cache_bytes,
        longest=shape.default_length if settings.longest in (None, -1) else settings.longest,
        shortens=settings.longest == -1,
        loading=sum(loading.values()) if loading else None,
        sleeps=settings.sleeps,
        unsure=settings.unsure,
        unknown=unknown,
    )


def cache_setup(
    mixers: Sequence[Mixer | None], settings: EngineSettings, device: DeviceMemory | None = None
) -> CacheSetup:
    """Return how the engine arranges the cache of layers."""
    latent = any(isinstance(mixer, LatentAttention) for mixer in mixers)
    chunked = any(isinstance(mixer, Attention) and mixer.kind == "chunked" for mixer in mixers)
    known = facts.engine_memory().cache
    blocks = known.blocks
    default = (
        known.processors.block_tokens if settings.processors else blocks.latent_tokens if latent else blocks.tokens
    )
    several = Version.parse(blocks.several_steps_since)
    one = settings.version is not None and several is not None and settings.version < several
    steps = 1 if one else settings.pipeline + (settings.overlaps and not settings.processors)
    return CacheSetup(
        block_tokens=settings.block_tokens or default,
        block_multiple=blocks.latent_tokens_with_states if latent else 1,
        hybrid_manager=(settings.chunks_share or not chunked)
        if settings.hybrid_manager is None
        else settings.hybrid_manager,
        context_parallel=settings.context_parallel,
        tokens_in_flight=steps * (settings.batch_tokens or batch_size(device, most=True).tokens),
        state_blocks=1 + settings.prefix_caching + (settings.speculation.tokens if settings.speculation else 0),
    )


def _blocks(rank: RankMemory) -> float:
    """How many blocks a rank has room for at best; the stage with the fewest decides for all."""
    if rank.room is None or rank.cache is None or not rank.cache.block_bytes:
        return -float(rank.weights or 0)
    return rank.room.most / rank.cache.block_bytes


def _budget(settings: EngineSettings, device: DeviceMemory | None) -> Band | None:
    if device is None:
        return None
    # On processors the share is one of the node, of which the container may have less.
    share = 1.0 if settings.processors else settings.utilization
    return Band(int(device.least * settings.utilization), math.ceil(device.most * share))


def _quantized(shape: ModelShape, settings: EngineSettings, unknown: dict[str, str]) -> ModelShape:
    """The model as it is served, if the engine is told to quantise it on loading."""
    method = settings.quantization
    if not method or shape.quantization is not None:
        return shape
    online = facts.engine_memory().online_quantization
    if method not in online.bits:
        unknown["weights"] = f"how much --quantization {method} shrinks the weights is not known"
        return shape
    form = NumberFormat(online.bits[method])
    return replace(shape, quantization=Quantization(method, form, tuple(online.excluded)))


def _parts(
    shape: ModelShape, settings: EngineSettings, stage: int, draft: ModelShape | None, unknown: dict[str, str]
) -> dict[str, int] | None:
    """Bytes of the weights of a rank by what they are; None where they are not known."""
    whole = parameters.parts(shape)
    if whole is None:
        unknown["weights"] = shape.unknown.get("weights", "it is not known how the weights are stored")
        return None
    found = rank_weights(whole, shape.layer_count, settings, stage)
    if settings.adapters:
        found["adapters"] = adapter_weights(shape.layers or (), shape.hidden_size, settings)
    speculation = settings.speculation
    if speculation is None or not speculation.loads_weights or stage != settings.pipeline - 1:
        return found
    if draft is not None:
        alone = replace(settings, pipeline=1, partition=(), tensor=speculation.tensor or settings.tensor, data=1)
        speculative = rank_weights(parameters.parts(draft) or (), draft.layer_count, alone, 0)
    else:
        if speculation.model or not shape.drafts:
            unknown["draft"] = f"the shape of the draft model {speculation.model} is not known".replace("  ", " ")
        speculative = rank_weights(parameters.drafts(shape) or (), shape.layer_count, settings, stage)
    return found | {"speculative decoding": sum(speculative.values())} if speculative else found


def _cache(
    shape: ModelShape,
    settings: EngineSettings,
    device: DeviceMemory | None,
    stage: int,
    draft: ModelShape | None,
    unknown: dict[str, str],
) -> KVCache | None:
    """How the cache of a rank is arranged; None where that is not known."""
    if shape.layers is None:
        unknown["cache"] = shape.unknown.get("cache", "it is not known what the layers cache")
        return None
    mixers = [
        (layer.mixer, each) for layer, each in zip(shape.layers, stages_of(shape.layer_count, settings), strict=True)
    ]
    if settings.speculation and settings.speculation.loads_weights:
        speculative = (draft.layers or ()) if draft else () if settings.speculation.model else shape.drafts
        mixers += [(layer.mixer, settings.pipeline - 1) for layer in speculative]
    if settings.state_type != "auto":
        mixers = [(_with_state(mixer, settings.state_type), each) for mixer, each in mixers]
    sparse = facts.engine_memory().cache.sparse
    plain = bool(device and re.search(sparse.plain_on, device.product))
    checkpoint = shape.quantization.cache if shape.quantization else ""
    default = checkpoint or (sparse.defaults_there.get(shape.model_type, "") if plain else "") or "auto"
    sharding = Sharding(
        settings.tensor,
        settings.cache_type if settings.cache_type != "auto" else default,
        settings.model_type if settings.model_type != "auto" else shape.dtype or "bfloat16",
        settings.speculation.tokens if settings.speculation else 0,
        packs_sparse=not plain,
    )
    try:
        return plan(sharded(mixers, sharding), cache_setup([mixer for mixer, _ in mixers], settings, device), stage)
    except CacheError as error:
        unknown["cache"] = str(error)
        return None


def _with_state(mixer: Mixer | None, type_: str) -> Mixer | None:
    return replace(mixer, state_type=type_) if isinstance(mixer, State) else mixer
