"""What an import prints about a field."""

from __future__ import annotations

from modelservice.cli.messages import say
from modelservice.importers.report import Note, Outcome


def report_note(note: Note) -> None:
    """Print what became of a field, on standard error."""
    place = f"{note.file}: " if note.file else ""
    style = "bold yellow" if note.outcome is Outcome.lost else "bold cyan"
    say(note.outcome, f"{place}{note.path}: {note.why}", style=style)
