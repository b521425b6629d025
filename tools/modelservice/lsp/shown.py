"""The diagnostics of all files as they are shown: in the texts of now, whatever was analysed last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from modelservice.lsp.analysis import Analysis
from modelservice.lsp.diagnostics import diagnostic, located, syntax_error
from modelservice.lsp.workspace import Workspace


def shown(files: Workspace) -> dict[Path, list[types.Diagnostic]]:
    """Return the diagnostics of every file of every stack, each once, with those of a text that is no YAML."""
    found: dict[Path, list[types.Diagnostic]] = {}
    for analysis in files.analyses.values():
        for name in analysis.texts:
            found.setdefault(Path(name).resolve(), [])
        for path, item in _of(analysis, files):
            found[path] += [item] if item not in found[path] else []
    for path, document in files.documents.items():
        error = document.error
        if error and path in found:
            others = [item for item in found[path] if item.code != error.rule]
            found[path] = [syntax_error(error.line, error.message, document.text), *others]
    return found


def _of(analysis: Analysis, files: Workspace) -> Iterator[tuple[Path, types.Diagnostic]]:
    for item in located(analysis):
        path = Path(item.file).resolve()
        _, text = files.current(path, analysis.texts[item.file].content)
        if made := diagnostic(item, analysis, text):
            yield path, made
