"""Derived numbers at the end of lines: accelerators of a role and the tokens of its KV cache."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from modelservice.lsp.figures import accelerators, cache, role_of
from modelservice.lsp.workspace import Known
from modelservice.sources import Path

_ACCELERATORS_AT: Sequence[Path] = (("parallelism",), ("replicas",))
_CACHE_AT: Sequence[Path] = (
    ("engine", "args", "gpu-memory-utilization"),
    ("engine", "args", "max-model-len"),
    ("parallelism",),
)


def hints(known: Known, within: types.Range) -> list[types.InlayHint]:
    """Return the hints of the lines in a range."""
    found = []
    for entry in known.tree.entries():
        role = role_of(str(entry.path[0]), known.analysis) if len(entry.path) == 1 else None
        numbers, tokens = (accelerators(role), cache(role)) if role else ("", "")
        found += _first(known, entry.path, _ACCELERATORS_AT, f"= {numbers}") if numbers else []
        found += _first(known, entry.path, _CACHE_AT, tokens) if tokens else []
    return [hint for hint in found if within.start.line <= hint.position.line <= within.end.line]


def _first(known: Known, role: Path, places: Sequence[Path], label: str) -> list[types.InlayHint]:
    """Return a hint at the first of some keys of a role that the file has, at the role itself without one."""
    for below in (*places, ()):
        entry = known.tree.find((*role, *below))
        if entry is not None and entry.path == (*role, *below):
            end = known.text.words_of_line(known.text.line_of(entry.key.start)).end
            return [types.InlayHint(known.text.position(end), label, padding_left=True)]
    return []
