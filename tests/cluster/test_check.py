"""`check --cluster` reads a real API server."""

import pytest

from live import Cluster
from modelservice.check.finding import Severity
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inventory import read_cluster
from rendered import ROOT


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("multinode-tensor", {"reference-missing"}),  # the claim of the model
        ("multinode", {"reference-missing", "node-label"}),  # and H200 nodes
        ("dra", {"device-class"}),  # the RDMA devices' class
        ("single", set()),
    ],
)
def test_what_the_cluster_lacks_is_said(
    cluster: Cluster, embedded: EmbeddedHelm, monkeypatch: pytest.MonkeyPatch, example: str, expected: set[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.plane.kubeconfig))
    deployment, refused = load([str(ROOT / f"examples/values-{example}.yaml")], embedded, Release("check"))
    assert deployment is not None and refused == []
    deployment.cluster = read_cluster("default")
    assert {node.name for node in deployment.cluster.nodes} >= {"h100-0", "h100-1", "cpu-0", "exact-0"}
    errors = {finding.rule for finding in run([deployment]) if finding.severity is Severity.error}
    assert errors == expected
