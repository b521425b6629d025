"""How vLLM divides the KV cache of a rank into blocks, and how many of them a request takes.

The layers of a model are put into groups with a block table each. All groups take their blocks from one pool, so a
block is as wide as the widest group, and a request costs the blocks that its groups need together:

* full attention and latent caches (MLA): all tokens;
* a sliding window or a chunk: its tokens and those of the steps in flight;
* a state (Mamba, linear attention): one block, however long the request is.

Without the hybrid manager windows and chunks are kept like full attention. As in vllm/v1/core/kv_cache_planning.py;
the tests compare every number with vLLM's own classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["full", "sliding", "chunked", "latent", "state"]

_GROWING = ("full", "latent")
_LOCAL = ("sliding", "chunked")


class CacheError(Exception):
    """The layers have no common cache: the engine exits, or it is not known how it arranges them."""


@dataclass(frozen=True)
class CacheLayer:
    """What one layer keeps on one rank.

    Args:
        kind: how long it keeps what.
        stage: pipeline stage that has the layer.
        token_bytes: bytes of a token; 0 for a state.
        form: what must be equal for layers to be cached alike, besides the kind: numbers and sizes of heads.
        window: tokens of the window or chunk; 0 for other kinds.
        state_bytes: bytes of a state.
        aligned_bytes: bytes of a token by which a block is enlarged next to states, where they are not its own.
    """

    kind: Kind
    stage: int
    token_bytes: int
    form: tuple[int | str, ...] = ()
    window: int = 0
    state_bytes: int = 0
    aligned_bytes: int = 0


@dataclass(frozen=True)
class CacheSetup:
    """How the engine is told to arrange its cache.

    Args:
        block_tokens: tokens of a block, before layers with states enlarge it.
        block_multiple: what a block is a multiple of, next to states.
        hybrid_manager: whether windows, chunks and states have groups of their own.
        context_parallel: ranks that share the tokens of a request (decode context parallel size).
        tokens_in_flight: tokens of the steps that may run at once, which windows hold besides themselves.
        state_blocks: blocks of a request for each group of states: 1, another one for the prefix cache, and one for
            each speculative token.
    """

    block_tokens: int = 16
    block_multiple: int = 1
    hybrid_manager: bool = True
    context_parallel: int = 1
    tokens_in_flight: int = 16384
    state_blocks: int = 1


@dataclass(frozen=True)
class CacheGroup:
    """Layers with one block table.

    Args:
        kind: the kind of its layers.
        layers: how many of them the rank has.
        block_tokens: tokens of its block; 0 for states.
        bytes: bytes of a block of all its layers on the rank.
        window: tokens of the window or chunk.
    """

    kind: Kind
    layers: int
    block_tokens: int
    bytes: int
    window: int = 0


@dataclass(frozen=True)
class KVCache:
    """The cache of one rank.

    Args:
        groups: its groups; none for a model that caches nothing.
        setup: how it is arranged.
        block_bytes: bytes of a block of the pool.
    """

    groups: tuple[CacheGroup, ...]
    setup: CacheSetup
    block_bytes: int

    @property
    def token_bytes(self) -> float:
        """Bytes by which a long request grows with each token."""
        growing = sum(1 / group.block_tokens for group in self.groups if group.kind in _GROWING)
        return self.block_bytes * growing / self.setup.context_parallel

    def blocks(self, tokens: int) -> int:
        """Return the blocks that a request of some tokens takes at most."""
        return sum(self._blocks(group, tokens) for group in self.groups)

    def request(self, tokens: int) -> int:
        """Return the bytes that a request of some tokens takes at most."""
        return self.blocks(tokens) * self.block_bytes

    def needed(self, tokens: int) -> int:
        """Return the bytes without which the engine exits, if it must serve requests of some tokens.

        One block of the pool stands for "none" and is never used.
        """
        return self.request(tokens) + (self.block_bytes if self.groups else 0)

    def concurrency(self, room: int, tokens: int) -> float:
        """Return how many requests of some tokens run at once in a cache of some bytes, as vLLM logs it at start."""
        return room // self.block_bytes / self.blocks(tokens) if self.groups else math.inf

    def tokens(self, room: int, longest: int) -> int:
        """Return the tokens that fit into some bytes in requests of the longest length, as vLLM logs it."""
        return int(self.concurrency(room, longest) * longest) if self.groups else 0

    def longest(self, room: int, limit: int) -> int:
        """Return the longest request that some bytes have room for, up to a limit; 0 where none has."""
        low, high = 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.needed(middle) <= room else (low, middle - 1)
        return low

    def _blocks(self, group: CacheGroup, tokens: int) -> int:
        setup = self.setup
        if group.kind == "state":
            return setup.state_blocks
        if group.kind in _GROWING:
            return _divided(_divided(tokens, setup.context_parallel), group.block_tokens)
        kept = group.window - 1 if group.kind == "sliding" else group.window
        blocks = _divided(min(kept + setup.tokens_in_flight, tokens), group.block_tokens)
        # A window need not begin where a block does.
        return blocks + (group.kind == "sliding")


def plan(layers: Sequence[CacheLayer], setup: CacheSetup, stage: int = 0) -> KVCache:
    """Return the cache of a rank.

    Args:
        layers: the layers of all stages, because their ratio in the whole model decides on the groups.
        setup: how the cache is arranged.
        stage: the rank's pipeline stage.

    Raises:
        CacheError: the engine exits with these layers, or its arrangement is not known.
    """
    if not layers:
        return KVCache((), setup, 0)
    _check(layers, setup)
    block = _block_tokens(layers, setup)
    if not setup.hybrid_manager:
        layers = _promoted(layers)
    groups = _uniform(layers, block, stage) or _hybrid(layers, block, stage)
    return KVCache(groups, setup, max(group.bytes for group in groups))


def _check(layers: Sequence[CacheLayer], setup: CacheSetup) -> None:
    kinds = {layer.kind for layer in layers}
    if "state" in kinds and len(kinds) > 1 and not setup.hybrid_manager:
        raise CacheError("layers with states need the hybrid KV cache manager")
    if setup.context_parallel > 1 and "sliding" in kinds:
        raise CacheError("decode context parallelism does not support sliding windows")


def _block_tokens(layers: Sequence[CacheLayer], setup: CacheSetup) -> int:
    """Return the tokens of a block: enough for a token's attention to take no less room than a state."""
    states = [layer.state_bytes for layer in layers if layer.kind == "state"]
    attention = next((layer.aligned_bytes or layer.token_bytes for layer in layers if layer.kind != "state"), 0)
    if not states or not attention:
        return setup.block_tokens
    step = math.lcm(setup.block_tokens, setup.block_multiple)
    return step * _divided(max(states), step * attention)


