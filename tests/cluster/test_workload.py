"""The API server and the controllers take what surrounds the pods: security standard, claims, Services, budgets."""

import json
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import ForbiddenError

from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.cluster import Cluster, Helm, values
from support.presets import layers
from support.render import pod_templates

pytestmark = pytest.mark.usefixtures("fake_nodes")


@pytest.fixture
def restricted(cluster: Cluster, namespace: str) -> str:
    """A namespace that enforces the restricted Pod Security Standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}])
    return namespace


def refusals(cluster: Cluster, embedded: EmbeddedHelm, wanted: dict[str, Any], namespace: str) -> list[str]:
    """What pod security says to each pod of a render; nothing is kept."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pods", "namespace": namespace}}
    cluster.client.apply([account])
    found = []
    objects = embedded.render(wanted, Release("pods")).objects
    for number, template in enumerate(template for obj in objects for template in pod_templates(obj)):
        spec = {**template["spec"], "serviceAccountName": "pods"}
        spec.pop("priorityClassName", None)
        metadata = {"name": f"pod-{number}", "namespace": namespace}
        try:
            cluster.client.apply(
                [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}], dry_run=True
            )
        except ForbiddenError as error:
            found.append(json.loads(error.body or "{}")["message"])
        else:
            found.append("")
    assert found, "no pod was rendered"
    return found


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["topology/single", "hardware/nvidia", "engine/vllm"],
        ["topology/pd", "hardware/nvidia", "engine/vllm"],
        ["topology/pd", "hardware/nvidia", "engine/vllm", "practice/production"],
        ["topology/pd", "hardware/simulator"],
        ["topology/multinode-tensor", "hardware/nvidia", "engine/vllm"],
    ],
    ids="+".join,
)
def test_the_restricted_layer_passes_the_restricted_standard(
    cluster: Cluster, embedded: EmbeddedHelm, restricted: str, names: list[str]
) -> None:
    without = refusals(cluster, embedded, layers(*names), restricted)
    assert all('violates PodSecurity "restricted' in refusal for refusal in without), without
    with_layer = refusals(cluster, embedded, layers(*names, "security/restricted"), restricted)
    assert with_layer == [""] * len(without)


@pytest.mark.parametrize("uri", ["hf://o/m", "pvc://c/p", "pvc+hf://c/o/m", "oci://r.example.com/m:1"])
def test_every_source_of_the_model_passes_the_restricted_standard(
    cluster: Cluster, embedded: EmbeddedHelm, restricted: str, uri: str
) -> None:
    wanted = merge([layers("security/restricted"), {"modelArtifacts": {"uri": uri}, "files": {"/etc/x": "y"}}])
    assert refusals(cluster, embedded, wanted, restricted) == ["", ""]


@pytest.mark.parametrize(
    "addition",
    [
        "hardware/vgpu-hami",
        "hardware/vgpu-volcano",
        "network/rdma-infiniband",
        "network/rdma-roce",
        "practice/production",
    ],
)
@pytest.mark.parametrize("topology", ["single", "pd"])
def test_the_layers_on_top_are_admitted(cluster: Cluster, embedded: EmbeddedHelm, topology: str, addition: str) -> None:
    names = (f"topology/{topology}", "hardware/nvidia", "engine/vllm", addition)
    cluster.client.apply(embedded.render(layers(*names), Release("admission")).objects, dry_run=True)


def test_a_restricted_release_runs(cluster: Cluster, helm: Helm, restricted: str) -> None:
    helm.install("strict", layers("topology/pd", "hardware/simulator", "security/restricted"))
    assert len(cluster.wait_for_pods(restricted, 2)) == 2


def test_each_pod_of_a_stateful_set_has_its_own_claim(cluster: Cluster, helm: Helm, namespace: str) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    decode = {
        "workload": "StatefulSet",
        "replicas": 2,
        "volumeClaimTemplates": [{"name": "model-storage", "spec": claim}],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
    }
    helm.install("kept", values(decode=decode), wait=False)
    # Nobody provides volumes here, so the pods stay pending; the claims are made all the same.
    cluster.wait_for_pods(namespace, 2, ready=False)
    name = "kept-llm-d-modelservice-decode"
    claims = [item["metadata"]["name"] for item in cluster.objects("v1", "PersistentVolumeClaim", namespace)]
    assert sorted(claims) == [f"model-storage-{name}-0", f"model-storage-{name}-1"]
    for pod in cluster.pods(namespace):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert (
            volumes["model-storage"]["persistentVolumeClaim"]["claimName"] == f"model-storage-{pod['metadata']['name']}"
        )
    helm.run("uninstall", "kept")
    cluster.wait("the claims are gone", lambda: not cluster.objects("v1", "PersistentVolumeClaim", namespace))


