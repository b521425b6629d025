"""Everything the project offers installs: `helm install --wait` ends and every pod is scheduled and ready."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.binaries import binary
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_executable import HelmExecutable
from modelservice.inputs import merge, read_values
from support.cluster import Cluster, Helm, expected_pods
from support.presets import layers, sensible
from support.render import ROOT, pod_templates

pytestmark = [pytest.mark.usefixtures("fake_nodes"), pytest.mark.xdist_group("installation")]

HELMS = ("helm4", "helm3")
FILES = [
    *sorted((ROOT / "examples").glob("values-*.yaml")),
    *sorted((ROOT / "charts/llm-d-modelservice/ci").glob("*.yaml")),
]


def install(cluster: Cluster, embedded: EmbeddedHelm, helm: Helm, namespace: str, values: dict[str, Any]) -> None:
    """Installs, counts the ready pods, and the devices that their claims got."""
    objects = embedded.render(values, Release("every", namespace)).objects
    cluster.client.apply(surroundings(objects, namespace), namespace=namespace)
    helm.install("every", values)
    pods = cluster.wait_for_pods(namespace, expected_pods(objects), selector="!batch.kubernetes.io/job-name")
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


def surroundings(objects: list[dict[str, Any]], namespace: str) -> Iterator[dict[str, Any]]:
    """What a cluster has before a chart is installed: volumes, claims that pods name and nobody makes, classes."""
    modes, size = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"], {"storage": "10Ti"}
    pods = [template["spec"] for obj in objects for template in pod_templates(obj)]
    own = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "PersistentVolumeClaim"}
    named = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods
        for volume in pod.get("volumes", [])
        if "persistentVolumeClaim" in volume
    }
    missing = sorted(named - own)
    for claim in missing:
        yield {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim},
            "spec": {"accessModes": modes, "resources": {"requests": size}},
        }  # fmt: skip
    for number, storage in enumerate([*("" for _ in missing), *classes_of_claims(objects)]):
        yield {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{namespace}-{number}"},
            "spec": {"accessModes": modes, "capacity": size, "hostPath": {"path": "/models"},
                     "storageClassName": storage},
        }  # fmt: skip
    for name in values_of("runtimeClassName", objects):
        yield {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name}
    for name in values_of("priorityClassName", objects):
        yield {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 1}


def classes_of_claims(objects: list[dict[str, Any]]) -> Iterator[str]:
    """The storage class of each claim that the release or its controllers make, "" without one."""
    for obj in objects:
        if obj["kind"] == "PersistentVolumeClaim":
            yield obj["spec"].get("storageClassName", "")
        per_pod = [
            *obj.get("spec", {}).get("volumeClaimTemplates", []),
            *(
                volume["ephemeral"]["volumeClaimTemplate"]
                for template in pod_templates(obj)
                for volume in template["spec"].get("volumes", [])
                if "ephemeral" in volume
            ),
        ]
        for claim in per_pod:
            yield from [claim["spec"].get("storageClassName", "")] * expected_pods([obj])


def values_of(key: str, value: Any) -> set[str]:
    """Values of a key, wherever it is."""
    if isinstance(value, list):
        return {found for item in value for found in values_of(key, item)}
    if not isinstance(value, dict):
        return set()
    return {found for item in value.values() for found in values_of(key, item)} | (
        {value[key]} if key in value else set()
    )


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_examples_and_ci_values(
    cluster: Cluster, embedded: EmbeddedHelm, any_helm: Helm, namespace: str, file: Path
) -> None:
    install(cluster, embedded, any_helm, namespace, read_values(str(file)))


@pytest.fixture(scope="session")
def executables(chart: Path) -> dict[str, HelmExecutable]:
    """Both helm executables, to render."""
    return {name: HelmExecutable(chart, str(binary(name))) for name in HELMS}


@pytest.mark.parametrize(
    ("any_helm", "other", "names"),
    [(HELMS[index % 2], HELMS[(index + 1) % 2], names) for index, names in enumerate(sensible())],
    indirect=["any_helm"],
    ids=["+".join(name.split("/")[1] for name in names) for names in sensible()],
)
def test_preset_combinations(
    cluster: Cluster, embedded: EmbeddedHelm, executables: dict[str, HelmExecutable], any_helm: Helm, namespace: str,
    other: str, names: list[str],
) -> None:  # fmt: skip
    """Installed by one of the helm executables; the other one renders the same objects."""
    values, release = layers(*names), Release("every", namespace)
    assert executables[other].render(values, release).objects == embedded.render(values, release).objects
    install(cluster, embedded, any_helm, namespace, values)


def test_a_multinode_release_upgrades_in_place(cluster: Cluster, any_helm: Helm, namespace: str) -> None:
    values = layers("topology/wide-ep", "hardware/nvidia", "engine/vllm")
    any_helm.install("wide", values)
    any_helm.upgrade("wide", merge([values, {"decode": {"engine": {"args": {"max-model-len": 4096}}}}]))
    cluster.wait(
        "every pod has the new argument",
        lambda: all("--max-model-len" in pod["spec"]["containers"][0]["args"] for pod in cluster.pods(namespace)),
    )
    cluster.wait_for_pods(namespace, 2)
