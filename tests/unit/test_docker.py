"""A Docker daemon of the tests' own: where it cannot be, a sentence says why; what runc is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster import docker
from localcluster.runc_within_bounds import files, reduce

KIND = [sys.executable, "-m", "localcluster.kind"]


def run(*command: str, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": str(path), "DOCKER_HOST": "unix:///nowhere", **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="what root is told")
def test_without_docker_the_exit_code_says_that_the_machine_cannot(tmp_path: Path) -> None:
    done = run(*KIND, path=tmp_path)
    assert done.returncode == docker.UNAVAILABLE
    assert done.stderr.splitlines() == ["test-kind: there is no dockerd; apt-get install --yes docker.io"]


@pytest.mark.skipif(os.geteuid() != 0, reason="what root is told")
def test_without_namespaces_the_reason_is_given(tmp_path: Path) -> None:
    for name, script in {"dockerd": "exit 1", "setpriv": "echo unshare: not permitted >&2; exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = run(*KIND, path=tmp_path)
    assert done.returncode == docker.UNAVAILABLE
    assert done.stderr == "test-kind: this machine gives no namespaces to root: unshare: not permitted\n"


def test_an_image_of_a_registry_needs_a_daemon_that_reaches_one(tmp_path: Path) -> None:
    done = run(*KIND, path=tmp_path, KIND_IMAGE="example.com/node:1")
    assert done.returncode == 2
    assert "KIND_IMAGE is an image of a registry" in done.stderr


@pytest.mark.parametrize("option", ["--bundle", "--process"])
def test_a_capability_that_the_machine_lacks_is_not_asked_for(tmp_path: Path, option: str) -> None:
    process = {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": []}, "user": {"uid": 0}}
    given = {"process": process} if option == "--bundle" else process
    file = tmp_path / ("config.json" if option == "--bundle" else "process.json")
    file.write_text(json.dumps(given))
    value = str(tmp_path if option == "--bundle" else file)
    assert files(["--root", "/run", "create", option, value, "name"]) == [file]
    reduce(file, {"CAP_SYS_RESOURCE"})
    process["capabilities"] = {"bounding": ["CAP_CHOWN"], "effective": []}
    assert json.loads(file.read_text()) == given
