"""The cures of findings as code actions: edits of the files of a stack that keep everything else as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from modelservice.edits.edit import Cure, NotEditableError
from modelservice.edits.text import text_edits
from modelservice.lsp.analysis import Analysis
from modelservice.lsp.diagnostics import diagnostic, located
from modelservice.lsp.positions import Span
from modelservice.lsp.workspace import Document, Workspace

QUICK_FIX = types.CodeActionKind.QuickFix


def actions(files: Workspace, document: Document, within: types.Range) -> list[types.CodeAction]:
    """Return the cures of what is wrong in a range of a file, the certain ones first."""
    found = [
        action
        for analysis in files.analyses_of(document)
        for marked, cure in _cures(analysis, document, within)
        if (action := _action(cure, marked, analysis, files))
    ]
    unique = {(action.title, marked.message): action for action in found for marked in action.diagnostics or ()}
    return sorted(unique.values(), key=lambda action: not action.is_preferred)


def _cures(
    analysis: Analysis, document: Document, within: types.Range
) -> Iterator[tuple[types.Diagnostic, Cure]]:  # fmt: skip
    """Yield the cures of the findings whose diagnostics touch a range."""
    for item in located(analysis):
        if Path(item.file).resolve() != document.path or not item.finding.cures:
            continue
        marked = diagnostic(item, analysis, document.text)
        if marked is not None and _touch(marked.range, within):
            yield from ((marked, cure) for cure in item.finding.cures)


def _touch(one: types.Range, other: types.Range) -> bool:
    return _key(one.start) <= _key(other.end) and _key(other.start) <= _key(one.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _action(cure: Cure, marked: types.Diagnostic, analysis: Analysis, files: Workspace) -> types.CodeAction | None:
    """Return a cure as an action; None where it cannot be made."""
    if cure.blocked:
        return None
    try:
        changes = dict(_changes(cure, analysis, files))
    except NotEditableError:
        return None
    return types.CodeAction(
        title=cure.title,
        kind=QUICK_FIX,
        diagnostics=[marked],
        is_preferred=cure.certain,
        edit=types.WorkspaceEdit(changes=changes),
    )


def _changes(cure: Cure, analysis: Analysis, files: Workspace) -> Iterator[tuple[str, list[types.TextEdit]]]:
    """Yield the edits of each file that a cure concerns, in the texts as they are now."""
    for name in dict.fromkeys(edit.file for edit in cure.edits):
        if name is None or name not in analysis.texts:
            raise NotEditableError("the edit is of no file of the stack", file=name)
        uri, text = files.current(Path(name).resolve(), analysis.texts[name].content)
        edits = text_edits(text.content, [edit for edit in cure.edits if edit.file == name], name)
        yield uri, [types.TextEdit(text.range(Span(edit.start, edit.end)), edit.text) for edit in edits]
