"""How values are written as YAML that Kubernetes and Helm read: on one line, or as a block."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from modelservice.rendered import ValuesDumper

STEP = "  "
"""Indentation of a level."""

WIDTH = 80
"""Characters up to which a map or list is written on one line."""


def inline(value: Any, *, in_flow: bool, style: str | None = None) -> str:
    """Return a value on one line.

    Args:
        value: the value.
        in_flow: whether it comes into braces or brackets, where commas end it.
        style: the quotes of the text that it replaces.
    """
    if isinstance(value, str) and style == "'" and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, str) and style == '"':
        return json.dumps(value, ensure_ascii=False)
    if in_flow or isinstance(value, dict | list):
        return _dumped([value])[1:-1]
    return _dumped(value) if "\n" not in str(value) else json.dumps(value, ensure_ascii=False)


def name(key: str | int, style: str | None = None) -> str:
    """Return a key.

    Args:
        key: the key.
        style: the quotes of the key that it replaces.
    """
    if style:
        return inline(str(key), in_flow=True, style=style)
    return _dumped({str(key): 0})[1:-1].removesuffix(": 0")


def _dumped(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=ValuesDumper, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


@dataclass(frozen=True)
class Fragment:
    """What stands behind a key or dash.

    Args:
        first: the rest of its line.
        below: the lines below, with their indentation relative to the key.
        value: the value, where a line in braces is needed.
    """

    first: str
    below: tuple[str, ...]
    value: Any

    @classmethod
    def of(cls, value: Any) -> Fragment:
        """Return the fragment of a value, on one line where that is short."""
        short = inline(value, in_flow=False)
        if isinstance(value, dict | list) and value and len(short) > WIDTH:
            return cls("", tuple(_block(value)), value)
        return cls(short, (), value)

    def within(self, names: tuple[str | int, ...]) -> Fragment:
        """Return the fragment below further keys, the outermost first."""
        found = self
        for key in reversed(names):
            listed = isinstance(key, int)
            value = [found.value] if listed else {key: found.value}
            short = inline(value, in_flow=False)
            if not found.below and "#" not in found.first and len(short) <= WIDTH:
                found = Fragment(short, (), value)
            else:
                lines = found.at("-" if listed else f"{name(key)}:")
                found = Fragment("", tuple(STEP + line if line.strip() else line for line in lines), value)
        return found

    def at(self, key: str) -> list[str]:
        """Return the lines of the fragment behind a key with its colon, or a dash."""
        if key == "-" and not self.first and self.below:
            return ["- " + self.below[0].strip(), *self.below[1:]]
        return [f"{key} {self.first}".rstrip(), *self.below]


def _block(value: Any) -> list[str]:
    """Return the lines of a map or list, indented below its key."""
    lines: list[str] = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in entries:
        label = "-" if isinstance(value, list) else f"{name(key)}:"
        lines += [STEP + line for line in Fragment.of(item).at(label)]
    return lines
