"""Fixtures of all tests. ``render`` is the one way to render, so that validation is never forgotten."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from localcluster.binaries import KUBERNETES, binary
from modelservice.errors import UsageError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_executable import HelmExecutable
from modelservice.paths import chart_dir
from support.kubernetes_schemas import problems
from support.render import Objects, Render


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which cluster the cluster tests use; ``--kubeconfig`` is an option of pytest-helm-charts."""
    parser.addoption(
        "--kubernetes", default=next(iter(KUBERNETES)), choices=list(KUBERNETES),
        help="version of the local control plane of the cluster tests",
    )  # fmt: skip
    parser.addoption(
        "--fake-nodes", action="store_true",
        help="add nodes with accelerators, which only exist as objects, to the cluster of --kubeconfig for tests/cluster;"
        " its own nodes get no pods meanwhile",
    )  # fmt: skip
    parser.addoption(
        "--image-loader", default="", metavar="COMMAND",
        help="what gives the cluster of --kubeconfig the images of a file, for instance `kind load image-archive`",
    )  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one worker runs by itself and takes long is begun first; see the groups of these folders."""
    first = ["requests", "cluster"]
    items.sort(key=lambda item: first.index(item.path.parent.name) if item.path.parent.name in first else len(first))


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
