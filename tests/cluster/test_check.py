"""`check --cluster` reads a real API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.check.finding import Severity
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.model.cluster import read_cluster
from support.cluster import Cluster
from support.render import ROOT

GB300 = {"acceleratorTypes": {"labelKey": "nvidia.com/gpu.product", "labelValues": ["NVIDIA-GB300"]}}
NETWORK = {"resourceClaimTemplates": {"nvidia": {"requests": {"rdma": {"class": "rdma-none.example.com"}}}}}


@pytest.mark.usefixtures("fake_nodes")
@pytest.mark.parametrize(
    ("example", "more", "expected"),
    [
        ("multinode-tensor", {}, {"reference-missing"}),  # the claim of the model
        ("multinode", {"decode": GB300}, {"reference-missing", "node-label"}),  # and nodes of that label
        ("dra", {"accelerator": NETWORK}, {"device-class"}),
        ("dra", {}, set()),
        ("single", {}, set()),
    ],
)
def test_what_the_cluster_lacks_is_said(
    cluster: Cluster, embedded: EmbeddedHelm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, example: str,
    more: dict[str, Any], expected: set[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", str(cluster.client.kubeconfig))
    layer = tmp_path / "more.yaml"
    layer.write_text(yaml.safe_dump(more))
    files = [str(ROOT / f"examples/values-{example}.yaml"), str(layer)]
    deployment, refused = load(files, embedded, Release("check"))
    assert deployment is not None and refused == []
    deployment.cluster = read_cluster("default")
    assert {node.name for node in deployment.cluster.nodes} >= {"h100-0", "h100-1", "cpu-0", "exact-0"}
    errors = {finding.rule for finding in run([deployment]) if finding.severity is Severity.error}
    assert errors == expected
