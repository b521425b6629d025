"""Stacks: files that belong together, by one name in the project file."""

import json
from pathlib import Path

import pytest

from modelservice.project import PROJECT_FILE
from support.command import run
from support.render import ROOT

STACKS = """\
ignore: [{rule: requests-cut-off, reason: short requests}]
stacks:
  prod: {values: [base.yaml, preset:hardware/nvidia, prod.yaml], pool: pool.yaml, nodes: nodes.yaml}
  one: {values: base.yaml}
  gone: {values: [base.yaml, absent.yaml]}
  unknown: {values: [base.yaml, preset:no/such]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / PROJECT_FILE).write_text(STACKS)
    (tmp_path / "base.yaml").write_text((ROOT / "examples" / "values-pd.yaml").read_text())
    (tmp_path / "pool.yaml").write_text((ROOT / "examples" / "pool-pd.yaml").read_text())
    (tmp_path / "nodes.yaml").write_text((ROOT / "examples" / "nodes.yaml").read_text())
    (tmp_path / "prod.yaml").write_text("decode: {replicas: 40}\nmodelArtifacts: {labels: {llm-d.ai/model: other}}\n")
    (tmp_path / "models" / "deep").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(("folder", "above"), [(".", ""), ("models/deep", "../../")])
def test_check_reads_the_layers_the_pool_and_the_nodes_of_a_stack(project: Path, folder: str, above: str) -> None:
    report = json.loads(run("check", "--stack", "prod", "--format", "json", folder=project / folder).stdout)
    found = {(finding["rule"], finding["file"], finding["line"]) for finding in report["findings"]}
    assert ("pod-does-not-fit", f"{above}prod.yaml", 1) in found
    assert any(rule.startswith("pool") and file == f"{above}prod.yaml" for rule, file, _ in found)
    assert {item["rule"] for item in report["summary"]["suppressed"]} == {"requests-cut-off"}


def test_files_of_the_command_line_are_above_those_of_the_stack(project: Path) -> None:
    (project / "mine.yaml").write_text("decode: {replicas: 3}\n")
    rendered = run("render", "--stack", "prod", "-f", "mine.yaml", "--format", "json", folder=project).stdout
    (decode,) = [
        obj for obj in json.loads(rendered)["items"]
        if obj["kind"] == "Deployment" and obj["metadata"]["name"].endswith("-decode")
    ]  # fmt: skip
    assert decode["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["plan"], "40 pods"),
        (["explain", "Deployment/decode.spec.replicas"], "decode.replicas = 40  (prod.yaml:1, over base.yaml:"),
        (["diff", "--set", "decode.replicas=3"], "40 to 3 pods"),
        (["render", "--summary"], "replicas    40 pods"),
    ],
)
def test_the_other_commands_take_a_stack(project: Path, arguments: list[str], shown: str) -> None:
    assert shown in run(*arguments, "--stack", "prod", folder=project).stdout


def test_a_stack_of_one_file_has_neither_pool_nor_nodes(project: Path) -> None:
    assert run("check", "--stack", "one", folder=project).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stack", "prd"], f"{PROJECT_FILE}: there is no stack 'prd'; did you mean prod?"),
        (["--stack", "staging"], "there is no stack 'staging'; use one of gone, one, prod, unknown"),
        (["--stack", "gone"], f"{PROJECT_FILE}: the stack gone has absent.yaml, which does not exist"),
        (["--stack", "unknown"], "there is no preset 'no/such'"),
        (["--stack", "prod", "--nodes", "nodes.yaml", "--cluster"], "--nodes and --cluster exclude each other"),
    ],
)
def test_a_stack_that_cannot_be_read_is_named(project: Path, arguments: list[str], message: str) -> None:
    done = run("check", *arguments, folder=project)
    assert (done.returncode, message in " ".join(done.stderr.split())) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- prod", "not a map"),
        ("stack: {}", "stack: unknown key; use ignore or stacks"),
        ("stacks: [prod]", "stacks: not a map of stacks"),
        ("stacks: {prod: base.yaml}", "stacks.prod: not a map"),
        ("stacks: {prod: {vals: [base.yaml]}}", "stacks.prod.vals: unknown key"),
        ("stacks: {prod: {pool: pool.yaml}}", "stacks.prod.values: not a list of files"),
        ("stacks: {prod: {values: [1]}}", "stacks.prod.values: not a list of files"),
        ("stacks: {prod: {values: base.yaml, pool: {a: b}}}", "stacks.prod.pool: not a file"),
        ("stacks: {prod: {values: base.yaml, nodes: [a]}}", "stacks.prod.nodes: not a file"),
        ("stacks: {prod: {values: base.yaml}}\nignore: all", "not a list of rules"),
    ],
)
def test_a_malformed_project_file_says_what_to_write(project: Path, text: str, message: str) -> None:
    (project / PROJECT_FILE).write_text(text)
    done = run("check", "--stack", "prod", folder=project)
    assert (done.returncode, f"{PROJECT_FILE}: {message}" in done.stderr) == (1, True), done.stderr


def test_no_project_file_is_said(tmp_path: Path) -> None:
    done = run("render", "--stack", "prod", folder=tmp_path)
    assert f"--stack prod: there is no {PROJECT_FILE} in this folder or above it" in " ".join(done.stderr.split())
