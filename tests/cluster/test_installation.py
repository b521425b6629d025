"""Installed for real: pods are scheduled on nodes with accelerators, groups are made, releases live and end."""

from typing import Any

import pytest

from live import Cluster, Helm

VLLM = {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"}


def values(**more: Any) -> dict[str, Any]:
    return {"engine": VLLM, "routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}, **more}


def on(pool: str) -> dict[str, Any]:
    return {"nodeSelector": {"pool": pool}}


def test_a_prefill_decode_release_becomes_ready(cluster: Cluster, any_helm: Helm, namespace: str) -> None:
    any_helm.install("pd", {"engine": VLLM, "decode": {"replicas": 2}, "prefill": {"replicas": 2}})
    pods = cluster.wait_for_pods(namespace, 4)
    roles = sorted(pod["metadata"]["labels"]["llm-d.ai/role"] for pod in pods)
    assert roles == ["decode", "decode", "prefill", "prefill"]
    any_helm.run("uninstall", "pd", "--wait")
    cluster.wait_for_pods(namespace, 0)
    assert cluster.objects("apps/v1", "Deployment", namespace) == []


@pytest.mark.parametrize("dra", [False, True], ids=["plugin", "dra"])
def test_the_scheduler_counts_the_accelerators(cluster: Cluster, helm: Helm, namespace: str, dra: bool) -> None:
    """Two nodes with four devices take two pods of four; a third pod stays pending."""
    decode = {"replicas": 3, "parallelism": {"tensor": 4}, **on("exact")}
    helm.install("count", values(accelerator={"dra": dra}, decode=decode), wait=False)
    cluster.wait(
        "two of three pods are scheduled",
        lambda: (
            sorted(bool(pod["spec"].get("nodeName")) for pod in cluster.pods(namespace)) == [False, True, True]
            and any(
                condition.get("reason") == "Unschedulable"
                for pod in cluster.pods(namespace)
                for condition in pod.get("status", {}).get("conditions", [])
            )
        ),
    )
    nodes = {pod["spec"]["nodeName"] for pod in cluster.pods(namespace) if pod["spec"].get("nodeName")}
    assert nodes == {"exact-0", "exact-1"}


def test_a_claim_allocates_the_devices_of_the_parallelism(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install(
        "claim", values(accelerator={"dra": True}, decode={"parallelism": {"tensor": 2, "dataLocal": 2}, **on("h100")})
    )
    (claim,) = cluster.objects("resource.k8s.io/v1", "ResourceClaim", namespace)
    assert len(claim["status"]["allocation"]["devices"]["results"]) == 4


def test_first_available_falls_back(cluster: Cluster, helm: Helm, namespace: str) -> None:
    cluster.client.apply([
        {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "none.example.com"},
         "spec": {"selectors": [{"cel": {"expression": "device.driver == 'none.example.com'"}}]}}
    ])  # fmt: skip
    choices = [{"name": "best", "class": "none.example.com"}, {"name": "next", "class": "gpu.nvidia.com"}]
    template = {"nvidia": {"match": "firstAvailable", "firstAvailable": choices}}
    helm.install("choice", values(accelerator={"dra": True, "resourceClaimTemplates": template}, decode=on("h100")))
    (claim,) = cluster.objects("resource.k8s.io/v1", "ResourceClaim", namespace)
    (result,) = claim["status"]["allocation"]["devices"]["results"]
    assert result["request"] == "nvidia/next"


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in pod["spec"]["containers"][0]["env"]}


def test_a_group_over_pods_has_one_leader_that_serves(cluster: Cluster, helm: Helm, namespace: str) -> None:
    layout = {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}, **on("h100")}
    labels = {"labels": {"llm-d.ai/model": "m"}}
    helm.install("group", values(multinode=True, modelArtifacts=labels, decode=layout), wait=False)
    leader, worker = cluster.wait_for_pods(namespace, 2)
    assert leader["metadata"]["name"] == "group-llm-d-modelservice-decode-0"
    assert "--headless" in worker["spec"]["containers"][0]["args"]
    assert "--headless" not in leader["spec"]["containers"][0]["args"]
    assert cluster.pods(namespace, "llm-d.ai/model=m,llm-d.ai/role=decode") == [leader]
    assert environment(worker)["LWS_WORKER_INDEX"] == "1"
    assert environment(worker)["LWS_LEADER_ADDRESS"].startswith("group-llm-d-modelservice-decode-0.")


