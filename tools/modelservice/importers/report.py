"""What became of each part of a source: kept, changed or lost, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelservice.importers.source.documents import Document, dotted


class Outcome(StrEnum):
    """What becomes of a field."""

    kept = "kept"
    """The chart does the same."""
    changed = "changed"
    """The chart does something similar; the reason says what."""
    lost = "lost"
    """The chart has no equivalent; the reason says why, and what to do instead."""


@dataclass(frozen=True)
class Note:
    """What became of one part of the source.

    Args:
        outcome: kept, changed or lost.
        path: dotted path in the source.
        why: the reason, one sentence without a full stop.
        values: values key that it became.
        file: place in the source, ``model.yaml:12``.
        unknown: the field is not known to the importer.
        value: its value in the source, unless that is a map or a list.
    """

    outcome: Outcome
    path: str
    why: str = ""
    values: str = ""
    file: str = ""
    unknown: bool = False
    value: Any = None

    def __str__(self) -> str:
        place = f"{self.file}: " if self.file else ""
        target = f" ({self.values})" if self.values and self.outcome is not Outcome.lost else ""
        return f"{place}{self.path}: {self.outcome}{target}{f': {self.why}' if self.why else ''}"


@dataclass
class ConversionReport:
    """The notes of one conversion, each once."""

    notes: list[Note] = field(default_factory=list)

    def kept(
        self, path: str | Sequence[str | int], why: str, *, values: str = "", document: Document | None = None
    ) -> None:
        """Note that something is kept."""
        self._add(Outcome.kept, path, why, values, document)

    def changed(
        self, path: str | Sequence[str | int], why: str, *, values: str = "", document: Document | None = None
    ) -> None:
        """Note that something is done in another way."""
        self._add(Outcome.changed, path, why, values, document)

    def lost(
        self, path: str | Sequence[str | int], why: str, *, document: Document | None = None, unknown: bool = False
    ) -> None:
        """Note that something has no equivalent."""
        self._add(Outcome.lost, path, why, "", document, unknown)

    def note_changing(self, functions: Mapping[str, str]) -> None:
        """Note functions of templates that give another result at each import, by their place."""
        for name, place in functions.items():
            self.changed(place, f"the template's {name} gives another text at each import; set a constant in its place")

    def extend(self, notes: Iterable[Note]) -> None:
        """Add notes that are not there yet."""
        self.notes += [note for note in dict.fromkeys(notes) if note not in self.notes]

    def _add(
        self,
        outcome: Outcome,
        path: str | Sequence[str | int],
        why: str,
        values: str,
        document: Document | None,
        unknown: bool = False,
    ) -> None:
        file = document.where(path) if document is not None and not isinstance(path, str) else ""
        self.extend([Note(outcome, path if isinstance(path, str) else dotted(path), why, values, file, unknown)])
