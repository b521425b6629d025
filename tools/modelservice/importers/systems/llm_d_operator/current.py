"""The operator's objects in the API versions that are served today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelservice import facts
from modelservice.importers.systems.llm_d_operator.fields import POOL_GROUP

PRIORITIES = {"Critical": 1, "Standard": 0, "Sheddable": -1}
"""Priorities of InferenceObjectives in place of an InferenceModel's criticality."""

Object = Mapping[str, Any]


def current(objects: Object) -> dict[str, Any]:
    """Return objects by key of the base ConfigMap, in the API versions that are served today."""
    return {key: _CURRENT[key](item, objects) if key in _CURRENT else item for key, item in objects.items()}


def _route(route: Object, objects: Object) -> dict[str, Any]:
    """Return an HTTPRoute whose pools are of the group that is served."""
    rules = []
    for rule in route.get("spec", {}).get("rules", []):
        backends = [
            {**{key: value for key, value in backend.items() if key != "port"}, "group": POOL_GROUP}
            if backend.get("kind") == "InferencePool"
            else backend
            for backend in rule.get("backendRefs", [])
        ]
        rules.append({**rule, **({"backendRefs": backends} if backends else {})})
    spec = {**route.get("spec", {}), **({"rules": rules} if rules else {})}
    return {**route, "spec": spec}


def _pool(pool: Object, objects: Object) -> dict[str, Any]:
    """Return an InferencePool as v1 states it."""
    old = pool["spec"]
    extension = old.get("extensionRef", {})
    ports = objects.get("eppService", {}).get("spec", {}).get("ports", [])
    picker: dict[str, Any] = {"name": extension["name"]}
    picker["port"] = {
        "number": extension.get("portNumber") or (ports[0]["port"] if ports else facts.endpoint_picker().ports.ext_proc)
    }
    if extension.get("failureMode"):
        picker["failureMode"] = extension["failureMode"]
    spec: dict[str, Any] = {"selector": {"matchLabels": old["selector"]}}
    if old.get("targetPortNumber"):
        spec["targetPorts"] = [{"number": old["targetPortNumber"]}]
    return {**pool, "apiVersion": f"{POOL_GROUP}/v1", "spec": {**spec, "endpointPickerRef": picker}}


def _objective(model: Object, objects: Object) -> dict[str, Any]:
    """Return the InferenceObjective that replaces an InferenceModel."""
    spec = model["spec"]
    return {
        **model,
        "apiVersion": facts.endpoint_picker().objective_api[0].value,
        "kind": "InferenceObjective",
        "spec": {
            "priority": PRIORITIES.get(spec.get("criticality", "Standard"), 0),
            "poolRef": {"group": POOL_GROUP, "name": spec["poolRef"]["name"]},
        },
    }


_CURRENT: dict[str, Callable[[Object, Object], dict[str, Any]]] = {
    "httpRoute": _route, "inferencePool": _pool, "inferenceModel": _objective,
}  # fmt: skip
