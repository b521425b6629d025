"""Run real nodes: kubelet, containerd and kube-proxy, with pods that run.

A node is a set of Linux namespaces (network, mount, PID) with its own init process. Everything that a node creates,
from mounts to packet filter rules to the processes of its pods, is inside these namespaces. It is gone when the init
process exits, and the network and file system of the machine stay untouched. Outside are only one network link, through
which the machine reaches pods and Services, and the control groups of the pods.

All nodes of a cluster share one /24 network: every node has an address and a range for its pods, and the machine has
the last address, where the API server listens.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcluster.binaries import binary
from localcluster.images import PAUSE, Image, images, write_archive
from localcluster.process import Component
from modelservice.errors import ModelserviceError, UsageError

MOST = 4
"""Maximum number of real nodes in a cluster, limited by the pod addresses of one network."""

NETWORKS = [ipaddress.IPv4Network(f"10.213.{number}.0/24") for number in range(256)]
"""Pod networks, one per cluster."""

PACKAGES = {
    "unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "iptables": "iptables",
    "containerd": "containerd", "ctr": "containerd", "runc": "runc", "busybox": "busybox-static",
}  # fmt: skip
"""Debian packages of the programs that the system provides."""

NETWORK_FILE = "network"
"""File in a cluster's folder with the pod network."""

CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
CNI_PACKAGE = "containernetworking-plugins"

EXTENDED = {"nvidia.com/gpu": "64", "amd.com/gpu": "64", "rdma/ib": "64"}
"""Extended resources that a node advertises, so that values files with accelerators run with a simulated engine.
https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
"""

