"""Run the cluster and request tests on a kind cluster of their own: what ``make test-kind`` does.

Needs Docker or Podman that runs, or root and an installed dockerd, which is then started in namespaces of its own. The
node image is, in this order, what ``KIND_IMAGE`` names, what ``make kind-image`` made, or kind's own from its registry.
Requests are sent to pods from this machine, so its routes lead to the nodes while the request tests run. What the nodes
change outside of their containers is put back.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from localcluster import docker, node_image
from localcluster.binaries import MODULES, binary, missing, module_file, module_version
from localcluster.client import Client
from localcluster.definitions import definitions
from localcluster.fake_nodes import kwok
from localcluster.images import Image, images, write_archive
from localcluster.real_node import KUBELET_TUNABLES
from modelservice.errors import ModelserviceError, UsageError

NODE_IMAGE = "docker.io/kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"
"""The image of the newest minor version in :data:`~localcluster.binaries.KUBERNETES`, as kind's release lists it:
https://github.com/kubernetes-sigs/kind/releases/tag/v0.33.0.
"""

RANGES = [ipaddress.IPv4Network(f"10.{number}.0.0/16") for number in range(224, 256)]
"""Ranges for pods and Services; not the defaults of kind and kubeadm, which other clusters on the machine have."""


@dataclass(frozen=True)
class Kind:
    """A cluster that runs."""

    name: str
    kubeconfig: Path
    services: ipaddress.IPv4Network


@contextmanager
def cluster(runtime: str, folder: Path) -> Iterator[Kind]:
    """Create a cluster with a name of its own, yield it, and delete it.

    Raises:
        ModelserviceError: there is a cluster of that name, or kind fails.
    """
    name, kubeconfig = f"modelservice-tests-{os.getpid()}", folder / "kubeconfig"
    if name in _kind("get", "clusters").split():
        raise ModelserviceError(f"there is a kind cluster {name} already, and it is not deleted")
    pods, services = free_ranges(_routes())
    configuration = folder / "kind.yaml"
    configuration.write_text(yaml.safe_dump({
        "kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"podSubnet": str(pods), "serviceSubnet": str(services)},
        "nodes": [{"role": "control-plane"}, {"role": "worker"}, {"role": "worker"}],
    }))  # fmt: skip
    with _image(runtime) as image, _network_removed(runtime), _settings_restored():
        try:
            _kind(
                "create", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}", f"--config={configuration}",
                f"--image={image}", "--wait=300s",
            )  # fmt: skip
            yield Kind(name, kubeconfig, services)
        finally:
            _kind("delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}")


@contextmanager
def _image(runtime: str) -> Iterator[str]:
    """Yield the name of the node image; one that this project made is in the runtime for that long."""
    made = node_image.path()
    if os.environ.get("KIND_IMAGE") or not made.is_file():
        name = os.environ.get("KIND_IMAGE") or NODE_IMAGE
        _pull(runtime, name)
        yield name
        return
    name = f"localhost/modelservice-node:{made.parent.name}"
    _run(runtime, "import", *(f"--change={change}" for change in node_image.CONFIGURATION), str(made), name)
    try:
        yield name
    finally:
        _run(runtime, "image", "rm", name)


def _pull(runtime: str, image: str) -> None:
    """Get an image that the runtime lacks, before kind does, which says less.

    Raises:
        UnavailableError: no registry has it, or none is reached.
    """
    with suppress(ModelserviceError):
        _run(runtime, "image", "inspect", image)
        return
    try:
        _run(runtime, "pull", "--quiet", image)
    except ModelserviceError as error:
        raise docker.UnavailableError(f"{error}", fix="make kind-image needs no registry") from None


@contextmanager
def _network_removed(runtime: str) -> Iterator[None]:
    """Remove the network of all kind clusters if it was not there before; the runtime refuses while one uses it."""
    before = _run(runtime, "network", "ls", "--format", "{{.Name}}").split()
    try:
        yield
    finally:
        if "kind" not in before:
            with suppress(ModelserviceError):
                _run(runtime, "network", "rm", "kind")


@contextmanager
def _settings_restored() -> Iterator[None]:
    """Put back the settings of the machine that kubelet changes: a node of kind may write them."""
    files = [file for name in KUBELET_TUNABLES if (file := Path("/proc/sys") / name).exists()]
    before = {file: file.read_text() for file in files}
    try:
        yield
    finally:
        for file, value in before.items():
            if file.read_text() != value:
                _run(*_as_root(), "sh", "-c", 'echo "$1" >"$2"', "sh", value.strip(), str(file))


def free_ranges(taken: list[ipaddress.IPv4Network]) -> tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]:
    """Return a range for pods and one for Services that overlap with no route of the machine.

    Raises:
        ModelserviceError: there are no two.
    """
    free = [network for network in RANGES if not any(network.overlaps(item) for item in taken)]
    if len(free) < 2:
        raise ModelserviceError(f"no two ranges between {RANGES[0]} and {RANGES[-1]} are free for pods and Services")
    return free[0], free[1]


@contextmanager
def routes(client: Client, services: ipaddress.IPv4Network) -> Iterator[None]:
    """Lead the machine's packets for pods and Services to the nodes, and remove the routes again.

    Raises:
        ModelserviceError: a route cannot be set; the message has the reason of ``ip``.
    """
    wanted = []
    for node in client.resource("v1", "Node").get().to_dict()["items"]:
        address = next(item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP")
        wanted.append((node["spec"]["podCIDR"], address))
    wanted.append((str(services), wanted[0][1]))
    with ExitStack() as set_routes:
        for network, address in wanted:
            _run(*_as_root(), "ip", "route", "add", network, "via", address)
            set_routes.callback(_run, *_as_root(), "ip", "route", "delete", network, "via", address)
        yield


def install_leader_worker_set(made: Kind, folder: Path) -> None:
    """Install the controller of the pinned module, built here, with the chart of the same module."""
    module = "sigs.k8s.io/lws"
    tag, repository, archive = module_version("lws", module), "registry.k8s.io/lws/lws", folder / "lws.tar"
    write_archive(Image((f"{repository}:{tag}",), ("/manager",), {"manager": binary("lws")}), archive)
    _kind("load", "image-archive", f"--name={made.name}", str(archive))
    manager = {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
    settings = {f"image.manager.{key}": value for key, value in manager.items()} | {"enableDisaggregatedSet": "true"}
    _run(
        str(binary("helm4")), "install", "lws", str(module_file("lws", module, "charts/lws")),
        f"--kubeconfig={made.kubeconfig}", "--namespace=lws-system", "--create-namespace", "--skip-crds", "--wait",
        "--timeout=180s", *(f"--set={key}={value}" for key, value in settings.items()),
    )  # fmt: skip


def run_tests(made: Kind, folder: Path, arguments: list[str]) -> int:
    """Run both folders of tests, whether or not the first fails, and return the worse exit code.

    Without routes to pods the request tests cannot run, which is an error and not a pass.
    """
    (folder / "kubectl").symlink_to(binary("kubectl"))  # for pytest-helm-charts
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    code = _tests("tests/cluster", ["--fake-nodes", *arguments], made.kubeconfig, environment)
    loader = shlex.join([str(binary("kind")), "load", "image-archive", "--name", made.name])
    try:
        with routes(Client(made.kubeconfig), made.services):
            more = _tests("tests/requests", ["--image-loader", loader, *arguments], made.kubeconfig, environment)
    except ModelserviceError as error:
        sys.stderr.write(f"test-kind: the tests of requests need routes to pods: {error}\n")
        more = error.exit_code
    return max(code, more)


def _tests(tests: str, options: list[str], kubeconfig: Path, environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "--kubeconfig", str(kubeconfig), "--chart-path"]
    done = subprocess.run(
        [*command, "charts/llm-d-modelservice", *options, tests], cwd=MODULES.parents[1], env=environment, check=False
    )
    return done.returncode


def _routes() -> list[ipaddress.IPv4Network]:
    """Return the networks that the machine has routes to."""
    found = json.loads(_run("ip", "-json", "-4", "route", "show", "table", "all"))
    return [ipaddress.IPv4Network(route["dst"], strict=False) for route in found if route["dst"] != "default"]


def _answers(program: str) -> bool:
    try:
        return subprocess.run([program, "info"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]


def _kind(*arguments: str) -> str:
    return _run(str(binary("kind")), *arguments)


def _run(*command: str) -> str:
    """Return the output of a command.

    Raises:
        ModelserviceError: it fails or does not exist; the message has the end of its output.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ModelserviceError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise ModelserviceError(f"{' '.join(command)} failed:\n{tail}")
    return done.stdout


