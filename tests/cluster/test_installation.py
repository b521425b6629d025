"""Everything the project offers installs: `helm install --wait` ends and every pod is scheduled and ready."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live import Cluster, Helm, expected_pods, pod_templates
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge, read_values
from preset_layers import layers, sensible
from rendered import ROOT

pytestmark = [pytest.mark.usefixtures("fake_nodes"), pytest.mark.xdist_group("installation")]

FILES = [
    *sorted((ROOT / "examples").glob("values-*.yaml")),
    *sorted((ROOT / "charts/llm-d-modelservice/ci").glob("*.yaml")),
]


def install(cluster: Cluster, embedded: EmbeddedHelm, helm: Helm, namespace: str, values: dict[str, Any]) -> None:
    """Installs, counts the ready pods, and the devices that their claims got."""
    objects = embedded.render(values, Release("every", namespace)).objects
    cluster.client.apply(volumes(objects, namespace), namespace=namespace)
    helm.install("every", values)
    pods = cluster.wait_for_pods(namespace, expected_pods(objects))
    assert pods
    templates = {obj["metadata"]["name"]: obj for obj in objects if obj["kind"] == "ResourceClaimTemplate"}
    claims = {
        claim["metadata"]["name"]: claim for claim in cluster.objects("resource.k8s.io/v1", "ResourceClaim", namespace)
    }
    for pod in pods:
        for claim in pod["spec"].get("resourceClaims", []):
            asked = templates[claim["resourceClaimTemplateName"]]["spec"]["spec"]["devices"]["requests"]
            wanted = sum(request.get("exactly", {}).get("count", 1) for request in asked)
            names = {status["name"]: status["resourceClaimName"] for status in pod["status"]["resourceClaimStatuses"]}
            assert len(claims[names[claim["name"]]]["status"]["allocation"]["devices"]["results"]) == wanted


def volumes(objects: list[dict[str, Any]], namespace: str) -> Iterator[dict[str, Any]]:
    """A volume for each claim that the pods name and nobody makes."""
    pods = [template["spec"] for obj in objects for template in pod_templates(obj)]
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods
        for volume in pod.get("volumes", [])
        if "persistentVolumeClaim" in volume
    }
    for claim in sorted(claims):
        volume = f"{namespace}-{claim}"
        modes, size = ["ReadWriteMany"], {"storage": "1Ti"}
        yield {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
            "spec": {"accessModes": modes, "capacity": size, "hostPath": {"path": "/models"},
                     "claimRef": {"namespace": namespace, "name": claim}},
        }  # fmt: skip
        yield {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim},
            "spec": {"accessModes": modes, "resources": {"requests": size}, "volumeName": volume, "storageClassName": ""},
        }  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_examples_and_ci_values(
    cluster: Cluster, embedded: EmbeddedHelm, any_helm: Helm, namespace: str, file: Path
) -> None:
    install(cluster, embedded, any_helm, namespace, read_values(str(file)))


@pytest.mark.parametrize("names", sensible(), ids=lambda names: "+".join(name.split("/")[1] for name in names))
def test_preset_combinations(
    cluster: Cluster, embedded: EmbeddedHelm, any_helm: Helm, namespace: str, names: list[str]
) -> None:
    install(cluster, embedded, any_helm, namespace, layers(*names))


def test_a_multinode_release_upgrades_in_place(cluster: Cluster, any_helm: Helm, namespace: str) -> None:
    values = layers("topology/wide-ep", "hardware/nvidia", "engine/vllm")
    any_helm.install("wide", values)
    any_helm.upgrade("wide", merge([values, {"decode": {"engine": {"args": {"max-model-len": 4096}}}}]))
    cluster.wait(
        "every pod has the new argument",
        lambda: all("--max-model-len" in pod["spec"]["containers"][0]["args"] for pod in cluster.pods(namespace)),
    )
    cluster.wait_for_pods(namespace, 2)