def _promoted(layers: Sequence[CacheLayer]) -> list[CacheLayer]:
    """Return the layers with windows and chunks as full attention, if there is any full attention."""
    if not any(layer.kind == "full" for layer in layers):
        return list(layers)
    return [replace(layer, kind="full", window=0) if layer.kind in _LOCAL else layer for layer in layers]


def _uniform(layers: Sequence[CacheLayer], block: int, stage: int) -> tuple[CacheGroup, ...]:
    """Return the one group of layers that need the same number of blocks; none where they do not."""
    kind, window = layers[0].kind, layers[0].window
    if kind in _GROWING:
        alike = all(layer.kind in _GROWING for layer in layers)
    else:
        states = {layer.state_bytes for layer in layers}
        alike = all((layer.kind, layer.window) == (kind, window) for layer in layers) and len(states) == 1
    if not alike:
        return ()
    own = [layer for layer in layers if layer.stage == stage]
    tokens = 0 if kind == "state" else block
    size = sum(layer.state_bytes or layer.token_bytes * block for layer in own)
    return (CacheGroup(kind, len(own), tokens, size, window),)


def _hybrid(layers: Sequence[CacheLayer], block: int, stage: int) -> tuple[CacheGroup, ...]:
    """Return the groups of layers of several kinds: all of one size, with blocks of one size."""
    page = max(_page(layer, block) for layer in layers)
    alike: dict[tuple[object, ...], list[CacheLayer]] = {}
    for layer in layers:
        alike.setdefault((layer.kind, layer.form, layer.window, layer.state_bytes), []).append(layer)
    kinds = list(alike.values())
    size = _group_size([len(found) for found in kinds])
    groups = []
    for found in kinds:
        number = _divided(len(found), size)
        for first in range(number):
            own = sum(layer.stage == stage for layer in found[first::number])
            tokens = _tokens_in(page, found[0], block)
            groups.append(CacheGroup(found[0].kind, own, tokens, own * page, found[0].window))
    return tuple(groups)


def _page(layer: CacheLayer, block: int) -> int:
    return layer.state_bytes if layer.kind == "state" else layer.token_bytes * block


def _tokens_in(page: int, layer: CacheLayer, block: int) -> int:
    """Return the tokens of a layer's block, which fills a page where it divides it, and else is padded."""
    if layer.kind == "state":
        return 0
    own = _page(layer, block)
    if page % own == 0:
        return block * (page // own)
    if layer.kind == "latent":
        raise CacheError("a latent cache cannot be padded to the size of the other layers' blocks")
    return block


def _group_size(numbers: Iterable[int]) -> int:
    """Return the layers of each group: as many as the rarest kind has, or the commonest if that is not many more."""
    least, most = min(found := list(numbers)), max(found)
    return most if most < least * 1.5 else least


def _divided(number: int, by: int) -> int:
    return -(-number // by)
