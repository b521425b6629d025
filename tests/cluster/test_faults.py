"""What goes wrong is said in a sentence, and leaves nothing behind."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcluster import control_plane, process
from localcluster.client import Client
from localcluster.control_plane import ControlPlane
from localcluster.definitions import disaggregated_set, leader_worker_set
from modelservice.errors import ModelserviceError, UsageError
from support.cluster import Cluster, own_cache
from support.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("local_plane")

UP = [sys.executable, "-m", "modelservice", "cluster", "up", "--name", "fault", "--nodes", "cpu"]


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that run in a folder, found by the kernel rather than by our pid files."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if folder in [(entry / "cwd").readlink(), *(entry / "cwd").readlink().parents]:
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it ended meanwhile, or belongs to another user
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Callable[[Path], dict[str, str]]]:
    """``home(folder)``: an environment whose clusters live in the folder, with the programs of the real cache."""
    made: list[Path] = []

    def _home(folder: Path) -> dict[str, str]:
        made.append(folder)
        return own_cache(folder)

    yield _home
    for folder in made:
        process.stop_all(folder / "modelservice" / "clusters" / "fault")


def test_ports_are_no_other_clusters_and_none_of_outgoing_connections() -> None:
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not limits.is_file():
        pytest.skip("Linux says there which ports outgoing connections have")
    outgoing = int(limits.read_text().split()[0])
    with process.reserved_ports(50) as first, process.reserved_ports(50) as second:
        assert len({*first, *second}) == 100
        assert max(first + second) < outgoing


def test_ports_that_others_have_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with process.reserved_ports(2) as (taken, free):
        pass
    monkeypatch.setattr(process, "PORTS", range(min(taken, free), max(taken, free) + 1, abs(free - taken)))
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        with process.reserved_ports(1) as ports:
            assert ports == [free]
        with pytest.raises(ModelserviceError, match="no 2 free ports between"), process.reserved_ports(2):
            pass


@pytest.mark.parametrize(("index", "program"), [(0, "etcd"), (2, "kube-apiserver"), (3, "lws")])
def test_a_port_that_is_taken_names_the_program_and_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: int, program: str
) -> None:
    """Another program takes the port between our looking and our using it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        @contextmanager
        def taken(number: int) -> Iterator[list[int]]:
            with process.reserved_ports(number) as ports:
                ports[index] = other.getsockname()[1]
                yield ports

        monkeypatch.setattr(control_plane, "reserved_ports", taken)
        needed_by_lws = [leader_worker_set(), disaggregated_set()]
        monkeypatch.setattr(control_plane, "definitions", lambda: needed_by_lws)
        with (
            pytest.raises(ModelserviceError, match=rf"(?s){program} .*address already in use"),
            ControlPlane(tmp_path / "plane"),
        ):
            pass
    assert not (tmp_path / "plane").exists()
    assert processes_of(tmp_path) == []


def test_a_full_disk_is_named(tmp_path: Path, home: Callable[[Path], dict[str, str]]) -> None:
    """On a file system of its own, in a mount namespace of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    environment = home(tmp_path / "home")
    clusters = tmp_path / "home" / "modelservice" / "clusters"
    clusters.symlink_to(disk)
    done = subprocess.run(
        [str(shutil.which("unshare")), "--user", "--map-root-user", "--mount", "sh", "-c",
         'mount -t tmpfs -o size=3m tmpfs "$0" && "$@"; code=$?; ls "$0"; exit $code', str(disk), *UP],
        env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "no space left on device" in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert done.stdout == "", "nothing is left on the disk"
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("seconds", [0.8, 3])
def test_an_interrupt_leaves_nothing(tmp_path: Path, home: Callable[[Path], dict[str, str]], seconds: float) -> None:
    """Ctrl-C while it starts."""
    environment = home(tmp_path)
    with subprocess.Popen(UP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        time.sleep(seconds)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=PATIENCE)
    assert started.returncode != 0
    assert "Traceback" not in said
    assert processes_of(tmp_path) == []
    assert not (tmp_path / "modelservice" / "clusters" / "fault").exists()


def test_a_kubeconfig_without_an_answer_is_named(tmp_path: Path, cluster: Cluster) -> None:
    config = cluster.client.kubeconfig.read_text()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        port = closed.getsockname()[1]
        file = tmp_path / "kubeconfig"
        file.touch(mode=0o600)
        address = next(line.split()[-1] for line in config.splitlines() if "server:" in line)
        file.write_text(config.replace(address, f"https://127.0.0.1:{port}"))
        with pytest.raises(UsageError, match=f"no API server answers at https://127.0.0.1:{port}") as caught:
            Client(file)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize("text", ["", "a: [", "apiVersion: v1\nkind: Config\ncontexts: []\n"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(UsageError, match="not a kubeconfig"):
        Client(file)


def test_an_unknown_version_of_kubernetes_names_the_known(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"no Kubernetes 1\.20 here") as caught,
        ControlPlane(tmp_path / "plane", kubernetes="1.20"),
    ):
        pass
    assert str(caught.value).endswith("; use 1.36 or 1.34")
    assert not (tmp_path / "plane").exists()


def test_a_process_that_is_killed_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """As a job that is cancelled, or a test run that hangs."""
    folder = tmp_path / "plane"
    script = f"from pathlib import Path; import os; from localcluster.control_plane import ControlPlane; ControlPlane(Path({str(folder)!r})).__enter__(); print('up', flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", script], check=False, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"up\n")
    cluster.wait("all programs have ended", lambda: not folder.exists() and processes_of(tmp_path) == [])
