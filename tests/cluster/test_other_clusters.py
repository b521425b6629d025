"""The tests run on any cluster that a kubeconfig names; what needs accelerators says so, and can be lent fake nodes."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from localcluster.control_plane import ControlPlane
from modelservice.model.node_pools import NodePool
from support.cluster import Cluster, run_tests_on

pytestmark = [pytest.mark.usefixtures("local_plane"), pytest.mark.xdist_group("other_clusters")]
FOLDER = "tests/cluster"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster as others have: its nodes have processors and nothing more."""
    pools = [NodePool(name="plain", count=3, resources={"cpu": "64", "memory": "512Gi"})]
    with ControlPlane(tmp_path_factory.mktemp("plain") / "plane", pools) as plane:
        yield Cluster(plane.client, plane)


def outcomes(cluster: Cluster, folder: Path, *arguments: str) -> dict[str, str]:
    """What tests on the cluster ended with, "passed" or why they were skipped; fails if one of them failed."""
    report = folder / "report.xml"
    run_tests_on(cluster, folder, f"--junit-xml={report}", *arguments)
    return {
        case.get("name", ""): skipped.get("message", "") if (skipped := case.find("skipped")) is not None else "passed"
        for case in ElementTree.parse(report).getroot().iter("testcase")  # noqa: S314 # pytest wrote it
    }


def test_what_needs_accelerators_says_so(plain: Cluster, tmp_path: Path) -> None:
    """All of the folder runs: a test without the mark has no nodes and fails."""
    found = outcomes(plain, tmp_path, FOLDER)
    assert found["test_the_chart_installs_where_the_plugin_looks"] == "passed"
    assert found["test_examples_and_ci_values_are_admitted[values-pd]"] == "passed"
    assert found["test_the_pool_selects_exactly_the_pods_and_ports_that_serve[1.5-prefill and decode]"] == "passed"
    assert found["test_first_available_falls_back"].startswith("needs nodes with accelerators")


def test_a_given_cluster_is_lent_nodes_and_gets_its_own_back(plain: Cluster, tmp_path: Path) -> None:
    def nodes() -> dict[str, bool]:
        items = plain.client.resource("v1", "Node").get().to_dict()["items"]
        return {item["metadata"]["name"]: bool(item["spec"].get("unschedulable")) for item in items}

    before = nodes()
    found = outcomes(plain, tmp_path, f"{FOLDER}/test_accelerators.py", "--fake-nodes", "-k", "first_available")
    assert found == {"test_first_available_falls_back": "passed"}
    assert nodes() == before
    assert plain.client.resource("resource.k8s.io/v1", "ResourceSlice").get().to_dict()["items"] == []
