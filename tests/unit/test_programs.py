"""The programs that tests build: what is said before, what they share, and that no two are built at once."""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster import binaries
from localcluster.binaries import MODULES, PROGRAMS, alone

BINARIES = [sys.executable, "-m", "localcluster.binaries"]

SHARED = {
    "kubernetes": (["etcd", "kubeadm"], []),
    "helm4": (
        [
            "coredns", "definitions", "gaie", "helm3", "kubeconform", "kwok", "llm-d-inference-scheduler",
            "llm-d-inference-sim", "lws", "promtool",
        ],
        ["github.com/llm-d/", "github.com/prometheus/prometheus", "sigs.k8s.io/gateway-api-inference-extension"],
    ),
}  # fmt: skip
"""Modules with the same versions of libraries, by one of them; and what each has in the version of its release."""


def required(module: str) -> dict[str, str]:
    text = (MODULES / module / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:require)?\s+(\S+) (v\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("first", SHARED)
def test_programs_have_libraries_in_one_version_so_that_they_are_compiled_once(first: str) -> None:
    others, own = SHARED[first]
    versions: dict[str, dict[str, str]] = {}
    for module in [first, *others]:
        for path, version in required(module).items():
            if not path.startswith(tuple(own)):
                versions.setdefault(path, {})[module] = version
    differ = {path: found for path, found in versions.items() if len(set(found.values())) > 1}
    assert len(versions) > 50 and not differ


def test_the_plan_names_all_that_an_empty_cache_lacks(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([*BINARIES, "--plan"], env=environment, capture_output=True, text=True, check=False)
    said, _, names = done.stderr.strip().rpartition(": ")
    assert done.returncode == 1
    assert set(names.split(", ")) == {name for name, program in PROGRAMS.items() if not program.on_demand}
    assert "minutes" in said and binaries._SECONDS.keys() <= PROGRAMS.keys()
    assert not list(tmp_path.iterdir()), "a plan builds nothing"


def test_one_process_builds_while_the_other_waits(tmp_path: Path) -> None:
    at_once = fcntl.LOCK_EX | fcntl.LOCK_NB
    with (tmp_path / ".lock").open("w") as other:
        with alone(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(other, at_once)
        fcntl.flock(other, at_once)


def test_one_program_is_built_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two that are built at once would both compile what they share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = []

    def build(module: Path, *arguments: str) -> str:
        with (tmp_path / "modelservice" / "bin" / ".lock").open("w") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        built.append(module.name)
        Path(arguments[arguments.index("-o") + 1]).touch()
        return ""

    monkeypatch.setattr(binaries, "_go", build)
    for name in ("vllm-front", "etcd"):
        assert binaries.binary.__wrapped__(name).is_file()
    assert built == ["vllm-front", "etcd"]


@pytest.mark.executable
def test_definitions_are_generated_once_for_all_that_need_them(tmp_path: Path) -> None:
    """Workers collect tests at once, all with an empty cache."""
    program = binaries.binary("controller-gen")
    folder = tmp_path / "modelservice" / "bin" / program.parent.name
    folder.mkdir(parents=True)
    (folder / program.name).symlink_to(program)
    package = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
    code = f"from localcluster.binaries import generated_definitions; print(generated_definitions({package!r}))"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    printed = {each.communicate()[0].strip() for each in running}
    assert [each.returncode for each in running] == [0, 0, 0]
    assert [Path(path).parent for path in printed] == [folder]
    assert sorted(item.name for item in folder.iterdir() if item.is_dir()) == [package.replace("/", "_")]
