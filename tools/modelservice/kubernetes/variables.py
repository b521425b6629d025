"""Environment variables of a container, and references to them in its command (``$(NAME)``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

Variables = Mapping[str, str | None]
"""Values by name; None where only the running container knows the value."""

ConfigMaps = Mapping[str, Mapping[str, str]]
"""Data of ConfigMaps by name."""

NO_CONFIG_MAPS: ConfigMaps = MappingProxyType({})

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


def variables(container: Mapping[str, Any], config_maps: ConfigMaps = NO_CONFIG_MAPS) -> dict[str, str | None]:
    """Return the variables of a container, references among them expanded.

    Args:
        container: the container.
        config_maps: the ConfigMaps whose data is known.
    """
    found: dict[str, str | None] = {}
    for source in container.get("envFrom") or []:
        data = config_maps.get(str((source.get("configMapRef") or {}).get("name")), {})
        found |= {f"{source.get('prefix') or ''}{key}": value for key, value in data.items()}
    for variable in container.get("env") or []:
        if "valueFrom" in variable:
            reference = (variable["valueFrom"] or {}).get("configMapKeyRef") or {}
            data = config_maps.get(str(reference.get("name")), {})
            found[str(variable["name"])] = data.get(str(reference.get("key")))
        else:
            found[str(variable["name"])] = expand(str(variable.get("value") or ""), found)
    return found


def expand(text: str, known: Variables) -> str:
    """Return a word of ``command`` or ``args`` with its references expanded.

    A reference to a variable that the container does not have stays as it is, and so does one whose value only the
    container knows; ``$$`` is an escaped ``$``.
    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint
    """

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return match[0] if (found := known.get(match[1])) is None else found

    return _REFERENCE.sub(value, text)


def config_maps(objects: Iterable[Mapping[str, Any]]) -> ConfigMaps:
    """Return the data of the ConfigMaps among objects, by name."""
    found = {}
    for item in objects:
        metadata, data = item.get("metadata"), item.get("data")
        if item.get("kind") == "ConfigMap" and isinstance(metadata, Mapping) and isinstance(data, Mapping):
            found[str(metadata.get("name"))] = {str(key): str(value) for key, value in data.items()}
    return found
