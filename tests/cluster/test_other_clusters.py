"""The tests run on any cluster that a kubeconfig names; what needs accelerators says so, and can be lent fake nodes.

All tests that do not say so run on plain nodes, see ``cluster`` in conftest.py: one without the mark fails there.
"""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.cluster import Cluster, run_tests_on

pytestmark = pytest.mark.usefixtures("local_plane")
FOLDER = "tests/cluster"


def outcomes(cluster: Cluster, folder: Path, *arguments: str) -> dict[str, str]:
    """What tests on the cluster ended with, "passed" or why they were skipped; fails if one of them failed."""
    report = folder / "report.xml"
    run_tests_on(cluster, folder, f"--junit-xml={report}", *arguments)
    return {
        case.get("name", ""): skipped.get("message", "") if (skipped := case.find("skipped")) is not None else "passed"
        for case in ElementTree.parse(report).getroot().iter("testcase")  # noqa: S314 # pytest wrote it
    }


def test_what_needs_accelerators_says_so(plain: Cluster, tmp_path: Path) -> None:
    chosen = {
        "test_given_cluster.py": "test_the_chart_installs_where_the_plugin_looks",
        "test_admission.py": "test_examples_and_ci_values_are_admitted[values-pd]",
        "test_inference_pool.py": "test_the_pool_selects_exactly_the_pods_and_ports_that_serve[1.5-prefill and decode]",
        "test_accelerators.py": "test_first_available_falls_back",
        "test_control_plane.py": "test_the_server_reports_its_version",
    }
    found = outcomes(plain, tmp_path, *(f"{FOLDER}/{file}::{test}" for file, test in chosen.items()))
    assert found.pop("test_first_available_falls_back").startswith("needs nodes with accelerators")
    assert found.pop("test_the_server_reports_its_version") == "is about the local cluster"
    assert len(found) == 3 and set(found.values()) == {"passed"}


def test_a_given_cluster_is_lent_nodes_and_gets_its_own_back(plain: Cluster, tmp_path: Path) -> None:
    def nodes() -> dict[str, bool]:
        items = plain.client.resource("v1", "Node").get().to_dict()["items"]
        return {item["metadata"]["name"]: bool(item["spec"].get("unschedulable")) for item in items}

    before = nodes()
    found = outcomes(plain, tmp_path, f"{FOLDER}/test_accelerators.py", "--fake-nodes", "-k", "first_available")
    assert found == {"test_first_available_falls_back": "passed"}
    assert nodes() == before
    assert plain.client.resource("resource.k8s.io/v1", "ResourceSlice").get().to_dict()["items"] == []
