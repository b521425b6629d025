"""What the workers of a group do in another way than its leader."""

from __future__ import annotations

import copy
from typing import Any

from modelservice.importers.steps.accelerators import drop_accelerators
from modelservice.importers.steps.containers import container_values
from modelservice.importers.steps.defaults import without_defaults
from modelservice.importers.steps.secrets import hide_in_container
from modelservice.importers.steps.shared_memory import is_shared_memory
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder


def override_workers(builder: ValuesBuilder) -> None:
    """Take the workers' pod; give ``workerTemplate``, by container what differs from the leader's."""
    for role in builder.roles:
        if role.worker is None or role.source.size == 1:
            continue
        containers = role.worker.pop("containers", [])
        leaders = {item["name"]: item for item in role.values["containers"]}
        if len(containers) == 1 and containers[0]["name"] not in leaders:
            containers[0]["name"] = next(iter(leaders))
        overrides = []
        for container in containers:
            place = f"{role.source.place} (worker).containers[{container['name']}]"
            if container["name"] in leaders:
                overrides.append(_override(builder, role, container, leaders[container["name"]], place))
            else:
                why = "workers of the chart have the leader's containers; make it a container of both"
                builder.report.lost(place, why)
        overrides = [item for item in overrides if item.keys() - {"name"}]
        if overrides:
            role.values["workerTemplate"] = {"containers": overrides}
        _note_pod(builder, role)


def _override(
    builder: ValuesBuilder, role: RoleBuilder, container: dict[str, Any], leader: dict[str, Any], place: str
) -> dict[str, Any]:
    """Return what a worker's container has that the leader's has not."""
    accelerators = drop_accelerators(copy.deepcopy(role.source.pod["containers"][0]))
    if drop_accelerators(container) != accelerators:
        builder.report.lost(f"{place}.resources", "the pods of a group have the leader's accelerators")
    if "sharedMemory" in role.values:
        mounts = container.get("volumeMounts", [])
        container["volumeMounts"] = [item for item in mounts if not is_shared_memory(item)]
    hide_in_container(builder, container, place)
    converted = container_values(container)
    own = {key: value for key, value in converted.items() if key == "name" or value != leader.get(key)}
    for key in ("env", "volumeMounts"):
        if key in own:
            own[key] = [item for item in own[key] if item not in leader.get(key, [])]
    return {key: value for key, value in own.items() if value or key not in ("env", "volumeMounts", "extraConfig")}


def _note_pod(builder: ValuesBuilder, role: RoleBuilder) -> None:
    """Note the fields of the workers' pod that the leader's pod has not."""
    leader = without_defaults(role.source.pod)
    for key, value in sorted((role.worker or {}).items()):
        contained = isinstance(value, list) and all(item in leader.get(key, []) for item in value)
        if not contained and value != leader.get(key):
            why = "the pods of a group share it; the leader's is taken"
            builder.report.lost(f"{role.source.place} (worker).{key}", why)
