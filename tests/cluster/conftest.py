"""Control planes for the cluster tests: one with accelerators, and one as others have it for what needs none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.binaries import binary, kubernetes_program
from localcluster.client import Client
from localcluster.control_plane import ControlPlane
from localcluster.fake_nodes import lent
from modelservice.errors import UsageError
from modelservice.model.node_pools import POOLS, Devices, NodePool
from support.cluster import Cluster, Helm

FOLDER = Path(__file__).parent
POOLS_OF_TESTS = [
    # Enough for two wide groups, prefill and decode.
    *(POOLS[name].model_copy(update={"count": 4}) for name in ("h100", "mi300x", "gaudi", "tpu")),
    NodePool(
        name="xpu", count=4, resources={"cpu": "192", "memory": "2Ti", "gpu.intel.com/xe": "8"},
        devices=[Devices(driver="gpu.intel.com", count=8)],
    ),
    NodePool(
        name="neuron", count=4, resources={"cpu": "192", "memory": "2Ti", "aws.amazon.com/neuroncore": "32"},
        devices=[Devices(driver="neuron.aws.com", count=8)],
    ),
    NodePool(name="ascend", count=4, resources={"cpu": "192", "memory": "2Ti", "huawei.com/Ascend910": "16"}),
    POOLS["cpu"],
    NodePool(
        name="l40s", labels={"nvidia.com/gpu.product": "NVIDIA-L40S"},
        resources={"cpu": "192", "memory": "2Ti", "nvidia.com/gpu": "8"},
    ),
    # Network devices beside the accelerators, on the same PCIe root.
    NodePool(
        name="h200", count=4, labels={"nvidia.com/gpu.product": "NVIDIA-H200"},
        resources={"cpu": "192", "memory": "2Ti", "nvidia.com/gpu": "8", "rdma/ib": "8"},
        devices=[
            Devices(
                driver=driver, count=8, attributes={"resource.kubernetes.io/pcieRoot": {"string": "pci0000:01"}},
                capacity={"memory": {"value": "141Gi"}},
            )
            for driver in ("gpu.nvidia.com", "rdma.example.com")
        ],
    ),
    # Just four accelerators each.
    NodePool(
        name="exact", count=2, resources={"cpu": "64", "memory": "512Gi", "nvidia.com/gpu": "4"},
        devices=[Devices(driver="gpu.nvidia.com", count=4, capacity={"memory": {"value": "80Gi"}})],
    ),
    *(
        NodePool(name=f"rack-{rack}", count=2, labels={"rack": rack},
                 resources={"cpu": "64", "memory": "512Gi", "nvidia.com/gpu": "8"})
        for rack in "ab"
    ),
]  # fmt: skip


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is about a given cluster is not collected without one."""
    return True if collection_path.name == "test_given_cluster.py" and not config.getoption("--kubeconfig") else None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a control plane share one worker, but for those of another group."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and item.path.parent == FOLDER
            and not item.get_closest_marker("xdist_group")
        ):
            group = "accelerators" if "fake_nodes" in item.fixturenames else "plain"
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def given(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster of ``--kubeconfig``."""
    cluster = Cluster(Client(Path(pytestconfig.getoption("--kubeconfig"))))
    if not pytestconfig.getoption("--fake-nodes"):
        yield cluster
        return
    with lent(cluster.client, POOLS_OF_TESTS):
        yield cluster


@pytest.fixture(scope="session")
def version(pytestconfig: pytest.Config) -> str:
    """The version of the local control planes; skips where their programs cannot be built, not in CI."""
    chosen: str = pytestconfig.getoption("--kubernetes")
    try:
        kubernetes_program("kube-apiserver", chosen)
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return chosen


@pytest.fixture(scope="session")
def with_accelerators(tmp_path_factory: pytest.TempPathFactory, version: str) -> Iterator[Cluster]:
    """A control plane with nodes of several kinds."""
    with ControlPlane(tmp_path_factory.mktemp("accelerators") / "plane", POOLS_OF_TESTS, version) as plane:
        yield Cluster(plane.client, plane)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, version: str) -> Iterator[Cluster]:
    """A cluster as others have: its nodes have processors and nothing more."""
    pools = [NodePool(name="plain", count=3, resources={"cpu": "64", "memory": "512Gi"})]
    with ControlPlane(tmp_path_factory.mktemp("plain") / "plane", pools, version) as plane:
        yield Cluster(plane.client, plane)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster of ``--kubeconfig``, or else a control plane: only a test that asks for ``fake_nodes`` gets
    accelerators, and only one that asks for ``local_plane`` the control plane itself, so that all others run on any cluster.
    """
    if request.config.getoption("--kubeconfig"):
        name = "given"
    else:
        name = "with_accelerators" if "fake_nodes" in request.fixturenames else "plain"
    found: Cluster = request.getfixturevalue(name)
    return found if "local_plane" in request.fixturenames else found.as_given()


@pytest.fixture
def local_plane(pytestconfig: pytest.Config) -> None:
    """For what is about the local control plane itself, or starts others; skips elsewhere."""
    if pytestconfig.getoption("--kubeconfig"):
        pytest.skip("is about the local cluster")


@pytest.fixture
def fake_nodes(pytestconfig: pytest.Config) -> None:
    """For what needs nodes with accelerators: those of the local control plane, or lent ones; skips elsewhere."""
    if pytestconfig.getoption("--kubeconfig") and not pytestconfig.getoption("--fake-nodes"):
        pytest.skip("needs nodes with accelerators: add --fake-nodes")


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, emptied afterwards so that its accelerators are free again."""
    with cluster.namespace(request.node.nodeid) as name:
        yield name


@pytest.fixture(params=["helm4", "helm3"])
def any_helm(request: pytest.FixtureRequest, cluster: Cluster, chart: Path, namespace: str) -> Helm:
    """Each helm executable in turn."""
    return Helm(binary(request.param), cluster, chart, namespace)


@pytest.fixture
def helm(cluster: Cluster, chart: Path, namespace: str) -> Helm:
    """The newest helm executable."""
    return Helm(binary("helm4"), cluster, chart, namespace)
