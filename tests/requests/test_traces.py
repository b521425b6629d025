"""Real nodes: their network, and that they leave no process, mount, network link or control group behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localcluster.control_plane import ControlPlane
from localcluster.real_node import KUBELET_TUNABLES
from modelservice.errors import ModelserviceError
from support.cluster import Cluster, own_cache
from support.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("own_nodes")


def marks(folder: Path) -> set[str]:
    """Words by which what a running cluster has made on the machine is known."""
    third = (folder / "network").read_text().split(".")[2]
    pids = [file.read_text() for file in folder.glob("real-*-init.pid")]
    return {str(folder), f"modelservice{third}", *(f"modelservice-{pid}-" for pid in pids)}


def traces(words: set[str]) -> list[str]:
    """Mounts, control groups, network links and processes that are known by one of the words."""
    mounts = Path("/proc/mounts").read_text().splitlines()
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob("**/modelservice-*")]
    links = [path.name for path in Path("/sys/class/net").iterdir()]
    commands = [command(entry) for entry in Path("/proc").glob("[0-9]*")]
    found = [text for text in [*mounts, *groups, *commands] if any(word in text for word in words)]
    return found + [link for link in links if link in words]


def command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def assert_gone(words: set[str]) -> None:
    """Links go a moment after their namespaces."""
    deadline = time.monotonic() + PATIENCE
    while found := traces(words):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def machine_settings() -> dict[str, str]:
    """Settings of the whole machine that kubelet would change."""
    return {name: (Path("/proc/sys") / name).read_text() for name in KUBELET_TUNABLES}


def test_the_command_starts_and_ends_a_cluster_whose_pods_run(cluster: Cluster, tmp_path: Path) -> None:
    environment, before = own_cache(tmp_path), machine_settings()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "modelservice", "cluster", *arguments, "--name", "trial"], env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    started = run("up", "--run-pods", "--nodes", "cpu")
    try:
        assert started.returncode == 0, started.stderr
        assert "2 nodes and one that runs pods" in started.stderr
        status = run("status")
        words = marks(tmp_path / "modelservice" / "clusters" / "trial")
        assert traces(words)
        assert machine_settings() == before
        assert (status.returncode, "real-0-kubelet: running" in status.stdout) == (0, True), status.stdout
    finally:
        assert run("down").returncode == 0
    assert_gone(words)
    assert machine_settings() == before


def test_an_interrupt_while_it_starts_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from localcluster.control_plane import ControlPlane\n"
        "with ControlPlane(Path(sys.argv[1]), real_nodes=2): print('up', flush=True); input()"
    )
    folder = tmp_path / "plane"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    cluster.wait("containerd runs", (folder / "real-1" / "run" / "containerd" / "containerd.sock").exists)
    words = marks(folder)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert not folder.exists()
    assert_gone(words)


def test_a_kubelet_that_dies_is_reported_with_its_log(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "dying"
    with ControlPlane(folder, real_nodes=1) as plane:
        words = marks(folder)
        os.kill(int((folder / "real-0-kubelet.pid").read_text()), signal.SIGKILL)

        def missed() -> bool:
            plane.check()
            return False

        with pytest.raises(ModelserviceError, match="real-0-kubelet exited with code -9; its log ends"):
            cluster.wait("the kubelet is missed", missed)
    assert_gone(words)


def test_pods_and_the_machine_reach_services_by_address_and_name(cluster: Cluster) -> None:
    assert cluster.plane.real is not None
    first = cluster.plane.real.names[0]
    address = cluster.plane.real.network.node(0)
    answer = cluster.plane.real.run(first, "busybox", "nslookup", "kubernetes.default.svc.cluster.local", address)
    assert answer.rsplit("Address:", 1)[1].strip() == str(cluster.plane.real.network.services[1])


def test_a_node_has_settings_of_its_own_where_kubelet_writes(cluster: Cluster) -> None:
    real = cluster.plane.real
    assert real is not None
    mounts = real.run(real.names[0], "cat", "/proc/mounts")
    assert all(f" /proc/sys/{name} " in mounts for name in KUBELET_TUNABLES)


def test_a_node_keeps_its_link_address_while_pods_come_and_go(cluster: Cluster) -> None:
    """Else the machine and other nodes send to an address that nobody has, for seconds."""
    real = cluster.plane.real
    assert real is not None
    first = real.names[0]

    def address() -> str:
        (bridge,) = json.loads(real.run(first, "ip", "-json", "link", "show", "cni0"))
        return str(bridge["address"])

    before = address()
    real.run(first, "ip", "link", "add", "lowest", "address", "00:00:00:00:00:01", "type", "veth")
    try:
        real.run(first, "ip", "link", "set", "lowest", "master", "cni0", "up")
        assert address() == before
    finally:
        real.run(first, "ip", "link", "delete", "lowest")
    assert address() == before
