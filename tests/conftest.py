"""Fixtures of all tests. ``render`` is the one way to render, so that validation is never forgotten."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from localcluster.binaries import KUBERNETES, binary
from modelservice.errors import UsageError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_executable import HelmExecutable
from modelservice.paths import chart_dir
from support import kubernetes_schemas
from support.kubernetes_schemas import problems
from support.render import Objects, Render

SLOWEST = 15
"""How many files the table at the end of a run shows."""


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

    parser.addoption(
        "--while-building", action="store_true",
        help="programs are being built: the tests that need none come first",
    )  # fmt: skip
    parser.addoption(
        "--without-go", action="store_true", help="do not validate objects of custom kinds, which needs Go"
    )


def pytest_configure(config: pytest.Config) -> None:
    """SIGINT as a terminal's programs have it: shells ignore it for background jobs, and children inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("busy")  # a busy machine is slow
    kubernetes_schemas.custom_kinds = not config.getoption("--without-go")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is parametrized by the definitions of custom kinds is not collected without Go."""
    return True if config.getoption("--without-go") and collection_path.name == "test_import_fields.py" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What one worker runs by itself and takes long is begun first; see the groups of these folders."""
    on_clusters = ["requests", "cluster"]

    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return on_clusters.index(folder) if folder in on_clusters else len(on_clusters)

    def need(item: pytest.Item) -> int:
        if item.path.parent.name in on_clusters:
            return 2
        return 1 if item.get_closest_marker("executable") else 0

    items.sort(key=need if config.getoption("while_building") else rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table of the slowest files, by the seconds that their tests and fixtures took in all workers."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) < 2:
        return
    parts: dict[str, float] = defaultdict(float)
    for file, spent in seconds.items():
        parts[str(Path(file).parent)] += spent
    terminalreporter.section("seconds of work by part, and of the slowest files")
    for found in (parts, dict(sorted(seconds.items(), key=lambda item: -item[1])[:SLOWEST])):
        for name, spent in sorted(found.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{spent:8.1f}  {name}")


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