def addresses(cluster: Cluster, namespace: str, service: str) -> list[str]:
    """Pods behind a Service."""
    slices = cluster.objects(
        "discovery.k8s.io/v1", "EndpointSlice", namespace, label_selector=f"kubernetes.io/service-name={service}"
    )
    return sorted(point["targetRef"]["name"] for part in slices for point in part.get("endpoints") or [])


def test_services_reach_the_pods_that_serve(cluster: Cluster, helm: Helm, namespace: str) -> None:
    role = {"service": {"create": True}}
    services = {"enabled": True, "name": "model", "extraNames": ["alias"]}
    wanted = {
        "engine": values()["engine"],
        "service": services,
        "decode": {"replicas": 2, **role},
        "prefill": {"replicas": 1, **role},
    }
    helm.install("net", wanted)
    pods = cluster.wait_for_pods(namespace, 3)
    by_role = {
        role: sorted(p["metadata"]["name"] for p in pods if p["metadata"]["labels"]["llm-d.ai/role"] == role)
        for role in ("decode", "prefill")
    }
    for service, role_name in {
        "model": "decode",
        "alias": "decode",
        "net-llm-d-modelservice-decode": "decode",
        "net-llm-d-modelservice-prefill": "prefill",
    }.items():
        cluster.wait(
            f"{service} reaches {role_name}",
            lambda service=service, role_name=role_name: addresses(cluster, namespace, service) == by_role[role_name],  # type: ignore[misc]
        )


def test_a_groups_service_reaches_its_leaders_beside_the_controllers_own(
    cluster: Cluster, helm: Helm, namespace: str
) -> None:
    layout = {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}, "nodeSelector": {"pool": "h100"}}
    helm.install("group", values(multinode=True, decode={**layout, "service": {"create": True}}), wait=False)
    leader, _ = cluster.wait_for_pods(namespace, 2)
    service = "group-llm-d-modelservice-decode-service"
    cluster.wait(
        "the Service reaches the leader",
        lambda: addresses(cluster, namespace, service) == [leader["metadata"]["name"]],
    )
    names = {item["metadata"]["name"] for item in cluster.objects("v1", "Service", namespace)}
    assert names == {service, "group-llm-d-modelservice-decode"}


@pytest.mark.parametrize("multinode", [False, True], ids=["pods", "groups"])
def test_a_budget_counts_the_pods_of_the_role(cluster: Cluster, helm: Helm, namespace: str, multinode: bool) -> None:
    layout = {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}} if multinode else {"replicas": 3}
    decode = {**layout, "nodeSelector": {"pool": "h100"}, "podDisruptionBudget": {"enabled": True}}
    helm.install("budget", values(multinode=multinode, decode=decode), wait=False)
    number = 2 if multinode else 3
    cluster.wait_for_pods(namespace, number)

    def status() -> dict[str, Any]:
        (budget,) = cluster.objects("policy/v1", "PodDisruptionBudget", namespace)
        found: dict[str, Any] = budget.get("status", {})
        return found

    cluster.wait(
        "one pod may be away",
        lambda: (status().get("expectedPods"), status().get("disruptionsAllowed")) == (number, 1),
        explain=lambda: f"\n{status()}",
    )


def test_a_suspended_release_gives_its_pods_back(cluster: Cluster, helm: Helm, namespace: str) -> None:
    wanted = values(decode={"replicas": 2})
    helm.install("pause", wanted)
    cluster.wait_for_pods(namespace, 2)
    helm.upgrade("pause", {**wanted, "suspend": True})
    cluster.wait_for_pods(namespace, 0)
    helm.upgrade("pause", wanted)
    cluster.wait_for_pods(namespace, 2)


def test_resuming_an_autoscaled_release_starts_a_pod(cluster: Cluster, helm: Helm, namespace: str) -> None:
    """Replicas that were printed as 0 and are not printed any more must not stay 0."""
    wanted = values(decode={"autoscaling": {"enabled": True}})
    helm.install("auto", {**wanted, "suspend": True})
    cluster.wait_for_pods(namespace, 0)
    helm.upgrade("auto", wanted)
    cluster.wait_for_pods(namespace, 1)


def test_files_reach_the_cluster_and_a_change_makes_new_pods(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install("files", values(files={"/etc/vllm/chat.jinja": "{{ one }}"}))
    (before,) = cluster.wait_for_pods(namespace, 1)
    helm.upgrade("files", values(files={"/etc/vllm/chat.jinja": "two"}))
    cluster.wait(
        "the pod is a new one",
        lambda: [pod["metadata"]["name"] for pod in cluster.pods(namespace)] != [before["metadata"]["name"]],
    )
    (config,) = [
        item for item in cluster.objects("v1", "ConfigMap", namespace) if item["metadata"]["name"].endswith("-files")
    ]
    assert config["data"] == {"etc_vllm_chat.jinja": "two"}
