"""What the language server tells about a key: hover, hints, outline and definition."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from modelservice.project import PROJECT_FILE
from support.render import ROOT
from support.values_editor import ValuesEditor, lines, values_editor

TOP = "# top\ndecode:\n  replicas: 3\n  engine:\n    env: {API_TOKEN: hf_abcdefghijklmnopqrst}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stack")
    (folder / PROJECT_FILE).write_text("stacks: {prod: {values: [base.yaml, top.yaml], nodes: nodes.yaml}}")
    shutil.copy(ROOT / "examples" / "values-pd.yaml", folder / "base.yaml")
    shutil.copy(ROOT / "examples" / "nodes.yaml", folder / "nodes.yaml")
    (folder / "top.yaml").write_text(TOP)
    return folder


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[ValuesEditor]:
    with values_editor(folder) as opened:
        opened.type(folder / "base.yaml", (folder / "base.yaml").read_text())
        opened.type(folder / "top.yaml", TOP)
        opened.diagnostics(folder / "top.yaml")
        yield opened


def ask(editor: ValuesEditor, method: str, parameters: type[Any], path: Path, text: str, at: str) -> Any:
    """Ask about the last letter of a part of a text."""
    before = text[: text.index(at) + len(at) - 1]
    position = types.Position(before.count("\n"), len(before.rpartition("\n")[2].encode("utf-16-le")) // 2)
    return editor.ask(method, parameters(types.TextDocumentIdentifier(path.as_uri()), position))


def hover(editor: ValuesEditor, path: Path, at: str, text: str | None = None) -> str:
    answer = ask(editor, types.TEXT_DOCUMENT_HOVER, types.HoverParams, path, text or path.read_text(), at)
    return str(answer.contents.value) if answer else ""


@pytest.mark.parametrize(
    ("file", "at", "shown"),
    [
        ("base.yaml", "tensor", [
            "**decode.parallelism.tensor**", "Tensor parallel size", "In effect: `4` (base.yaml:28)",
            "accelerators of a pod: 4 GPUs", "accelerators in total: 12 GPUs",
            "-decode, line", "``--tensor-parallel-size '4'``", "nvidia.com/gpu: '4'",
        ]),
        ("base.yaml", "replicas", ["In effect: `3` (top.yaml:3, over base.yaml:26)", "replicas: 3"]),
        ("top.yaml", "replicas", ["In effect: `3` (top.yaml:3, over base.yaml:26)", "Default: `1`"]),
        ("base.yaml", "parallelism", ["How one model instance is spread", "accelerators in total: 12 GPUs"]),
        ("base.yaml", "max-num-batched-tokens", [
            "`--max-num-batched-tokens` of vLLM 0.32.0", "Versions: 0.11.0 to", "In effect: `16384`", "-prefill, line",
        ]),
        ("base.yaml", "image", ["Container image.", "image: vllm/vllm-openai:v0.32.0"]),
    ],
)  # fmt: skip
def test_a_key_says_what_it_is_and_does(
    editor: ValuesEditor, folder: Path, file: str, at: str, shown: list[str]
) -> None:
    text = hover(editor, folder / file, at)
    assert [part for part in shown if part not in text] == [], text


def test_a_secret_is_not_shown(editor: ValuesEditor, folder: Path) -> None:
    text = hover(editor, folder / "top.yaml", "API_TOKEN")
    assert '`"***"`' in text and "hf_abc" not in text


def test_nothing_is_said_about_a_comment_or_a_broken_text(editor: ValuesEditor, folder: Path) -> None:
    assert hover(editor, folder / "top.yaml", "top") == ""
    path, broken = folder / "top.yaml", TOP + "  x\n"
    editor.type(path, broken)
    assert hover(editor, path, "replicas", broken) == ""
    editor.type(path, TOP)
    editor.diagnostics(path)


def test_hints_have_the_derived_numbers(editor: ValuesEditor, folder: Path) -> None:
    everything = types.Range(types.Position(0, 0), types.Position(1000, 0))
    path = folder / "base.yaml"
    parameters = types.InlayHintParams(types.TextDocumentIdentifier(path.as_uri()), everything)
    answer = editor.ask(types.TEXT_DOCUMENT_INLAY_HINT, parameters)
    rows = path.read_text().split("\n")
    hints = [(rows[item.position.line].strip(), item.label) for item in answer]
    assert ("parallelism:", "= 3 pods × 4 = 12 GPUs") in hints
    assert ("parallelism:", "= 4 pods × 2 = 8 GPUs") in hints
    assert [label for _, label in hints if label.startswith("KV: ") and label.endswith("k tokens")]
    parameters.range = types.Range(types.Position(0, 0), types.Position(3, 0))
    assert not editor.ask(types.TEXT_DOCUMENT_INLAY_HINT, parameters)


def test_a_definition_is_every_layer_that_sets_the_key(editor: ValuesEditor, folder: Path) -> None:
    path = folder / "base.yaml"
    answer = ask(editor, types.TEXT_DOCUMENT_DEFINITION, types.DefinitionParams, path, path.read_text(), "replicas")
    assert [Path(item.uri).name for item in answer] == ["top.yaml", "base.yaml"]
    assert [lines((folder / Path(item.uri).name).read_text(), item.range) for item in answer] == ["replicas"] * 2


def test_the_manifests_are_shown_and_follow_the_values(editor: ValuesEditor, folder: Path) -> None:
    path = folder / "top.yaml"
    command = types.ExecuteCommandParams("modelservice.showManifests", [path.as_uri()])
    uri = editor.ask(types.WORKSPACE_EXECUTE_COMMAND, command)
    (shown,) = editor.shown
    file = Path(uri.removeprefix("file://"))
    assert shown == uri and "kind: Deployment" in file.read_text()
    assert file.parent.parent.stat().st_mode & 0o077 == 0
    editor.type(path, TOP.replace("replicas: 3", "replicas: 17"))
    editor.until(lambda: "replicas: 17" in file.read_text())
    editor.type(path, TOP.replace("replicas: 3", "replicas: -1"))
    assert editor.diagnostics(path)
    assert "replicas: 17" in file.read_text(), "rejected values keep the last manifests"
    editor.type(path, TOP)
    editor.until(lambda: "replicas: 3" in file.read_text())


def test_the_outline_has_keys_and_named_items(editor: ValuesEditor, folder: Path) -> None:
    path, text = (
        folder / "values.yaml",
        "decode:\n  containers:\n  - name: vllm\n    args: [--port, '80']\nfiles: {é😀: a}\n",
    )
    editor.type(path, text)
    answer = editor.ask(
        types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, types.DocumentSymbolParams(types.TextDocumentIdentifier(path.as_uri()))
    )
    decode, files = answer
    (containers,) = decode.children
    (vllm,) = containers.children
    assert [(item.name, item.detail) for item in (decode, containers, vllm, *vllm.children, *files.children)] == [
        ("decode", None), ("containers", None), ("vllm", None), ("name", "vllm"), ("args", None), ("é😀", "a"),
    ]  # fmt: skip
    assert lines(text, files.children[0].range) == "é😀: a"
    assert lines(text, decode.range).startswith("decode:") and lines(text, decode.range).endswith("'80']")
    editor.close(path)
