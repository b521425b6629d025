"""Which values a line of the output depends on: found by rendering with each value changed, not by guessing."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice.deployment import overlaid, reference
from modelservice.errors import ModelserviceError
from modelservice.explain.address import MISSING, Address, at, parse
from modelservice.helm import Release, Rendered, Renderer, dump
from modelservice.inputs import Values
from modelservice.sources import Path, Place, Sources, dotted, leaves

_TRIES = 4
"""Accepted values after which a key counts as without effect."""

_KINDS = {
    "uri": ("pvc://claim/path", "oci://image:1", "hf://organisation/model"),
    "type": ("amd", "nvidia", "cpu", "intel-gaudi"),
    "image": ("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", "vllm/vllm-openai:v0.31.0"),
}
"""Values of another kind under keys of this name: a change of the text alone would not show what they decide."""

RELEASE_NAME = ".Release.Name"
"""What stands for a values key where a line depends on the release's name."""

Track = Callable[[list[Path]], Iterable[Path]]


@dataclass(frozen=True)
class Dependency:
    """A values key that a line depends on."""

    key: str
    value: Any
    places: tuple[Place, ...]
    """Where it is written, the line that counts last; none for a default."""


@dataclass(frozen=True)
class Explanation:
    """Where a line of the output comes from."""

    address: Address
    value: Any
    template: str
    """The template that printed the object."""
    dependencies: tuple[Dependency, ...]

    def to_json(self) -> dict[str, Any]:
        """The explanation for machines."""
        return {
            "object": self.address.object,
            "path": self.address.path,
            "value": self.value,
            "template": self.template,
            "values": [
                {"key": item.key, "value": item.value, "places": [str(place) for place in item.places]}
                for item in self.dependencies
            ],
        }


def explain(
    text: str,
    sources: Sources,
    renderer: Renderer,
    release: Release,
    schema: Mapping[str, Any],
    defaults: Values,
    track: Track = lambda keys: keys,
) -> Explanation:
    """What a line of the output depends on.

    Args:
        text: address of the line.
        sources: the values.
        renderer: renders the chart.
        release: the release.
        schema: the chart's schema, which says what else a value could be.
        defaults: the chart's values.
        track: shows the progress over the keys.

    Raises:
        UsageError: there is nothing at the address.
        ValuesError: the values are refused.
    """
    rendered = renderer.render(sources.values, release)
    address, obj = parse(text, rendered.objects)
    value, template = at(obj, address.path), rendered.template_of(obj)
    position = _same_kind(rendered, obj).index(dict(obj))
    found = []
    effective = overlaid(defaults, sources.values)
    own = [path for path, _ in leaves(sources.values)]
    others = [_without_items(path) for path, _ in leaves(defaults)]
    for path in track(list(dict.fromkeys([*own, *(path for path in others if _get(sources.values, path) is MISSING)]))):
        current = _get(effective, path)
        if any(
            _value_in(other, rendered, template, obj, position, address.path) != value
            for other in _renders(sources.values, path, current, renderer, release, schema, template, rendered)
        ):
            found.append(
                Dependency(dotted(path), None if current is MISSING else current, tuple(sources.places(dotted(path))))
            )
    renamed = renderer.render(sources.values, Release(f"{release.name[:50]}-x", release.namespace))
    if _value_in(renamed, rendered, template, obj, position, address.path) != value:
        found.append(Dependency(RELEASE_NAME, release.name, ()))
    return Explanation(address, value, template, tuple(found))


def _without_items(path: Path) -> Path:
    """A path up to its first list, which is changed as a whole."""
    return path[: next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))]


def _renders(
    values: Values,
    path: Path,
    current: Any,
    renderer: Renderer,
    release: Release,
    schema: Mapping[str, Any],
    template: str,
    before: Rendered,
) -> Iterator[Rendered]:
    """Renders with other values under a key that change the template's text; refused ones are left out."""
    accepted = 0
    for other in _others(current, path, schema):
        if accepted == _TRIES:
            return
        try:
            rendered = renderer.render(_with(values, path, other), release)
        except ModelserviceError:
            continue
        accepted += 1
        if rendered.templates.get(template) != before.templates.get(template):
            yield rendered


def _value_in(
    rendered: Rendered, before: Rendered, template: str, obj: Mapping[str, Any], position: int, path: str
) -> Any:
    """The value at the same place of the same object, which may have another name now."""
    objects = [item for item in rendered.objects if item.get("kind") == obj.get("kind")]
    match = next((item for item in objects if reference(item) == reference(obj)), None)
    if match is None and len(objects) == len(_same_kind(before, obj)):
        match = objects[position]
    return MISSING if match is None else at(match, path)


def _same_kind(rendered: Rendered, obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in rendered.objects if item.get("kind") == obj.get("kind")]


def _others(current: Any, path: Path, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Other values of the same type, the likeliest to be accepted first; at last none at all."""
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
    elif isinstance(current, int | float) or (unset and "integer" in types):
        number = 1 if unset else current
        yield from (number * 2, number + 1, max(number - 1, 0))
    elif isinstance(current, str) and not node.get("enum"):
        yield from (f"{current}x", f"{current}0", f"x{current}", f"{current}/x", "1Gi", "7", "http://x:1")
    elif unset and "string" in types and not node.get("enum"):
        yield from ("x", "1Gi", "/x", "1.0")
    elif isinstance(current, list):
        yield ["x"]
        yield [{"name": "x"}]
    elif isinstance(current, dict) and "object" in types:
        yield {"x": "x"}
    if not unset:
        yield None


def _schema_at(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    node: Mapping[str, Any] = schema
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


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = schema["definitions"][node["$ref"].removeprefix("#/definitions/")]
    return node


def _get(values: Any, path: Path) -> Any:
    for part in path:
        if part not in (range(len(values)) if isinstance(values, list) else values if isinstance(values, dict) else ()):
            return MISSING
        values = values[part]
    return values


def _with(values: Values, path: Path, value: Any) -> Values:
    """Values with another one under a path."""
    changed = copy.deepcopy(values)
    node: Any = changed
    *above, last = path
    for part in above:
        if isinstance(part, str) and not isinstance(node.get(part), dict | list):
            node[part] = {}
        node = node[part]
    if isinstance(last, int) and value is None:
        del node[last]
    else:
        node[last] = value
    return changed


def difference(before: Rendered, after: Rendered) -> dict[str, str]:
    """Unified diffs between two renders, by object."""
    old = {reference(obj): dump(obj) for obj in before.objects}
    new = {reference(obj): dump(obj) for obj in after.objects}
    found = {}
    for name in dict.fromkeys([*old, *new]):
        lines = difflib.unified_diff(
            old.get(name, "").splitlines(),
            new.get(name, "").splitlines(),
            f"{name} (now)",
            f"{name} (then)",
            lineterm="",
        )
        text = "\n".join(lines)
        if text:
            found[name] = text
    return found


def shown(value: Any) -> str:
    """A value on one line where it is short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."
