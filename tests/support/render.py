"""What a render gives to a test, and where the tests' data is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

VLLM = {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"}
"""An engine."""

SHARED = ROOT.parent / "shared"
"""Real values files and outputs of the original chart, beside the repository; not part of it."""


def pod_templates(obj: dict[str, Any]) -> list[dict[str, Any]]:
    """Pod templates of a workload; none of another object."""
    spec = obj.get("spec", {})
    if "roles" in spec:
        return [template for role in spec["roles"] for template in pod_templates(role)]
    group = spec.get("leaderWorkerTemplate", {})
    found = [spec.get("template"), group.get("leaderTemplate"), group.get("workerTemplate")]
    return [template for template in found if template]


@dataclass(frozen=True)
class Objects:
    """Rendered objects, picked by kind and by the role in their name."""

    items: list[dict[str, Any]]
    notes: str

    def kinds(self) -> set[tuple[str, str]]:
        """All (kind, name) pairs: comparing them finds objects nobody meant."""
        return {(obj["kind"], obj["metadata"]["name"]) for obj in self.items}

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Objects of a kind."""
        return [obj for obj in self.items if obj["kind"] == kind]

    def one(self, kind: str, role: str = "") -> dict[str, Any]:
        """The only object of a kind (whose name contains the role)."""
        found = [obj for obj in self.all(kind) if role in obj["metadata"]["name"]]
        assert len(found) == 1, f"{len(found)} objects of kind {kind} for role {role!r}: {sorted(self.kinds())}"
        return found[0]

    def workload(self, role: str = "decode") -> dict[str, Any]:
        """The Deployment, StatefulSet, LeaderWorkerSet or ReplicaSet of a role, or the role of a DisaggregatedSet."""
        found = [
            obj
            for kind in ("Deployment", "StatefulSet", "LeaderWorkerSet", "ReplicaSet")
            for obj in self.all(kind)
            if obj["metadata"]["name"].endswith(f"-{role}")
        ]
        found += [each for obj in self.all("DisaggregatedSet") for each in obj["spec"]["roles"] if each["name"] == role]
        assert len(found) == 1, f"{len(found)} workloads of {role}: {sorted(self.kinds())}"
        return found[0]

    def template(self, role: str = "decode", part: str = "workerTemplate") -> dict[str, Any]:
        """The pod template of a role; of a LeaderWorkerSet the given part."""
        spec: dict[str, Any] = self.workload(role)["spec"]
        template: dict[str, Any] = (
            spec["leaderWorkerTemplate"][part] if "leaderWorkerTemplate" in spec else spec["template"]
        )
        return template

    def pod(self, role: str = "decode", part: str = "workerTemplate") -> dict[str, Any]:
        """The pod spec of a role."""
        spec: dict[str, Any] = self.template(role, part)["spec"]
        return spec

    def engine(self, role: str = "decode", part: str = "workerTemplate") -> dict[str, Any]:
        """The engine container of a role."""
        container: dict[str, Any] = self.pod(role, part)["containers"][0]
        return container

    def env(self, role: str = "decode", part: str = "workerTemplate") -> dict[str, Any]:
        """Environment of the engine container: name to value, or to valueFrom."""
        return {
            variable["name"]: variable.get("value", variable.get("valueFrom"))
            for variable in self.engine(role, part).get("env", [])
        }

    def proxy(self, part: str = "workerTemplate") -> dict[str, Any] | None:
        """The routing sidecar of decode, if there is one."""
        for container in self.pod("decode", part).get("initContainers", []):
            if container["name"] == "routing-proxy":
                return dict(container)
        return None


Render = Callable[..., Objects]


def shared(relative: str) -> Path:
    """A file or folder of real test data; skips the test where it is absent, which in CI is a failure.

    Args:
        relative: path under the data folder.
    """
    path = SHARED / relative
    if not path.exists():
        reason = f"real test data {relative} is not beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
