"""What else a value could be: other values of its type, to see what they change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from modelservice.kubernetes.dotted import MISSING
from modelservice.sources import Path

Node = Mapping[str, Any]
"""A part of a JSON schema."""

Valid = Callable[[Any], bool]

_KINDS = {
    "uri": ("pvc://claim/path", "oci://image:1", "hf://organisation/model"),
    "type": ("amd", "nvidia", "cpu", "intel-gaudi"),
    "image": ("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", "vllm/vllm-openai:v0.31.0"),
}
"""Values of another kind under keys of this name: a change of the text alone would not show what they decide."""

_TRIES = 3
"""Maps with a field each after which a key counts as without effect."""


def alternatives(current: Any, path: Path, schema: Node, line: Sequence[str], valid: Valid) -> Iterator[Any]:
    """Yield other values of the same type, the likeliest to be accepted first; at last None, for no value.

    Args:
        current: the value in effect, :data:`~modelservice.explain.address.MISSING` without one.
        path: its key.
        schema: the chart's schema, which says what the value could be.
        line: names on the way to the line that is looked at and in it; of a map's fields those are tried first.
        valid: whether the schema accepts a value under the key.
    """
    return filter(valid, _alternatives(current, path, schema, line, valid))


def _alternatives(current: Any, path: Path, schema: Node, line: Sequence[str], valid: Valid) -> Iterator[Any]:
    node = _schema_at(schema, path)
    yield from (other for other in _KINDS.get(str(path[-1]), ()) if other != current)
    for choice in node.get("enum") or []:
        if choice != current and choice is not None:
            yield choice
    types = node.get("type") or []
    types = [types] if isinstance(types, str) else types
    unset = current is MISSING or current is None
    if isinstance(current, bool) or (unset and "boolean" in types):
        yield current is not True
    elif isinstance(current, dict) or (unset and "object" in types):
        fields = node.get("properties") or {}
        some = (
            {name: _sample(fields[name], schema, line)} for name in sorted(fields, key=lambda name: name not in line)
        )
        yield from itertools.islice(filter(valid, itertools.chain([{"x": "x"}], some)), _TRIES)
    elif not node.get("enum"):
        yield from itertools.islice(filter(valid, _of_type(current, types)), 1)
    if not unset:
        yield None


def _of_type(current: Any, types: Sequence[str]) -> Iterator[Any]:
    unset = current is MISSING or current is None
    if isinstance(current, int | float):
        yield from (current * 2, current + 1, max(current - 1, 0))
    elif unset and "integer" in types:
        yield from (2, 1)
    elif isinstance(current, str):
        yield from (f"{current}x", f"x{current}", "7", f"{current}/x", "1Gi", f"{current}0", "http://x:1")
    elif unset and "string" in types:
        yield from ("x", "/x", "1Gi", "1.0")
    elif isinstance(current, list) or (unset and "array" in types):
        yield from (["x"], [{"name": "x"}])


def _sample(node: Node, schema: Node, line: Sequence[str]) -> Any:
    """Return a value of the type that a part of the schema has."""
    node = _resolved(schema, node)
    if node.get("anyOf"):
        return _sample(node["anyOf"][0], schema, line)
    types = node.get("type") or "string"
    kind = types if isinstance(types, str) else types[0]
    if kind == "object":
        required = {name: _sample(node["properties"][name], schema, line) for name in node.get("required") or []}
        return required or dict(_open_entries(node, schema, line))
    if kind == "array":
        return [_sample(node.get("items") or {}, schema, line)]
    return {"boolean": True, "integer": 2, "number": 2}.get(kind, next(iter(node.get("enum") or []), "2"))


def _open_entries(node: Node, schema: Node, line: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield an entry of a map with free keys."""
    for pattern, below in (node.get("patternProperties") or {}).items():
        name = next((name for name in ("x", "cpu", *line) if re.search(pattern, name)), None)
        if name:
            yield name, _sample(below, schema, line)
            return
    below = node.get("additionalProperties", True)
    if below:
        yield "x", _sample(below, schema, line) if isinstance(below, Mapping) else "x"


def _schema_at(schema: Node, path: Path) -> Node:
    node = schema
    for part in path:
        node = _resolved(schema, node)
        if isinstance(part, int):
            node = node.get("items") or {}
        elif part in (node.get("properties") or {}):
            node = node["properties"][part]
        else:
            following = [*(node.get("patternProperties") or {}).values(), node.get("additionalProperties")]
            node = next((item for item in following if isinstance(item, Mapping)), {})
    return _resolved(schema, node)


def _resolved(schema: Node, node: Node) -> Node:
    """Return the definition that a part of the schema refers to, alone or with further conditions next to it."""
    while "$ref" in node or "allOf" in node:
        node = node if "$ref" in node else node["allOf"][0]
        node = schema["definitions"][node["$ref"].removeprefix("#/definitions/")] if "$ref" in node else node
    return node
