"""Every YAML that is read means what it means to Kubernetes, whichever option gives it."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelservice.documents import Source, documents, read_objects
from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_library import helm_python
from modelservice.model.cluster import read_inventory
from modelservice.model.pool import read_pool
from modelservice.rendered import dump
from support.command import run
from support.render import ROOT

NODES = (
    "kind: Node\napiVersion: v1\nmetadata: {name: node-0, annotations: {since: 2026-01-31, at: 12:30:45, on: 'y'}}\n"
)
POOL = "inferencePool: {modelServers: {matchLabels: {day: 2026-01-31, at: 12:30:45}}}\n"
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
LOOP = "a: &a [*a]\n"
DEEP = "a: " + "[" * 1000 + "]" * 1000 + "\n"
WHOLE = "kind: ConfigMap\nmetadata: {name: x}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 12:30:45", [{"a": "12:30:45"}]),
        ("a: 2026-01-31\nb: 2001-12-14t21:59:43.10-05:00", [{"a": "2026-01-31", "b": "2001-12-14t21:59:43.10-05:00"}]),
        ("a: y\nb: 1e3\nc: 0o17\nd: 0777", [{"a": True, "b": 1000, "c": 15, "d": 511}]),
        ("a: 1\n---\n# nothing\n---\nb: 2\n...\n---\nc: 3\n", [{"a": 1}, {"b": 2}, {"c": 3}]),
        ("--- {a: 1}\n--- # comment\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("%YAML 1.1\n---\na: |\n  x\n  --- y\n  ---\n", [{"a": "x\n--- y\n---\n"}]),
        ("- on\n- {a: 12:30:45}\n", [[True, {"a": "12:30:45"}]]),
        ("text\n", ["text"]),
        ("a: 1\n---\n''\n", [{"a": 1}, ""]),
        ("{a: 12:30:45}\n", [{"a": "12:30:45"}]),
        ('{"a": 1}\n{"b": "y"}\t{"c": null}', [{"a": 1}, {"b": "y"}, {"c": None}]),
        ('\ufeff{"a":\t1}', [{"a": 1}]),
        ("1: a\ntrue: b\n", [{"1": "a", "true": "b"}]),
        ("", []),
        ("---\n---\n", []),
    ],
)
def test_documents_are_read_as_kubernetes_reads_them(text: str, found: list[Any]) -> None:
    assert documents(Source("x.yaml", text)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "x.yaml:3: invalid YAML: document contains excessive aliasing"),
        (LOOP, "x.yaml:3: invalid YAML: anchor 'a' value contains itself"),
        (DEEP, "x.yaml: nested too deeply to be read"),
        ("a: [1\n", "x.yaml:4: invalid YAML: "),
        ("a: .nan\n", "x.yaml:3: invalid YAML: json: unsupported value: NaN"),
    ],
    ids=["bomb", "loop", "deep", "syntax", "not a number"],
)
@pytest.mark.parametrize("read", [read_objects, read_pool, read_inventory], ids=lambda read: str(read.__name__))
def test_hostile_yaml_is_an_error_in_words_for_every_option(tmp_path: Path, read: Any, text: str, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"kind: Node\n---\n{text}")
    with pytest.raises(ModelserviceError) as error:
        read(str(path))
    assert str(error.value).startswith(f"{tmp_path}/{words}")


def test_nodes_and_pools_keep_texts(tmp_path: Path) -> None:
    for name, text in (("nodes", NODES), ("pool", POOL)):
        (tmp_path / name).write_text(text)
    (node,) = read_inventory(str(tmp_path / "nodes")).objects
    assert node["metadata"]["annotations"] == {"since": "2026-01-31", "at": "12:30:45", "true": "y"}
    assert read_pool(str(tmp_path / "pool")).pools[0].selector == {"day": "2026-01-31", "at": "12:30:45"}


def test_what_the_chart_renders_keeps_texts(embedded: EmbeddedHelm) -> None:
    window = "apiVersion: example.com/v1\nkind: Window\nmetadata: {name: x}\nspec: {start: 12:30:45, day: 2026-01-31}\n"
    rendered = embedded.render({"extraObjects": [window]}, Release())
    (found,) = [obj for obj in rendered.objects if obj["kind"] == "Window"]
    assert found["spec"] == {"start": "12:30:45", "day": "2026-01-31"}
    assert json.dumps(rendered.objects)


@pytest.mark.parametrize("hostile", [BOMB, LOOP, DEEP], ids=["bomb", "loop", "deep"])
def test_what_an_object_of_the_values_holds_cannot_hang_a_render(embedded: EmbeddedHelm, hostile: str) -> None:
    with pytest.raises(ModelserviceError, match=r"renders to|nested too deeply"):
        _ = embedded.render({"extraObjects": [WHOLE + hostile]}, Release()).objects


scalars = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[-+]?[0-9_.:obxeE]{1,8}", fullmatch=True),
    st.sampled_from(["y", "N", "on", "~", "=", "<<", "1e3", "0o17", "12:30:45", "2026-01-31", ".5", "1_000", "-.inf"]),
    st.booleans(), st.none(), st.integers(-(2**53), 2**53),
)  # fmt: skip


@given(value=st.dictionaries(st.text(min_size=1, max_size=5), scalars, min_size=1, max_size=4))
@example({"y": "n", "1e3": "0b1", "é": "\x85", "a": "x\u2028y"})
def test_what_is_printed_is_read_as_it_was(value: dict[str, Any]) -> None:
    text = dump(value)
    assert helm_python.values_from_yaml(text) == value


@given(text=st.one_of(st.text(), st.text("a1:-{}[]&*!|>#'\"%@`~<?, \n\t.\x00\x85\ufeff", max_size=40)))
@example("--- |\n  x\n...\n--- - a\n")
@example("%")
@example("{")
@example("[")
@example("- &a [*a]\n")
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    refusal = ""
    try:
        documents(Source("x.yaml", text))
    except ModelserviceError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("x.yaml")


INPUTS = [
    ["render", "-f", "{}"],
    ["check", "-f", "{}"],
    ["check", "{}"],
    ["check", "-f", "values.yaml", "--pool", "pool.yaml", "--nodes", "{}"],
    ["check", "-f", "values.yaml", "--pool", "{}"],
    ["check", "--manifests", "{}"],
    ["plan", "-f", "{}", "--pool", "pool.yaml", "--nodes", "nodes.yaml"],
    ["plan", "-f", "values.yaml", "--pool", "{}"],
    ["plan", "-f", "values.yaml", "--nodes", "{}"],
    ["endpoints", "-f", "{}"],
    ["explain", "-f", "{}", "--what-if", "decode.replicas=7"],
    ["render", "--set-file", "decode.annotations.text={}"],
]
"""Commands with the places where they read a file."""


def _given(arguments: list[str]) -> str:
    """Return the example that fits the place of ``{}``."""
    option = arguments[arguments.index("{}") - 1] if "{}" in arguments else "--set-file"
    return {"--pool": "pool-pd.yaml", "--nodes": "nodes.yaml", "--manifests": "output/pd.yaml"}.get(
        option, "values-pd.yaml"
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", INPUTS, ids=" ".join)
def test_every_input_is_read_once_so_pipes_work(tmp_path: Path, arguments: list[str]) -> None:
    examples = ROOT / "examples"
    for name, file in (("values.yaml", "values-pd.yaml"), ("pool.yaml", "pool-pd.yaml"), ("nodes.yaml", "nodes.yaml")):
        (tmp_path / name).write_text((examples / file).read_text())
    source = examples / _given(arguments)

    def at(place: str) -> list[str]:
        return [item.replace("{}", place) for item in arguments]

    words = [f"'{item}'" if "<(" not in item else item for item in at(f"<(cat {source})")]
    piped = subprocess.run(
        ["/bin/bash", "-c", f"{sys.executable} -m modelservice {' '.join(words)}"], cwd=tmp_path, capture_output=True,
        text=True, check=False, env={"PYTHONPATH": str(ROOT / "tools"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    direct = run(*at(str(source)), folder=tmp_path)
    assert direct.returncode in (0, 1) and direct.stdout, direct.stderr
    for other in (run(*at("-"), stdin=source.read_bytes(), folder=tmp_path), piped):
        assert other.returncode == direct.returncode, other.stderr
        assert len(other.stdout.splitlines()) == len(direct.stdout.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "-f", "-", "--nodes", "-"],
        ["check", "-f", "-", "--pool", "-"],
        ["check", "-f", "x", "--manifests", "-", "--nodes", "-"],
        ["plan", "-f", "-", "--nodes", "-"],
        ["plan", "-f", "x", "--pool", "-", "--nodes", "-"],
        ["render", "-f", "-", "--set-file", "a=-"],
        ["endpoints", "-f", "-", "-"],
        ["generate", "-m", "-", "-b", "-"],
        ["import", "-", "-"],
    ],
    ids=" ".join,
)
def test_standard_input_is_read_by_one_option(arguments: list[str]) -> None:
    done = run(*arguments, stdin="{}")
    assert done.returncode == 2
    assert "standard input can be read once" in done.stderr


def test_a_stream_of_json_objects_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"kind": "List", "items": documents(Source("x", NODES))})
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert [node.name for node in read_inventory("-").nodes] == ["node-0"]
