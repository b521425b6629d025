"""The wheel, which has neither the repository nor the local cluster: its commands in an empty folder."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

from support.render import ROOT

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
        (["schema"], "this command needs a checkout"),
        (["examples"], "this command needs a checkout"),
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