def _prepare() -> None:
    """Build and download what the tests need, for namespaces from where nothing outside is reached."""
    for name in ("kind", *missing()):
        binary(name)
    images()
    list(definitions())
    kwok(Path("unused"))
    module_file("lws", "sigs.k8s.io/lws", "charts/lws")
    node_image.build()


def _beside_own_daemon() -> int:
    """Run this program again beside a Docker daemon of its own.

    Raises:
        UsageError: there can be none, or ``KIND_IMAGE`` is set.
    """
    if os.environ.get("KIND_IMAGE"):
        raise UsageError(
            "KIND_IMAGE is an image of a registry, which a Docker daemon in namespaces of its own does not reach",
            fix="start Docker or Podman, or unset it",
        )
    docker.require()
    _prepare()
    with _settings_restored():  # also if what runs there is killed
        return docker.beside_daemon([sys.executable, "-m", "localcluster.kind", *sys.argv[1:]])


def main() -> int:
    """Create the cluster, run the tests with the given arguments of pytest, and return their exit code."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # through what cleans up
    try:
        runtime = next((program for program in ("docker", "podman") if _answers(program)), None)
        if runtime is None:
            return _beside_own_daemon()
        with tempfile.TemporaryDirectory() as scratch, cluster(runtime, folder := Path(scratch)) as made:
            Client(made.kubeconfig).define(list(definitions()))
            install_leader_worker_set(made, folder)
            return run_tests(made, folder, sys.argv[1:])
    except ModelserviceError as error:
        sys.stderr.write(f"test-kind: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
