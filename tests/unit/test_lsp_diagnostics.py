"""The language server as an editor sees it: what is wrong, at the key or value that caused it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lsprotocol.types import Diagnostic, DiagnosticSeverity

from modelservice.project import PROJECT_FILE
from support.render import ROOT
from support.values_editor import MARKED, ValuesEditor, lines, values_editor

PD = (ROOT / "examples" / "values-pd.yaml").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("values")


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[ValuesEditor]:
    with values_editor(folder) as opened:
        yield opened


def found(editor: ValuesEditor, path: Path | str, text: str) -> dict[str, list[str]]:
    """Return the text under each diagnostic that is no mere advice, by its code."""
    editor.type(path, text)
    result: dict[str, list[str]] = {}
    for item in editor.diagnostics(path):
        if item.severity != DiagnosticSeverity.Information:
            result.setdefault(str(item.code), []).append(lines(text, item.range))
    return result


def message(editor: ValuesEditor, path: Path, code: str) -> str:
    (item,) = [item for item in editor.diagnostics(path) if item.code == code]
    assert item.source == "modelservice"
    return item.message


MISTAKES = [
    ("an unknown key", "decode: {replcas: 2}\n", "values-schema", "replcas"),
    ("a value of another type", "decode:\n  replicas: 'two'\n", "values-schema", "'two'"),
    ("a value in a flow map", "decode: {replicas: -1, create: true}\n", "values-schema", "-1"),
    ("a section of another type", "decode:\n  parallelism:\n  - tensor\n", "values-schema", "parallelism"),
    (
        "a refusal of the chart",
        "multinode: false\ndecode:\n  parallelism:\n    tensor: 2\n    workers: 2\n",
        "values-chart", "2",
    ),
    (
        "a flag that the version does not know",
        "engine: {image: 'vllm/vllm-openai:v0.32.0'}\ndecode:\n  engine:\n    args:\n      max-modle-len: 8192\n",
        "engine-flag-unknown", "max-modle-len",
    ),
    (
        "a word of a list",
        "decode:\n  containers:\n  - name: vllm\n    image: vllm/vllm-openai:v0.32.0\n    modelCommand: vllmServe\n"
        "    args:\n    - --swap-spaces=4   # no such flag\n",
        "engine-flag-unknown", "--swap-spaces=4",
    ),
    ("a key given twice", "decode: {replicas: 1}\nprefill: {}\ndecode: {replicas: 2}\n", "values-duplicate-key", "decode"),
    ("text beyond the first plane of Unicode", "# 😀\ndecode: {'é😀': 1, replcas: 2} # 😀\n", "values-schema", "replcas"),
]  # fmt: skip


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("text", "code", "there"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_marked_where_it_is(
    editor: ValuesEditor, folder: Path, text: str, code: str, there: str, ends: str
) -> None:
    reported = found(editor, folder / "values.yaml", (MARKED + text).replace("\n", ends))
    assert there in reported.get(code, ()), reported


def test_a_byte_order_mark_moves_nothing(editor: ValuesEditor, folder: Path) -> None:
    text = "\ufeffdecode: {replcas: 2}\n" + MARKED
    assert found(editor, folder / "values.yaml", text) == {"values-schema": ["replcas"]}


def test_a_message_has_key_reason_and_fix(editor: ValuesEditor, folder: Path) -> None:
    path = folder / "values.yaml"
    found(editor, path, MARKED + "decode: {replcas: 2}\n")
    assert message(editor, path, "values-schema") == "decode.replcas: unknown key; did you mean replicas?"


def test_a_rule_leads_to_its_page(editor: ValuesEditor, folder: Path) -> None:
    path = folder / "values.yaml"
    found(editor, path, MARKED + "engine: {image: 'vllm/vllm-openai:v0.32.0', args: {foo: 1}}\n")
    (item,) = [item for item in editor.diagnostics(path) if item.code == "engine-flag-unknown"]
    assert item.code_description
    assert item.code_description.href.endswith("docs/rules/arguments.md#engine-flag-unknown")


def test_secrets_are_not_shown(editor: ValuesEditor, folder: Path) -> None:
    path, secret = folder / "values.yaml", "hf_abcdefghijklmnopqrstuvwxyz"
    text = (
        MARKED
        + f"engine: {{image: 'vllm/vllm-openai:v0.32.0', args: {{port: {secret}}}, env: {{HF_TOKEN: {secret}}}}}\n"
    )
    found(editor, path, text)
    assert editor.diagnostics(path)
    assert not any(secret in item.message for item in editor.diagnostics(path))


BROKEN = [
    ("a word", "decode:\n  replicas: 2\n  par\n", "par"),
    ("an open bracket", "decode: {replicas: 2\n", ""),
    ("a tab", "decode:\n\treplicas: 2\n", "replicas: 2"),
    ("two documents", "decode: {}\n---\nprefill: {}\n", "decode: {}"),
    ("a list", "- decode\n", "- decode"),
]


@pytest.mark.parametrize(("text", "there"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_is_no_values_file_is_marked(editor: ValuesEditor, folder: Path, text: str, there: str) -> None:
    path = folder / "values-broken.yaml"
    editor.type(path, MARKED + text)
    (error,) = [item for item in editor.diagnostics(path) if item.severity == DiagnosticSeverity.Error]
    assert there in lines(MARKED + text, error.range)
    editor.close(path)


def test_other_mistakes_stay_marked_while_a_line_is_typed(editor: ValuesEditor, folder: Path) -> None:
    path, text = folder / "values.yaml", MARKED + "decode:\n  replcas: 2\nprefill:\n  replcas: 2\n"
    assert found(editor, path, text) == {"values-schema": ["replcas", "replcas"]}
    typed = text.replace("prefill:", "  para\nprefill:").replace("decode:\n  replcas: 2", "decode:\n  replcas: 2 ")
    reported = found(editor, path, typed)
    assert reported["values-schema"] == ["replcas"]
    assert len(reported) == 2
    assert found(editor, path, text) == {"values-schema": ["replcas", "replcas"]}


def test_half_a_character_is_no_error_of_the_server(editor: ValuesEditor, folder: Path) -> None:
    assert found(editor, folder / "values.yaml", MARKED + "common: {a: '\ud83d', b: c}\ndecode: {x: 1}\n")


# --- which files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "known"),
    [
        ("values.yaml", "decode: {replcas: 1}\n", True),
        ("llama-values.yml", "modelArtifacts: {nam: x}\n", True),
        ("ms-prod.yaml", "prefill: {replcas: 1}\n", True),
        ("values.yaml", "replicaCount: 1\nimage: {tag: x}\n", False),
        ("deployment.yaml", "decode: {replcas: 1}\n", False),
        ("values.yaml", "# yaml-language-server: $schema=https://example.com/redis/values.schema.json\ndecode: {x: 1}\n", False),
        ("x.yaml", f"# yaml-language-server: $schema={ROOT}/charts/llm-d-modelservice/values.schema.json\nx: 1\n", True),
        ("x.yaml", f"# yaml-language-server: $schema=file://{ROOT}/charts/llm-d-modelservice/values.schema.json\nx: 1\n", True),
        ("x.yaml", "# yaml-language-server: $schema=../charts/llm-d-modelservice/values.schema.json\nx: 1\n", True),
        ("x.yaml", "# yaml-language-server: $schema=../values.schema.json\nx: 1\n", False),
    ],
)  # fmt: skip
def test_values_files_are_recognised(editor: ValuesEditor, tmp_path: Path, name: str, text: str, known: bool) -> None:
    path = tmp_path / name
    editor.type(path, text)
    other = tmp_path / "values-other.yaml"
    editor.type(other, MARKED)  # answered after the first file
    editor.diagnostics(other)
    assert (path.as_uri() in editor.published and bool(editor.diagnostics(path))) == known
    editor.close(path)
    editor.close(other)


def test_a_text_in_no_file_is_checked(editor: ValuesEditor) -> None:
    assert found(editor, "untitled:Untitled-1", MARKED + "decode: {replcas: 1}\n") == {"values-schema": ["replcas"]}
    editor.close("untitled:Untitled-1")


def test_a_closed_file_has_no_diagnostics(editor: ValuesEditor, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    assert found(editor, path, MARKED + "x: 1\n")
    editor.close(path)
    editor.until(lambda: not editor.published[path.as_uri()].diagnostics)


# --- stacks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stack(editor: ValuesEditor, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / PROJECT_FILE).write_text(
        "ignore: [{rule: disruption-budget, reason: a test}]\n"
        "stacks:\n"
        "  prod: {values: [base.yaml, models/prod.yaml], pool: pool.yaml, nodes: nodes.yaml}\n"
        "  small: {values: [base.yaml]}\n"
    )
    (tmp_path / "models").mkdir()
    (tmp_path / "base.yaml").write_text(PD)
    (tmp_path / "models" / "prod.yaml").write_text("decode:\n  replicas: 40\n")
    (tmp_path / "pool.yaml").write_text((ROOT / "examples" / "pool-pd.yaml").read_text())
    (tmp_path / "nodes.yaml").write_text((ROOT / "examples" / "nodes.yaml").read_text())
    yield tmp_path
    for path in [*tmp_path.glob("*.yaml"), tmp_path / "models" / "prod.yaml"]:
        editor.close(path)


def rules_in(items: list[Diagnostic]) -> set[str]:
    return {str(item.code) for item in items}


def test_the_layer_that_sets_a_value_has_the_diagnostic(editor: ValuesEditor, stack: Path) -> None:
    top, text = stack / "models" / "prod.yaml", "decode:\n  replicas: 40\n"
    assert found(editor, top, text) == {"pod-does-not-fit": ["40"]}
    base = editor.published[(stack / "base.yaml").as_uri()]
    assert "readiness-missing" in rules_in(list(base.diagnostics))
    assert "disruption-budget" not in rules_in([*base.diagnostics, *editor.diagnostics(top)])
    assert found(editor, top, "decode:\n  replicas: 1\n") == {}


def test_an_unsaved_layer_counts_in_every_stack_that_has_it(editor: ValuesEditor, stack: Path) -> None:
    top = stack / "models" / "prod.yaml"
    editor.type(top, "decode:\n  replicas: 1\n")
    text = PD.replace("  replicas: 2", "  replicas: 60", 1)
    assert found(editor, stack / "base.yaml", text) == {}, "the upper layer wins, and small has no nodes"
    text = PD.replace("tensor: 4", "tensor: 16", 1)
    assert found(editor, stack / "base.yaml", text) == {"pod-does-not-fit": ["16"]}, "once, though in two stacks"


def test_the_pool_and_the_nodes_count_as_they_are_typed(editor: ValuesEditor, stack: Path) -> None:
    top, pool = stack / "models" / "prod.yaml", stack / "pool.yaml"
    editor.type(top, "decode:\n  replicas: 1\n")
    assert rules_in(editor.diagnostics(top)) <= {"requests-cut-off"}
    text = pool.read_text().replace("llm-d.ai/", "example.com/")
    editor.type(pool, text)
    editor.diagnostics(pool)
    there = [
        uri
        for uri, item in editor.published.items()
        for found in item.diagnostics
        if str(found.code).startswith("pool")
    ]
    assert there
    editor.type(pool, "inferencePool: [\n")
    (error,) = editor.diagnostics(pool)
    assert "invalid YAML" in error.message


def test_a_change_by_another_program_is_seen(editor: ValuesEditor, stack: Path) -> None:
    top, text = stack / "models" / "prod.yaml", "decode:\n  replicas: 40\n"
    assert found(editor, top, text) == {"pod-does-not-fit": ["40"]}
    (stack / "nodes.yaml").write_text((stack / "nodes.yaml").read_text().replace("count: ", "count: 10"))
    editor.changed_on_disk(stack / "nodes.yaml")
    editor.until(lambda: "pod-does-not-fit" not in rules_in(list(editor.published[top.as_uri()].diagnostics)))
