"""Which keys a line depends on: found by rendering with their values changed, not by guessing.

The chart has hundreds of keys, few of which matter to a line. So the keys that the user wrote are changed one by one,
and the defaults in groups: where a whole section changed leaves the line as it is, none of its keys matters, and only
groups that change it are divided. These renders are a :class:`~modelservice.explain.screen.Screen`. Where a key
changes the line there, the whole chart has the last word, because it may reject the value.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Sequence

from modelservice.errors import ModelserviceError
from modelservice.explain.changes import Change, Changeable, Group
from modelservice.explain.line import Line
from modelservice.explain.screen import Effect, Screen
from modelservice.helm import Release, Renderer
from modelservice.sources import Path

_PARTS = 3
"""Parts that a group is divided into; with more or fewer there are more renders."""

_SIBLINGS = 10
"""Keys of one section that are changed one by one where the section matters."""


class Search:
    """The search for the keys that a line depends on.

    Args:
        line: the line.
        values: the values, which can be changed.
        whole: renders the whole chart.
        release: the release.
        screen: finds the changes that are worth a render of the whole chart; None to render it for all of them, which
            takes a hundred times as long and finds the same.
    """

    def __init__(
        self, line: Line, values: Changeable, whole: Renderer, release: Release, screen: Screen | None
    ) -> None:
        self._line, self._values, self._whole, self._release, self._screen = line, values, whole, release, screen

    def keys(self, *, exact: bool) -> list[Path]:
        """Return the keys with a value that the chart accepts and that changes the line.

        Args:
            exact: ask the whole chart about defaults too. Otherwise some may be among them with no value that the
                chart accepts next to the user's.
        """
        paths = [*self._values.given, *self._values.defaults]
        unsure = set(paths if exact else self._values.given)
        untried = {path: self._values.changes(path) for path in paths}
        single, rejected = set(self._values.given), set[Path]()
        found: list[Path] = []
        while changes := [change for values in untried.values() if (change := next(values, None))]:
            untried = {change.path: untried[change.path] for change in changes}
            for change in self._promising(_sections(changes, single)):
                if change.path in unsure and not self._changes_whole(change):
                    rejected.add(change.path)
                else:
                    found.append(change.path)
                    del untried[change.path]
            single = rejected  # the next value of these is worth a try by itself
        return found

    def _promising(self, groups: Sequence[Group]) -> list[Change]:
        """Return the changes that alone change the line, unless the chart rejects them."""
        if self._screen is None:
            return list(itertools.chain(*groups))
        found: list[Change] = []
        while groups:
            effects = list(zip(groups, self._screen.effects(groups), strict=True))
            found += [group[0] for group, effect in effects if len(group) == 1 and effect is Effect.differs]
            divided = [group for group, effect in effects if len(group) > 1 and effect is not Effect.same]
            groups = [part for group in divided for part in _parts(group)]
        return found

    def _changes_whole(self, change: Change) -> bool:
        try:
            return not self._line.same_in(self._whole.render(self._values.given_with([change]), self._release))
        except ModelserviceError:
            return False


def _sections(changes: Group, single: Container[Path]) -> list[Group]:
    """Return groups to begin with: some keys by themselves, the others of a section together.

    What switches something off is a group of its own, because it would hide what the others do.
    """
    others = sorted(
        (change for change in changes if change.path not in single), key=lambda change: change.value is False
    )
    sections = itertools.groupby(others, lambda change: (change.value is False, change.path[0]))
    return [*([change] for change in changes if change.path in single), *(list(section) for _, section in sections)]


def _parts(group: Group) -> Iterator[Group]:
    """Divide a group at the borders of its sections, and a few keys of one section into single ones.

    Keys of one section may cancel each other out, e.g. twice the pipeline stages on twice the workers.
    """
    depth = next(depth for depth in itertools.count() if len({change.path[: depth + 1] for change in group}) > 1)
    sections = [list(section) for _, section in itertools.groupby(group, lambda change: change.path[: depth + 1])]
    siblings = len(group) <= _SIBLINGS and all(len(change.path) == depth + 1 for change in group)
    size = 1 if siblings else -(-len(sections) // _PARTS)
    for start in range(0, len(sections), size):
        yield list(itertools.chain(*sections[start : start + size]))
