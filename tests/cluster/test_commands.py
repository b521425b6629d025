"""`modelservice cluster`: a cluster outlives the command that started it, and goes without a trace."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster, own_cache

pytestmark = pytest.mark.usefixtures("local_plane")


@pytest.fixture
def home(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment whose cache has the programs of the real one, but none of its clusters."""
    environment = own_cache(tmp_path)
    yield environment
    run(environment, "down", "--name", "trial")


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "modelservice", "cluster", *arguments], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_up_status_env_and_down(home: dict[str, str], tmp_path: Path) -> None:
    started = run(home, "up", "--name", "trial", "--nodes", "cpu")
    assert started.returncode == 0, started.stderr
    assert "2 nodes" in started.stderr
    kubeconfig = tmp_path / "modelservice" / "clusters" / "trial" / "kubeconfig"
    assert started.stdout == f"export KUBECONFIG={kubeconfig}\n"
    assert run(home, "env", "--name", "trial").stdout == started.stdout
    assert run(home, "status", "--name", "trial").returncode == 0
    assert "kwok" in json.loads(run(home, "status", "--name", "trial", "--format", "json").stdout)["running"]
    again = run(home, "up", "--name", "trial")
    assert (again.returncode, "already up" in again.stderr) == (2, True)
    assert run(home, "down", "--name", "trial").returncode == 0
    assert not kubeconfig.parent.exists()
    assert run(home, "status", "--name", "trial").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["env", "--name", "none"], 1, "the cluster none is not up"),
        (["down", "--name", "none"], 2, "there is no cluster none"),
        (["up", "--name", "../x"], 2, "is not a cluster name"),
        (["up", "--name", "trial", "--nodes", "/no/such.yaml"], 2, "no such file"),
    ],
)
def test_mistakes_are_sentences(home: dict[str, str], arguments: list[str], code: int, words: str) -> None:
    done = run(home, *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
