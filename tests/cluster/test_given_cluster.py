"""The chart on a cluster given by ``--kubeconfig``, through the fixtures of pytest-helm-charts.

Collected only when a cluster is given: ``pytest tests/cluster --kubeconfig FILE --chart-path charts/llm-d-modelservice``.
"""

import subprocess
from pathlib import Path

import pykube
import yaml
from pytest_helm_charts.clusters import Cluster as GivenCluster
from pytest_helm_charts.k8s.deployment import wait_for_deployments_to_run

from localcluster.binaries import binary
from support.cluster import values


def test_the_chart_installs_where_the_plugin_looks(
    kube_cluster: GivenCluster, chart_path: str, random_namespace: pykube.Namespace
) -> None:
    assert Path(chart_path, "Chart.yaml").is_file(), "--chart-path names the chart"
    assert kube_cluster.kube_client is not None
    image = {"image": "registry.k8s.io/pause:3.10", "modelCommand": "imageDefault"}
    given = values(engine=image, accelerator={"type": "cpu"})
    subprocess.run(
        [str(binary("helm4")), "install", "given", chart_path, "--namespace", random_namespace.name, "--values", "-",
         "--kubeconfig", str(kube_cluster.kube_config_path)],
        input=yaml.safe_dump(given), text=True, check=True,
    )  # fmt: skip
    name = "given-llm-d-modelservice-decode"
    wait_for_deployments_to_run(kube_cluster.kube_client, [name], random_namespace.name, timeout_sec=120)
    pods = kube_cluster.kubectl(f"get pods --namespace {random_namespace.name} --selector llm-d.ai/role=decode")
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]
