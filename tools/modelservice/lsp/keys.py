"""What the schema says about keys: what may be under a key, with documentation, types and defaults."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelservice.lsp.analysis import schema
from modelservice.sources import Path
from modelservice.suggest import subschemas


@dataclass(frozen=True)
class Key:
    """A key that the schema knows.

    Args:
        name: its name.
        description: Markdown.
        types: names of JSON types that its value may have.
        default: its default as JSON; empty without one.
        choices: the only values that it may have; empty where there are others.
        examples: values to choose from, among others.
        deprecated: whether it is left over from older versions.
    """

    name: str
    description: str
    types: tuple[str, ...]
    default: str
    choices: tuple[Any, ...]
    examples: tuple[Any, ...]
    deprecated: bool

    @property
    def type(self) -> str:
        """The types for people."""
        if self.choices:
            return " | ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        return " | ".join(name for name in self.types if name != "null")


@functools.lru_cache(maxsize=512)
def keys_below(path: Path) -> tuple[Key, ...]:
    """Return the keys that a map may have, as far as they are fixed, in the order of the schema."""
    found: dict[str, Key] = {}
    for node in subschemas(schema(), _steps(path)):
        for name, field in node.get("properties", {}).items():
            found.setdefault(name, _key(name, field, (*path, name)))
    return tuple(found.values())


def key_at(path: Path) -> Key | None:
    """Return a key; None for one that the schema does not name."""
    if not path or isinstance(path[-1], int):
        return None
    return next((key for key in keys_below(path[:-1]) if key.name == path[-1]), None)


def choices_at(path: Path) -> list[Any]:
    """Return the values that a key or an item may have, as far as the schema lists them."""
    found: list[Any] = []
    for node in subschemas(schema(), _steps(path)):
        found += node.get("enum", [])
        found += [node["const"]] if "const" in node else []
        found += [True, False] if "boolean" in _types(node) else []
    return list(dict.fromkeys(choice for choice in found if choice is not None and choice != ""))


def _key(name: str, field: dict[str, Any], path: Path) -> Key:
    known = subschemas(schema(), _steps(path))
    types = dict.fromkeys(item for node in known for item in _types(node))
    enums = [tuple(node["enum"]) for node in known if "enum" in node]
    examples: list[Any] = field.get("examples") or next((node["examples"] for node in known if "examples" in node), [])
    default = field.get("default", next((node["default"] for node in known if "default" in node), None))
    return Key(
        name,
        field.get("description") or next((node["description"] for node in known if "description" in node), ""),
        tuple(types),
        "" if default is None else json.dumps(default, ensure_ascii=False),
        tuple(choice for choice in enums[0] if choice not in (None, "")) if len(enums) == 1 else (),
        tuple(examples),
        bool(field.get("deprecated")),
    )


def _types(node: dict[str, Any]) -> Iterator[str]:
    types = node.get("type", [])
    yield from [types] if isinstance(types, str) else types


def _steps(path: Path) -> list[str]:
    return [str(part) for part in path]
