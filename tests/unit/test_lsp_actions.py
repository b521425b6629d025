"""Code actions of the language server: what is marked is cured by an edit, and everything else stays as it is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from lsprotocol import types

from modelservice.lsp.positions import Text
from modelservice.project import PROJECT_FILE
from support.values_editor import MARKED, ValuesEditor, values_editor

EVERYTHING = types.Range(types.Position(0, 0), types.Position(1000, 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("values")


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[ValuesEditor]:
    with values_editor(folder) as opened:
        yield opened


def offered(editor: ValuesEditor, path: Path, within: types.Range = EVERYTHING) -> Sequence[types.CodeAction]:
    context = types.CodeActionContext(diagnostics=[])
    parameters = types.CodeActionParams(types.TextDocumentIdentifier(path.as_uri()), within, context)
    return editor.ask(types.TEXT_DOCUMENT_CODE_ACTION, parameters) or ()


def edited(text: str, edits: Sequence[types.TextEdit]) -> str:
    """Return a text with edits made as an editor makes them, the last one first."""
    places = Text(text)
    for edit in sorted(edits, key=lambda edit: (edit.range.start.line, edit.range.start.character), reverse=True):
        text = text[: places.offset(edit.range.start)] + edit.new_text + text[places.offset(edit.range.end) :]
    return text


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# é😀\ndecode: {'é😀': 1, replcas: 2} # 😀 how many\n".replace("'é😀': 1, ", ""),
            "# é😀\ndecode: {replicas: 2} # 😀 how many\n",
        ),
        ("decode:\n  replicas: '2'   # two\n", "decode:\n  replicas: 2   # two\n"),
    ],
)
def test_a_certain_cure_is_the_preferred_action(
    editor: ValuesEditor, folder: Path, before: str, after: str, ends: str
) -> None:
    path, text = folder / "values.yaml", (MARKED + before).replace("\n", ends)
    editor.type(path, text)
    assert editor.diagnostics(path)
    preferred = [item for item in offered(editor, path) if item.is_preferred]
    (action,) = preferred
    assert action.kind == types.CodeActionKind.QuickFix and action.diagnostics and action.edit and action.edit.changes
    result = edited(text, action.edit.changes[path.as_uri()])
    assert result == (MARKED + after).replace("\n", ends)
    editor.type(path, result)
    assert [item for item in editor.diagnostics(path) if item.severity == types.DiagnosticSeverity.Error] == []
    assert [item for item in offered(editor, path) if item.is_preferred] == []


def test_only_what_is_marked_at_the_cursor_is_cured(editor: ValuesEditor, folder: Path) -> None:
    path = folder / "values.yaml"
    editor.type(path, MARKED + "decode:\n  replcas: 2\nprefill:\n  replcas: 2\n")
    assert editor.diagnostics(path)
    cursor = types.Position(2, 4)
    titles = [item.title for item in offered(editor, path, types.Range(cursor, cursor))]
    assert titles and all("decode" in title for title in titles)
    assert len(offered(editor, path)) == 2 * len(titles)


def test_a_cure_edits_the_layer_that_has_the_key(editor: ValuesEditor, folder: Path) -> None:
    (folder / PROJECT_FILE).write_text("stacks: {prod: {values: [base.yaml, top.yaml]}}")
    top = folder / "top.yaml"
    (folder / "base.yaml").write_text("decode: {replcas: 2}\n")
    editor.type(top, "prefill: {replcas: 1}\n")
    assert editor.diagnostics(top)
    (action,) = [item for item in offered(editor, top) if item.is_preferred]
    assert action.edit and action.edit.changes and list(action.edit.changes) == [top.as_uri()]


def test_a_broken_text_has_no_actions(editor: ValuesEditor, folder: Path) -> None:
    path = folder / "values.yaml"
    editor.type(path, MARKED + "decode:\n  replcas: 2\n")
    assert editor.diagnostics(path)
    editor.type(path, MARKED + "decode:\n  replcas: 2\n  x\n")
    assert editor.diagnostics(path)
    assert not offered(editor, path)
