"""What fills the memory of one rank: weights, overhead and KV cache.

The engine may use a share of the accelerator, ``--gpu-memory-utilization``. What weights and overhead leave of it is
the room for the KV cache. Weights and cache are known to the byte; accelerator and overhead only as a range, so the
room is one too: ``room.least`` is what is there for certain, ``room.most`` what is there at best.

    >>> found = rank_memory(model, settings, device)
    >>> found.overfull                      # certain: weights alone exceed what the accelerator has
    >>> found.needed, found.room            # bytes of the longest request, bytes for the cache
    >>> found.tokens, found.concurrency(32768), found.longest_request

What is not known is None, and ``unknown`` says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from modelservice import facts
from modelservice.models.accelerator_memory import DeviceMemory
from modelservice.models.cache_layers import Sharding, sharded
from modelservice.models.engine_settings import EngineSettings
from modelservice.models.kv_cache import CacheError, CacheSetup, KVCache, plan
from modelservice.models.layers import Attention, LatentAttention, Mixer, State
from modelservice.models.model_memory import ModelMemory
from modelservice.models.overhead import Band, batch_size, overhead
from modelservice.models.weight_shares import adapter_weights, rank_weights, stages_of


@dataclass(frozen=True)
class RankMemory:
    """What fills the memory of one rank.

    Args:
        model: name of the model.
        stage: pipeline stage of the rank.
        device: memory of the accelerator, or of the processors.
        budget: bytes that the engine may use.
        parts: bytes of the weights by what they are; None where they are not known.
        offloaded: bytes of the weights that stay in the memory of processors.
        loading: bytes of the weights while they are loaded.
        overhead: bytes of activations, CUDA graphs and libraries.
        cache: how the KV cache is arranged.
        given: bytes of the KV cache, where the engine is told.
        longest: tokens of the longest request that must fit; None where only the model says, and it is not known.
        unknown: why something is None, by its name.
    """

    model: str
    stage: int
    device: DeviceMemory | None
    budget: Band | None
    parts: Mapping[str, int] | None
    offloaded: int
    loading: int | None
    overhead: Band
    cache: KVCache | None
    given: int | None
    longest: int | None
    unknown: Mapping[str, str]

    @property
    def weights(self) -> int | None:
        """Bytes of the weights on the accelerator."""
        return None if self.parts is None else max(0, sum(self.parts.values()) - self.offloaded)

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
    def overfull(self) -> bool:
        """Whether it is certain that the weights alone do not fit."""
        if self.budget is None or self.weights is None:
            return False
        return self.weights > (self.device.most if self.given is not None and self.device else self.budget.most)

    @property
    def needed(self) -> int | None:
        """Bytes of KV cache without which the engine exits: those of the longest request."""
        if self.cache is None or self.longest is None or self.longest < 0:
            return None
        return self.cache.needed(self.longest)

    @property
    def fits(self) -> bool | None:
        """Whether the longest request fits: True and False are certain, None is not known."""
        if self.room is None or self.needed is None:
            return False if self.overfull else None
        return True if self.needed <= self.room.least else False if self.needed > self.room.most else None

    @property
    def longest_request(self) -> Band | None:
        """Tokens of the longest request that there is room for, up to the longest that is allowed."""
        if self.room is None or self.cache is None or self.longest is None or self.longest < 0:
            return None
        cache, limit = self.cache, self.longest
        return Band(*(cache.longest(int(room), limit) for room in (self.room.least, self.room.most)))

    @property
    def tokens(self) -> Band | None:
        """Tokens that fit into the cache in requests of the longest length, as the engine logs it."""
        if self.room is None or self.cache is None or self.longest is None or self.longest < 1:
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
    model: ModelMemory,
    settings: EngineSettings,
    device: DeviceMemory | None = None,
    *,
    stage: int | None = None,
    draft: ModelMemory | None = None,
) -> RankMemory:
    """Return what fills the memory of a rank.

    Args:
        model: what the model needs memory for.
        settings: how the engine is told to run it.
        device: memory of the rank's accelerator; None where it is not known.
        stage: pipeline stage; None for the one that decides, because its cache is the shortest.
        draft: the draft model of speculative decoding; None without, or where it is not known.
    """
    if stage is None:
        ranks = [rank_memory(model, settings, device, stage=each, draft=draft) for each in range(settings.pipeline)]
        return min(ranks, key=_blocks)
    unknown = dict(model.unknown)
    parts = rank_weights(model, settings, stage) if model.weights else None
    if settings.speculation and settings.speculation.loads_weights and settings.speculation.model and draft is None:
        unknown["weights"] = f"the draft model {settings.speculation.model} is not known"
    if parts is not None and settings.adapters:
        parts["adapters"] = adapter_weights(model, settings)
    if parts is not None and draft is not None and stage == settings.pipeline - 1:
        alone = replace(settings, pipeline=1, partition=(), tensor=_draft_tensor(settings), data=1)
        parts |= {"draft model": sum(rank_weights(draft, alone, 0).values())}
    cache = _cache(model, settings, device, stage, draft, unknown)
    if device is None:
        unknown["device"] = "nothing tells the memory of the accelerator"
    longest = settings.longest if settings.longest not in (None, -1) else model.longest
    total = sum(parts.values()) if parts is not None else None
    return RankMemory(
        model=model.name,
        stage=stage,
        device=device,
        budget=_budget(settings, device),
        parts=parts,
        offloaded=settings.offloaded_bytes,
        loading=None if total is None else int(total * model.loading_factor),
        overhead=overhead(model, settings, device),
        cache=cache,
        given=settings.cache_bytes,
        longest=longest,
        unknown=unknown,
    )


def _blocks(rank: RankMemory) -> float:
    """How many blocks a rank has room for at best; the stage with the fewest decides for all."""
    if rank.room is None or rank.cache is None or not rank.cache.block_bytes:
        return -float(rank.weights or 0)
    return rank.room.most / rank.cache.block_bytes


def _budget(settings: EngineSettings, device: DeviceMemory | None) -> Band | None:
    if device is None:
        return None
    return Band(int(device.least * settings.utilization), math.ceil(device.most * settings.utilization))


def _draft_tensor(settings: EngineSettings) -> int:
    return (settings.speculation.tensor if settings.speculation else None) or settings.tensor


# --- Cache ------------------------------------------------------------------------------------


def _cache(
    model: ModelMemory,
    settings: EngineSettings,
    device: DeviceMemory | None,
    stage: int,
    draft: ModelMemory | None,
    unknown: dict[str, str],
) -> KVCache | None:
    if model.mixers is None:
        unknown.setdefault("cache", "what the model's layers cache is not known")
        return None
    mixers = list(zip(model.mixers, stages_of(len(model.mixers), settings), strict=True))
    if draft is not None and draft.mixers:
        mixers += [(mixer, settings.pipeline - 1) for mixer in draft.mixers]
    cache_type = settings.cache_type if settings.cache_type != "auto" else model.cache_type
    type_ = settings.model_type if settings.model_type != "auto" else model.type
    tokens = settings.speculation.tokens if settings.speculation else 0
    if settings.state_type != "auto":
        mixers = [(_with_state(mixer, settings.state_type), each) for mixer, each in mixers]
    try:
        layers = sharded(mixers, Sharding(settings.tensor, cache_type, type_, tokens))
        return plan(layers, cache_setup(model, settings, device), stage)
    except CacheError as error:
        unknown["cache"] = str(error)
        return None


def cache_setup(model: ModelMemory, settings: EngineSettings, device: DeviceMemory | None) -> CacheSetup:
    """Return how the engine arranges the cache of a model."""
    mixers = model.mixers or ()
    latent = any(isinstance(mixer, LatentAttention) for mixer in mixers)
    chunked = any(isinstance(mixer, Attention) and mixer.kind == "chunked" for mixer in mixers)
    blocks = facts.engine_memory().cache.blocks
    steps = settings.pipeline + 1
    return CacheSetup(
        block_tokens=settings.block_tokens or (blocks.latent_tokens if latent else blocks.tokens),
        block_multiple=blocks.latent_tokens_with_states if latent else 1,
        hybrid_manager=not chunked if settings.hybrid_manager is None else settings.hybrid_manager,
        context_parallel=settings.context_parallel,
        tokens_in_flight=steps * (settings.batch_tokens or batch_size(device, most=True).tokens),
        state_blocks=1 + settings.prefix_caching + (settings.speculation.tokens if settings.speculation else 0),
    )


def _with_state(mixer: Mixer | None, type_: str) -> Mixer | None:
    return replace(mixer, state_type=type_) if isinstance(mixer, State) else mixer
