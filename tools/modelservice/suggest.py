"""Suggestions for keys and other words that are not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Meant(NamedTuple):
    """What is meant by an unknown key."""

    path: list[str]
    """The key in full."""
    sure: bool
    """Whether nothing else can be meant."""
    text: str
    """The suggestion, for the end of a message."""


def meant(schema: dict[str, Any], path: list[str], unknown: str) -> Meant | None:
    """Return what is meant by an unknown key; None when nothing is near.

    Args:
        schema: the chart's values.schema.json.
        path: keys that lead to the object with the unknown key; a list index is a decimal string.
        unknown: the key.
    """
    allowed = keys_at(schema, path)
    near = nearest(unknown, allowed)
    if any(unknown in fragment.get("properties", {}) for fragment in subschemas(schema, [*path, "extraConfig"])):
        return Meant([*path, "extraConfig", unknown], True, f"set extraConfig.{unknown}")
    ending = [name for name in allowed if name.lower() == f"pod{unknown.lower()}"]
    elsewhere = None if ending else _elsewhere(schema, path, unknown)
    if elsewhere:
        return Meant(elsewhere.split("."), False, f"set {elsewhere}")
    beginning = [name for name in allowed if name.startswith(unknown)] if len(unknown) > _SHORT else []
    found = next(iter([*ending, *([near] if near else []), *beginning]), None)
    if found is None:
        return None
    sure = misspelt(unknown, allowed) == found or unknown.lower() == found.lower()
    return Meant([*path, found], sure, f"did you mean {found}?")


_SECTIONS = ("engine", "modelArtifacts", "routing", "decode")
"""Sections that are meant where a key of theirs stands elsewhere, the likeliest first."""
_SHORT = 4
"""Letters of a word that is the beginning of many others."""


def _elsewhere(schema: dict[str, Any], path: list[str], unknown: str) -> str | None:
    """Return the only place where a key that is unknown here can be meant; None where it may be several, or none."""
    known = {found for found in _paths(schema) if found.rpartition(".")[2] == unknown}
    for start in (path, []) if path else ([],):
        for section in _SECTIONS:
            if (found := ".".join([*start, section, unknown])) in known:
                return found
    # Decode stands for both roles; what only one engine or one monitor has is not meant.
    deeper = {
        found
        for found in known
        if found.count(".") == 2 and found.startswith(("decode.", "modelArtifacts.", "routing."))
    }
    return deeper.pop() if len(deeper) == 1 else None


def keys_at(schema: dict[str, Any], path: list[str]) -> list[str]:
    """Return the keys that the object under a path may have, as far as they are fixed."""
    return list(dict.fromkeys(name for node in subschemas(schema, path) for name in node.get("properties", {})))


def nearest(unknown: str, known: Iterable[str]) -> str | None:
    """Return the name that is most like an unknown one; None when none is near."""
    names = list(known)
    near = difflib.get_close_matches(unknown, names, n=1, cutoff=0.72)
    return next(iter(near or [name for name in names if name.lower() == unknown.lower()]), None)


def misspelt(word: str, known: Iterable[str]) -> str | None:
    """Return another word that is meant without a doubt, because a letter or two differ; None without one."""
    near = difflib.get_close_matches(word, [other for other in known if other != word], n=1, cutoff=0.9)
    return near[0] if near and abs(len(near[0]) - len(word)) <= _LETTERS else None


_LETTERS = 2
"""How much longer one of two spellings of a word may be."""


def key_patterns(schema: dict[str, Any], path: list[str]) -> list[str]:
    """Return regular expressions that the keys of a map have to match; none for an object with fixed keys."""
    return [pattern for node in subschemas(schema, path) for pattern in node.get("patternProperties", {})]


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["definitions"][node["$ref"].removeprefix("#/definitions/")]
    return node


def subschemas(schema: dict[str, Any], path: list[str]) -> list[dict[str, Any]]:
    """Return the subschemas that apply to the value under a path; a list index is a decimal string."""
    nodes = [schema]
    for key in path:
        following = []
        for node in nodes:
            if key in node.get("properties", {}):
                following.append(node["properties"][key])
            elif key.isdigit() and isinstance(node.get("items"), dict):
                following.append(node["items"])
            elif isinstance(node.get("additionalProperties"), dict):
                following.append(node["additionalProperties"])
            else:
                following += node.get("patternProperties", {}).values()
        nodes = [branch for node in following for branch in _branches(schema, node)]
    return nodes


def _branches(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    node = _resolve(schema, node)
    return [node, *(_resolve(schema, branch) for branch in [*node.get("anyOf", []), *node.get("allOf", [])])]


def _paths(schema: dict[str, Any]) -> Iterator[str]:
    """Yield dotted paths of the chart's own keys, without those in Kubernetes' types, whose definitions have a dot."""
    todo: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [("", schema, ())]
    while todo:
        prefix, node, within = todo.pop()
        for name, child in node.get("properties", {}).items():
            yield f"{prefix}{name}"
            target = child.get("$ref", "").removeprefix("#/definitions/")
            if target and "." not in target and target not in within:
                todo.append((f"{prefix}{name}.", schema["definitions"][target], (*within, target)))
