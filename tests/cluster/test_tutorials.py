"""Pages to follow from top to bottom: their files are written, their commands run in order and print what they show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.binaries import binary
from support.cluster import Cluster
from support.pages import RUN_IN_ORDER, commands, files, shows
from support.render import ROOT

ELSEWHERE = ("modelservice cluster", "eval ")
"""Commands that start a cluster and name it; here there is one."""


@pytest.fixture
def shell(cluster: Cluster, namespace: str, tmp_path: Path) -> dict[str, Any]:
    """A folder with the chart and the programs of the pages, for a namespace: arguments of subprocess.run."""
    (tmp_path / "charts").symlink_to(ROOT / "charts")
    (tmp_path / "bin").mkdir()
    for name, program in {"helm": "helm4", "kubectl": "kubectl"}.items():
        (tmp_path / "bin" / name).symlink_to(binary(program))
    # The pages are for the namespace "default", which `diff` takes if none is named.
    other = f'[ "$1" != diff ] || set -- "$@" --namespace {namespace}'
    program = f'#!/bin/sh\n{other}\nexec "{sys.executable}" -m modelservice "$@"\n'
    (tmp_path / "bin" / "modelservice").write_text(program)
    (tmp_path / "bin" / "modelservice").chmod(0o755)
    access = yaml.safe_load(cluster.client.kubeconfig.read_text())
    for context in access["contexts"]:
        context["context"]["namespace"] = namespace
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(access))
    return {
        "cwd": tmp_path,
        "env": {
            **os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "KUBECONFIG": str(tmp_path / "kubeconfig"), "HOME": str(tmp_path),
        },
    }  # fmt: skip


@pytest.mark.usefixtures("fake_nodes")
@pytest.mark.parametrize("page", RUN_IN_ORDER)
def test_a_page_can_be_followed(shell: dict[str, Any], page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, content in files(text).items():
        Path(shell["cwd"], name).write_text(content, encoding="utf-8")
    for command, output in commands(text):
        if command.startswith(ELSEWHERE):
            continue
        done = subprocess.run(["/bin/bash", "-c", command], **shell, capture_output=True, text=True, check=False)
        rejects = any("loses requests" in line for line in output)
        assert done.returncode == int(rejects), f"{command}\n{done.stdout}{done.stderr}"
        assert not output or shows(output, done.stdout.splitlines()), f"{command}\n{done.stdout}"
