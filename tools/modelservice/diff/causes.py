"""The values keys behind each change, found by rendering: what would not change if one key had stayed as it was?"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.diff.objects import Action, Cause, ObjectChange
from modelservice.diff.side import Identity, Object
from modelservice.errors import ModelserviceError
from modelservice.explain.address import at
from modelservice.inputs import Values
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.sources import Path, Sources, dotted

Objects = Mapping[Identity, Object]
Render = Callable[[Values], Objects]

WHOLE = ""
"""Path that stands for the whole object."""


@dataclass(frozen=True)
class Causes:
    """The search for the keys behind the changes of an upgrade.

    Args:
        before: values before the upgrade; None where they are not known, which makes every key of the new ones a
            candidate.
        after: values after it.
        render: renders values as the release after the upgrade.
    """

    before: Sources | None
    after: Sources
    render: Render

    def of(self, changes: Sequence[ObjectChange], new: Objects) -> list[ObjectChange]:
        """Return changes with the keys behind them."""
        if not changes:
            return []
        found: dict[Identity, dict[str, list[Path]]] = {change.key: {} for change in changes}
        paths = list(differing(self._old, self.after.values))
        rejected = [path for path in paths if not self._revert(path, changes, new, found)]
        unexplained = [change for change in changes if _unexplained(change, found[change.key])]
        if unexplained and self.before is not None:
            self._advance(rejected if rejected else paths, unexplained, found)
        return [
            change.with_causes({path: tuple(map(self._cause, keys)) for path, keys in found[change.key].items()})
            for change in changes
        ]

    @property
    def _old(self) -> Values:
        return self.before.values if self.before is not None else {}

    def _revert(
        self, path: Path, changes: Sequence[ObjectChange], new: Objects, found: Mapping[Identity, dict[str, list[Path]]]
    ) -> bool:
        """Note what stays as it was where a key does; return whether the chart accepts that."""
        try:
            objects = self.render(with_value(self.after.values, path, found_at(self._old, path)))
        except ModelserviceError:
            return False
        for change in changes:
            for field in _differing(change, objects, new):
                found[change.key].setdefault(field, []).append(path)
        return True

    def _advance(
        self, paths: Sequence[Path], changes: Sequence[ObjectChange], found: Mapping[Identity, dict[str, list[Path]]]
    ) -> None:
        """Note what a key changes by itself in the old values, for changes that no key explains yet."""
        try:
            old = self.render(self._old)
        except ModelserviceError:
            return
        for path in paths:
            try:
                objects = self.render(with_value(self._old, path, found_at(self.after.values, path)))
            except ModelserviceError:
                continue
            for change in changes:
                known = found[change.key]
                for field in [name for name in _differing(change, objects, old) if name not in known]:
                    known[field] = [path]

    def _cause(self, path: Path) -> Cause:
        key = dotted(path)
        there = found_at(self.after.values, path) is not MISSING
        sources = self.after if there or self.before is None else self.before
        place = sources.place(key) if sources.places(key) or there else None
        return Cause(sources.full(key), "--set" if sources.set_by_option(key) else str(place) if place else None)


def differing(old: Any, new: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the keys in which two values differ; lists of the same length by their items, others as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from differing(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and path:
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differing(one, other, (*path, index))
    elif isinstance(new, Mapping) and old is MISSING and new:
        for key in new:
            yield from differing(MISSING, new[key], (*path, key))
    elif isinstance(old, Mapping) and new is MISSING and old:
        for key in old:
            yield from differing(old[key], MISSING, (*path, key))
    elif old is not new and old != new:
        yield path


def with_value(values: Values, path: Path, value: Any) -> Values:
    """Return values with another one under a key, or without the key; maps above it that become empty go too."""
    changed = copy.deepcopy(dict(values))
    node: Any = changed
    parents: list[tuple[Any, str | int]] = []
    for part in path[:-1]:
        if isinstance(node, dict) and not isinstance(node.get(part), dict | list):
            if value is MISSING:
                return changed
            node[part] = {}
        parents.append((node, part))
        node = node[part]
    if value is not MISSING:
        node[path[-1]] = value
        return changed
    if not isinstance(node, dict) or path[-1] in node:
        del node[path[-1]]
    for parent, part in reversed(parents):
        if parent[part] == {} and isinstance(parent, dict):
            del parent[part]
    return changed


def _differing(change: ObjectChange, objects: Objects, base: Objects) -> Iterator[str]:
    """Yield the fields of a change that differ between two renders; :data:`WHOLE` where the object does."""
    there, before = objects.get(change.key), base.get(change.key)
    if change.action is not Action.changed or there is None or before is None:
        if (there is None) != (before is None):
            yield WHOLE
            yield from (field.path for field in change.fields)
        return
    for field in change.fields:
        if at(there, field.path) != at(before, field.path):
            yield field.path


def _unexplained(change: ObjectChange, found: Mapping[str, list[Path]]) -> bool:
    if change.action is Action.changed:
        return any(field.path not in found for field in change.fields)
    return WHOLE not in found
