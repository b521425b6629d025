"""The memory of the ranks of pods: their model, settings and accelerators brought together."""

from __future__ import annotations

from modelservice.kubernetes.quantity import quantity
from modelservice.model import devices
from modelservice.model.cluster import Inventory
from modelservice.model.pods import PodGroup
from modelservice.models.accelerator_memory import DeviceMemory, accelerator_memory
from modelservice.models.engine_settings import EngineSettings, settings_of
from modelservice.models.rank_memory import RankMemory, rank_memory
from modelservice.models.shape import ModelShape


def group_memory(
    group: PodGroup,
    shape: ModelShape,
    *,
    inventory: Inventory | None = None,
    draft: ModelShape | None = None,
    stage: int | None = None,
) -> RankMemory | None:
    """Return what fills the memory of the pods' fullest rank; None for an engine whose memory is not known.

    Args:
        group: the pods.
        shape: shape of their model.
        inventory: the cluster; None where it is not known.
        draft: shape of the draft model of speculative decoding; None without, or where it is not known.
        stage: pipeline stage; None for the one that decides how much the cache holds.
    """
    settings = settings_of(group)
    if settings is None:
        return None
    return rank_memory(shape, settings, device_of(group, settings, inventory), stage=stage, draft=draft)


def device_of(group: PodGroup, settings: EngineSettings, inventory: Inventory | None) -> DeviceMemory | None:
    """Return the memory of each rank's accelerator, or its part of the container's memory on processors."""
    if not settings.processors:
        kinds = [devices.kind_of(name) for name in group.accelerators]
        # A rank has some of a device's cores and of its memory; how much depends on the engine's plugin.
        divided = any(kind and kind.counts_cores for kind in kinds)
        return None if divided else accelerator_memory(group, inventory)
    limit = quantity(group.engine.limits.get("memory"))
    if limit is None:
        return None
    size = int(limit) // (settings.tensor * settings.pipeline * (group.local_ranks or 1))
    return DeviceMemory(size, size, "memory limit of the container")
