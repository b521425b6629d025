"""The options `--fix` and `--diff` of `check`: which files they edit, and what they say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from modelservice.assignments import Assignments
from modelservice.edits.edit import Cure, setting
from modelservice.edits.placing import placed
from modelservice.sources import leaves, read_sources
from unit.test_check import run

BASE = """\
# Base, über alles.
modelArtifacts:
  name: Qwen/Qwen3-8B
  uri: hf://Qwen/Qwen3-8B
engine:
  image: 'vllm/vllm-openai:v0.32.0'   # pinned
  modelCommand: vllmServe
  args:
    max-modle-len: 8192  # tokens
prefill: {create: false}
routing: {proxy: {enabled: false}}
"""
FIXED = BASE.replace("max-modle-len", "max-model-len")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    file = tmp_path / "base.yaml"
    file.write_text(BASE, encoding="utf-8")
    return file


def test_fix_edits_the_file_and_reports_the_rest(base: Path) -> None:
    done = run("-f", str(base), "--fix")
    assert base.read_text(encoding="utf-8") == FIXED
    assert done.returncode == 0
    assert "fixed: " in done.stdout and "rename engine.args.max-modle-len to engine.args.max-model-len" in done.stdout
    assert "0 errors" in done.stdout
    assert "fixed: " not in run("-f", str(base), "--fix").stdout


def test_without_fix_the_report_says_that_there_is_one(base: Path) -> None:
    done = run("-f", str(base))
    assert (done.returncode, "1 of these can be mended with --fix" in done.stdout) == (1, True)
    assert base.read_text(encoding="utf-8") == BASE


def test_diff_shows_the_edits_and_makes_none(base: Path) -> None:
    done = run("-f", str(base), "--diff")
    assert done.returncode == 1
    assert "-    max-modle-len: 8192  # tokens\n+    max-model-len: 8192  # tokens\n" in done.stdout
    assert base.read_text(encoding="utf-8") == BASE
    base.write_text(FIXED, encoding="utf-8")
    assert run("-f", str(base), "--diff").returncode == 0


def test_diff_does_not_show_secrets(base: Path) -> None:
    text = BASE.replace("  args:\n", "  env: {HF_TOKEN: hf_abcdefghijklmnopqrstuvwxyz}\n  args:\n")
    base.write_text(text, encoding="utf-8")
    done = run("-f", str(base), "--diff")
    assert "HF_TOKEN: ***" in done.stdout and "abcdefghij" not in done.stdout


def test_json_has_the_cures_and_what_was_mended(base: Path) -> None:
    found = json.loads(run("-f", str(base), "--format", "json").stdout)["findings"]
    cure = next(item["cures"][0] for item in found if item["rule"] == "engine-flag-unknown")
    assert cure == {
        "title": "rename engine.args.max-modle-len to engine.args.max-model-len",
        "certain": True,
        "edits": [
            {
                "operation": "rename",
                "key": "engine.args.max-modle-len",
                "path": ["engine", "args", "max-modle-len"],
                "to": "engine.args.max-model-len",
                "file": str(base),
                "blocked": None,
            }
        ],
    }
    mended = json.loads(run("-f", str(base), "--fix", "--format", "json").stdout)
    assert [item["rule"] for item in mended["fixed"]] == ["engine-flag-unknown"]
    assert mended["not_fixed"] == []


def test_the_layer_that_causes_the_value_is_edited(base: Path, tmp_path: Path) -> None:
    base.write_text(FIXED, encoding="utf-8")
    top = tmp_path / "top.yaml"
    top.write_text("engine: {args: {gpu-memory-utilization: 90}}  # percent\n", encoding="utf-8")
    assert run("-f", str(base), "-f", str(top), "--fix").returncode == 0
    assert top.read_text(encoding="utf-8") == "engine: {args: {gpu-memory-utilization: 0.9}}  # percent\n"
    assert base.read_text(encoding="utf-8") == FIXED


def test_several_deployments_over_one_base_mend_it_once(base: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("decode: {replicas: 2}\n", encoding="utf-8")
    done = run("-f", str(base), str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), "--fix")
    assert done.stdout.count("fixed: ") == 1
    assert base.read_text(encoding="utf-8") == FIXED


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--set", "engine.args.gpu-memory-utilization=90"), "given with --set"),
        (("--set-json", 'engine.args={"gpu-memory-utilization":90}'), "given with --set"),
    ],
)
def test_a_value_of_an_option_cannot_be_edited(base: Path, options: tuple[str, str], reason: str) -> None:
    base.write_text(FIXED, encoding="utf-8")
    done = run("-f", str(base), *options, "--fix")
    assert (done.returncode, reason in done.stderr) == (1, True)
    assert base.read_text(encoding="utf-8") == FIXED


def test_a_preset_cannot_be_edited(base: Path) -> None:
    base.write_text(FIXED, encoding="utf-8")
    sources = read_sources(["preset:topology/pd", str(base)], Assignments())
    path = next(path for path, _ in leaves(sources.layers[0].values))
    cure = placed(Cure((setting(path, 1),), True), sources)
    assert cure.blocked and "the preset topology/pd" in cure.blocked
    assert not placed(Cure((setting(("decode", "new"), 1),), True), sources).blocked


def test_a_cure_that_is_ignored_is_not_made(base: Path) -> None:
    done = run("-f", str(base), "--fix", "--ignore", "engine-flag-unknown=ours")
    assert done.returncode == 0
    assert base.read_text(encoding="utf-8") == BASE


def test_a_symbolic_link_stays_one(base: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(base)
    assert run("-f", str(link), "--fix").returncode == 0
    assert link.is_symlink() and base.read_text(encoding="utf-8") == FIXED


def test_a_read_only_file_is_left_as_it_is(base: Path) -> None:
    base.chmod(0o444)
    done = run("-f", str(base), "--fix")
    assert done.returncode == 1
    assert "read-only" in done.stderr
    assert base.read_text(encoding="utf-8") == BASE


def test_a_file_keeps_its_line_ends_and_mode(base: Path) -> None:
    base.write_bytes(("\ufeff" + BASE.replace("\n", "\r\n")).encode())
    base.chmod(0o640)
    assert run("-f", str(base), "--fix").returncode == 0
    assert base.read_bytes() == ("\ufeff" + FIXED.replace("\n", "\r\n")).encode()
    assert base.stat().st_mode & 0o777 == 0o640


def test_standard_input_cannot_be_edited() -> None:
    done = run("-f", "-", "--fix", stdin=BASE)
    assert done.returncode == 2
    assert "standard input" in done.stderr and "Traceback" not in done.stderr


def test_a_stream_cannot_be_edited(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    done = run("-f", str(fifo), "--fix")
    assert (done.returncode, "a stream" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "text", ["decode: [1\n", "a: 1\n---\nb: 2\n", "- 1\n", "engine: {args: {max-modle-len: 1}}\n\tx: 1\n"]
)
def test_a_file_that_is_no_values_file_is_reported_and_left(base: Path, tmp_path: Path, text: str) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(text, encoding="utf-8")
    done = run(str(base), str(other), "--fix")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr + done.stdout
    assert other.read_text(encoding="utf-8") == text
    assert base.read_text(encoding="utf-8") == FIXED


def test_an_alias_is_left_to_the_person(base: Path) -> None:
    text = BASE.replace("  args:\n", "  args: &args\n") + "decode: {engine: {args: *args}}\n"
    base.write_text(text, encoding="utf-8")
    done = run("-f", str(base), "--fix")
    assert done.returncode == 1
    assert "not fixed" in done.stderr and "by hand" in done.stderr
    assert base.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("given", "fixed"),
    [
        ("replicas: '2'  # two", "replicas: 2  # two"),
        ("podLabels: {version: 1.10, on: true}", 'podLabels: {version: "1.10", on: "true"}'),
        ("dnsPolicy: None", "extraConfig: {dnsPolicy: None}"),
        ("workload: statefulset", "workload: StatefulSet"),
        ("parallelsim: {tensor: 1}", "parallelism: {tensor: 1}"),
        ("drain: {enabled: 'true'}", "drain: {enabled: true}"),
    ],
)
def test_what_the_schema_rejects_is_mended_where_it_is_certain(base: Path, given: str, fixed: str) -> None:
    base.write_text(f"{FIXED}decode:\n  {given}\n", encoding="utf-8")
    done = run("-f", str(base), "--fix")
    text = base.read_text(encoding="utf-8")
    assert "fixed: " in done.stdout
    assert text.replace("'", '"') == f"{FIXED}decode:\n  {fixed}\n".replace("'", '"')


@pytest.mark.parametrize("given", ["replicas: two", "workload: Job", "zzz: 1", "parallelism: {tensor: 0.5}"])
def test_what_only_a_person_can_decide_is_left(base: Path, given: str) -> None:
    text = f"{FIXED}decode:\n  {given}\n"
    base.write_text(text, encoding="utf-8")
    assert run("-f", str(base), "--fix").returncode == 1
    assert base.read_text(encoding="utf-8") == text
