"""How many parameters a model has, by component, and how many bytes its weights take.

The counts are those of the matrices in vLLM's classes. What a checkpoint has for speculative decoding is counted apart,
because vLLM loads it only when asked to.

    >>> total(parts(shape)).count
    8030261248
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from modelservice.models.layer_weights import Share, layer_weights
from modelservice.models.layers import Layer
from modelservice.models.shape import ModelShape
from modelservice.models.stored import Storage

_TYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "half": 2, "float": 4}
_DEFAULT_TYPE = "bfloat16"
"""Type of a checkpoint whose configuration names none."""


@dataclass(frozen=True)
class Part:
    """Weights of one kind.

    Args:
        name: the component: ``embedding``, ``attention``, ``latent attention``, ``state``, ``MLP``, ``experts``,
            ``shared experts``, ``router``, ``norms``, ``output``, ``vision``, ``audio``.
        count: number of parameters.
        size: their bytes.
        share: how ranks of a stage share them.
        layer: number of the layer; ``first`` or ``last`` for what the first or last stage has, ``both`` for embeddings
            that are the output layer too.
        pieces: heads of keys and values, or experts, that cannot be divided; 0 for any division.
    """

    name: str
    count: int
    size: float
    share: Share
    layer: int | Literal["first", "last", "both"]
    pieces: int = 0


@dataclass(frozen=True)
class Total:
    """Parameters and bytes of several parts."""

    count: int
    size: int


@functools.lru_cache(maxsize=64)
def parts(shape: ModelShape) -> tuple[Part, ...] | None:
    """Return the weights that serve a model, without those for speculative decoding; None where they are not known."""
    if "weights" in shape.unknown or shape.layers is None or shape.vocab_size is None or shape.tied is None:
        return None
    storage = Storage(shape.quantization, type_bytes(shape))
    if not storage.known:
        return None
    return tuple(_parts(shape, shape.layers, shape.vocab_size, storage))


def drafts(shape: ModelShape) -> tuple[Part, ...] | None:
    """Return the weights in the checkpoint for speculative decoding; None where they are not known."""
    storage = Storage(shape.quantization, type_bytes(shape))
    if "weights" in shape.unknown or not storage.known:
        return None
    found: list[Part] = []
    for number, layer in enumerate(shape.drafts, shape.layer_count):
        found += _layer_parts(shape, layer, number, storage, f"mtp.layers.{number - shape.layer_count}")
        joined = 2 * shape.hidden_size**2
        found.append(Part("draft input", joined, joined * storage.plain, "whole", number))
        if shape.own_draft_embeddings and shape.vocab_size:
            tables = 2 * shape.vocab_size * shape.hidden_size
            found.append(Part("draft embedding", tables, tables * storage.plain, "tensor", number))
    return tuple(found)


def total(found: Iterable[Part]) -> Total:
    """Return the sum of parts."""
    items = list(found)
    return Total(sum(part.count for part in items), round(sum(part.size for part in items)))


def checkpoint(shape: ModelShape) -> Total | None:
    """Return what is in the files of a model, with the layers for speculative decoding; None where it is not known."""
    serving, speculative = parts(shape), drafts(shape)
    return None if serving is None or speculative is None else total((*serving, *speculative))


def weights_size(shape: ModelShape) -> int | None:
    """Return the bytes of a model's files, as they were measured or else by its shape; None for not known."""
    found = None if shape.file_bytes else checkpoint(shape)
    return found.size if found else shape.file_bytes


def type_bytes(shape: ModelShape) -> int:
    """Return the bytes of a parameter that is not quantised."""
    return _TYPE_BYTES.get(shape.dtype or _DEFAULT_TYPE, 2)


def _parts(shape: ModelShape, layers: tuple[Layer, ...], vocabulary: int, storage: Storage) -> Iterator[Part]:
    table = vocabulary * shape.hidden_size
    yield Part("embedding", table, table * storage.plain, "tensor", "both" if shape.tied else "first")
    for number, layer in enumerate(layers):
        yield from _layer_parts(shape, layer, number, storage)
    yield Part("norms", shape.hidden_size, shape.hidden_size * storage.plain, "whole", "last")
    if not shape.tied:
        yield Part("output", table, table * storage.plain, "tensor", "last")
    for tower in shape.towers:
        if tower.parameters:
            yield Part(tower.name, tower.parameters, tower.parameters * storage.plain, "tensor", "first")


def _layer_parts(shape: ModelShape, layer: Layer, number: int, storage: Storage, *other_names: str) -> Iterator[Part]:
    for weight in layer_weights(layer, shape.hidden_size):
        names = (f"layers.{number}", *other_names)
        size = weight.count * storage.bytes(names, weight.modules, experts=weight.share == "experts")
        yield Part(weight.name, weight.count, size, weight.share, number, weight.pieces)
