"""A cluster whose pods run, for the request tests: one for all of them, in one worker."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster import gateway, real_node
from localcluster.binaries import binary
from localcluster.client import Client
from localcluster.control_plane import ControlPlane
from localcluster.images import images
from modelservice.errors import UsageError
from support.cluster import Cluster, Helm
from support.images import NEXT_VLLM, VLLM, vllm_image
from support.inferencepool_chart import inference_pool_chart
from support.release import Serving


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All request tests share one worker and so one cluster."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.parent == folder:
            item.add_marker(pytest.mark.xdist_group("requests"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure comes with what a person needs: events, logs and the endpoint picker's decisions."""
    report = yield
    serving = getattr(item, "funcargs", {}).get("serving")
    if report.failed and report.when == "call" and serving is not None:
        report.sections.append(("what was served", serving.explain()))
    return report


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster of ``--kubeconfig``, with our images and nodes that pretend to have accelerators, or else a control
    plane with two real nodes; skips with the reason where the machine cannot run them, not in CI.
    """
    if kubeconfig := pytestconfig.getoption("--kubeconfig"):
        given = Cluster(Client(Path(kubeconfig)), loader=shlex.split(pytestconfig.getoption("--image-loader")))
        for image in images():
            given.import_image(image)
        for name in real_nodes(given):
            given.client.resource("v1", "Node").status.patch(
                name=name,
                body={"status": {"capacity": real_node.EXTENDED}},
                content_type="application/merge-patch+json",
            )
        yield given
        return
    try:
        real_node.require()
        gateway.executable()
        binary("kubelet")
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with ControlPlane(tmp_path_factory.mktemp("requests") / "plane", real_nodes=2) as plane:
        yield Cluster(plane.client, plane)


def real_nodes(cluster: Cluster) -> list[str]:
    """Names of the nodes of a cluster that take pods."""
    items = cluster.client.resource("v1", "Node").get().to_dict()["items"]
    return [item["metadata"]["name"] for item in items if not item["spec"].get("taints")]


@pytest.fixture
def own_nodes(cluster: Cluster) -> None:
    """For what is about the real nodes of the local control plane; skips elsewhere."""
    if not cluster.is_local:
        pytest.skip("about the nodes that the local cluster makes")


@pytest.fixture(scope="session")
def pool_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inferencepool chart with its library chart."""
    return inference_pool_chart(tmp_path_factory.mktemp("charts") / "charts")


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, gone afterwards."""
    with cluster.namespace(request.node.nodeid, kill=True) as name:
        yield name


@pytest.fixture
def helm(cluster: Cluster, chart: Path, namespace: str) -> Helm:
    """The newest helm executable."""
    return Helm(binary("helm4"), cluster, chart, namespace)


@pytest.fixture
def serving(cluster: Cluster, helm: Helm, pool_chart: Path, namespace: str, tmp_path: Path) -> Serving:
    """Releases with their pools."""
    return Serving(cluster, helm, Helm(binary("helm4"), cluster, pool_chart, namespace), namespace, tmp_path)


@pytest.fixture(scope="session")
def vllm(cluster: Cluster) -> dict[str, Any]:
    """Values for the image in place of vLLM's, which takes vLLM's flags, on nodes with pretended accelerators."""
    cluster.import_image(vllm_image())
    return {
        "engine": {
            "image": VLLM, "imagePullPolicy": "IfNotPresent", "modelCommand": "vllmServe",
            "args": {"force-dummy-tokenizer": None, "mode": None},
        },
        "accelerator": {"type": "nvidia"},
    }  # fmt: skip


@pytest.fixture(scope="session")
def next_vllm(cluster: Cluster) -> dict[str, Any]:
    """Values for the image of the next version, over those of ``vllm``."""
    cluster.import_image(vllm_image(NEXT_VLLM))
    return {"engine": {"image": NEXT_VLLM}}
