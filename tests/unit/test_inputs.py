"""Values files and --set are read as Helm reads them, and mistakes are named with file and line."""

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelservice.assignments import Assignments, apply_set
from modelservice.check.runner import load
from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import InputWarning, merge, read_values


def write(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "values.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", True), ("yes", True), ("No", False), ("0o17", 15), ("0x1F", 31), ("1e3", 1000), (".5", 0.5),
        ("2024-01-01", "2024-01-01"), ("~", None), ("'1'", "1"), ("1000660000", 1000660000),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_mean_to_helm(tmp_path: Path, text: str, value: object) -> None:
    assert read_values(write(tmp_path, f"a: {text}\n")) == {"a": value}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n"])
def test_an_empty_file_has_no_values(tmp_path: Path, text: str) -> None:
    assert read_values(write(tmp_path, text)) == {}


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = "common: &base {a: 1}\nother:\n  <<: *base\n  b: 2\n"
    assert read_values(write(tmp_path, text))["other"] == {"a": 1, "b": 2}


def test_a_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a: 1\n")))
    assert read_values("-") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1\n", ["a list", "mapping"]),
        ("text\n", ["'text'", "mapping"]),
        ("a: [1\n", [":", "invalid YAML"]),
        ("a:\n\tb: 1\n", [":2", "invalid YAML", "\\t"]),
        ("a: 1\n---\nb: 2\n", ["2 YAML documents", "-f"]),
    ],
)
def test_what_is_no_values_file_is_an_error_with_its_place(tmp_path: Path, text: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ModelserviceError) as error:
        read_values(path)
    assert path in str(error.value)
    for word in words:
        assert word in str(error.value)
    assert error.value.exit_code == 1


def test_a_key_given_twice_is_warned_of(tmp_path: Path) -> None:
    path = write(tmp_path, "a:\n  b: 1\n  b: 2\n")
    with pytest.warns(InputWarning, match=r"values.yaml:3: b is also given on line 2"):
        assert read_values(path) == {"a": {"b": 2}}


