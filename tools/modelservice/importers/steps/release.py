"""The values of a release, from those of its roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.source.fields import LAST_APPLIED
from modelservice.importers.values_builder import ValuesBuilder
from modelservice.kubernetes import merge

_FIRST = (
    "fullnameOverride",
    "nameOverride",
    "workload",
    "disaggregatedSet",
    "multinode",
    "modelArtifacts",
    "accelerator",
    "routing",
)
"""Sections that come before the others."""

_SERVER_WRITTEN = (
    "creationTimestamp", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
)  # fmt: skip


def apply_role_settings(builder: ValuesBuilder) -> None:
    """Take the roles' further settings; give them, over what the steps found."""
    for role in builder.roles:
        role.values = merge.helm(role.values, role.source.settings)


def assemble(builder: ValuesBuilder) -> None:
    """Take the roles, the model's further settings and its objects; give the values of the release."""
    roles = {role.name: _without_empty(role.values) for role in builder.roles}
    values = builder.values
    if all(role.source.group for role in builder.roles):
        if "workload" not in builder.model.settings:
            values["multinode"] = True
        for own in roles.values():
            own.pop("multinode", None)
    values |= {name: roles.get(name, {"create": False}) for name in ("decode", "prefill")}
    values = merge.helm(values, builder.model.settings)
    builder.values = {key: values[key] for key in (*(key for key in _FIRST if key in values), *values)}
    if builder.objects:
        namespace = builder.model.namespace
        builder.values["extraObjects"] = [_portable(item, namespace) for item in builder.objects]


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a role's values without empty ones; ``volumes`` replaces the chart's default ones, so it stays."""
    return {key: value for key, value in values.items() if key == "volumes" or value not in ([], {})}


def _portable(item: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return an object as a release can install it: without what a server wrote, in the release's namespace."""
    metadata = {key: value for key, value in item.get("metadata", {}).items() if key not in _SERVER_WRITTEN}
    if metadata.get("namespace") in ("", namespace):
        metadata.pop("namespace", None)
    if not metadata.get("labels"):
        metadata.pop("labels", None)
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if key != LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    result = {**item, "metadata": metadata}
    result.pop("status", None)
    first = {key: result[key] for key in ("apiVersion", "kind", "metadata") if key in result}
    return first | result
