"""What a value becomes in the output: the lines that change with it."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.concealed import Concealer
from modelservice.errors import ModelserviceError
from modelservice.explain.changes import Changeable
from modelservice.helm import Release, Renderer
from modelservice.model.pods import reference
from modelservice.rendered import dump
from modelservice.sources import Path

_TRIES = 4
"""Other values of a key that are tried until the chart accepts one."""
_KEYS = 6
"""Keys of a section that are looked at."""


@dataclass(frozen=True)
class Effect:
    """A line of an object that depends on a value.

    Args:
        object: ``Kind/name``.
        line: number of the line in the object's YAML, counted from 1.
        text: the line, without secrets.
    """

    object: str
    line: int
    text: str


def effects(
    path: Path, before: Sequence[Mapping[str, Any]], values: Changeable, renderer: Renderer, release: Release
) -> list[Effect]:
    """Return the lines that change with a value, as they are now; those of a section for some of its keys.

    Args:
        path: the key, or a section of keys that the user wrote.
        before: the objects as they are.
        values: the values, which can be changed.
        renderer: renders the chart.
        release: the release.
    """
    keys = [given for given in values.given if given[: len(path)] == path][:_KEYS] or [path]
    changed = [after for key in keys if (after := _changed(key, values, renderer, release)) is not None]
    conceal = Concealer(before, *changed)
    found = itertools.chain.from_iterable(_lines(before, after, conceal) for after in changed)
    return list(dict.fromkeys(found))


def _changed(key: Path, values: Changeable, renderer: Renderer, release: Release) -> Sequence[Mapping[str, Any]] | None:
    """Return the objects with another value of a key; None where the chart accepts none that is tried."""
    for change in itertools.islice(values.changes(key), _TRIES):
        try:
            return renderer.render(values.given_with([change]), release).objects
        except ModelserviceError:
            continue
    return None


def _lines(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], conceal: Concealer
) -> Iterator[Effect]:
    then = {reference(obj): obj for obj in after}
    for obj in before:
        name = reference(obj)
        if name in then and then[name] == obj:
            continue
        old, new = (dump(conceal(item)).splitlines() if item else [] for item in (obj, then.get(name)))
        for kind, start, end, *_ in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind in ("replace", "delete"):
                yield from (Effect(name, index + 1, _shown(old, index)) for index in range(start, end))


def _shown(lines: Sequence[str], index: int) -> str:
    """Return a line, with the flag or the name above it where it only is the value of one."""
    line, above = lines[index].strip(), lines[index - 1].strip() if index else ""
    if above.startswith("- --") and line.startswith("- ") and "=" not in above:
        return f"{above.removeprefix('- ')} {line.removeprefix('- ')}"
    return f"{above.removeprefix('- ')}, {line}" if above.startswith("- name: ") else line
