"""Whether changes have an effect on a line, as far as the line's template tells: quick, many at a time.

Where the template prints several objects, one for each role, the others are left aside: they take as much time as the
line's own, and rarely matter to it. Keys of their sections are tried with them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from enum import Enum

from modelservice.explain.batch import Batch
from modelservice.explain.changes import Change, Changeable, Group
from modelservice.explain.line import Line


class Effect(Enum):
    """What a group of changes does to a line."""

    same = 0
    differs = 1
    fails = 2
    """The template does not render; the chart rejects such values, or combinations of them."""


class Screen:
    """The line's template, rendered with changes.

    Args:
        line: the line.
        values: the values, which can be changed.
        batch: renders the line's template.
    """

    def __init__(self, line: Line, values: Changeable, batch: Batch) -> None:
        self._values, self._batch = values, batch
        self._whole = self._alone = line
        self._aside: Group = ()
        (text,) = batch.texts([values.effective()])
        self.usable = text is not None and line.same_in_text(text)
        """Whether the template prints the line without the chart's others."""
        if text is not None and self.usable and line.number > 1:
            self._leave_aside(text)

    def _leave_aside(self, text: str) -> None:
        """Leave out another object that the template prints, if the line does not depend on it."""
        for name, section in self._values.effective().items():
            if isinstance(section, dict) and section.get("create") is True:
                change = Change((name, "create"), False)
                (shorter,) = self._batch.texts([self._values.effective([change])])
                if shorter is not None and len(shorter) < len(text) and self._whole.same_in_text(shorter):
                    self._alone, self._aside = self._whole.among(shorter), (change,)
                    return

    def effects(self, groups: Sequence[Group]) -> list[Effect]:
        """Return what each group does; all changes of a group are in one section."""
        besides = [() if self._needs_all(group) else self._aside for group in groups]
        values = [self._values.effective([*aside, *group]) for aside, group in zip(besides, groups, strict=True)]
        texts = zip(groups, self._batch.texts(values), strict=True)
        return [self._effect(self._whole if self._needs_all(group) else self._alone, text) for group, text in texts]

    def _needs_all(self, group: Group) -> bool:
        return any(change.path[0] == group[0].path[0] for change in self._aside)

    @functools.cache  # noqa: B019  # lives as long as one explanation
    def _effect(self, line: Line, text: str | None) -> Effect:
        if text is None:
            return Effect.fails
        return Effect.same if line.same_in_text(text) else Effect.differs