KUBELET_TUNABLES = {
    "vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}  # fmt: skip
"""Settings under /proc/sys that kubelet writes when they differ (k8s.io/component-helpers/node/util/sysctl). They are
the whole machine's, not a namespace's, so a node has files of its own in their place.
"""

# The init process of a node. Paths that kubelet, containerd and CNI write to are mounted from the cluster's folder.
_FIRST_PROCESS = """
set -e
for path in run var/lib var/log; do
  mkdir -p "$1/$path"
  mount --bind "$1/$path" "/$path"
done
for path in $(cd "$1/sys" && find . -type f); do
  mount --bind "$1/sys/$path" "/proc/sys/$path"
done
mount --make-rshared /
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link add cni0 address "$3" type bridge
ip link set cni0 up
ip address add "$2" dev cni0
touch "$1/ready"
while sleep 3600; do :; done
"""


def missing_packages() -> list[str]:
    """Return the Debian packages that real nodes need and that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # missing in the PATH of some users
    missing = {package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None}
    if _cni_folder() is None:
        missing.add(CNI_PACKAGE)
    return sorted(missing)


def require() -> None:
    """Raise an error if real nodes cannot run.

    Raises:
        UsageError: not root, or packages are missing; the message has the command to install them.
    """
    if os.geteuid() != 0:
        raise UsageError("real pods need root, for network namespaces and mounts", fix="run it with sudo")
    if missing := missing_packages():
        raise UsageError(f"real pods need {', '.join(missing)}", fix=f"apt-get install --yes {' '.join(missing)}")


@functools.cache
def _cni_folder() -> Path | None:
    return next((folder for folder in CNI_FOLDERS if (folder / "host-local").exists()), None)


@dataclass(frozen=True)
class Network:
    """Network of a cluster's pods."""

    pods: ipaddress.IPv4Network
    """Subnet of nodes, pods and the machine."""

    @property
    def machine(self) -> str:
        """Address of the machine, where nodes and pods reach the API server."""
        return str(self.pods[254])

    @property
    def link(self) -> str:
        """Name of the network link from the machine to the nodes."""
        return f"modelservice{self.pods.network_address.packed[2]}"

    @property
    def peer(self) -> str:
        """Name of the other end of the link, in the first node."""
        return f"machine{self.pods.network_address.packed[2]}"

    @property
    def services(self) -> ipaddress.IPv4Network:
        """Subnet of Services."""
        return ipaddress.IPv4Network(f"10.214.{self.pods.network_address.packed[2]}.0/24")

    def node(self, index: int) -> str:
        """Return the address of a node."""
        return str(self.pods[1 + index])

    def link_address(self, index: int) -> str:
        """Return a fixed hardware address for the bridge of a node.

        By default a bridge takes the lowest address of its ports, which changes as pods come and go; packets to the
        previous address are then lost for seconds.
        """
        return "02:00:" + ":".join(f"{byte:02x}" for byte in self.pods[1 + index].packed)

    def range_of(self, index: int) -> tuple[str, str]:
        """Return the first and last address for pods of a node."""
        return str(self.pods[16 + 56 * index]), str(self.pods[16 + 56 * index + 55])


def claim_network() -> Network:
    """Claim a network without a route on this machine by creating its link; link names are unique.

    Raises:
        ModelserviceError: all networks are taken.
    """
    routes = json.loads(_run("ip", "-json", "route", "show", "table", "all"))
    taken = [
        ipaddress.IPv4Network(route["dst"], strict=False)
        for route in routes
        if route["dst"] != "default" and ":" not in route["dst"]
    ]
    for pods in NETWORKS:
        network = Network(pods)
        if not any(pods.overlaps(item) or network.services.overlaps(item) for item in taken):
            with contextlib.suppress(ModelserviceError):  # another cluster claimed it first
                _run("ip", "link", "add", network.link, "type", "veth", "peer", "name", network.peer)
                return network
    raise ModelserviceError("no network is free for pods", fix="stop another cluster")


class Nodes:
    """Real nodes of a cluster.

    Args:
        folder: the cluster's folder.
        number: number of nodes, 1 to :data:`MOST`.
    """

    def __init__(self, folder: Path, number: int) -> None:
        if not 1 <= number <= MOST:
            raise UsageError(f"{number} real nodes; there can be 1 to {MOST}")
        require()
        self._folder = folder
        self._number = number
        self._network: Network | None = None
        self.names = [f"real-{index}" for index in range(number)]

    @property
    def network(self) -> Network:
        """Network of the pods; available after :meth:`open`."""
        assert self._network is not None, "the nodes are not open"  # noqa: S101
        return self._network

    def open(self) -> list[Component]:
        """Create the namespaces and the links between them. The cluster's folder must exist.

        Raises:
            ModelserviceError: a command fails; the message has its output.
        """
        components = []
        self._network = claim_network()
        (self._folder / NETWORK_FILE).write_text(str(self.network.pods))
        for index, name in enumerate(self.names):
            folder = self._folder / name
            for setting, value in KUBELET_TUNABLES.items():
                (folder / "sys" / setting).parent.mkdir(parents=True, exist_ok=True)
                (folder / "sys" / setting).write_text(f"{value}\n")
            first = Component(
                f"{name}-init",
                ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
                 "sh", "-c", _FIRST_PROCESS, "sh", str(folder), f"{self.network.node(index)}/24",
                 self.network.link_address(index)],
                self._folder,
            )  # fmt: skip
            components.append(first)
            first.wait_until((folder / "ready").exists)
        self._link()
        for index, name in enumerate(self.names):
            _make_control_group(_control_group(self._folder, name))
            components.append(self._start_containerd(index, name))
        for image in images():
            self.import_image(image)
        return components

    def join(self, kubeconfig: Path) -> list[Component]:
        """Start the programs that need the API server: kubelet and kube-proxy on each node, and the cluster's DNS."""
        access = str(kubeconfig)
        components = []
        for index, name in enumerate(self.names):
            folder = self._folder / name
            self._write(folder / "kubelet.yaml", self._kubelet(index, name))
            components.append(
                self._start(
                    name, "kubelet", binary("kubelet"), f"--config={folder / 'kubelet.yaml'}",
                    f"--kubeconfig={access}", f"--hostname-override={name}", f"--node-ip={self.network.node(index)}",
                    "--node-labels=pool=real",
                )
            )  # fmt: skip
            self._write(folder / "kube-proxy.yaml", self._kube_proxy(name, access))
            components.append(
                self._start(name, "kube-proxy", binary("kube-proxy"), f"--config={folder / 'kube-proxy.yaml'}")
            )
        (self._folder / "Corefile").write_text(_COREFILE.format(address=self.network.node(0), kubeconfig=access))
        components.append(
            self._start(self.names[0], "coredns", binary("coredns"), "-conf", str(self._folder / "Corefile"))
        )
        return components

    def import_image(self, image: Image) -> None:
        """Import an image into every node.

        Raises:
            ModelserviceError: containerd rejects the image.
        """
        archive = self._folder / "image.tar"
        write_archive(image, archive)
        load(self._folder, archive)
        archive.unlink()

    def run(self, name: str, *arguments: str) -> str:
        """Run a program on a node and return its output.

        Raises:
            ModelserviceError: the program fails; the message has the end of its output.
        """
        return _run(*_inside(self._folder, name), *arguments)

    # -- parts of a node ----------------------------------------------------------------------

    def _link(self) -> None:
        """Connect the machine and all other nodes to the bridge of the first node."""
        first = _first_process(self._folder, self.names[0])
        link = self.network.link
        _run("ip", "link", "set", self.network.peer, "netns", str(first))
        _run("ip", "address", "add", f"{self.network.machine}/24", "dev", link)
        _run("ip", "link", "set", link, "up")
        _run("ip", "route", "add", str(self.network.services), "via", self.network.node(0), "dev", link)
        self.run(self.names[0], "ip", "link", "set", self.network.peer, "master", "cni0", "up")
        for index, name in enumerate(self.names[1:], 1):
            other = _first_process(self._folder, name)
            self.run(
                self.names[0], "ip", "link", "add", f"node{index}", "type", "veth", "peer", "name", "nodes",
            )  # fmt: skip
            # The process ID belongs to the machine's PID namespace and is another process inside a node.
            _run("nsenter", f"--target={first}", "--net", "ip", "link", "set", "nodes", "netns", str(other))
            self.run(self.names[0], "ip", "link", "set", f"node{index}", "master", "cni0", "up")
            self.run(name, "ip", "link", "set", "nodes", "master", "cni0", "up")

    def _start(self, node: str, program: str, *arguments: str | Path) -> Component:
        command = [*_inside(self._folder, node), *(str(argument) for argument in arguments)]
        return Component(f"{node}-{program}", command, self._folder)

    def _start_containerd(self, index: int, name: str) -> Component:
        folder = self._folder / name
        first, last = self.network.range_of(index)
        cni = folder / "cni"
        cni.mkdir()
        bridge = {
            "type": "bridge", "bridge": "cni0", "isGateway": False, "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{
                    "subnet": str(self.network.pods), "rangeStart": first, "rangeEnd": last,
                    "gateway": self.network.node(index),
                }]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }  # fmt: skip
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        (cni / "10-bridge.conflist").write_text(
            json.dumps({"cniVersion": "0.4.0", "name": "modelservice", "plugins": [bridge, ports]})
        )
        (folder / "containerd.toml").write_text(
            _CONTAINERD.format(pause=f"docker.io/{PAUSE}", plugins=_cni_folder(), cni=cni)
        )
        containerd = self._start(name, "containerd", "containerd", "--config", folder / "containerd.toml")
        containerd.wait_until((folder / "run/containerd/containerd.sock").exists)
        return containerd

    def _kubelet(self, index: int, name: str) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.network.node(index),
            "authentication": {
                "anonymous": {"enabled": False}, "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(self._folder / "pki" / "ca.crt")},
            },
            "authorization": {"mode": "AlwaysAllow"},  # the only client with a certificate is the API server
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{_control_group(self._folder, name)}",
            "clusterDNS": [self.network.node(0)],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "100Mi"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "localStorageCapacityIsolation": False,
            "maxPods": 50,
            "readOnlyPort": 0,
            "registerWithTaints": [],
            "resolvConf": "",
            "serializeImagePulls": False,
        }  # fmt: skip

    def _kube_proxy(self, name: str, kubeconfig: str) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "hostnameOverride": name,
            "clientConnection": {"kubeconfig": kubeconfig},
            # Pods share one network, so replies would bypass the node that translated the address.
            "iptables": {"masqueradeAll": True, "minSyncPeriod": "100ms"},
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }

    @staticmethod
    def _write(path: Path, content: dict[str, Any]) -> None:
        path.write_text(yaml.safe_dump(content))


