"""Files typed character by character: mostly not valid YAML, and never an error of the server or a wrong range."""

from pathlib import Path

import pytest
from lsprotocol import types

from modelservice.lsp.completion import completions
from modelservice.lsp.hints import hints
from modelservice.lsp.hover import hover
from modelservice.lsp.positions import Span, Text, moved
from modelservice.lsp.shown import shown
from modelservice.lsp.symbols import symbols
from modelservice.lsp.tree import Tree
from modelservice.lsp.workspace import Workspace, assess
from support.render import ROOT
from support.values_editor import MARKED, values_editor

FILES = [
    "single", "pd", "multinode", "dra", "adapters", "heterogeneous", "observability", "production", "stateful", "simulator",
]  # fmt: skip
EVERYTHING = types.Range(types.Position(0, 0), types.Position(10_000, 0))


def require_sound(diagnostics: list[types.Diagnostic], text: Text) -> None:
    """Require ranges that are in the text, in one line, and of what is written there."""
    rows = text.lines
    for item in diagnostics:
        start, end = item.range.start, item.range.end
        assert start.line == end.line < len(rows), item
        units = rows[start.line].encode("utf-16-le")
        assert start.character <= end.character <= len(units) // 2, item
        said = units[2 * start.character : 2 * end.character].decode("utf-16-le")
        assert said.strip() == said and (said or not text.content.strip()), item


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_prefix_of_a_file_is_answered(name: str) -> None:
    whole = MARKED + (ROOT / "examples" / f"values-{name}.yaml").read_text()
    path = Path("/untitled/values.yaml")
    files, step = Workspace(), len(MARKED)
    for length in range(step, len(whole) + 1):
        document = files.open(path.as_uri(), whole[:length], length)
        ends_line = whole[length - 1] == "\n"
        if (ends_line and document.tree and length % 3 == 0) or length == len(whole) or not files.analyses:
            files.analyses = assess(files.readable(), files.analyses)
        require_sound(shown(files)[path], document.text)
        if length % 11 == 0:
            position = document.text.position(length)
            analysis = files.analysis_of(document)
            completions(document.text, position, analysis)
            if known := files.known(path.as_uri()):
                symbols(known.text, known.tree)
                if ends_line:
                    hints(known, EVERYTHING)
                    hover(known, position)
    errors = [item for item in shown(files)[path] if item.severity == types.DiagnosticSeverity.Error]
    assert errors == []


def test_an_editor_types_a_file(tmp_path: Path) -> None:
    whole = MARKED + "# 😀\n" + (ROOT / "examples" / "values-pd.yaml").read_text().replace("\n", "\r\n")
    path = tmp_path / "values.yaml"
    with values_editor(tmp_path) as editor:
        for length in range(len(MARKED), len(whole), 61):
            editor.type(path, whole[:length])
            place = types.TextDocumentIdentifier(path.as_uri())
            position = Text(whole[:length]).position(length)
            editor.ask(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(place, position))
            if length % 5 == 0:
                require_sound(editor.diagnostics(path), Text(whole[:length]))
                editor.ask(types.TEXT_DOCUMENT_HOVER, types.HoverParams(place, position))
                editor.ask(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, types.DocumentSymbolParams(place))
                editor.ask(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintParams(place, EVERYTHING))
        editor.type(path, whole)
        assert [item for item in editor.diagnostics(path) if item.severity == types.DiagnosticSeverity.Error] == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1500,
        "- " * 3000,
        "{a: " * 500,
        "a:\n" * 3,
        "&a [*a]",
        "&a\n- *a\n",
        "a: &a [*a]\nb: *a\n",
        "\x00",
        "? [a]\n: b",
        "<<: 1",
    ],
)
def test_strange_texts_are_answered(text: str) -> None:
    files, path = Workspace(), Path("/untitled/values.yaml")
    document = files.open(path.as_uri(), MARKED + text)
    files.analyses = assess(files.readable(), {})
    require_sound(shown(files)[path], document.text)
    completions(document.text, document.text.position(len(document.text.content)), None)
    if document.tree:
        symbols(document.text, document.tree)


# --- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "a\n", "é😀\r\n b\rc\n", "\u2028x\n\x0cy\n"])
def test_offsets_and_positions_are_each_others_inverse(text: str) -> None:
    made = Text(text)
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] != "\r\n":  # no position is between them
            assert made.offset(made.position(offset)) == offset


def test_positions_are_counted_in_utf_16_and_lines_as_the_protocol_does() -> None:
    text = Text("é😀x\r\n\u2028y\rz")
    assert [text.position(offset) for offset in (2, 3, 5, 7, 8)] == [
        types.Position(0, 3), types.Position(0, 4), types.Position(1, 0), types.Position(1, 2), types.Position(2, 0),
    ]  # fmt: skip
    assert text.offset(types.Position(0, 99)) == 3 and text.offset(types.Position(99, 0)) == len(text.content)


@pytest.mark.parametrize(
    ("after", "there"),
    [
        ("a\nb\nc\n", "b"),
        ("x\na\nb\nc\n", "b"),
        ("a\nb\nx\nc\n", "b"),
        ("a\nbx\nc\n", None),
        ("a\nc\n", None),
        ("", None),
    ],
)
def test_a_place_moves_with_its_line(after: str, there: str | None) -> None:
    span = moved(Span(2, 3), Text("a\nb\nc\n"), Text(after))
    assert (after[span.start : span.end] if span else None) == there


def test_a_key_of_an_alias_or_a_merged_map_is_found_where_it_is_written() -> None:
    text = "common: &c {tensor: 4}\ndecode:\n  parallelism: *c\nprefill:\n  parallelism:\n    <<: *c\n"
    tree = Tree(text)
    for path in (("decode", "parallelism", "tensor"), ("prefill", "parallelism", "tensor")):
        entry = tree.find(path)
        assert entry and (entry.path, entry.best) == (path, Span(text.index("4"), text.index("4") + 1))
    entry = tree.find(("decode", "parallelism"))
    assert entry and text[entry.best.start : entry.best.end] == "parallelism"
