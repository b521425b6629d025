"""The tests run on any cluster that a kubeconfig names; what needs fake nodes says so and skips."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.cluster import Cluster, run_tests_on


@pytest.mark.usefixtures("fake_nodes")
def test_a_given_cluster_is_used_and_only_fake_nodes_are_missed(cluster: Cluster, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    run_tests_on(
        cluster, tmp_path, f"--junit-xml={report}",
        "tests/cluster/test_given_cluster.py", "tests/cluster/test_admission.py", "tests/cluster/test_inference_pool.py",
        "tests/cluster/test_accelerators.py", "-k", "given or values-pd or prefill or first_available",
    )  # fmt: skip
    outcomes = {
        case.get("name", ""): skipped.get("message", "") if (skipped := case.find("skipped")) is not None else "passed"
        for case in ElementTree.parse(report).getroot().iter("testcase")  # noqa: S314 # pytest wrote it
    }
    assert outcomes["test_the_chart_installs_where_the_plugin_looks"] == "passed"
    assert outcomes["test_examples_and_ci_values_are_admitted[values-pd]"] == "passed"
    assert outcomes["test_the_pool_selects_exactly_the_pods_and_ports_that_serve[1.5-prefill and decode]"] == "passed"
    assert outcomes["test_first_available_falls_back"].startswith("needs nodes with accelerators")
