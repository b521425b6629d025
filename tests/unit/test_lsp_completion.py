"""What the language server offers at the cursor, which ``|`` stands for."""

from pathlib import Path

import pytest
from lsprotocol import types

from modelservice.lsp.completion import completions
from modelservice.lsp.positions import Text
from modelservice.lsp.workspace import Workspace, assess
from support.render import ROOT
from support.values_editor import MARKED, values_editor

VLLM = "engine:\n  image: vllm/vllm-openai:v{version}\n"
CONTAINER = "decode:\n  containers:\n  - name: vllm\n    image: vllm/vllm-openai:v0.32.0\n"


def offered(text: str, path: Path = Path("/untitled/values.yaml"), pool: str = "") -> dict[str, types.CompletionItem]:
    """Return what is offered at the mark, in a file whose last readable text is the same without the marked line."""
    cursor = text.index("|")
    lines = text.split("\n")
    without = "\n".join(line for line in lines if "|" not in line)
    files = Workspace()
    document = files.open(path.as_uri(), MARKED + without)
    files.analyses = assess({**files.readable(), **({path.with_name("pool.yaml"): pool} if pool else {})}, {})
    typed = Text(text.replace("|", "", 1))
    found = completions(typed, typed.position(cursor), files.analysis_of(document))
    return {item.label: item for item in found.items}


def inserted(item: types.CompletionItem) -> str:
    assert isinstance(item.text_edit, types.TextEdit)
    return item.text_edit.new_text


