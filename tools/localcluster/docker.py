"""Run a command beside a Docker daemon of its own: ``python -m localcluster.docker COMMAND...``.

The daemon, its containers and the command are in mount, network and process namespaces of their own. So the machine's
packet filter, routes and mounts stay as they are, and all processes end with the command. What they need of the outside
world has to be there before, as the namespaces reach none: no registry and no module proxy.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from localcluster.binaries import cache_dir
from localcluster.images import NOBODY, Image, write_archive
from localcluster.process import Component
from modelservice.errors import ModelserviceError, UsageError

# The daemon and all containers are killed with the process that started them, however that ends.
NAMESPACES = [
    "setpriv",
    "--pdeathsig=KILL",
    "unshare",
    "--mount",
    "--net",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
]

LOOPBACK_UP = ["ip", "link", "set", "lo", "up"]

RUNTIME = Path(__file__).with_name("runc_within_bounds.py")

UNAVAILABLE = 69
"""Exit code where this machine cannot run containers: EX_UNAVAILABLE of sysexits.h."""

SECONDS_TO_START = 120
SECONDS_TO_END = 30


class UnavailableError(UsageError):
    """This machine cannot run containers."""

    exit_code = UNAVAILABLE


def require() -> None:
    """Raise an error if no daemon can be started here.

    Raises:
        UnavailableError: not root, no dockerd, or no namespaces; the message says which.
    """
    if os.geteuid() != 0:
        raise UnavailableError("a Docker daemon of its own needs root", fix="start Docker or Podman, or use sudo")
    if shutil.which("dockerd") is None:
        raise UnavailableError("there is no dockerd", fix="apt-get install --yes docker.io")
    done = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"this machine gives no namespaces to root: {done.stderr.strip()}")


def beside_daemon(command: Sequence[str]) -> int:
    """Run a command beside a daemon in new namespaces and return its exit code.

    Raises:
        UnavailableError: no daemon can be started here.
    """
    require()
    cache_dir().mkdir(parents=True, exist_ok=True)
    # Beside the cache, as containers need a file system that layers can be put on, which /tmp is not everywhere.
    with tempfile.TemporaryDirectory(prefix="docker-", dir=cache_dir()) as folder:
        inside = [sys.executable, "-m", "localcluster.docker", "--inside", folder, *command]
        try:
            return subprocess.run([*NAMESPACES, *inside], check=False).returncode
        finally:
            _remove_control_groups(Path(folder).name)


def _remove_control_groups(name: str) -> None:
    """Remove the control groups that containers leave, which are of the machine, not of a namespace.

    Those of processes that were just killed are in use for a moment.
    """
    hierarchies = Path("/sys/fs/cgroup")  # of version 2, or of each controller
    groups = [hierarchies / name, *(found / name for found in hierarchies.iterdir())]
    deadline = time.monotonic() + SECONDS_TO_END
    while left := [group for group in groups if group.is_dir()]:
        for group in left:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        if time.monotonic() > deadline:
            return
        time.sleep(0.1)


def _inside(folder: Path, command: Sequence[str]) -> int:
    """Start the daemon in the namespaces of this process, run the command, and stop it."""
    subprocess.run(LOOPBACK_UP, check=True)
    socket = f"unix://{folder}/docker.sock"
    os.environ["DOCKER_HOST"] = socket
    daemon = Component(
        "dockerd",
        [
            "dockerd", f"--host={socket}", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
            f"--pidfile={folder}/docker.pid", f"--cgroup-parent=/{folder.name}",
            f"--add-runtime=within-bounds={RUNTIME}", "--default-runtime=within-bounds",
        ],
        folder,
    )  # fmt: skip
    try:
        daemon.wait_until(lambda: _docker("version").returncode == 0, SECONDS_TO_START)
        _probe(folder)
        return subprocess.run(command, check=False).returncode
    finally:
        daemon.stop()


def _probe(folder: Path) -> None:
    """Raise UnavailableError with Docker's reason if no container can be run with all privileges of this machine."""
    archive = folder / "probe.tar"
    write_archive(Image(("docker.io/local/probe:1",), ("/bin/sh",), user=NOBODY), archive)
    for arguments in (
        ["load", f"--input={archive}"],
        ["run", "--rm", "--privileged", "docker.io/local/probe:1", "-c", "exit 0"],
        ["image", "rm", "docker.io/local/probe:1"],
    ):
        done = _docker(*arguments)
        if done.returncode != 0:
            raise UnavailableError(f"Docker runs no container here: {done.stderr.strip()}")


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main() -> int:
    """Run the command of the arguments and return its exit code."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # through what cleans up
    try:
        if sys.argv[1:2] == ["--inside"]:
            return _inside(Path(sys.argv[2]), sys.argv[3:])
        return beside_daemon(sys.argv[1:])
    except ModelserviceError as error:
        sys.stderr.write(f"docker: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
