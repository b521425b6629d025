"""The tables of docs/importing.md, from the importers' own declarations."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice.importers.report import Outcome
from modelservice.importers.source.fields import Field
from modelservice.importers.systems import SYSTEMS


def field_tables() -> str:
    """Return, for each system and kind of document, a table of its fields and what becomes of them."""
    parts = []
    for system in SYSTEMS.values():
        parts.append(f"### {system.name}: {system.title}")
        for kind, fields in system.fields.items():
            parts.append(f"**{kind}**\n\n{_table(fields)}")
    return "\n\n".join(parts) + "\n"


def counts() -> str:
    """Return how many declared fields are kept, changed and lost, by system."""
    lines = ["| System | Kept | Changed | Lost |", "|---|---|---|---|"]
    for system in SYSTEMS.values():
        declared = [item for fields in system.fields.values() for item in _shown(fields)]
        numbers = [sum(item.outcome is outcome for item in declared) for outcome in Outcome]
        lines.append(f"| `{system.name}` | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def _shown(fields: Sequence[Field]) -> list[Field]:
    """Return the fields that people set, without those that only a server writes."""
    unique = {item.path: item for item in fields if not item.quiet}
    return list(unique.values())


def _table(fields: Sequence[Field]) -> str:
    lines = ["| Field | Values | | Why |", "|---|---|---|---|"]
    lines += [
        f"| `{item.path}` | {_code(item.values)} | {item.outcome} | {item.why.replace('|', chr(92) + '|')} |"
        for item in _shown(fields)
    ]
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
