"""What a model needs memory for, before it is divided among ranks: its weights by part, and what its layers cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modelservice.models.layers import Mixer

Share = Literal["tensor", "keys", "experts", "whole"]
"""How ranks of a stage share weights: by tensor parallelism; like heads of keys and values, of which each rank has at
least one; as experts, over data parallel ranks too; or not at all."""


@dataclass(frozen=True)
class WeightPart:
    """Weights of one kind.

    Args:
        name: what they are, for people: ``attention``, ``experts``.
        size: their bytes in the whole model.
        share: how ranks share them.
        layer: number of the layer; ``first`` or ``last`` for what the first or last stage has, ``both`` for
            embeddings that are the output layer too.
        pieces: heads of keys and values, or experts, that cannot be divided.
    """

    name: str
    size: float
    share: Share
    layer: int | Literal["first", "last", "both"]
    pieces: int = 0


@dataclass(frozen=True)
class ModelMemory:
    """What a model needs memory for.

    Args:
        name: name of the model, for sentences.
        weights: its parts; empty where they are not known.
        mixers: what mixes the tokens in each layer, which decides on the cache; None where that is not known.
        vocabulary: tokens of its vocabulary.
        longest: longest request in tokens that it was made for; None where its configuration does not say.
        type: type of its activations.
        cache_type: value of ``--kv-cache-dtype`` that ``auto`` stands for.
        unknown: why a part is not known, by ``weights`` or ``cache``.
        adapter_whole, adapter_divided: elements of a LoRA adapter of rank 1 that each tensor parallel rank holds, and
            that they share.
        loading_factor: how much larger the weights are while they are loaded, where they are quantised then.
    """

    name: str
    weights: tuple[WeightPart, ...]
    mixers: tuple[Mixer | None, ...] | None
    vocabulary: int
    longest: int | None = None
    type: str = "bfloat16"
    cache_type: str = "auto"
    unknown: tuple[tuple[str, str], ...] = ()
    adapter_whole: int = 0
    adapter_divided: int = 0
    loading_factor: float = 1.0

    @property
    def layers(self) -> int:
        """Number of layers of the model itself."""
        numbers = [part.layer for part in self.weights if isinstance(part.layer, int)]
        return max(numbers, default=len(self.mixers or ()) - 1) + 1
