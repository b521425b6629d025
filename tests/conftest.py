"""Fixtures of all tests. ``render`` is the one way to render, so that validation is never forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kubernetes_schemas import problems
from modelservice.binaries import binary
from modelservice.errors import UsageError
from modelservice.helm import EmbeddedHelm, HelmExecutable, Release
from modelservice.paths import chart_dir

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""

SHARED = ROOT.parent / "shared"
"""Real values files and outputs of the original chart, beside the repository; not part of it."""


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
        """The Deployment, LeaderWorkerSet or ReplicaSet of a role."""
        found = [
            obj
            for kind in ("Deployment", "LeaderWorkerSet", "ReplicaSet")
            for obj in self.all(kind)
            if obj["metadata"]["name"].endswith(f"-{role}")
        ]
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


@pytest.fixture(scope="session")
def chart() -> Path:
    """The chart's directory."""
    return chart_dir()


@pytest.fixture(scope="session")
def embedded(chart: Path) -> EmbeddedHelm:
    """Embedded Helm with the chart loaded once."""
    return EmbeddedHelm(chart)


@pytest.fixture(scope="session")
def render(embedded: EmbeddedHelm) -> Render:
    """``render(values, name="test", namespace="default")``: the objects, valid for every supported version."""

    def _render(values: Mapping[str, Any] | None = None, name: str = "test", namespace: str = "default") -> Objects:
        rendered = embedded.render(dict(values or {}), Release(name=name, namespace=namespace))
        found = problems(rendered.objects)
        assert not found, "\n".join(found)
        return Objects(rendered.objects, rendered.notes)

    return _render


@pytest.fixture(scope="session", params=["helm4", "helm3"])
def executable(request: pytest.FixtureRequest, chart: Path) -> HelmExecutable:
    """A helm executable built from its pinned module; skips with the reason where none can be built, not in CI."""
    try:
        return HelmExecutable(chart, str(binary(request.param)))
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{request.param}: {error}")


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