def test_every_pod_of_a_hybrid_group_serves_with_its_rank(cluster: Cluster, helm: Helm, namespace: str) -> None:
    layout = {"parallelism": {"dataLocal": 8, "workers": 2}, **on("h100")}
    helm.install("wide", values(multinode=True, decode=layout), wait=False)
    pods = cluster.wait_for_pods(namespace, 2)
    assert {pod["spec"]["nodeName"] for pod in pods} == {"h100-0", "h100-1"}
    assert cluster.pods(namespace, "llm-d.ai/role=decode") == pods
    assert [environment(pod)["LWS_WORKER_INDEX"] for pod in pods] == ["0", "1"]
    assert [environment(pod)["LWS_GROUP_SIZE"] for pod in pods] == ["2", "2"]
    for pod in pods:
        assert "LWS_WORKER_INDEX * 8" in pod["spec"]["containers"][0]["command"][2]


def test_the_longest_accepted_name_makes_its_group(cluster: Cluster, helm: Helm, namespace: str) -> None:
    """The chart's limit is the controller's: one character more is refused when rendering."""
    name = "x" * (50 - len("-decode"))
    layout = {"parallelism": {"data": 2, "workers": 2}, **on("h100")}
    helm.install("long", values(multinode=True, fullnameOverride=name, decode=layout), wait=False)
    pods = cluster.wait_for_pods(namespace, 2)
    assert pods[0]["metadata"]["name"] == f"{name}-decode-0"


def test_an_upgrade_changes_labels_model_replicas_and_parallelism(
    cluster: Cluster, any_helm: Helm, namespace: str
) -> None:
    any_helm.install("life", values(decode=on("h100")))
    changed = values(
        modelArtifacts={"name": "other/model", "labels": {"llm-d.ai/model": "other"}},
        decode={"replicas": 2, "parallelism": {"tensor": 2}, **on("h100")},
    )
    any_helm.upgrade("life", changed)
    cluster.wait_for_pods(namespace, 2, selector="llm-d.ai/model=other")
    any_helm.run("rollback", "life", "1", "--wait")
    (pod,) = cluster.wait_for_pods(namespace, 1)
    assert "llm-d.ai/model" not in pod["metadata"]["labels"]


def test_two_releases_in_a_namespace_keep_to_their_own_pods(cluster: Cluster, helm: Helm, namespace: str) -> None:
    for release, replicas in (("one", 1), ("two", 2)):
        helm.install(release, values(accelerator={"dra": True}, decode={"replicas": replicas, **on("h100")}))
    cluster.wait_for_pods(namespace, 3)
    for release, replicas in (("one", 1), ("two", 2)):
        assert len(cluster.pods(namespace, f"app.kubernetes.io/instance={release}")) == replicas
    helm.run("uninstall", "one", "--wait")
    assert len(cluster.wait_for_pods(namespace, 2)) == 2


@pytest.mark.parametrize(
    ("multinode", "api_version", "kind"),
    [(False, "apps/v1", "Deployment"), (True, "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")],
)
def test_an_autoscalers_replicas_survive_an_upgrade(
    cluster: Cluster, helm: Helm, namespace: str, multinode: bool, api_version: str, kind: str
) -> None:
    given = values(multinode=multinode, accelerator={"type": "cpu"}, decode={"autoscaling": {"enabled": True}})
    helm.install("auto", given, wait=False)
    cluster.scale(api_version, kind, "auto-llm-d-modelservice-decode", namespace, 3)
    cluster.wait_for_pods(namespace, 3)
    helm.upgrade("auto", {**given, "schedulerName": "default-scheduler"})
    (workload,) = cluster.objects(api_version, kind, namespace)
    assert workload["spec"]["replicas"] == 3
