"""What watches a deployment, on a real API server: the monitors are admitted, and a test's Service finds its pods."""

import pytest

from modelservice.helm import EmbeddedHelm, Release
from support.cluster import Cluster, Helm
from support.patience import PATIENCE
from support.presets import presets

TEST_PODS = "app.kubernetes.io/component=test"


def test_everything_of_the_monitoring_preset_is_admitted(cluster: Cluster, embedded: EmbeddedHelm) -> None:
    values = presets("topology/pd", "hardware/nvidia", "engine/vllm", "monitoring/prometheus-operator")
    objects = embedded.render(values, Release("admission")).objects
    assert {"PodMonitor", "PrometheusRule", "ConfigMap"} <= {obj["kind"] for obj in objects}
    cluster.client.apply(objects, dry_run=True)


@pytest.mark.usefixtures("fake_nodes")
def test_helm_test_reaches_the_ready_pods_of_a_role_and_cleans_up(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install("asked", {"decode": {"replicas": 2}, "test": {"enabled": True}})
    assert cluster.pods(namespace, TEST_PODS) == [], "a test runs only when it is asked for"
    service = "asked-llm-d-modelservice-decode-test"

    def reached() -> set[str]:
        slices = cluster.objects(
            "discovery.k8s.io/v1", "EndpointSlice", namespace, label_selector=f"kubernetes.io/service-name={service}"
        )
        endpoints = [endpoint for found in slices for endpoint in found.get("endpoints") or []]
        return {endpoint["targetRef"]["name"] for endpoint in endpoints if endpoint["conditions"]["ready"]}

    with helm.start("test", "asked", "--timeout", "60s") as running:
        cluster.wait("the test's Pod", lambda: len(cluster.pods(namespace, TEST_PODS)) == 1)
        decode = {pod["metadata"]["name"] for pod in cluster.pods(namespace, "llm-d.ai/role=decode")}
        cluster.wait("its Service finds the decode pods", lambda: reached() == decode)
        (pod,) = cluster.pods(namespace, TEST_PODS)
        # The nodes only exist as objects, so nothing runs in the Pod: its script is tried in unit/test_helm_test.py.
        cluster.client.resource("v1", "Pod").status.patch(
            name=pod["metadata"]["name"], namespace=namespace, body={"status": {"phase": "Succeeded"}},
            content_type="application/merge-patch+json",
        )  # fmt: skip
        output, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, output
    names = {found["metadata"]["name"] for found in cluster.objects("v1", "Service", namespace)}
    assert service not in names