def test_unreadable_files_are_usage_errors(tmp_path: Path) -> None:
    for path, words in (
        (str(tmp_path / "missing.yaml"), "no such file"),
        (str(tmp_path), "a directory"),
        (write(tmp_path, b"\xff\xfe"), "not UTF-8"),
    ):
        with pytest.raises(UsageError, match=words) as error:
            read_values(path)
        assert error.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_a_usage_error() -> None:
    """The kernel refuses to read the first page of a process's memory, to root as well."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_values("/proc/self/mem")


def test_layers_merge_as_with_repeated_f() -> None:
    layers: list[dict[str, Any]] = [{"a": {"x": 1, "y": 1}, "l": [1, 2]}, {"a": {"y": 2}, "l": [3]}, {"a": {"x": None}}]
    assert merge(layers) == {"a": {"x": None, "y": 2}, "l": [3]}
    assert layers[0] == {"a": {"x": 1, "y": 1}, "l": [1, 2]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a.b=1", {"a": {"b": 1}}),
        ("a=true,b=x", {"a": True, "b": "x"}),
        ("a={x,y}", {"a": ["x", "y"]}),
        ("a[0].b=x", {"a": [{"b": "x"}]}),
        (r"a\.b/c=1", {"a.b/c": 1}),
        ("a=null", {"a": None}),
    ],
)
def test_set_has_helms_syntax(expression: str, expected: dict[str, object]) -> None:
    assert apply_set({}, [expression]) == expected


def test_set_changes_one_item_of_a_list_and_keeps_the_rest() -> None:
    values = {"decode": {"containers": [{"name": "vllm", "image": "a"}, {"name": "log"}]}}
    changed = apply_set(values, ["decode.containers[0].image=b"])
    assert changed == {"decode": {"containers": [{"name": "vllm", "image": "b"}, {"name": "log"}]}}
    assert values["decode"]["containers"][0]["image"] == "a"


def test_set_string_keeps_a_number_a_string() -> None:
    assert Assignments(strings=["modelArtifacts.labels.version=1"]).apply({}) == {
        "modelArtifacts": {"labels": {"version": "1"}}
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"jsons": ['decode.nodeSelector={"a":"b","c":"d"}']}, {"decode": {"replicas": 3, "nodeSelector": {"a": "b", "c": "d"}}}),
        ({"jsons": ['decode={"replicas":1}']}, {"decode": {"replicas": 1}}),
        ({"jsons": ['{"decode":{"x":1},"b.c":2}']}, {"decode": {"replicas": 3, "x": 1}, "b.c": 2}),
        ({"jsons": ['a=[1,{"b":null}],c.d="x,y"']}, {"a": [1, {"b": None}], "c": {"d": "x,y"}, "decode": {"replicas": 3}}),
        ({"jsons": ["decode.replicas=1"], "sets": ["decode.replicas=2"]}, {"decode": {"replicas": 2}}),
        ({"jsons": [r"a\.b[1]=true"]}, {"a.b": [None, True], "decode": {"replicas": 3}}),
        ({"files": ["files.text=FILE,decode.replicas=FILE"]}, {"files": {"text": "1,\n"}, "decode": {"replicas": "1,\n"}}),
    ],
)  # fmt: skip
def test_json_and_files_are_assigned_as_by_helm(tmp_path: Path, given: dict[str, list[str]], expected: object) -> None:
    file = tmp_path / "text"
    file.write_text("1,\n")
    options = {name: [item.replace("FILE", str(file)) for item in items] for name, items in given.items()}
    assert Assignments(**options).apply({"decode": {"replicas": 3}}) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"jsons": ["a={bad"]}, "--set-json a={bad: not JSON"),
        ({"jsons": ["a"]}, "--set-json a: no value"),
        ({"jsons": ["a=1 b=2"]}, "text after the value"),
        ({"jsons": ["a=" + "[" * 400 + "]" * 400]}, "nested too deeply"),
        ({"jsons": ["decode.replicas.x=1"]}, "3 has no keys"),
        ({"files": ["a=/no/such/file"]}, "/no/such/file: no such file"),
        ({"files": ["a"]}, "no such file|a directory|no value|cannot be read"),
        ({"sets": ["a" + ".b" * 400 + "=1"]}, "nested level is greater"),
    ],
)
def test_malformed_json_and_files_are_errors_in_words(given: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ModelserviceError) as error:
        Assignments(**given).apply({"decode": {"replicas": 3}})
    assert re.search(words, str(error.value))


KEYS = ["[x]", "[0]", "[", "]", "", ".", "..", "a.b", "a[0]", "a[", "a]b", "[1].x", "null", "-1", "é\x1b"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_any_form_is_unknown_in_a_sentence(embedded: EmbeddedHelm, tmp_path: Path, key: str) -> None:
    file = tmp_path / "values.yaml"
    for values in ({key: 1}, {"decode": {key: {key: [1]}}}, {"decode": {"containers": [{key: 1}]}}):
        file.write_text(json.dumps(values))
        _, findings = load([str(file)], embedded, Release())
        assert findings and all(finding.file == str(file) for finding in findings)


@pytest.mark.parametrize("expression", ["a", "=1", ""])
def test_a_malformed_set_is_a_usage_error(expression: str) -> None:
    with pytest.raises(UsageError, match="key=value"):
        apply_set({}, [expression])


@pytest.mark.parametrize("text", ["a:\t1\n", "a: 1\t\n", "a: 1\n---\n", "a: &x 1\nb: &x 1\nc: *x\n"])
def test_yaml_that_helm_reads_is_read_though_pyyaml_refuses_it(tmp_path: Path, text: str) -> None:
    assert read_values(write(tmp_path, text))["a"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x {b: *x}\n", "contains itself"),
        ("? [a]\n: b\n", "invalid map key"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "excessive aliasing",
        ),
    ],
    ids=["recursive", "list as key", "deep", "many aliases"],
)
def test_hostile_yaml_is_an_error_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ModelserviceError, match=words):
        read_values(write(tmp_path, text))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("l[0]=null", {"l": [None, "q"], "m": [{"k": "v"}]}),
        ("l={x}", {"l": ["x"], "m": [{"k": "v"}]}),
        ("l={x},m[0].k=w", {"l": ["x"], "m": [{"k": "w"}]}),
        ("l={[x]}", {"l": ["[x]"], "m": [{"k": "v"}]}),
        ("l[1]=z,l={x}", {"l": ["x"], "m": [{"k": "v"}]}),
        ("l={x},l[0]=y", {"l": ["y"], "m": [{"k": "v"}]}),
        ("l[0]={x}", {"l": [["x"], "q"], "m": [{"k": "v"}]}),
        ("m[2].k=w", {"l": ["p", "q"], "m": [{"k": "v"}, None, {"k": "w"}]}),
    ],
)
def test_set_tells_an_item_of_a_list_from_the_list(expression: str, expected: dict[str, object]) -> None:
    assert apply_set({"l": ["p", "q"], "m": [{"k": "v"}]}, [expression]) == expected


@pytest.mark.parametrize("expression", ["text.key=1", "items.key=1", "text[0]=1", "map[0]=1", "nothing.key=1"])
def test_set_into_a_value_without_such_a_place_is_refused_as_by_helm(expression: str) -> None:
    values: dict[str, Any] = {"text": "x", "items": [1], "map": {"a": 1}, "nothing": None}
    with pytest.raises(UsageError, match=r"has no (keys|items); set the whole value"):
        apply_set(values, [expression])
