"""Releases of the original chart become releases of this one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.binaries import binary
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge, read_values
from modelservice.model.cluster import read_cluster
from support.cluster import Cluster, Helm, is_ready
from support.original_chart import VALUES, original_chart
from support.render import shared

pytestmark = pytest.mark.usefixtures("fake_nodes")

RELEASE = "cpu-sim"
SWITCH = {"deploymentSelector": "model"}


@pytest.fixture
def values() -> dict[str, Any]:
    """Values of the release, as they were for the original chart."""
    return read_values(str(shared(f"{VALUES}/values-cpu.yaml")))


@pytest.fixture
def installed(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """A release of the original chart: with Helm 3, because Helm 4 rejects the null in its output."""
    Helm(binary("helm3"), cluster, original_chart(tmp_path, "cpu"), namespace).install(RELEASE, {})
    cluster.wait_for_pods(namespace, 2)


@pytest.mark.usefixtures("installed")
def test_an_upgrade_in_place_works_with_the_originals_selector(
    cluster: Cluster, any_helm: Helm, namespace: str, values: dict[str, Any]
) -> None:
    before = {pod["metadata"]["name"] for pod in cluster.pods(namespace)}
    any_helm.upgrade(RELEASE, merge([values, SWITCH]))
    pods = cluster.wait_for_pods(namespace, 2, selector=f"app.kubernetes.io/instance={RELEASE}")
    assert all(map(is_ready, pods)) and before.isdisjoint(pod["metadata"]["name"] for pod in pods)
    cluster.wait("the old pods are gone", lambda: len(cluster.pods(namespace)) == 2)
    assert len(cluster.objects("apps/v1", "Deployment", namespace)) == 2
    any_helm.run("rollback", RELEASE, "1", "--wait")
    cluster.wait("the original runs again", lambda: not cluster.pods(namespace, "app.kubernetes.io/instance"))


@pytest.mark.usefixtures("installed")
def test_without_it_the_upgrade_fails_as_check_and_the_page_predict(
    cluster: Cluster, any_helm: Helm, embedded: EmbeddedHelm, namespace: str, values: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", str(cluster.client.kubeconfig))

    def found(more: dict[str, Any]) -> list[str]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(merge([values, more])), encoding="utf-8")
        deployment, refused = load([str(file)], embedded, Release(RELEASE, namespace))
        assert deployment is not None and refused == []
        deployment.cluster = read_cluster(namespace)
        findings = run([deployment])
        return [str(item.fix) for item in findings if item.rule == "immutable-field-changed"]

    assert len(found({})) == 2 and all(fix.startswith("set deploymentSelector: model") for fix in found({}))
    assert found(SWITCH) == []
    with pytest.raises(AssertionError, match=r"spec\.selector.*field is immutable"):
        any_helm.upgrade(RELEASE, values)
    any_helm.upgrade(RELEASE, merge([values, SWITCH]))
