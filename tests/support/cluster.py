"""What cluster tests ask of a cluster: objects, waiting, helm."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.dynamic.resource import ResourceList

from localcluster.binaries import binary, cache_dir
from localcluster.client import Client
from localcluster.control_plane import ControlPlane
from localcluster.images import Image, write_archive
from support.patience import PATIENCE
from support.render import ROOT, VLLM

_CONTROLLED = (
    ("disaggregatedset.x-k8s.io/v1", "DisaggregatedSet"), ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"),
    ("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet"), ("apps/v1", "StatefulSet"), ("batch/v1", "Job"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
)  # fmt: skip
"""What controllers work for, and what has pods; owners first."""


class Cluster:
    """A cluster with what tests ask of it.

    Args:
        client: of its API server.
        plane: the local control plane, if it is one.
        loader: command that gives another cluster's nodes the images of a file, its last argument.
        as_given: whether tests get nothing that a cluster of ``--kubeconfig`` does not have.
    """

    def __init__(
        self, client: Client, plane: ControlPlane | None = None, loader: Sequence[str] = (), *, as_given: bool = False
    ) -> None:
        self.client = client
        self._plane = plane
        self._loader = loader
        self._as_given = as_given

    @property
    def plane(self) -> ControlPlane:
        """The local control plane; for tests that ask for ``local_plane``."""
        assert self._plane is not None and not self._as_given, "ask for the fixture local_plane"
        return self._plane

    def as_given(self) -> Cluster:
        """The same cluster for tests that run on any."""
        return Cluster(self.client, self._plane, self._loader, as_given=True)

    @property
    def is_local(self) -> bool:
        """Whether it is the local control plane, with its fake nodes."""
        return self._plane is not None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of programs that use the cluster; what they discover of a local one goes with it."""
        kubeconfig = self.client.kubeconfig
        given = os.environ | {"KUBECONFIG": str(kubeconfig)}
        return given | {"KUBECACHEDIR": str(kubeconfig.parent / "discovered")} if self.is_local else given

    def import_image(self, image: Image) -> None:
        """Gives the nodes an image."""
        if self._plane is not None:
            assert self._plane.real is not None
            self._plane.real.import_image(image)
        elif self._loader:
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder) / "image.tar"
                write_archive(image, archive)
                subprocess.run([*self._loader, str(archive)], check=True)

    def check(self) -> None:
        """Fails if a program of the local control plane ended."""
        if self._plane is not None:
            self._plane.check()

    def require(self, api_version: str, kind: str) -> None:
        """Skips the test on a cluster that does not know a kind; the local one knows all."""
        if not self.client.knows(api_version, kind):
            missing = f"the cluster has no {kind} of {api_version}"
            assert not self.is_local, missing
            pytest.skip(f"{missing}: python -m localcluster.definitions | kubectl apply --server-side -f -")

    def objects(self, api_version: str, kind: str, namespace: str, **query: str) -> list[dict[str, Any]]:
        """Objects of a kind in a namespace."""
        resource = self.client.resource(api_version, kind)
        items: list[dict[str, Any]] = resource.get(namespace=namespace, **query).to_dict()["items"]
        return items

    def pods(self, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Pods, by name."""
        found = self.objects("v1", "Pod", namespace, label_selector=selector)
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def wait(
        self, what: str, holds: Callable[[], bool], seconds: float = PATIENCE, explain: Callable[[], str] = lambda: ""
    ) -> None:
        """Waits until something holds; fails with what was waited for and an explanation."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.check()
            assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}{explain()}"
            time.sleep(0.1)

    def wait_for_pods(
        self, namespace: str, number: int, *, ready: bool = True, selector: str = ""
    ) -> list[dict[str, Any]]:
        """Waits until there are so many pods, all of them scheduled and ready."""

        def holds() -> bool:
            pods = [pod for pod in self.pods(namespace, selector) if not pod["metadata"].get("deletionTimestamp")]
            return len(pods) == number and (not ready or all(is_ready(pod) for pod in pods))

        self.wait(f"{number} ready pods in {namespace}", holds, explain=lambda: f"\n{self.describe(namespace)}")
        return self.pods(namespace, selector)

    def pool_of(self, pod: dict[str, Any]) -> str:
        """Pool of the node that a pod is on."""
        return str(pod["spec"]["nodeName"]).rpartition("-")[0]

    def everything(self, namespace: str) -> set[str]:
        """``Kind/name`` of every object of every kind in a namespace, but events."""
        found = set()
        for kinds in self.client.dynamic.resources.search(namespaced=True):
            if not isinstance(kinds, ResourceList) and "list" in kinds.verbs and kinds.kind != "Event":
                for item in kinds.get(namespace=namespace).to_dict()["items"]:
                    found.add(f"{kinds.kind}/{item['metadata']['name']}")
        return found

    @contextmanager
    def namespace(self, test: str, *, kill: bool = False) -> Iterator[str]:
        """A namespace of a test's own, without pods afterwards so that what they held is free again.

        On the local control plane the namespace itself stays: to delete it costs as much as to install a release.

        Args:
            test: what tells the test from others.
            kill: whether pods that run are not given time to end.
        """
        name = f"test-{abs(hash(test)) % 10**9}"
        self.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        yield name
        for api_version, kind in _CONTROLLED:
            # Much faster than waiting for the namespace to be emptied.
            self._delete_all(api_version, kind, name, propagationPolicy="Background")  # a Job's default leaves pods
        self._delete_all("v1", "Pod", name, **({"gracePeriodSeconds": 0} if kill else {}))
        if kill or not self.is_local:
            self.client.resource("v1", "Namespace").delete(name=name)
        self.wait(f"{name} is empty", lambda: not self.pods(name))

    def _delete_all(self, api_version: str, kind: str, namespace: str, **options: Any) -> None:
        """Deletes all objects of a kind, if the cluster knows it; the client wants a selector."""
        if self.client.knows(api_version, kind):
            every = self.client.resource(api_version, kind)
            every.delete(namespace=namespace, field_selector="metadata.name!=none", body=options)

    def describe(self, namespace: str) -> str:
        """Pods and events of a namespace, for the message of a failure."""
        lines = []
        for pod in self.pods(namespace):
            conditions = [
                f"{condition['type']}={condition['status']} {condition.get('message', '')}".strip()
                for condition in pod.get("status", {}).get("conditions", [])
            ]
            lines.append(f"{pod['metadata']['name']} on {pod['spec'].get('nodeName')}: {'; '.join(conditions)}")
        for event in self.objects("v1", "Event", namespace):
            lines.append(f"{event['involvedObject'].get('name')}: {event.get('reason')}: {event.get('message')}")
        return "\n".join(lines)

    def scale(self, api_version: str, kind: str, name: str, namespace: str, replicas: int) -> None:
        """Sets replicas through the scale subresource, as an autoscaler does."""
        resource = self.client.resource(api_version, kind)
        resource.scale.patch(
            name=name, namespace=namespace, body={"spec": {"replicas": replicas}},
            content_type="application/merge-patch+json",
        )  # fmt: skip


