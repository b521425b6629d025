"""The command `check`: what it reads, prints and returns."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from modelservice.cli import main
from modelservice.model.picker import flags_of
from support.render import ROOT

PD = str(ROOT / "examples/values-pd.yaml")
POOL = str(ROOT / "examples/pool-pd.yaml")
BROKEN = "decode:\n  engine:\n    args:\n      max-modle-len: 8192\n"


@dataclass(frozen=True)
class Done:
    """What a run of the program left."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str, stdin: str = "", folder: Path = ROOT) -> Done:
    """Runs the program in process: a hundred checks would start a hundred interpreters."""
    out, err = io.StringIO(), io.StringIO()
    given, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin.encode()))
    code = 0
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(["check", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdin = given
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def broken(tmp_path: Path) -> str:
    (tmp_path / "broken.yaml").write_text(BROKEN)
    return str(tmp_path / "broken.yaml")


def test_a_correct_deployment_with_its_pool_ends_well() -> None:
    done = run("-f", PD, "--pool", POOL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 errors" in done.stdout


def test_a_picker_without_arguments_is_read() -> None:
    assert flags_of({}) == {} and flags_of({"args": ["--v=4", "-kv", "on", "--x"]}) == {"v": "4", "kv": "on", "x": ""}


def test_values_of_a_pool_are_layered(tmp_path: Path) -> None:
    base, own = tmp_path / "base.yaml", tmp_path / "own.yaml"
    base.write_text("inferencePool: {modelServers: {matchLabels: {app: x}}, targetPorts: [{number: 1}]}\n")
    own.write_text("inferencePool:\n  targetPorts: [{number: 9}]\n")
    findings = json.loads(run("-f", PD, "--pool", f"{base},{own}", "--format", "json").stdout)["findings"]
    fixes = {item["rule"]: item["fix"] for item in findings}
    assert f"{base}:1" in fixes["pool-selector"] and f"{own}:2" in fixes["pool-port"]


def test_a_script_among_the_values_of_a_flag_is_an_error(tmp_path: Path) -> None:
    words = ["--served-model-name", "a", "python3 -m vllm --seed 3"]
    values = {
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
        "decode": {"containers": [{"args": words}]}, "prefill": {"create": False},
    }  # fmt: skip
    (tmp_path / "values.yaml").write_text(json.dumps(values))
    assert (
        "takes the word 'python3 -m vllm --seed 3' as one of its values"
        in run("-f", str(tmp_path / "values.yaml")).stdout
    )


def test_an_error_names_the_line_the_key_and_the_fix(broken: str) -> None:
    done = run("-f", PD, "-f", broken)
    assert done.returncode == 1
    assert (
        f"{broken}:4: error: decode.engine.args.max-modle-len: vLLM 0.32.0 does not know --max-modle-len" in done.stdout
    )
    assert "did you mean --max-model-len?" in done.stdout


def test_json_has_the_documented_shape(broken: str) -> None:
    report = json.loads(run("-f", PD, "-f", broken, "--format", "json").stdout)
    (finding,) = [item for item in report["findings"] if item["severity"] == "error"]
    assert finding["rule"] == "engine-flag-unknown"
    assert finding["object"] == "Deployment/modelservice-llm-d-modelservice-decode"
    assert (finding["values"], finding["file"], finding["line"]) == ("decode.engine.args.max-modle-len", broken, 4)
    assert {"message", "fix"} <= finding.keys()
    assert report["summary"]["errors"] == 1


def test_sarif_has_the_rule_and_the_line(broken: str) -> None:
    (sarif,) = json.loads(run("-f", PD, "-f", broken, "--format", "sarif").stdout)["runs"]
    (result,) = [item for item in sarif["results"] if item["level"] == "error"]
    location = result["locations"][0]["physicalLocation"]
    assert (location["artifactLocation"]["uri"], location["region"]["startLine"]) == (Path(broken).as_uri(), 4)
    assert result["ruleId"] in {rule["id"] for rule in sarif["tool"]["driver"]["rules"]}


def test_junit_counts_the_failures(broken: str) -> None:
    suites = ElementTree.fromstring(run("-f", PD, "-f", broken, "--format", "junit").stdout)  # noqa: S314
    (suite,) = suites
    assert suite.get("failures") == "1"
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["engine-flag-unknown"]


def test_what_the_schema_refuses_is_a_finding_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "typo.yaml").write_text("decode:\n  replcas: 2\n")
    done = run("-f", str(tmp_path / "typo.yaml"))
    assert done.returncode == 1
    assert f"{tmp_path}/typo.yaml:2: error: decode.replcas: unknown key" in done.stdout


def test_a_rule_is_ignored_for_a_reason_that_the_report_shows(broken: str) -> None:
    done = run("-f", PD, "-f", broken, "--ignore", "engine-flag-unknown=our fork has it")
    assert done.returncode == 0
    assert "ignored: engine-flag-unknown (--ignore): our fork has it" in done.stdout


def test_the_project_file_ignores_a_rule_for_some_files(tmp_path: Path, broken: str) -> None:
    (tmp_path / ".modelservice.yaml").write_text(
        "ignore: [{rule: engine-flag-unknown, reason: a fork, files: [broken.yaml]}]"
    )
    report = json.loads(run("-f", PD, "-f", broken, "--format", "json", folder=tmp_path).stdout)
    (hidden,) = report["summary"]["suppressed"]
    assert (hidden["reason"], hidden["source"]) == ("a fork", ".modelservice.yaml")
    (tmp_path / ".modelservice.yaml").write_text(
        "ignore: [{rule: engine-flag-unknown, reason: a fork, files: [x.yaml]}]"
    )
    assert run("-f", PD, "-f", broken, folder=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to check"),
        (["-f", "absent.yaml"], "no such file"),
        (["-f", PD, "--pool", "absent.yaml"], "no such file"),
        (["-f", PD, "--pool", PD], "neither inferencePool nor router"),
        (["-f", PD, "--nodes", PD], "neither node pools nor objects"),
        (["-f", PD, "--ignore", "image-latest"], "needs a reason"),
        (["-f", PD, "--ignore", "no-such-rule=x"], "there is no rule"),
        (["-f", PD, "--ignore", "pods-fit=x"], "use pod-does-not-fit"),
        (["-f", PD, "--vllm-version", "newest"], "not a version"),
        (["--manifests", PD], "not a Kubernetes object"),
        (["-f", "-", "--manifests", "-"], "read once"),
    ],
)
def test_wrong_usage_and_unreadable_input_are_said(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("option", ["--pool", "--manifests", "--nodes"])
def test_a_file_that_is_no_yaml_is_named_with_the_line(tmp_path: Path, option: str) -> None:
    (tmp_path / "broken.yaml").write_text("kind: Pod\nmetadata: {name: x\n")
    done = run("-f", PD, option, str(tmp_path / "broken.yaml"))
    assert (done.returncode, "broken.yaml:" in done.stderr, "unicode" in done.stderr) == (1, True, False)


def test_a_key_that_is_a_number_is_text_as_for_kubernetes(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("inferencePool: {modelServers: {matchLabels: {1: a}}}")
    done = run("-f", PD, "--pool", str(tmp_path / "pool.yaml"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "the pool selects 1: a" in done.stdout


def test_warnings_fail_only_when_strict(tmp_path: Path) -> None:
    (tmp_path / "latest.yaml").write_text("engine: {image: 'vllm/vllm-openai:latest'}\n")
    assert run("-f", PD, "-f", str(tmp_path / "latest.yaml")).returncode == 0
    assert run("-f", PD, "-f", str(tmp_path / "latest.yaml"), "--strict").returncode == 1


def test_manifests_of_others_are_checked_from_standard_input() -> None:
    text = (
        (ROOT / "examples/output/pd.yaml")
        .read_text()
        .replace("'8200'\n        - --tensor", "'8201'\n        - --tensor", 1)
    )
    done = run("--manifests", "-", "--pool", POOL, stdin=text)
    assert done.returncode == 1
    assert "the sidecar forwards to 8200, but the engine listens on 8201" in done.stdout


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: m}}
spec:
  selector: {{matchLabels: {{app: m}}}}
  template:
    metadata: {{labels: {{app: m}}}}
    spec:
      containers:
      - {{name: vllm, image: "vllm/vllm-openai:v0.32.0", command: [vllm, serve], args: {args}}}
"""


@pytest.mark.parametrize(
    ("short", "name"), [("-sc", "speculative-config"), ("-cc", "compilation-config"), ("-q", "quantization")]
)
def test_a_flag_given_in_its_short_and_its_long_form_is_given_twice(short: str, name: str) -> None:
    value = "fp8" if name == "quantization" else "{}"
    done = run("--manifests", "-", stdin=DEPLOYMENT.format(args=["m", short, value, f"--{name}", value]))
    assert f"--{name} is set 2 times" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["--log-config-file", "/etc/log.json", "Qwen/Qwen3-8B"],
        ["--language-model-only", "Qwen/Qwen3-VL-8B"],
        ["Qwen/Qwen3-8B", "-O3", "--served-model-name", "a", "b", "--kv-transfer-config.kv_role=kv_both", "-tp=1"],
    ],
)
def test_flags_and_model_in_any_order_and_spelling_are_no_errors(args: list[str]) -> None:
    done = run("--manifests", "-", stdin=DEPLOYMENT.format(args=args))
    assert not {"[engine-flag-unknown]", "[engine-flag-value]"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("version", "flag", "expected"),
    [
        ("0.32.0", "swap-space: 4", "error: engine.args.swap-space: vLLM 0.32.0 does not know --swap-space, which was removed after 0.17.1"),
        ("0.20.0", "disable-log-requests: true", "which was removed after 0.16.0"),
        ("99.0.0", "swap-space: 4", "info: engine.args.swap-space"),
        ("99.0.0", "some-new-flag: 4", "info: engine.args.some-new-flag"),
        ("99.0.0", "max-num-seqs: many", "info: engine.args.max-num-seqs"),
        ("99.0.0", "max-num-seqs: 4", "the arguments of vLLM 99.0.0 are not known"),
        ("0.6.0", "some-old-flag: 4", "info: engine.args.some-old-flag"),
    ],
)  # fmt: skip
def test_only_a_known_version_makes_a_flag_an_error(tmp_path: Path, version: str, flag: str, expected: str) -> None:
    (tmp_path / "flags.yaml").write_text(f"engine: {{args: {{{flag}}}}}\n")
    done = run("-f", PD, "-f", str(tmp_path / "flags.yaml"), "--vllm-version", version)
    assert expected in done.stdout
    assert version in ("0.32.0", "0.20.0") or "error: engine.args" not in done.stdout


def test_a_flag_that_an_older_version_had_is_not_reported_for_it(tmp_path: Path) -> None:
    (tmp_path / "flags.yaml").write_text("engine: {args: {enable-reasoning: true}}\n")
    assert "enable-reasoning" not in run("-f", PD, "-f", str(tmp_path / "flags.yaml"), "--vllm-version", "0.9.0").stdout
    done = run("-f", PD, "-f", str(tmp_path / "flags.yaml"), "--vllm-version", "0.11.0")
    assert "was removed after 0.9.2" in done.stdout


def test_the_version_of_vllm_decides_which_flags_there_are(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("engine: {args: {shutdown-timeout: 10}}\n")
    assert run("-f", PD, "-f", str(tmp_path / "old.yaml")).returncode == 0
    done = run("-f", PD, "-f", str(tmp_path / "old.yaml"), "--vllm-version", "0.11.0")
    assert done.returncode == 1
    assert "--shutdown-timeout, which appeared in 0.18.0" in done.stdout


def test_several_files_are_compared_when_they_stand_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(Path(PD).read_text())
    files = [str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")]
    assert run(*files).returncode == 0
    done = run(*files, "--together", "--format", "json")
    assert {item["rule"] for item in json.loads(done.stdout)["findings"] if item["severity"] == "error"} == {
        "model-mismatch"
    }


def test_a_secret_never_appears_in_a_report(tmp_path: Path) -> None:
    (tmp_path / "token.yaml").write_text("engine: {env: {HF_TOKEN: hf_verysecret}}\n")
    for output_format in ("text", "json", "sarif", "junit"):
        done = run("-f", PD, "-f", str(tmp_path / "token.yaml"), "--format", output_format)
        assert done.returncode == 1
        assert "hf_verysecret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["7.yaml", "values-7.yaml", "a-very-long-name-of-a-values-file-in-a-folder.yaml", "Ümläut.yaml"]
)
def test_a_file_of_any_name_gets_a_release_name_that_fits(tmp_path: Path, name: str) -> None:
    for file in (name, "other.yaml"):
        (tmp_path / file).write_text((ROOT / "examples/values-multinode.yaml").read_text())
    assert run(str(tmp_path / name), str(tmp_path / "other.yaml")).returncode == 0


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{kind: Deployment, metadata: {name: x}, spec: 7}", "spec: it is 7, not a map"),
        ("{kind: Deployment, metadata: {name: 7}}", "metadata.name: it is 7, not text"),
        ("{kind: Pod, metadata: {name: x}, spec: {containers: [{name: x, env: [{value: y}]}]}}", "/containers/0/env/0"),
        ("{kind: Deployment, metadata: {name: x}, spec: {template: {spec: {containers: 7}}}}", "spec.template.spec.containers: it is 7, not a list"),
        ("{kind: PodMonitor, metadata: {name: x}, spec: {selector: 7}}\n---\n"
         "{kind: Pod, metadata: {name: x}, spec: {containers: [{name: x}]}}", "spec.selector: it is 7, not a map"),
    ],
)  # fmt: skip
def test_objects_of_another_form_are_findings(manifest: str, message: str) -> None:
    done = run("--manifests", "-", stdin=manifest)
    assert done.returncode == 1
    assert message in done.stdout


def test_every_example_is_correct() -> None:
    done = run(*(str(file) for file in sorted((ROOT / "examples").glob("values-*.yaml"))))
    assert done.returncode == 0, done.stdout
