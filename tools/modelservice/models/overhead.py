"""What an accelerator holds besides weights and KV cache, and the size of a step, of which that depends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelservice import facts
from modelservice.engines.version import Version
from modelservice.facts.memory import BatchSize, Overhead
from modelservice.kubernetes.quantity import GIB
from modelservice.models.accelerator_memory import DeviceMemory
from modelservice.models.engine_settings import EngineSettings


@dataclass(frozen=True)
class Band:
    """A number of bytes, or of something else, of which only a range is known."""

    least: float
    most: float


def gibibytes(size: Band | int) -> str:
    """Return bytes for people: ``32.9 GiB``, ``3.1 to 6.0 GiB``."""
    ends = (size, size) if isinstance(size, int) else (size.least, size.most)
    texts = dict.fromkeys(f"{end / GIB:.1f}" for end in ends)
    return f"{' to '.join(texts)} GiB"


def overhead(vocabulary: int, settings: EngineSettings, device: DeviceMemory | None) -> Band:
    """Return the bytes of a rank besides weights and cache.

    Args:
        vocabulary: tokens of the model's vocabulary; 0 where that is not known.
        settings: how the engine is told to run it.
        device: memory of the accelerator; None where it is not known.
    """
    if settings.processors:
        return Band(0, 4 * GIB)
    known = _overhead(settings.version)
    sequences = [settings.sequences or batch_size(device, most=most).sequences for most in (False, True)]
    logits = [number * vocabulary * 4 for number in sequences]
    together = settings.tensor * settings.pipeline > 1 or (settings.data > 1 and settings.expert_parallel)
    ends = []
    for end, factor in enumerate(known.logits):
        activations = max(known.floor[end] * GIB, factor * logits[end])
        graphs = known.graphs[end] * GIB if settings.graphs else 0
        libraries = (known.context[end] + (known.collectives[end] if together else 0)) * GIB
        ends.append(activations + graphs + libraries)
    return Band(int(ends[0]), int(ends[1]))


def _overhead(version: Version | None) -> Overhead:
    """What is known of a version; the newest for an unknown one."""
    known = facts.engine_memory().overheads
    for item in known:
        until = Version.parse(item.until)
        if version is not None and until is not None and version < until:
            return item
    return known[-1]


def batch_size(device: DeviceMemory | None, *, most: bool) -> BatchSize:
    """Return the size of a step where no flag says it.

    Args:
        device: memory of the accelerator; the smallest or largest size of all where it is not known.
        most: whether the upper end of its range counts.
    """
    sizes = facts.engine_memory().batches.sizes
    if device is None:
        return sizes[0] if most else sizes[-1]
    memory = device.most if most else device.least
    return next(
        item
        for item in sizes
        if memory >= item.from_gib * GIB and not (item.excluded and re.search(item.excluded, device.product, re.I))
    )
