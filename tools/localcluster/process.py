"""A program of the control plane: started with its own log, watched, ended."""

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
"""Ports for programs: below those of outgoing connections (Linux has 32768 to 60999) and of Services of a node."""


class Component:
    """One running program.

    Args:
        name: what it is called in messages and files.
        arguments: program and arguments.
        folder: where ``<name>.log`` and ``<name>.pid`` are kept.
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

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until something holds.

        Raises:
            ModelserviceError: the program ended, or the time passed; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ModelserviceError(f"{self.name} is not ready after {seconds:.0f} s; its log ends:\n{self.tail()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raises ModelserviceError with the end of the log if the program ended."""
        if self._process.poll() is not None:
            raise ModelserviceError(
                f"{self.name} ended with code {self._process.returncode}; its log ends:\n{self.tail()}"
            )

    def tail(self, lines: int = 15) -> str:
        """The end of the log, without the stack that a Go program that panics prints after its reason."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.partition("\ngoroutine ")[0].splitlines()[-lines:])

    def stop(self) -> None:
        """Ends the program and waits for it, but not long: nobody needs what it would still write."""
        self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pid_file.unlink(missing_ok=True)


@contextlib.contextmanager
def reserved_ports(number: int) -> Iterator[list[int]]:
    """Free TCP ports of the loopback address, kept from other clusters that start meanwhile: by a UDP socket of the
    same number, which the programs that get the ports do not need and which ends with the process.

    They are none of those that the system gives to outgoing connections: with many of these, one of them would soon
    take a port between our looking and a program's listening
    (https://docs.kernel.org/networking/ip-sysctl.html, ip_local_port_range).

    Raises:
        ModelserviceError: there are not so many.
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
    """Programs that run from a folder, by name, with their process numbers; found by their pid files."""
    found = {}
    for file in sorted(folder.glob("*.pid")):
        pid = int(file.read_text())
        if _alive(pid, folder):
            found[file.stem] = pid
    return found


def stop_all(folder: Path) -> None:
    """Ends all programs of a folder, whoever started them."""
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
    """Whether the process is still the one started there: numbers are used again."""
    try:
        command = Path(f"/proc/{pid}/cwd").readlink()
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return command == folder.resolve() and state != "Z"
