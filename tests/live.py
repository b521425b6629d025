"""What cluster tests ask of a cluster: objects, waiting, helm."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from modelservice.cluster.control_plane import ControlPlane


class Cluster:
    """The control plane with what tests ask of it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    def objects(self, api_version: str, kind: str, namespace: str, **query: str) -> list[dict[str, Any]]:
        """Objects of a kind in a namespace."""
        resource = self.plane.resource(api_version, kind)
        items: list[dict[str, Any]] = resource.get(namespace=namespace, **query).to_dict()["items"]
        return items

    def pods(self, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Pods, by name."""
        found = self.objects("v1", "Pod", namespace, label_selector=selector)
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def wait(
        self, what: str, holds: Callable[[], bool], seconds: float = 30, explain: Callable[[], str] = lambda: ""
    ) -> None:
        """Waits until something holds; fails with what was waited for and an explanation."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.plane.check()
            assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}{explain()}"
            time.sleep(0.1)

    def wait_for_pods(
        self, namespace: str, number: int, *, ready: bool = True, selector: str = ""
    ) -> list[dict[str, Any]]:
        """Waits until there are so many pods, all of them scheduled and ready."""

        def holds() -> bool:
            pods = [pod for pod in self.pods(namespace, selector) if not pod["metadata"].get("deletionTimestamp")]
            return len(pods) == number and (not ready or all(_is_ready(pod) for pod in pods))

        self.wait(f"{number} ready pods in {namespace}", holds, explain=lambda: f"\n{self.describe(namespace)}")
        return self.pods(namespace, selector)

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
        resource = self.plane.resource(api_version, kind)
        resource.scale.patch(
            name=name, namespace=namespace, body={"spec": {"replicas": replicas}},
            content_type="application/merge-patch+json",
        )  # fmt: skip


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


class Helm:
    """A helm executable on the cluster."""

    def __init__(self, program: Path, cluster: Cluster, chart: Path, namespace: str) -> None:
        self._program = program
        self._cluster = cluster
        self._environment = os.environ | {"KUBECONFIG": str(cluster.plane.kubeconfig)}
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
        flags = ["--wait", "--timeout", "60s"] if wait else []
        self.run("install", release, str(self._chart), "--values", "-", *flags, values=values)

    def upgrade(self, release: str, values: dict[str, Any]) -> None:
        """``helm upgrade --wait``."""
        self.run("upgrade", release, str(self._chart), "--values", "-", "--wait", "--timeout", "60s", values=values)
