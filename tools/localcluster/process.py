"""Processes of a control plane: start, watch and stop them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from modelservice.errors import ModelserviceError

PORTS = range(15000, 30000)
"""Ports for programs, below the ranges of outgoing connections (Linux: 32768 to 60999) and of node ports."""

PATIENCE = 300
"""Seconds within which a program must be ready, also on a busy machine; one that exits is noticed at once."""


class Component:
    """A running program.

    Args:
        name: name in messages and files.
        arguments: program and its arguments.
        folder: working directory, with ``<name>.log`` and ``<name>.pid``.
    """

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                cwd=folder,
            )  # fmt: skip
        self._pid_file.write_text(str(self._process.pid))

    def wait_until(self, ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until ``ready`` returns true.

        Raises:
            ModelserviceError: the program exited or the time is over; the message has the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ModelserviceError(f"{self.name} is not ready after {seconds:.0f} s; its log ends:\n{self.tail()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise ModelserviceError with the end of the log if the program exited."""
        if self._process.poll() is not None:
            raise ModelserviceError(
                f"{self.name} exited with code {self._process.returncode}; its log ends:\n{self.tail()}"
            )

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the log, without the goroutine stacks of a Go panic."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.partition("\ngoroutine ")[0].splitlines()[-lines:])

    @property
    def pid(self) -> int:
        """Process ID, also of the program's session and process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while the program runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Terminate the program; kill it if it does not exit within two seconds."""
        self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pid_file.unlink(missing_ok=True)


@contextlib.contextmanager
def reserved_ports(number: int) -> Iterator[list[int]]:
    """Yield free TCP ports of the loopback address, reserved against other clusters that start at the same time.

    A UDP socket on the same port number is the reservation: the programs do not use UDP, and the socket closes with the
    process. Ports for outgoing connections (``ip_local_port_range``) are avoided, because a connection could take a
    port before the program listens on it. https://docs.kernel.org/networking/ip-sysctl.html

    Raises:
        ModelserviceError: not enough ports are free.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(PORTS, len(PORTS)):
            if len(ports) == number:
                break
            with contextlib.suppress(OSError), contextlib.ExitStack() as attempt:
                attempt.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
                ports.append(port)
                held.enter_context(attempt.pop_all())
        if len(ports) < number:
            raise ModelserviceError(f"no {number} free ports between {PORTS[0]} and {PORTS[-1]}")
        yield ports


def running(folder: Path) -> dict[str, int]:
    """Return the process IDs of the running programs of a folder by name, from their pid files."""
    found = {}
    for file in sorted(folder.glob("*.pid")):
        pid = int(file.read_text())
        if _alive(pid, folder):
            found[file.stem] = pid
    return found


def stop_all(folder: Path) -> None:
    """Stop all programs of a folder, even those of another process."""
    for pid in running(folder).values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 2
    while (left := running(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int, folder: Path) -> bool:
    """Return whether the process is still the one started in the folder; process IDs are reused."""
    try:
        command = Path(f"/proc/{pid}/cwd").readlink()
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return command == folder.resolve() and state != "Z"