def own_cache(folder: Path) -> dict[str, str]:
    """An environment whose cache is in a folder: it has the programs of the real one, but none of its clusters."""
    (folder / "modelservice").mkdir(parents=True)
    (folder / "modelservice" / "bin").symlink_to(cache_dir() / "bin")
    return os.environ | {"XDG_CACHE_HOME": str(folder)}


def run_tests_on(
    cluster: Cluster, folder: Path, *arguments: str, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Runs tests as a user does who names the cluster by its kubeconfig; fails with what they print.

    Args:
        cluster: on which.
        folder: gets what pytest-helm-charts looks for on the path.
        arguments: of pytest, beside those that name cluster and chart.
        environment: for the tests.
    """
    (folder / "kubectl").symlink_to(binary("kubectl"))
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider",
            "--kubeconfig", str(cluster.client.kubeconfig), "--chart-path", "charts/llm-d-modelservice", *arguments,
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**environment, "PATH": f"{folder}{os.pathsep}{environment['PATH']}", "PYTEST_ADDOPTS": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def claim(name: str, namespace: str, folder: Path) -> list[dict[str, Any]]:
    """A claim, bound to a folder of the nodes."""
    size: dict[str, Any] = {"storage": "1Gi"}
    shape = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    metadata = {"name": f"{namespace}-{name}"}
    volume = {**shape, "capacity": size, "hostPath": {"path": str(folder)}}
    wanted = {**shape, "resources": {"requests": size}, "volumeName": metadata["name"]}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": wanted},
    ]


def values(**more: Any) -> dict[str, Any]:
    """Values of one vLLM role without a proxy."""
    return {"engine": VLLM, "routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}, **more}


def on(pool: str) -> dict[str, Any]:
    """Fields of a role that put its pods on the nodes of a pool."""
    return {"nodeSelector": {"pool": pool}}


def environment(pod: dict[str, Any]) -> dict[str, str]:
    """Literal environment of the first container."""
    return {item["name"]: item["value"] for item in pod["spec"]["containers"][0]["env"] if "value" in item}


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is ready."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def expected_pods(objects: list[dict[str, Any]]) -> int:
    """Pods that the workloads among the objects make: replicas, times the size of a group."""
    pods = 0
    for obj in objects:
        spec = obj.get("spec", {})
        if obj["kind"] in {"Deployment", "ReplicaSet", "StatefulSet"}:
            pods += spec.get("replicas", 1)
        groups = spec.get("roles", []) if obj["kind"] == "DisaggregatedSet" else []
        for group in [obj] if obj["kind"] == "LeaderWorkerSet" else groups:
            pods += group["spec"].get("replicas", 1) * group["spec"]["leaderWorkerTemplate"]["size"]
    return pods


class Helm:
    """A helm executable on the cluster."""

    def __init__(self, program: Path, cluster: Cluster, chart: Path, namespace: str) -> None:
        self._program = program
        self._cluster = cluster
        # A quarter of what a process that lives a second computes is Go's collector.
        self._environment = cluster.environment | {"GOGC": "400"}
        self._chart = chart
        self._namespace = namespace

    def run(self, *arguments: str, values: dict[str, Any] | None = None) -> str:
        """Runs helm; fails with what it says."""
        done = subprocess.run(
            [str(self._program), *arguments, "--namespace", self._namespace],
            input=None if values is None else yaml.safe_dump(values), env=self._environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stderr}\n{self._cluster.describe(self._namespace)}"
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts helm and does not wait for its end."""
        return subprocess.Popen(
            [str(self._program), *arguments, "--namespace", self._namespace],
            env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def install(self, release: str, values: dict[str, Any], *, wait: bool = True) -> None:
        """``helm install --wait``."""
        flags = ["--wait", "--timeout", f"{PATIENCE}s"] if wait else []
        self.run("install", release, str(self._chart), "--values", "-", *flags, values=values)

    def upgrade(self, release: str, values: dict[str, Any], *, wait: bool = True) -> None:
        """``helm upgrade --wait``."""
        flags = ["--wait", "--timeout", f"{PATIENCE}s"] if wait else []
        self.run("upgrade", release, str(self._chart), "--values", "-", *flags, values=values)