KEYS = [
    ("at the top", "|", {"decode", "modelArtifacts"}, {"tensor"}),
    ("the beginning of a word", "dec|", {"decode"}, {"tensor"}),
    ("below a section", "decode:\n  |", {"replicas", "parallelism"}, {"decode"}),
    ("after another key", "decode:\n  replicas: 2\n  |", {"parallelism"}, {"replicas"}),
    ("before another key", "decode:\n  par|\n  replicas: 2\nprefill: {}", {"parallelism"}, {"replicas"}),
    ("in a flow map", "decode: {replicas: 2, par|}", {"parallelism"}, {"replicas"}),
    ("in quotes", "decode:\n  'par|'", {"parallelism"}, set()),
    ("in an item of a list", "decode:\n  containers:\n  - na|", {"name", "image"}, set()),
    ("in a later item", "decode:\n  containers:\n  - name: a\n    image: b\n  - name: c\n    |", {"image"}, {"name"}),
    ("a list at the depth of its key", "decode:\n  containers:\n  - name: vllm\n    i|", {"image"}, {"name"}),
    ("below what is broken", "foo: [\nbar: {\ndecode:\n  parallelism:\n    ten|", {"tensor"}, {"decode"}),
    ("above what is broken", "decode:\n  par|\nprefill: {{\n", {"parallelism"}, {"tensor"}),
    ("with CRLF", "decode:\r\n  replicas: 2\r\n  par|\r\n", {"parallelism"}, {"replicas"}),
    ("after other scripts", "# é😀\ncommon: {'😀': é}\ndecode:\n  par|", {"parallelism"}, set()),
    ("of Kubernetes", "decode:\n  tolerations:\n  - ef|", {"effect", "key"}, {"replicas"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "there", "not_there"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_keys_are_offered(text: str, there: set[str], not_there: set[str]) -> None:
    found = offered(text).keys()
    assert there <= found
    assert not not_there & found


VALUES = [
    ("an enum", "engine:\n  modelCommand: |", {"vllmServe", "custom"}),
    ("a boolean", "multinode: |", {"true", "false"}),
    ("an accelerator type", "accelerator:\n  type: |", {"nvidia", "intel-gaudi", "cpu"}),
    ("an accelerator type of the file", "accelerator: {resources: {mine: example.com/gpu}}\ndecode:\n  accelerator:\n    type: |", {"mine", "amd"}),
    ("a connector", "routing:\n  proxy:\n    connector: |", {"nixlv2", "lmcache"}),
    ("a known model", "modelArtifacts:\n  name: |", {"Qwen/Qwen3-32B"}),
    ("a known model's location", "modelArtifacts:\n  uri: hf://Qw|", {"hf://Qwen/Qwen3-32B"}),
    ("a resource profile", "resourceProfiles: {h100: {limits: {nvidia.com/gpu: 1}}}\ndecode:\n  resourceProfile: |", {"h100"}),
    ("a type of engine", "engine:\n  type: |", {"vllm", "sglang"}),
    ("a value in a flow map", "engine: {type: |}", {"vllm"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "there"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_values_are_offered(text: str, there: set[str]) -> None:
    assert there <= offered(text).keys()


def test_a_key_has_its_documentation_and_type() -> None:
    item = offered("decode:\n  rep|")["replicas"]
    assert isinstance(item.documentation, types.MarkupContent)
    assert "Number of pods" in item.documentation.value and "Default: `1`" in item.documentation.value
    assert item.detail == "integer"


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        ("decode:\n  rep|", "replicas", "replicas: "),
        ("decode:\n  rep|: 2", "replicas", "replicas"),
        ("decode:\n  par|", "parallelism", "parallelism:\n    "),
        ("decode:\n  cont|", "containers", "containers:\n  - "),
        ("decode:\n  containers:\n  - res|", "resources", "resources:\n      "),
        (f"{VLLM.format(version='0.32.0')}  args:\n    enforce|", "enforce-eager", "enforce-eager: true"),
    ],
)
def test_a_key_is_inserted_with_what_follows_it(text: str, label: str, expected: str) -> None:
    assert inserted(offered(text)[label]) == expected


def test_the_word_at_the_cursor_is_replaced() -> None:
    text = "decode:\n  repl|cas: 2\n"
    edit = offered(text)["replicas"].text_edit
    assert isinstance(edit, types.TextEdit)
    assert edit.range == types.Range(types.Position(1, 2), types.Position(1, 9))


# --- flags and variables of the engine in the file ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        (f"{VLLM.format(version='0.11.0')}  args:\n    |", {"swap-space", "max-model-len"}, {"optimization-level"}),
        (f"{VLLM.format(version='0.33.0')}  args:\n    max|", {"max-model-len"}, {"swap-space"}),
        (f"{VLLM.format(version='0.33.0')}decode:\n  engine:\n    args:\n      max|", {"max-model-len"}, {"swap-space"}),
        (f"{VLLM.format(version='0.33.0')}decode:\n  engine:\n    image: vllm/vllm-openai:v0.11.0\n    args:\n      |", {"swap-space"}, set()),
        (f"{VLLM.format(version='0.33.0')}  args:\n    max-model-len: 1\n    |", {"enforce-eager"}, {"max-model-len"}),
        ("engine:\n  image: lmsysorg/sglang:v0.5.5\n  args:\n    |", {"attention-backend"}, {"max-model-len"}),
        ("engine:\n  image: ollama/ollama:0.12\n  args:\n    |", set(), {"max-model-len"}),
        (f"{CONTAINER}    args:\n    - --max|", {"--max-model-len"}, {"--swap-space"}),
        (f"{CONTAINER}    args: [--max|]", {"--max-model-len"}, {"--swap-space"}),
        (f"{CONTAINER}    args:\n    - --kv-cache-dtype=|", {"--kv-cache-dtype=fp8"}, {"--max-model-len"}),
        (f"{CONTAINER}  - name: sidecar\n    image: example.com/x:1\n    args:\n    - --|", set(), {"--max-model-len"}),
        (f"{VLLM.format(version='0.32.0')}  args:\n    kv-cache-dtype: |", {"auto", "fp8"}, set()),
        (f"{VLLM.format(version='0.32.0')}  env:\n    |", {"VLLM_LOGGING_LEVEL"}, set()),
        (f"{CONTAINER}    env:\n    - name: VLLM_|", {"VLLM_LOGGING_LEVEL"}, set()),
    ],
)  # fmt: skip
def test_the_engine_of_the_image_in_its_version_decides(text: str, there: set[str], not_there: set[str]) -> None:
    found = offered(text).keys()
    assert there <= found, sorted(found)[:20]
    assert not not_there & found


def test_a_flag_has_type_default_versions_and_the_engines_help() -> None:
    item = offered(f"{VLLM.format(version='0.32.0')}  args:\n    gpu-mem|")["gpu-memory-utilization"]
    assert isinstance(item.documentation, types.MarkupContent)
    shown = item.documentation.value
    assert item.detail == "number"
    for part in ("`--gpu-memory-utilization` of vLLM 0.32.0", "Default: `0.9", "Versions: 0.11.0 to "):
        assert part in shown
    late = offered(f"{VLLM.format(version='0.32.0')}  args:\n    opt|")["optimization-level"].documentation
    assert isinstance(late, types.MarkupContent) and "Versions: since 0." in late.value


def test_labels_of_the_pool_are_offered(tmp_path: Path) -> None:
    (tmp_path / ".modelservice.yaml").write_text("stacks: {prod: {values: [values.yaml], pool: pool.yaml}}")
    pool = (ROOT / "examples" / "pool-pd.yaml").read_text()
    item = offered("modelArtifacts:\n  labels:\n    llm|", tmp_path / "values.yaml", pool)["llm-d.ai/model"]
    assert inserted(item) == "llm-d.ai/model: llama-3.3-70b"


@pytest.mark.parametrize("text", ["# dec|", "decode: {} # re|", "files: {/a: |\n    dec|\n}", "a: b\n c|"])
def test_nothing_is_offered_where_no_key_or_value_can_be(text: str) -> None:
    assert "replicas" not in offered(text) and "decode" not in offered(text)


def test_an_editor_completes_what_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    with values_editor(tmp_path) as editor:
        editor.type(path, f"{MARKED}{VLLM.format(version='0.32.0')}")
        editor.diagnostics(path)
        text = f"{MARKED}{VLLM.format(version='0.32.0')}  args:\n    é😀: 1\n    max-mod"
        editor.type(path, text)
        place = types.TextDocumentPositionParams(types.TextDocumentIdentifier(path.as_uri()), types.Position(5, 11))
        answer = editor.ask(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(place.text_document, place.position))
        (item,) = [item for item in answer.items if item.label == "max-model-len"]
        assert item.text_edit.range == types.Range(types.Position(5, 4), types.Position(5, 11))
        other = tmp_path / "other.yaml"
        editor.type(other, "replicaCount: 1\n")
        place.text_document = types.TextDocumentIdentifier(other.as_uri())
        assert (
            editor.ask(
                types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(place.text_document, types.Position(0, 0))
            )
            is None
        )
