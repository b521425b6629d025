"""The result of an import: the values of one release, and what became of its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.importers.report import Note, Outcome
from modelservice.importers.source.secrets import NeededSecret
from modelservice.importers.values_file import values_file


@dataclass(frozen=True)
class Imported:
    """The values of one release, and what became of its source.

    Args:
        system: name of the system.
        name: name of the model's workloads in the source.
        namespace: its namespace; empty where the source does not state one.
        values: values that the chart accepts.
        notes: what was kept, changed and lost.
        secrets: Secrets that the values refer to and that were not copied.
        sources: names of the files.
    """

    system: str
    name: str
    namespace: str
    values: dict[str, Any]
    notes: Sequence[Note]
    secrets: Sequence[NeededSecret]
    sources: Sequence[str]

    @property
    def text(self) -> str:
        """The values file."""
        return values_file(
            self.values,
            system=self.system,
            sources=self.sources,
            notes=self.notes,
            secrets=self.secrets,
            namespace=self.namespace,
        )

    @property
    def losses(self) -> list[Note]:
        """What the chart has no equivalent for, and fields that are not known."""
        return [note for note in self.notes if note.outcome is Outcome.lost]

    def to_json(self) -> dict[str, Any]:
        """Return the import for machines."""
        return {
            "system": self.system,
            "name": self.name,
            "namespace": self.namespace,
            "values": self.values,
            "notes": [
                {
                    "outcome": note.outcome,
                    "path": note.path,
                    "values": note.values,
                    "why": note.why,
                    "file": note.file,
                    "unknown": note.unknown,
                }
                for note in self.notes
            ],
            "secrets": [
                {"name": needed.name, "keys": list(needed.keys), "command": needed.command(self.namespace)}
                for needed in self.secrets
            ],
        }
