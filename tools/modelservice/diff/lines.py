"""Changed fields as lines of a diff, for the texts that people read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.diff.objects import Action, Cause, Field, ObjectChange
from modelservice.kubernetes.dotted import MISSING
from modelservice.rendered import dump

_LONGEST = 100
"""Letters of a value that is shown on the line of its field."""

SIGNS = {Action.added: "+", Action.changed: "~", Action.removed: "-", Action.kept: "="}


def lines(field: Field) -> Iterator[tuple[str, str]]:
    """Yield the lines of a changed field, each after its sign: ``-``, ``+`` or a blank for what stays."""
    before, after = field.change.before, field.change.after
    if before is MISSING or after is MISSING:
        sign, value = ("+", after) if before is MISSING else ("-", before)
        yield from ((sign, line) for line in _text(value))
        return
    old, new = list(_text(before)), list(_text(after))
    for line in list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]:
        if not line.startswith("@@"):
            yield line[:1], line[1:]


def inline(field: Field) -> str | None:
    """Return a change of one short value by another on one line, ``2 -> 3``; None for another change."""
    sides = [_text(side) for side in (field.change.before, field.change.after) if side is not MISSING]
    if len(sides) != 2 or any(len(side) != 1 for side in sides) or sum(len(side[0]) for side in sides) > _LONGEST:
        return None
    return f"{sides[0][0]} -> {sides[1][0]}"


def reason(causes: tuple[Cause, ...]) -> str:
    """Return the values keys behind a change, with their places: ``engine.image (new.yaml:3)``."""
    return ", ".join(f"{cause.key} ({cause.place})" if cause.place else cause.key for cause in causes)


def heading(change: ObjectChange) -> str:
    """Return an object with what happens to it."""
    kept = " (Helm leaves it in the cluster)" if change.action is Action.kept else ""
    return f"{SIGNS[change.action]} {change.name}{kept}"


def _text(value: Any) -> list[str]:
    """Return a value as lines: a word list with each flag on a line of its own, others as YAML."""
    if isinstance(value, str):
        return value.splitlines() or [""]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return _words(value)
    if isinstance(value, Mapping) or (isinstance(value, list) and value):
        text = dump({"": value})
        return [line.removeprefix("  ") for line in text.splitlines()[1:]]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _words(words: list[str]) -> list[str]:
    """Return the words of a command, a flag with its value on one line."""
    found: list[str] = []
    for word in (line for text in words for line in text.splitlines()):
        if found and found[-1].startswith("--") and " " not in found[-1] and "=" not in found[-1] and word[:1] != "-":
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
