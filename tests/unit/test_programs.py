"""The programs that tests build: what is said before, and that two processes do not build the same one."""

import os
import subprocess
import sys
from pathlib import Path

from localcluster.binaries import PROGRAMS

BINARIES = [sys.executable, "-m", "localcluster.binaries"]

HELD = """
import sys; from pathlib import Path; from localcluster import binaries
with binaries._alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
    print("released", flush=True)
"""


def test_the_plan_names_all_that_an_empty_cache_lacks(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([*BINARIES, "--plan"], env=environment, capture_output=True, text=True, check=False)
    said, _, names = done.stderr.strip().rpartition(": ")
    assert done.returncode == 1
    assert set(names.split(", ")) == {name for name, program in PROGRAMS.items() if not program.on_demand}
    assert "minutes" in said
    assert not list(tmp_path.iterdir()), "a plan builds nothing"


def test_one_process_builds_while_the_other_waits(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HELD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as first:  # type: ignore[call-overload]
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(command, text=True, **pipes) as second:  # type: ignore[call-overload]
            os.set_blocking(second.stdout.fileno(), False)
            assert second.stdout.read() in (None, ""), "the lock is the first's"
            first.communicate("")
            os.set_blocking(second.stdout.fileno(), True)
            assert second.stdout.readline() == "held\n"
            second.communicate("")
