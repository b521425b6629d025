"""Reports of every format are whole and valid, whatever the input."""

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from modelservice.check.finding import Finding, Severity
from modelservice.check.report import Format, to_github, to_junit, to_sarif
from modelservice.check.runner import Report
from modelservice.cli.app import COMMANDS
from modelservice.escapes import visible
from support.command import run
from support.render import ROOT

PD = str(ROOT / "examples" / "values-pd.yaml")
MACHINE = [item for item in Format if item not in (Format.text, Format.json)]
HOSTILE = "a\x1b[2J\x00\x07\x9b\ufffe\ud800\u202eb<&>\"'"


def sarif_results(text: str) -> list[dict[str, object]]:
    (found,) = json.loads(text)["runs"]
    return list(found["results"])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a values file that a rule has something to say about, and files that cannot be read."""
    (tmp_path / "good.yaml").write_text("engine: {image: 'vllm/vllm-openai:latest', type: vllm}\n")
    (tmp_path / "broken.yaml").write_text("a: 1\nb: [1\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    return tmp_path


@pytest.mark.parametrize("bad", ["broken.yaml", "list.yaml", "absent.yaml"])
@pytest.mark.parametrize("output_format", list(Format))
def test_an_unreadable_file_is_a_result_next_to_those_of_the_others(
    files: Path, bad: str, output_format: Format
) -> None:
    done = run("check", "good.yaml", bad, "--format", output_format, folder=files)
    assert done.returncode == (2 if bad == "absent.yaml" else 1)
    assert "image-latest" in done.stdout
    assert bad in done.stderr
    if output_format is not Format.text:
        assert "input-unreadable" in done.stdout and bad in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["broken.yaml"], ["absent.yaml"], ["-f", "good.yaml", "--pool", "broken.yaml"], ["--manifests", "absent.yaml"],
        ["-f", "good.yaml", "--nodes", "list.yaml"], ["-f", "good.yaml", "--ignore", "nonsense"], [],
        ["-f", "good.yaml", "--set", "decode"], ["-f", "good.yaml", "--chart", "nowhere"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_report_for_programs_is_never_empty(files: Path, arguments: list[str]) -> None:
    texts = {item: run("check", *arguments, "--format", item, folder=files).stdout for item in MACHINE}
    assert [result["ruleId"] for result in sarif_results(texts[Format.sarif])] == ["input-unreadable"]
    assert ElementTree.fromstring(texts[Format.junit]).find(".//failure") is not None  # noqa: S314
    assert texts[Format.github].startswith("::error ")


@pytest.mark.parametrize("name", ["sp ace/v ü#%.yaml", "a:b.yaml", "/outside/x y.yaml", "standard input"])
def test_files_are_uris_in_sarif(name: str) -> None:
    finding = Finding("image-latest", Severity.warning, "m", None, None, None, name, None)
    (result,) = sarif_results(to_sarif(Report([finding])))
    location = result["locations"][0]["physicalLocation"]  # type: ignore[index]
    uri = location["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9/._~:%-]+", uri)
    assert location["region"] == {"startLine": 1}
    if name != "standard input":
        assert unquote(uri).removeprefix("file://") == name


def test_annotations_of_github_escape_what_ends_them() -> None:
    finding = Finding("r", Severity.info, "50%\nmore", None, None, "fix: a, b", "a,b:c.yaml", 3)
    assert to_github(Report([finding])) == "::notice file=a%2Cb%3Ac.yaml,line=3,title=r::50%25%0Amore; fix: a, b\n"


def test_junit_is_xml_whatever_a_name_has() -> None:
    finding = Finding(HOSTILE, Severity.error, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1, HOSTILE)
    suites = ElementTree.fromstring(to_junit(Report([finding], deployments=[HOSTILE])))  # noqa: S314
    assert "\\x1b[2J" in str(suites[0].get("name"))


OUTPUTS = [
    ["render", "--summary"], ["render", "--summary", "--format", "json"], ["render", "--notes"], ["render"], ["check"],
    ["endpoints"], ["endpoints", "--format", "json"], ["plan"], ["plan", "--format", "svg"], ["plan", "--format", "json"],
    *(["check", "--format", item] for item in Format),
]  # fmt: skip


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_no_output_has_characters_that_a_terminal_obeys(tmp_path: Path, arguments: list[str]) -> None:
    values = tmp_path / "evil\x1b[2J.yaml"
    values.write_text(
        'modelArtifacts: {name: "m\\e[2J\\x9b", uri: "hf://m/m"}\n'
        'engine: {type: vllm, image: "a\\e[2Jb:latest", env: {X: "\\e]0;t\\a"}}\nservice: {enabled: true}\n'
    )
    done = run(*arguments, "-f", str(values))
    for text in (done.stdout, done.stderr):
        assert visible(text) == text
        if text.startswith("<"):
            ElementTree.fromstring(text)  # noqa: S314


@pytest.mark.parametrize(
    "arguments", [["render", "-f", PD, "--summary"], ["plan", "-f", PD], ["check", "--list-rules"]], ids=lambda a: a[0]
)
def test_nothing_is_wrapped_or_padded_in_a_pipe(arguments: list[str]) -> None:
    lines = run(*arguments).stdout.splitlines()
    assert max(map(len, lines)) > 80
    assert all(line == line.rstrip() for line in lines)


def test_the_command_of_a_summary_can_be_copied() -> None:
    assert '"kv_role"' in run("render", "-f", PD, "--summary").stdout


def test_rules_and_summary_are_json_on_demand() -> None:
    rules = json.loads(run("check", "--list-rules", "--format", "json").stdout)["rules"]
    assert {"id", "severity", "title", "reason", "link", "family"} == rules[0].keys()
    assert len(rules) == len(run("check", "--list-rules").stdout.splitlines()) - 1
    summary = json.loads(run("render", "-f", PD, "--summary", "--format", "json").stdout)
    assert (summary["pods"], summary["accelerators"]) == (6, {"nvidia.com/gpu": 16})
    assert [item["name"].rsplit("-", 1)[1] for item in summary["workloads"]] == ["decode", "prefill"]
    assert run("check", "--list-rules", "--format", "sarif").returncode == 2


@pytest.mark.parametrize("command", ["render", "endpoints", "plan", "explain", "check"])
def test_a_rejected_key_has_file_and_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "base.yaml").write_text("decode:\n  replicas: 1\n")
    (tmp_path / "mine.yaml").write_text("# mine\ndecode:\n  replicsa: 3\n")
    (tmp_path / "chart.yaml").write_text("# mine\nprefill: {create: false}\nmultinode: 7\n")
    line = ["decode.x.y"] if command == "explain" else []
    for name, place in (("mine", "mine.yaml:3: "), ("chart", "chart.yaml:3: ")):
        done = run(command, *line, "-f", "base.yaml", "-f", f"{name}.yaml", folder=tmp_path)
        assert done.returncode == 1
        assert place in done.stderr + done.stdout


@pytest.mark.parametrize("command", ["render", "check"])
def test_a_value_of_set_is_blamed_on_no_file(tmp_path: Path, command: str) -> None:
    (tmp_path / "mine.yaml").write_text("decode:\n  replicas: 1\n")
    done = run(command, "-f", "mine.yaml", "--set", "decode.replicas=-1", folder=tmp_path)
    assert "decode.replicas: " in done.stderr + done.stdout
    assert "mine.yaml" not in done.stderr + done.stdout


@pytest.mark.parametrize("name", [name for name, entry in COMMANDS.items() if entry.panel is None])
def test_every_command_has_help(name: str) -> None:
    assert "Usage" in run(name, "--help").stdout
