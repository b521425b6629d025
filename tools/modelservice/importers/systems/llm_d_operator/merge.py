"""How the operator merges a ModelService into its base, with Go's mergo
(https://github.com/llm-d/llm-d-model-service, internal/controller): containers by name, the ModelService's arguments
before the base's, environment by name, other lists appended."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from modelservice.kubernetes.merge import mergo

Object = Mapping[str, Any]
Objects = list[dict[str, Any]]


def merge_workload(base: Object, source: Object) -> dict[str, Any]:
    """Return a Deployment of the base, changed by that of a ModelService."""
    merged = mergo(base, source, _lists)
    merged["spec"].setdefault("template", {}).setdefault("spec", {}).setdefault("containers", [])
    return merged


def merge_by_name(lower: Objects, upper: Objects, merge: Callable[[Object, Object], dict[str, Any]]) -> Objects:
    """Return lists of named things merged: the lower's order, then what only the upper has."""
    last = {item.get("name"): item for item in upper}
    known = {item.get("name") for item in lower}
    merged = [
        merge(item, last[item.get("name")]) if item.get("name") in last else copy.deepcopy(item) for item in lower
    ]
    return merged + [copy.deepcopy(item) for item in upper if item.get("name") not in known]


def _lists(key: str, lower: list[Any], upper: list[Any]) -> list[Any]:
    if key in ("containers", "initContainers"):
        return merge_by_name(lower, upper, _merge_container)
    return copy.deepcopy([*lower, *upper])


def _merge_container(lower: Object, upper: Object) -> dict[str, Any]:
    special = ("command", "args", "env")
    result = mergo(lower, {key: value for key, value in upper.items() if key not in special}, _lists)
    if upper.get("command"):
        result["command"] = list(upper["command"])
    if upper.get("args"):
        result["args"] = [*upper["args"], *lower.get("args", [])]
    if upper.get("env"):
        result["env"] = merge_by_name(lower.get("env", []), upper["env"], _merge_variable)
    return result


def _merge_variable(lower: Object, upper: Object) -> dict[str, Any]:
    """Return one variable; a value and a reference at once, which the operator would print, is valid nowhere."""
    result = mergo(lower, upper)
    if "value" in result and "valueFrom" in result:
        del result["value" if "valueFrom" in upper else "valueFrom"]
    return result
