"""Merging: Kubernetes' strategic merge patch, as controllers merge presets and specs with it, and plain maps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

_KEYS = {
    "containers": "name", "initContainers": "name", "env": "name", "volumes": "name", "imagePullSecrets": "name",
    "volumeMounts": "mountPath", "ports": "containerPort", "resourceClaims": "name", "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey", "secrets": "name",
}  # fmt: skip
"""Merge keys of lists (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/)."""

_ONE_OF = {"volumes": "name", "env": "name"}
"""Lists whose items have alternative fields: the patch's alternative replaces the original's."""


def patched(original: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A map with a patch merged into it: maps by key, lists of named things by merge key, other lists replaced."""
    result = copy.deepcopy(dict(original))
    for key, value in patch.items():
        present = result.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            result[key] = patched(present, value)
        elif isinstance(present, list) and isinstance(value, list) and key in _KEYS:
            result[key] = _list(key, present, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _list(key: str, original: list[Any], patch: list[Any]) -> list[Any]:
    identity = _KEYS[key]
    result = copy.deepcopy(original)
    places = {item.get(identity): index for index, item in enumerate(result) if isinstance(item, dict)}
    for item in patch:
        index = places.get(item.get(identity)) if isinstance(item, dict) else None
        if index is None:
            result.append(copy.deepcopy(item))
        elif key in _ONE_OF and set(item) - set(result[index]):
            result[index] = copy.deepcopy(item)
        else:
            result[index] = patched(result[index], item)
    return result


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """A map with another one merged into it: maps by key, everything else replaced."""
    result = dict(lower)
    for key, value in upper.items():
        present = result.get(key)
        result[key] = merged(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return result
