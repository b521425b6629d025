"""The weights that one rank holds: its layers, and its share of each part of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from modelservice.models.engine_settings import EngineSettings
from modelservice.models.layers import Attention, Dense, Layer
from modelservice.models.parameters import Part


def stages_of(layers: int, settings: EngineSettings) -> list[int]:
    """Return the pipeline stage of each layer: evenly, and what is left over before the last stage, as vLLM does."""
    pipeline = settings.pipeline
    if len(settings.partition) == pipeline and sum(settings.partition) == layers:
        sizes = list(settings.partition)
    else:
        sizes = [layers // pipeline] * pipeline
        for number in range(2, layers % pipeline + 2):
            sizes[-number] += 1
    return [stage for stage, size in enumerate(sizes) for _ in range(size)]


def rank_weights(parts: Iterable[Part], layers: int, settings: EngineSettings, stage: int) -> dict[str, int]:
    """Return the bytes of the weights of a rank, by what they are.

    Args:
        parts: the weights of the whole model.
        layers: its number of layers.
        settings: how they are divided.
        stage: the rank's pipeline stage.
    """
    stages = stages_of(layers, settings)
    found: dict[str, float] = {}
    for part in parts:
        if _is_of(part, stage, stages, settings):
            found[part.name] = found.get(part.name, 0) + part.size * _share(part, settings)
    return {name: math.ceil(size) for name, size in found.items()}


def adapter_weights(layers: Iterable[Layer], hidden: int, settings: EngineSettings) -> int:
    """Return the bytes that a rank keeps free for LoRA adapters of attention and dense networks, in 16 bits.

    Of the two matrices of an adapter ranks share the one on the side that they share of the layer itself.
    """
    whole, divided = 0, 0
    for layer in layers:
        mixer, network = layer.mixer, layer.feed_forward
        if isinstance(mixer, Attention):
            whole += 4 * hidden
            divided += (mixer.heads + mixer.kv_heads) * (mixer.key + mixer.value)
        if isinstance(network, Dense):
            matrices = 3 if network.gated else 2
            whole += matrices * hidden
            divided += matrices * network.intermediate
    elements = whole + divided / settings.tensor
    return math.ceil(settings.adapters * settings.adapter_rank * elements * 2 / settings.pipeline)


def _is_of(part: Part, stage: int, stages: list[int], settings: EngineSettings) -> bool:
    last = settings.pipeline - 1
    if isinstance(part.layer, int):
        return (stages[part.layer] if part.layer < len(stages) else last) == stage
    return stage in {"first": (0,), "last": (last,), "both": (0, last)}[part.layer]


def _share(part: Part, settings: EngineSettings) -> float:
    """The share of a part that a rank of its stage holds."""
    tensor = settings.tensor
    if part.share == "tensor":
        return 1 / tensor
    if part.share == "keys":
        return max(1, part.pieces // tensor) / part.pieces if part.pieces else 1 / tensor
    if part.share == "experts":
        ranks = tensor * settings.data
        if not settings.expert_parallel or not part.pieces:
            return 1 / ranks
        held = part.pieces + settings.redundant_experts
        return -(-held // ranks) / part.pieces
    return 1
