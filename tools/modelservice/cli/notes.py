"""What an import prints about a field."""

from __future__ import annotations

from modelservice.cli.messages import say
from modelservice.importers.source.fields import Fate, Note


def report_note(note: Note) -> None:
    """Print what became of a field, on standard error."""
    place = f"{note.file}: " if note.file else ""
    style = "bold yellow" if note.fate is Fate.lost else "bold cyan"
    say(note.fate, f"{place}{note.path}: {note.why}", style=style)
