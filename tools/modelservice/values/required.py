"""Values that the chart cannot do without, and their defaults.

``null`` in a values file makes Helm delete a default, and ``helm upgrade --reuse-values`` has none that came after the
release's chart. The chart then puts these defaults back.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from modelservice.values import Values
from modelservice.values.containers import Resources

_MAY_BE_NULL = ("replicas", "labels", "imagePullPolicy", "securityContext")
"""Names of values whose default may be deleted on purpose: the rendered object then leaves the field out."""


Tree = dict[str, "Tree | None"]


def tree() -> Tree:
    """Return the values that must not be null as a tree: a map for a section, None for another value.

    Sections are maps, also those with default entries. The other values are those that are not optional and whose
    default says something; if the default is false, empty or zero, a missing value means the same.
    """
    found: dict[str, Tree] = {"": {}}
    for path, value in _required():
        outer, _, name = path.rpartition(".")
        if isinstance(value, BaseModel | dict):
            found[path] = {}
            found[outer][name] = found[path]
        elif not isinstance(value, list):
            found[outer][name] = None
    return found[""]


def defaults() -> dict[str, Any]:
    """Return the defaults of the chart, without those that are null or empty: a missing value means the same."""
    return _filled(Values().model_dump(mode="json", by_alias=True))


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    below = {name: _filled(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    return {name: value for name, value in below.items() if value not in (None, [], {})}


def _required() -> Iterator[tuple[str, object]]:
    for path, value in _defaults(Values()):
        if value and path.rpartition(".")[2] not in _MAY_BE_NULL and not isinstance(value, Resources):
            yield path, value


def _defaults(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and the default of every value that is not optional; a section before its parts."""
    for name, field in type(model).model_fields.items():
        path, value = f"{prefix}{field.alias or name}", model.__dict__[name]
        if type(None) in typing.get_args(field.annotation):
            continue
        yield path, value
        if isinstance(value, BaseModel):
            yield from _defaults(value, f"{path}.")
