"""The accelerators of the engines, as the chart's types and counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.importers.chart import DEFAULTS
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder

_TYPES: dict[str, str] = {resource: kind for kind, resource in DEFAULTS["accelerator"]["resources"].items()}
"""The chart's accelerator types by extended resource."""

_OTHER = re.compile(
    r"(^nvidia\.com/mig-|/(v?gpu|vgpu-number|npu|neuron|neuroncore|neurondevice|mlu|dcu|xpu|tpu|Ascend\w+)$)",
    re.IGNORECASE,
)
"""Extended resources of vendors that the chart has no type for."""

_VIRTUAL = {
    "volcano": ("volcano.sh/vgpu-number", "volcano.sh/vgpu-memory", "volcano.sh/vgpu-cores"),
    "hami": ("nvidia.com/gpu", "nvidia.com/gpumem", "nvidia.com/gpucores"),
}
"""Resources of virtual GPUs by provider: their number, and memory (MiB, or as a percentage) and cores of each."""

_SHARED = "nvidia.com/gpu"
"""The resource of which virtual GPUs are shares."""


def share_virtual_gpus(builder: ValuesBuilder) -> None:
    """Take virtual GPUs where all engines request the same; give ``accelerator.vgpu``, and leave their number."""
    engines = [role.container.get("resources", {}) for role in builder.roles]
    found = [_virtual(resources) for resources in engines]
    if found[0] is None or any(item != found[0] for item in found):
        return
    vgpu, names = found[0]
    for resources in engines:
        for part in ("limits", "requests"):
            given = resources.get(part, {})
            count = given.pop(names[0], None)
            for name in (*names[1:], f"{names[1]}-percentage"):
                given.pop(name, None)
            if count is not None:
                given[_SHARED] = count
    builder.section("accelerator")["vgpu"] = vgpu
    if vgpu["provider"] == "volcano":
        for role in builder.roles:
            if role.pod.get("schedulerName") == "volcano":
                del role.pod["schedulerName"]  # the chart's for volcano


def _virtual(resources: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, str, str]] | None:
    """Return the virtual GPUs in a container's resources, and the names of their resources."""
    given = {**resources.get("requests", {}), **resources.get("limits", {})}
    for provider, names in _VIRTUAL.items():
        percentage = given.get(f"{names[1]}-percentage")
        memory, cores = (given.get(name) for name in names[1:])
        if names[0] not in given or (provider == "hami" and memory is None and cores is None and percentage is None):
            continue
        vgpu: dict[str, Any] = {"enabled": True, "provider": provider}
        if percentage is not None and memory is None:
            vgpu["memory"] = f"{percentage}%"
        elif memory is not None:
            vgpu["memory"] = whole_number(str(memory))
        if cores is not None:
            vgpu["cores"] = whole_number(str(cores))
        if None not in vgpu.values() and not (percentage is not None and memory is not None):
            return vgpu, names
    return None


def count_accelerators(builder: ValuesBuilder) -> None:
    """Take accelerators from the engines' resources; give ``accelerator.type``, and counts that are not derived."""
    release = builder.section("accelerator")
    for role in builder.roles:
        kind, count = _take_accelerator(role, release)
        if count is not None and count != _derived_count(role):
            role.values["accelerator"] = {"count": count}
        if "accelerator" in role.source.settings or "accelerator" in builder.model.settings:
            continue
        if release.setdefault("type", kind) != kind:
            role.values.setdefault("accelerator", {})["type"] = kind


def _take_accelerator(role: RoleBuilder, release: dict[str, Any]) -> tuple[str, int | None]:
    """Take a role's accelerators out of its engine's resources; return their type, ``cpu`` for none, and number."""
    resources = role.container.get("resources", {})
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    names = {**limits, **requests}
    found = [name for name in names if name in _TYPES]
    found += [name for name in names if name not in found and _OTHER.search(name)]
    if not found or role.pod.get("resourceClaims") or "accelerator" in role.source.settings:
        return "cpu", None
    resource = found[0]
    count = whole_number(str(limits.get(resource, requests.get(resource))))
    kind = _TYPES.get(resource) or re.sub(r"[^a-z0-9]+", "-", resource.lower()).strip("-")
    if resource not in _TYPES:
        release.setdefault("resources", {})[kind] = resource
    if count is not None:
        for part in ("limits", "requests"):
            resources.get(part, {}).pop(resource, None)
            if part in resources and not resources[part]:
                del resources[part]
    return kind, count


def _derived_count(role: RoleBuilder) -> int:
    """Return the accelerators of a pod as the chart derives them."""
    sizes = role.parallelism
    ranks = sizes.get("tensor", 1) * sizes.get("pipeline", 1)
    workers, data = sizes.get("workers", 1), sizes.get("data")
    if workers > 1 and data == 1:
        return max(1, int(ranks // workers))
    local = sizes.get("dataLocal") or (max(1, data // workers) if data else 1)
    return int(ranks * local)


def drop_accelerators(container: dict[str, Any]) -> dict[str, str]:
    """Drop the accelerators of a worker's container, which the chart counts as the leader's.

    Args:
        container: the container; changed in place.

    Returns:
        What it had, by resource.
    """
    found = {}
    resources = container.get("resources", {})
    for part in ("requests", "limits"):
        given = resources.get(part, {})
        for key in [key for key in given if key in _TYPES or _OTHER.search(key)]:
            found[key] = str(given.pop(key))
        if part in resources and not given:
            del resources[part]
    return found


def whole_number(text: str | None) -> int | None:
    """Return a whole number; None for anything else."""
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else None
