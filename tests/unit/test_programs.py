"""The programs that tests build: what is said before, and that two processes do not build the same one."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster.binaries import PROGRAMS, _alone

BINARIES = [sys.executable, "-m", "localcluster.binaries"]


def test_the_plan_names_all_that_an_empty_cache_lacks(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([*BINARIES, "--plan"], env=environment, capture_output=True, text=True, check=False)
    said, _, names = done.stderr.strip().rpartition(": ")
    assert done.returncode == 1
    assert set(names.split(", ")) == {name for name, program in PROGRAMS.items() if not program.on_demand}
    assert "minutes" in said
    assert not list(tmp_path.iterdir()), "a plan builds nothing"


def test_one_process_builds_while_the_other_waits(tmp_path: Path) -> None:
    at_once = fcntl.LOCK_EX | fcntl.LOCK_NB
    with (tmp_path / ".lock").open("w") as other:
        with _alone(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(other, at_once)
        fcntl.flock(other, at_once)