def programs_of(folder: Path) -> list[str]:
    """Return the names of the programs on a cluster's real nodes."""
    return sorted(file.stem for file in folder.glob("real-*.pid"))


def load(folder: Path, archive: Path) -> list[str]:
    """Import the images of a `docker save` file into every real node and return the names of the nodes.

    Raises:
        ModelserviceError: containerd refuses it.
    """
    names = sorted(file.name.removesuffix("-init.pid") for file in folder.glob("real-*-init.pid"))
    for name in names:
        _run(*_inside(folder, name), "ctr", "--namespace=k8s.io", "images", "import", str(archive.resolve()))
    return names


def close(folder: Path) -> None:
    """Stop the real nodes of a cluster, even those of another process, and remove what is outside their namespaces."""
    for file in folder.glob("real-*.pid"):
        # Programs before their network: the API server would wait for connections that nobody closes any more.
        if not file.name.endswith("-init.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(_child(file), signal.SIGKILL)
    for file in folder.glob("real-*-init.pid"):
        name = file.name.removesuffix("-init.pid")
        with contextlib.suppress(OSError, ValueError):  # it has ended before
            first = _first_process(folder, name)
            os.kill(first, signal.SIGKILL)  # and with it every process of the node
            _wait_for_end(first)
        _remove_control_group(_control_group(folder, name))
    with contextlib.suppress(OSError, ModelserviceError):  # the link goes with the other end, but not at once
        network = Network(ipaddress.IPv4Network((folder / NETWORK_FILE).read_text()))
        _run("ip", "link", "delete", network.link)


_CONTAINERD = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
"""

_COREFILE = """cluster.local:53 in-addr.arpa:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 1
  }}
}}
"""


def _inside(folder: Path, name: str) -> list[str]:
    target = _first_process(folder, name)
    # The folder stays the working directory, by which a process is known to be the cluster's.
    return ["nsenter", f"--target={target}", "--mount", "--net", "--pid", f"--wd={folder}", "--"]


def _first_process(folder: Path, name: str) -> int:
    """Return the process ID, on the machine, of a node's init process."""
    return _child(folder / f"{name}-init.pid")


def _child(pid_file: Path) -> int:
    """Return the only child of a process: `unshare` and `nsenter` run their program as a child."""
    parent = int(pid_file.read_text())
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(child)


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def _run(*arguments: str) -> str:
    environment = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise ModelserviceError(f"{' '.join(arguments)} failed:\n{tail}")
    return done.stdout


# -- control groups ---------------------------------------------------------------------------


def _control_group(folder: Path, name: str) -> str:
    number = int((folder / f"{name}-init.pid").read_text())
    return f"modelservice-{number}-{name}"


def _hierarchies() -> list[Path]:
    """Return the mount points of control groups: one, or with version 1 one per controller."""
    lines = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return [Path(fields[1]) for fields in lines if fields[2] in {"cgroup", "cgroup2"}]


def _make_control_group(name: str) -> None:
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)


def _remove_control_group(name: str) -> None:
    for hierarchy in _hierarchies():
        top = hierarchy / name
        for group in [*sorted(_folders(top), reverse=True), top]:
            with contextlib.suppress(OSError):
                group.rmdir()


def _folders(top: Path) -> Iterable[Path]:
    return (path for path in top.rglob("*") if path.is_dir())
