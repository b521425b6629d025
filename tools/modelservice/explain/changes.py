"""Values with others under some keys: which keys can be changed, and to what."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

import jsonschema_rs

from modelservice.explain.alternatives import alternatives
from modelservice.helm import SCHEMA
from modelservice.inputs import Values, read_defaults
from modelservice.kubernetes import merge
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.sources import Path, leaves

_REFERENCES: Mapping[str | int, str] = {"resourceProfile": "resourceProfiles"}
"""Keys that name an entry of a section: the chart accepts no other value."""


@dataclass(frozen=True)
class Change:
    """Another value under one key; None removes it."""

    path: Path
    value: Any


Group = Sequence[Change]


class Changeable:
    """The values that a user gave, and a chart's defaults under them.

    Args:
        values: the values that the user gave.
        chart: directory of the chart.
        words: names in the line that is looked at; of a map's fields those are tried first.
    """

    def __init__(self, values: Values, chart: Folder, words: Sequence[str]) -> None:
        self._values, self._words = values, words
        self._schema, self._validator = _compiled((chart / SCHEMA).read_text(encoding="utf-8"))
        self._defaults = read_defaults(chart)

    @functools.cached_property
    def given(self) -> list[Path]:
        """The keys that the user wrote."""
        return [path for path, _ in leaves(self._values) if path]  # no values at all are one leaf without a key

    @functools.cached_property
    def defaults(self) -> list[Path]:
        """The chart's other keys, its lists as a whole."""
        paths = dict.fromkeys(_without_items(path) for path, _ in leaves(self._defaults))
        return [path for path in paths if found_at(self._values, path) is MISSING]

    @functools.cached_property
    def _effective(self) -> Values:
        return merge.helm(self._defaults, self._values, null_removes=True)

    def current(self, path: Path) -> Any:
        """Return the value in effect; :data:`MISSING` without one."""
        return found_at(self._effective, path)

    def changes(self, path: Path) -> Iterator[Change]:
        """Yield other values of a key that the schema accepts.

        Without the key is one of them where the user wrote it. Removing a default is not: the chart rejects that
        for most, and what another value does not change, no value does not either.
        """

        def valid(other: Any) -> bool:
            return bool(self._validator.is_valid(self._sections([Change(path, other)])))

        for other in self._others(path, valid):
            if other is not None or path in self._written:
                yield Change(path, other)

    def _others(self, path: Path, valid: Callable[[Any], bool]) -> Iterator[Any]:
        current = self.current(path)
        section = _REFERENCES.get(path[-1])
        if section is None:
            return alternatives(current, path, self._schema, self._words, valid)
        return filter(current.__ne__, [*(self._effective.get(section) or {}), None])

    @functools.cached_property
    def _written(self) -> frozenset[Path]:
        return frozenset(self.given)

    def given_with(self, changes: Sequence[Change]) -> Values:
        """Return what the user would have given."""
        values = self._values
        for change in reversed(changes):  # the last items of a list first, so that removed ones do not move others
            values = _with(values, change.path, change.value)
        return values

    def effective(self, changes: Sequence[Change] = ()) -> Values:
        """Return what would be in effect, the defaults included."""
        changed = {change.path[0] for change in changes}
        others = {name: section for name, section in self._effective.items() if name not in changed}
        return others | self._sections(changes)

    def _sections(self, changes: Sequence[Change]) -> Values:
        """Return the changed sections as they would be in effect."""
        names = {change.path[0] for change in changes}
        defaults, given = (
            {name: section for name, section in values.items() if name in names}
            for values in (self._defaults, self.given_with(changes))
        )
        return merge.helm(defaults, given, null_removes=True)


def words(value: Any) -> Iterator[str]:
    """Yield the keys in a value, at any depth."""
    if isinstance(value, Mapping):
        yield from map(str, value)
    if isinstance(value, Mapping | list):
        yield from itertools.chain.from_iterable(map(words, value.values() if isinstance(value, Mapping) else value))


@functools.lru_cache(maxsize=4)
def _compiled(schema: str) -> tuple[dict[str, Any], jsonschema_rs.Draft7Validator]:
    """Return a schema, and what validates by it; editors change many values by one schema."""
    loaded = json.loads(schema)
    return loaded, jsonschema_rs.Draft7Validator(loaded)


def _without_items(path: Path) -> Path:
    """Return a path up to its first list, which is changed as a whole."""
    return path[: next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))]


def _with(values: Values, path: Path, value: Any) -> Values:
    """Return values with another one under a path; nothing is copied but what leads there."""
    *above, last = path
    changed = dict(values)
    node: Any = changed
    for part in above:
        below = node.get(part) if isinstance(node, dict) else node[part]
        node[part] = list(below) if isinstance(below, list) else dict(below) if isinstance(below, dict) else {}
        node = node[part]
    if isinstance(last, int) and value is None:
        del node[last]
    else:
        node[last] = value
    return changed
