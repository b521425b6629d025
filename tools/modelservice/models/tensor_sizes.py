"""Tensor parallel sizes that vLLM accepts for a model: what the ranks share has to divide evenly.

>>> [obstacle.what for obstacle in obstacles(shape, Division(6))]
['64 attention heads', '8 heads of keys and values']
>>> tensor_sizes(shape, 8)
[1, 2, 4, 8]
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelservice import facts
from modelservice.engines.version import Version
from modelservice.models.layer_weights import Part, down_projection
from modelservice.models.layers import Attention, Dense, Experts, Layer, State
from modelservice.models.parameters import type_bytes
from modelservice.models.shape import ModelShape
from modelservice.models.stored import Storage


@dataclass(frozen=True)
class Division:
    """How ranks share the weights.

    Args:
        size: tensor parallel size.
        data: data parallel size, by which experts are divided too if they are not spread whole.
        expert: whether experts are spread whole over the ranks.
        version: version of vLLM; None where it is not known.
    """

    size: int
    data: int = 1
    expert: bool = False
    version: Version | None = None


@dataclass(frozen=True)
class Obstacle:
    """What the ranks cannot share evenly.

    Args:
        what: for a sentence: ``64 attention heads``.
        heads: heads rather than weights.
        refused: whether vLLM exits; False where it works around it, but not with every kernel; None for not known.
    """

    what: str
    heads: bool = False
    refused: bool | None = True


def obstacles(shape: ModelShape, division: Division) -> list[Obstacle]:
    """Return what the ranks cannot share evenly, heads first."""
    found = dict.fromkeys(_obstacles(shape, division))
    return sorted(found, key=lambda item: not item.heads)


def tensor_sizes(shape: ModelShape, largest: int, *, expert: bool = False) -> list[int]:
    """Return the powers of two by which all that ranks share divides evenly.

    Args:
        shape: shape of the model.
        largest: the largest size to try.
        expert: whether experts are spread whole over the ranks.
    """
    sizes = [2**power for power in range(min(largest, 64).bit_length())]
    return [size for size in sizes if not obstacles(shape, Division(size, expert=expert))]


def context_sizes(shape: ModelShape, tensor: int) -> list[int]:
    """Return the decode context parallel sizes that vLLM accepts with a tensor parallel size.

    Ranks that would hold copies of the same heads of keys and values share the tokens instead; with a latent cache all
    ranks do.
    """
    sizes = [size for size in range(1, tensor + 1) if tensor % size == 0]
    if shape.is_latent or not shape.kv_heads:
        return sizes
    queries, copies = shape.attention_heads // shape.kv_heads, tensor // shape.kv_heads
    return [size for size in sizes if size == 1 or (size <= copies and queries % size == 0)]


def nearest_sizes(shape: ModelShape, division: Division) -> tuple[int, int | None]:
    """Return the next smaller and the next larger size without obstacles; None where no size up to the heads has."""
    size, largest = division.size, max(division.size, shape.attention_heads)
    below = next((number for number in range(size - 1, 1, -1) if _is_even(shape, division, number)), 1)
    return below, next((number for number in range(size + 1, largest + 1) if _is_even(shape, division, number)), None)


def _is_even(shape: ModelShape, division: Division, size: int) -> bool:
    return not obstacles(shape, replace(division, size=size))


def _obstacles(shape: ModelShape, division: Division) -> Iterator[Obstacle]:
    padding = facts.engine_memory().shards.vocabulary_padding
    padded = math.ceil((shape.vocab_size or 0) / padding) * padding
    if shape.attention_heads % division.size:
        yield Obstacle(f"{shape.attention_heads} attention heads", heads=True)
    if padded % division.size:
        yield Obstacle(f"vocabulary of {padded} tokens")
    storage = Storage(shape.quantization, type_bytes(shape))
    for number, layer in enumerate(shape.layers or ()):
        block = functools.partial(_block, shape, storage, number, layer)
        network = layer.feed_forward
        yield from _of_mixer(layer, division, block("mixer"))
        if isinstance(network, Dense):
            yield from _of_dense(network, division, block("dense"))
        elif isinstance(network, Experts):
            yield from _of_shared(network, division, block("shared"))
            yield from _of_experts(shape, network, division, block("experts"))


def _of_mixer(layer: Layer, division: Division, block: int) -> Iterator[Obstacle]:
    mixer, size = layer.mixer, division.size
    if mixer is None:
        return
    if isinstance(mixer, State):
        if mixer.heads % size:
            yield Obstacle(f"{mixer.heads} heads of recurrent states", heads=True, refused=None)
        return
    if mixer.heads % size:
        yield Obstacle(f"{mixer.heads} attention heads", heads=True)
    elif (mixer.heads * mixer.value) % (size * block) and size > 1:
        yield Obstacle(f"attention outputs of {mixer.heads * mixer.value} elements{_in(block)}")
    if isinstance(mixer, Attention) and mixer.kv_heads and mixer.kv_heads % size and size % mixer.kv_heads:
        yield Obstacle(f"{mixer.kv_heads} heads of keys and values", heads=True)


def _of_dense(network: Dense, division: Division, block: int) -> Iterator[Obstacle]:
    width, size = network.intermediate, division.size
    if width % size:
        yield Obstacle(f"feed-forward networks of {width} elements")
    elif width % (size * block) and size > 1:
        yield Obstacle(f"feed-forward networks of {width} elements{_in(block)}")


def _of_shared(network: Experts, division: Division, block: int) -> Iterator[Obstacle]:
    # Some versions and modes keep shared experts whole, or add them to the routed ones.
    if division.size > 1 and network.shared % (division.size * block):
        yield Obstacle(f"shared experts of {network.shared} elements{_in(block)}", refused=None)
    if network.dense % division.size:
        yield Obstacle(f"feed-forward networks of {network.dense} elements")


def _of_experts(shape: ModelShape, network: Experts, division: Division, block: int) -> Iterator[Obstacle]:
    ranks = 1 if division.expert else division.size * division.data
    width = network.intermediate
    if width % ranks:
        yield Obstacle(f"experts of {width} elements", refused=True if division.data == 1 else None)
    elif width % (ranks * block) and ranks > 1:
        refused = _cuts(shape, width // ranks, block, division.version) if division.data == 1 else None
        yield Obstacle(f"experts of {width} elements{_in(block)}", refused=refused)


def _in(block: int) -> str:
    return f" in quantised blocks of {block}" if block > 1 else ""


def _cuts(shape: ModelShape, width: int, block: int, version: Version | None) -> bool | None:
    """Whether vLLM exits because a rank's part of the experts is no multiple of the quantised blocks."""
    known = facts.engine_memory().shards
    since = Version.parse(known.refined_since)
    if version is None or since is None:
        return None
    if version < since:
        return True
    return False if math.gcd(block, width, shape.hidden_size) >= known.refined_block else None


def _block(shape: ModelShape, storage: Storage, number: int, layer: Layer, part: Part) -> int:
    """Elements in each direction that share a scale, where vLLM checks that ranks do not cut them; else 1."""
    if shape.quantization is None or shape.quantization.method != "fp8":
        return 1
    modules = down_projection(layer, part)
    form = storage.form((f"layers.{number}",), modules, experts=part == "experts")
    square = math.isqrt(form.group) if form else 0
    return square if form and square > 1 and square**2 == form.group else 1
