"""The accelerators of a container, as the chart's types and counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.importers.workload import Draft, Role
from modelservice.values import Values

_ACCELERATORS = {resource: kind for kind, resource in Values().accelerator.resources.items()}
_OTHER_ACCELERATOR = re.compile(
    r"(^nvidia\.com/mig-|/(v?gpu|vgpu-number|npu|neuron|neuroncore|neurondevice|mlu|dcu|xpu|tpu|Ascend\w+)$)",
    re.IGNORECASE,
)
"""Extended resources of vendors that the chart has no type for."""


_VIRTUAL = {
    "volcano": ("volcano.sh/vgpu-number", "volcano.sh/vgpu-memory", "volcano.sh/vgpu-cores"),
    "hami": ("nvidia.com/gpu", "nvidia.com/gpumem", "nvidia.com/gpucores"),
}
"""Resources of virtual GPUs by provider: their number, and memory (MiB, or as a percentage) and cores of each."""


def take_virtual(draft: Draft) -> None:
    """Virtual GPUs as accelerator.vgpu, where all engines ask for the same; their number is left as accelerators."""
    engines = [role.pod["containers"][0].get("resources", {}) for _, role in draft.serving.roles]
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
                given["nvidia.com/gpu"] = count
    draft.accelerator["vgpu"] = vgpu
    if vgpu["provider"] == "volcano":
        for _, role in draft.serving.roles:
            if role.pod.get("schedulerName") == "volcano":
                del role.pod["schedulerName"]  # the chart's for volcano


def _virtual(resources: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, str, str]] | None:
    """Virtual GPUs in a container's resources, and the names of their resources."""
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
            vgpu["memory"] = number(str(memory))
        if cores is not None:
            vgpu["cores"] = number(str(cores))
        if None not in vgpu.values() and not (percentage is not None and memory is not None):
            return vgpu, names
    return None


def take_accelerators(
    draft: Draft, name: str, container: dict[str, Any], parallelism: Mapping[str, Any], role: Role
) -> int | None:
    """Takes the accelerators out of a container's resources; the number, where the chart would derive another."""
    resources = container.get("resources", {})
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    found = [key for key in {**limits, **requests} if key in _ACCELERATORS]
    found += [key for key in {**limits, **requests} if key not in found and _OTHER_ACCELERATOR.search(key)]
    kind = "cpu"
    count: int | None = None
    if found and not role.pod.get("resourceClaims") and "accelerator" not in role.settings:
        resource = found[0]
        stated = number(str(limits.get(resource, requests.get(resource))))
        kind = _ACCELERATORS.get(resource) or re.sub(r"[^a-z0-9]+", "-", resource.lower()).strip("-")
        if resource not in _ACCELERATORS:
            draft.accelerator.setdefault("resources", {})[kind] = resource
        if stated is not None:
            limits.pop(resource, None)
            requests.pop(resource, None)
            for key in ("limits", "requests"):
                if key in resources and not resources[key]:
                    del resources[key]
            if stated != _derived(parallelism, role):
                count = stated
    if "accelerator" in role.settings or "accelerator" in draft.serving.settings:
        return count
    if draft.accelerator.setdefault("type", kind) != kind:
        role.settings["accelerator"] = {"type": kind}
    return count


def _derived(parallelism: Mapping[str, Any], role: Role) -> int:
    """Accelerators of a pod as the chart derives them."""
    group = parallelism.get("tensor", 1) * parallelism.get("pipeline", 1)
    workers = parallelism.get("workers", 1)
    data = parallelism.get("data")
    local = parallelism.get("dataLocal") or (max(1, data // workers) if data else 1)
    return int(group * local) if role.size == 1 or not role.native or data != 1 else max(1, int(group // workers))


def drop_accelerators(container: dict[str, Any]) -> dict[str, str]:
    """Leaves a worker's accelerators to the chart, which counts them as the leader's.

    Args:
        container: the container; changed in place.

    Returns:
        What it had, by resource.
    """
    found = {}
    resources = container.get("resources", {})
    for part in ("requests", "limits"):
        given = resources.get(part, {})
        for key in [key for key in given if key in _ACCELERATORS or _OTHER_ACCELERATOR.search(key)]:
            found[key] = str(given.pop(key))
        if part in resources and not given:
            del resources[part]
    return found


def number(text: str | None) -> int | None:
    """A whole number; None for anything else."""
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else None
