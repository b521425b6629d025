"""The accelerators of the engines, as the chart's types and counts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice import facts
from modelservice.facts.models import Shares
from modelservice.importers.chart import DEFAULTS
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder
from modelservice.model.devices import built_for, device_requests, kind_of


def share_virtual_gpus(builder: ValuesBuilder) -> None:
    """Take virtual GPUs where all engines request the same; give ``accelerator.vgpu``, and leave their number."""
    engines = [role.container.get("resources", {}) for role in builder.roles]
    found = [_virtual(resources) for resources in engines]
    if found[0] is None or any(item != found[0] for item in found):
        return
    vgpu, shares, resource = found[0]
    for resources in engines:
        for part in ("limits", "requests"):
            given = resources.get(part, {})
            count = given.pop(shares.count, None)
            for name in (shares.memory, shares.percentage, shares.cores):
                given.pop(name, None)
            if count is not None:
                given[resource] = count
    builder.section("accelerator")["vgpu"] = vgpu
    if shares.scheduler:
        for role in builder.roles:
            if role.pod.get("schedulerName") == shares.scheduler:
                del role.pod["schedulerName"]  # the chart sets it


def _virtual(resources: Mapping[str, Any]) -> tuple[dict[str, Any], Shares, str] | None:
    """Return the virtual GPUs in a container's resources, the names of their resources, and that of whole GPUs."""
    given = {**resources.get("requests", {}), **resources.get("limits", {})}
    for accelerator in facts.accelerators().types:
        for provider, shares in accelerator.shares.items():
            vgpu = _share(given, shares, whole=accelerator.resource)
            if vgpu is not None:
                return {"enabled": True, "provider": provider, **vgpu}, shares, accelerator.resource
    return None


def _share(given: Mapping[str, Any], shares: Shares, *, whole: str) -> dict[str, Any] | None:
    """Return memory (MiB, or a percentage) and cores of each virtual GPU; None where the chart cannot state them."""
    memory, percentage, cores = (given.get(name) for name in (shares.memory, shares.percentage, shares.cores))
    shared = (memory, percentage, cores) != (None, None, None)
    if shares.count not in given or (shares.count == whole and not shared):
        return None
    if memory is not None and percentage is not None:
        return None
    share: dict[str, Any] = {}
    if percentage is not None:
        share["memory"] = f"{percentage}%"
    elif memory is not None:
        share["memory"] = whole_number(str(memory))
    if cores is not None:
        share["cores"] = whole_number(str(cores))
    return None if None in share.values() else share


def count_accelerators(builder: ValuesBuilder) -> None:
    """Take accelerators from the engines' resources; give ``accelerator.type``, and counts that are not derived.

    Accelerators that the pods claim themselves stay claims, and the chart's own number is 0.
    """
    release = builder.section("accelerator")
    for role in builder.roles:
        kind, count = _take_accelerator(role, release)
        if kind is None:
            kind, count = _claimed(role, builder.model.claims)
        if count is not None and count != _derived_count(role):
            role.values["accelerator"] = {"count": count}
        if "accelerator" in role.source.settings or "accelerator" in builder.model.settings:
            continue
        if release.setdefault("type", kind) != kind:
            role.values.setdefault("accelerator", {})["type"] = kind


def _take_accelerator(role: RoleBuilder, release: dict[str, Any]) -> tuple[str | None, int | None]:
    """Take a role's accelerators out of its engine's resources; return their type, None for none, and number."""
    resources = role.container.get("resources", {})
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    found = sorted(
        (name for name in {**limits, **requests} if _is_accelerator(name)), key=lambda name: _type(name) is None
    )
    if not found or "accelerator" in role.source.settings:
        return None, None
    resource = found[0]
    count = whole_number(str(limits.get(resource, requests.get(resource))))
    kind = _type(resource) or re.sub(r"[^a-z0-9]+", "-", resource.lower()).strip("-")
    if DEFAULTS["accelerator"]["resources"].get(kind) != resource:
        release.setdefault("resources", {})[kind] = resource
    if count is not None:
        for part in ("limits", "requests"):
            resources.get(part, {}).pop(resource, None)
            if part in resources and not resources[part]:
                del resources[part]
    return kind, count


def _claimed(role: RoleBuilder, templates: Sequence[Mapping[str, Any]]) -> tuple[str, int | None]:
    """Return the type of the accelerators that a role's engine claims, and 0 for the chart's own number.

    The class of the claimed devices decides, else the accelerators that the image is built for. A claim may also be of
    a network interface or a channel; the type is ``cpu`` then.
    """
    used = {item["name"] for item in role.container.get("resources", {}).get("claims", [])}
    claims = [claim for claim in role.pod.get("resourceClaims", []) if claim["name"] in used]
    if not claims or "accelerator" in role.source.settings:
        return "cpu", None
    names = {claim.get("resourceClaimTemplateName") or claim.get("resourceClaimName") for claim in claims}
    known = [item for item in templates if (item.get("metadata") or {}).get("name") in names]
    devices = [request.device for item in known for request in device_requests(item)]
    kinds = [kind for kind in map(kind_of, devices) if kind]
    if not kinds and len(known) < len(names):
        kinds = list(built_for(str(role.container.get("image", ""))))
    named = next((kind.type for kind in kinds if kind.resource), None)
    return (named, 0) if named else ("cpu", None)


@functools.cache
def _is_accelerator(resource: str) -> bool:
    """Return whether an extended resource is an accelerator, of a known vendor or by its name."""
    return kind_of(resource) is not None or any(
        re.search(pattern, resource, re.IGNORECASE) for pattern in facts.accelerators().unknown.resources
    )


@functools.cache
def _type(resource: str) -> str | None:
    """Return the chart's type of accelerator for an extended resource; None where it has none."""
    kind = kind_of(resource)
    return kind.type if kind and kind.resource == resource else None


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
        for key in [key for key in given if _is_accelerator(key)]:
            found[key] = str(given.pop(key))
        if part in resources and not given:
            del resources[part]
    return found


def whole_number(text: str | None) -> int | None:
    """Return a whole number; None for anything else."""
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else None
