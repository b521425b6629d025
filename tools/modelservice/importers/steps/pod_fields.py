"""Volumes and other fields of the pods."""

from __future__ import annotations

from modelservice.importers.source.go_templates import escaped
from modelservice.importers.values_builder import ValuesBuilder

_KEYS = {
    "nodeSelector": "nodeSelector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "schedulerName": "schedulerName",
    "priorityClassName": "priorityClassName",
    "terminationGracePeriodSeconds": "terminationGracePeriodSeconds",
    "enableServiceLinks": "enableServiceLinks",
    "hostIPC": "hostIPC",
    "hostPID": "hostPID",
    "imagePullSecrets": "imagePullSecrets",
    "securityContext": "podSecurityContext",
    "runtimeClassName": "runtimeClassName",
    "resourceClaims": "resourceClaims",
    "initContainers": "initContainers",
}
"""Fields of a pod that a role has a key for."""


def set_volumes(builder: ValuesBuilder) -> None:
    """Take the volumes that are left; give ``volumes``."""
    for role in builder.roles:
        volumes = role.pod.pop("volumes", [])
        role.values["volumes"] = [volume for volume in volumes if volume["name"] != role.model_volume]


def set_pod_fields(builder: ValuesBuilder) -> None:
    """Take the fields of the pod that a role has a key for; give those keys."""
    for role in builder.roles:
        for field, key in _KEYS.items():
            value = role.pod.pop(field, None)
            if value not in (None, [], {}):
                role.values[key] = value
        # Without a selector the chart gives a constraint its own, and workers of a group have none.
        spread = role.pod.get("topologySpreadConstraints", [])
        if role.source.size == 1 and all(item.get("labelSelector") for item in spread):
            role.pod.pop("topologySpreadConstraints", None)
            if spread:
                role.values["topologySpreadConstraints"] = spread


def keep_the_rest(builder: ValuesBuilder) -> None:
    """Take every field of the pod that is left; give ``extraConfig``."""
    for role in builder.roles:
        if role.pod:
            role.values["extraConfig"] = escaped(role.pod)
            role.pod = {}
