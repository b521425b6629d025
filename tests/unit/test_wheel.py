"""The wheel, which has neither the repository nor the local cluster: its commands, and those of every page, in an empty
folder outside the checkout."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.pages import RUN_IN_ORDER
from support.render import ROOT

pytestmark = pytest.mark.slow

PROGRAM = """\
import sys
sys.path += [{wheel!r}, {packages!r}]
from modelservice.__main__ import main
main()
"""
"""Runs the wheel's program without ``.pth`` files, one of which leads to the repository."""

POOLS = "pools: [{name: h100, count: 2, resources: {nvidia.com/gpu: '8', cpu: '192', memory: 2Ti}}]\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel; skips where it cannot be built, which in CI is a failure."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(done.stderr)
        pytest.skip(f"the wheel cannot be built here: {done.stderr.strip().splitlines()[-1]}")
    (built,) = folder.glob("*.whl")
    zipfile.ZipFile(built).extractall(folder)
    return folder


def run(wheel: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(wheel=str(wheel), packages=sysconfig.get_path("purelib"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_it_renders_and_checks_with_the_packaged_chart(wheel: Path, tmp_path: Path) -> None:
    values = ROOT / "examples" / "values-pd.yaml"
    (tmp_path / "nodes.yaml").write_text(POOLS)
    assert run(wheel, tmp_path, "--version").stdout.strip().count(".") == 2
    rendered = list(yaml.safe_load_all(run(wheel, tmp_path, "render", "-f", str(values)).stdout))
    assert {obj["kind"] for obj in rendered} == {"ServiceAccount", "Deployment", "PodMonitor"}
    checked = run(wheel, tmp_path, "check", "-f", str(values), "--nodes", "nodes.yaml")
    assert "1 checked: 0 errors" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cluster", "up"], "the local cluster needs a checkout"),
        (["cluster", "status"], "the local cluster needs a checkout"),
        (["schema", "--check"], "this command needs a checkout"),
    ],
)
def test_commands_that_need_the_repository_say_so(
    wheel: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = run(wheel, tmp_path, *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("arguments", [[], ["cluster"], ["check"]])
def test_help_is_there(wheel: Path, tmp_path: Path, arguments: list[str]) -> None:
    assert "Usage" in run(wheel, tmp_path, *arguments, "--help").stdout


def test_the_developers_commands_are_not_listed(wheel: Path, tmp_path: Path) -> None:
    listed = run(wheel, tmp_path, "--help").stdout
    assert "examples" not in listed
    assert "presets" in listed and "schema" in listed


@pytest.mark.parametrize(
    "arguments",
    [
        ["render", "--preset", "topology/pd", "--preset", "hardware/amd"],
        ["render", "-f", "preset:topology/pd", "-f", "preset:hardware/amd"],
        ["check", "--preset", "topology/pd"],
        ["check", "preset:topology/pd", "preset:topology/single"],
        ["plan", "--preset", "topology/pd", "-f", "preset:hardware/amd"],
        ["endpoints", "--preset", "topology/pd"],
        ["explain", "--preset", "topology/pd", "--what-if", "decode.replicas=2"],
    ],
    ids=" ".join,
)
def test_presets_are_in_it(wheel: Path, tmp_path: Path, arguments: list[str]) -> None:
    done = run(wheel, tmp_path, *arguments)
    assert done.returncode in (0, 1) and done.stdout and not done.stderr, done.stderr


def test_every_preset_is_listed_with_a_line_and_printed(wheel: Path, tmp_path: Path) -> None:
    folder = ROOT / "examples" / "presets"
    files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.yaml")}
    listed = dict(line.split(maxsplit=1) for line in run(wheel, tmp_path, "presets").stdout.splitlines())
    assert listed.keys() == files.keys()
    assert all(summary[0].isupper() or summary[0].islower() for summary in listed.values())
    assert [item["name"] for item in json.loads(run(wheel, tmp_path, "presets", "--format", "json").stdout)["presets"]]
    for name in ("topology/pd", "monitoring/prometheus-operator"):
        assert run(wheel, tmp_path, "presets", "show", name).stdout == files[name].read_text()


def test_a_misspelt_preset_is_named(wheel: Path, tmp_path: Path) -> None:
    for arguments in (["render", "--preset", "topolgy/pd"], ["check", "-f", "preset:topolgy/pd", "-f", "x"]):
        done = run(wheel, tmp_path, *arguments)
        assert done.returncode == 2
        assert "there is no preset 'topolgy/pd'; did you mean topology/pd?" in done.stderr + done.stdout.replace(
            "\n    ", "; "
        )


def test_the_schema_is_in_it(wheel: Path, tmp_path: Path) -> None:
    schema = (ROOT / "charts" / "llm-d-modelservice" / "values.schema.json").read_text()
    assert run(wheel, tmp_path, "schema").stdout == run(wheel, tmp_path, "schema", "--print").stdout == schema
    assert Path(run(wheel, tmp_path, "schema", "--path").stdout.strip()).read_text() == schema
    version, line = run(wheel, tmp_path, "schema", "--line").stdout.splitlines()
    assert version == f"# llm-d-modelservice {run(wheel, tmp_path, '--version').stdout.strip()}"
    uri = re.fullmatch(r"# yaml-language-server: \$schema=file://(\S+)", line)
    assert uri and Path(uri[1]).read_text() == schema


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "charts/llm-d-modelservice/README.md"]

NOT_HERE = {
    r"helm (install|upgrade|test|uninstall|rollback|get|list)\b": "needs a cluster",
    r"(.*\| )?kubectl\b": "needs a cluster",
    r"(eval .*)?modelservice cluster\b": "needs a checkout and Linux: the programs are built from its Go modules",
    r"python -m localcluster": "needs a checkout: not part of the wheel",
    r"modelservice check .*--cluster\b": "needs a cluster",
    r"make\b|apt-get\b|pytest\b": "needs a checkout",
    r"(pip|pipx|git|curl|docker|flux|argocd|helmfile|kustomize)\b": "needs a network or another program",
    r"helm (-n \S+ )?(plugin|modelservice)\b": "tests/unit/test_helm_plugin.py runs it",
    r"modelservice .*(--chart platform|qwen\.yaml llama\.yaml)": "tests/unit/test_gitops.py runs it on the page's own files",
    r"helm (template|lint|package|dependency|repo|pull|push)\b": "needs helm, which is built from a pinned Go module",
}
"""Commands of the pages that are not run here, each with the reason."""

FILES = {
    "values.yaml": "values-pd.yaml", "base.yaml": "values-pd.yaml", "pool.yaml": "pool-pd.yaml",
    "nodes.yaml": "nodes.yaml", "rendered.yaml": "output/pd.yaml",
}  # fmt: skip
"""Files that the pages take for granted, and the examples that stand for them."""

OLD = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: qwen}
spec: {predictor: {model: {modelFormat: {name: huggingface}, storageUri: "hf://Qwen/Qwen3-0.6B"}}}
"""
MINE = "modelArtifacts: {name: Qwen/Qwen3-0.6B}\nengine: {type: vllm, image: 'vllm/vllm-openai:v0.32.0'}\n"


def documented() -> Iterator[tuple[str, str]]:
    """Yield every command of the pages with its page."""
    for page in PAGES:
        if str(page.relative_to(ROOT)) in RUN_IN_ORDER:
            continue
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL):
            for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, flags=re.MULTILINE):
                yield str(page.relative_to(ROOT)), re.sub(r"\s+#.*$", "", command)
        for command in re.findall(r"^ *- run: (modelservice .*)$", page.read_text(), flags=re.MULTILINE):
            yield str(page.relative_to(ROOT)), command


def elsewhere(command: str) -> str | None:
    """Return why a command is not run here."""
    return next((reason for pattern, reason in NOT_HERE.items() if re.match(pattern, command)), None)


HERE = [(page, command) for page, command in documented() if not elsewhere(command)]


@pytest.fixture
def folder(wheel: Path, tmp_path: Path) -> Path:
    """A folder with the files that the pages speak of, and the wheel's program in its `bin`."""
    for name, example in FILES.items():
        (tmp_path / name).write_text((ROOT / "examples" / example).read_text())
    for name in ("mine.yaml", "installed.yaml", "new.yaml", "my-model.yaml", "team-a.yaml", "team-b.yaml"):
        (tmp_path / name).write_text(MINE)
    (tmp_path / "old.yaml").write_text(OLD)
    program = tmp_path / "bin" / "modelservice"
    program.parent.mkdir()
    code = PROGRAM.format(wheel=str(wheel), packages=sysconfig.get_path("purelib"))
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -c {shlex.quote(code)} "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("page", "command"), HERE)
def test_a_command_of_the_pages_works(folder: Path, page: str, command: str) -> None:
    if "examples/" in command:  # the page says so: in a checkout
        (folder / "examples").symlink_to(ROOT / "examples")
    if "/usr/local/bin/helm" in command:
        pytest.skip("needs a helm executable, see test_renderers.py")
    environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    findings = command.startswith(("modelservice check", "modelservice diff")) and done.returncode == 1 and done.stdout
    assert done.returncode == 0 or findings, done.stderr
    assert "a bug in this program" not in done.stderr


def test_the_reasons_for_not_running_a_command_are_needed() -> None:
    skipped = [command for _, command in documented() if elsewhere(command)]
    assert HERE and skipped
    for pattern in ("helm (install", "modelservice cluster"):
        assert any(re.match(regex, command) for regex in NOT_HERE if pattern in regex for command in skipped)


PUBLISHED_BY_NOBODY = [
    r"pip install ['\"]?llm-d-modelservice(?!\[\w+\] @ git)",
    r"rev: v\d",
    r"^\$ helm .*oci://ghcr.io/llm-d/charts",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_takes_for_granted_what_nobody_publishes(page: Path) -> None:
    for pattern in PUBLISHED_BY_NOBODY:
        assert not re.search(pattern, page.read_text(), flags=re.MULTILINE), pattern
