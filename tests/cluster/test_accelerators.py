"""The scheduler itself counts the accelerators that the chart asks for."""

from typing import Any

import pytest

from support.cluster import Cluster, Helm, on, values

pytestmark = pytest.mark.usefixtures("fake_nodes")


@pytest.mark.parametrize("dra", [False, True], ids=["plugin", "dra"])
@pytest.mark.parametrize(
    "parallelism",
    [
        {"tensor": 4},
        pytest.param({"tensor": 2, "dataLocal": 2}, marks=pytest.mark.quick_on_kind),
        {"tensor": 2, "pipeline": 2},
    ],
    ids=str,
)
def test_exactly_enough_devices_fit_and_one_fewer_leaves_a_pod_pending(
    cluster: Cluster, helm: Helm, namespace: str, parallelism: dict[str, int], dra: bool
) -> None:
    """Two nodes with four devices take two pods of four; the third pod misses just its own devices."""
    decode = {"replicas": 3, "parallelism": parallelism, **on("exact")}
    helm.install("count", values(accelerator={"dra": dra}, decode=decode), wait=False)
    cluster.wait(
        "two of three pods are scheduled, one cannot be", lambda: placed(cluster, namespace) == [False, True, True]
    )
    nodes = [pod["spec"]["nodeName"] for pod in cluster.pods(namespace) if pod["spec"].get("nodeName")]
    assert sorted(nodes) == ["exact-0", "exact-1"]
    cluster.scale("apps/v1", "Deployment", "count-llm-d-modelservice-decode", namespace, 2)
    cluster.wait_for_pods(namespace, 2)


def placed(cluster: Cluster, namespace: str) -> list[bool]:
    """Whether each pod has a node; only once the scheduler has tried them all."""
    found = []
    for pod in cluster.pods(namespace):
        conditions = pod.get("status", {}).get("conditions", [])
        if not pod["spec"].get("nodeName") and not any(item.get("reason") == "Unschedulable" for item in conditions):
            return []
        found.append(bool(pod["spec"].get("nodeName")))
    return sorted(found)


@pytest.mark.parametrize(
    ("kind", "resource", "pool"),
    [
        ("nvidia", "nvidia.com/gpu", "h100"),
        ("amd", "amd.com/gpu", "mi300x"),
        ("intel-gaudi", "habana.ai/gaudi", "gaudi"),
    ],
)
def test_each_kind_of_accelerator_is_found_on_its_own_nodes(
    cluster: Cluster, helm: Helm, namespace: str, kind: str, resource: str, pool: str
) -> None:
    """No node selector: the resource alone decides."""
    helm.install("kind", values(accelerator={"type": kind}, decode={"parallelism": {"tensor": 8}}))
    (pod,) = cluster.wait_for_pods(namespace, 1)
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {resource: "8"}
    assert cluster.pool_of(pod) in ({"h100", "h200", "l40s", "rack-a", "rack-b"} if pool == "h100" else {pool})


def test_each_role_has_its_own_kind_of_accelerator(cluster: Cluster, helm: Helm, namespace: str) -> None:
    """Decode by claim on NVIDIA, prefill by device plugin on Gaudi."""
    given = values(
        decode={"accelerator": {"type": "nvidia", "dra": True}, "parallelism": {"tensor": 2}},
        prefill={"create": True, "replicas": 2, "accelerator": {"type": "intel-gaudi"}, "parallelism": {"tensor": 4}},
    )
    helm.install("two", given)
    pods = cluster.wait_for_pods(namespace, 3)
    pools = {pod["metadata"]["labels"]["llm-d.ai/role"]: cluster.pool_of(pod) for pod in pods}
    assert pools["prefill"] == "gaudi"
    assert pools["decode"] in {"h100", "h200", "exact"}, "the pools that publish devices of gpu.nvidia.com"
    (claim,) = cluster.objects("resource.k8s.io/v1", "ResourceClaim", namespace)
    assert len(claim["status"]["allocation"]["devices"]["results"]) == 2


@pytest.mark.parametrize(
    ("parallelism", "devices"),
    [({}, 1), ({"tensor": 8}, 8), ({"tensor": 2, "dataLocal": 2}, 4), ({"tensor": 2, "pipeline": 3}, 6)],
)
def test_a_claim_allocates_the_devices_of_the_parallelism(
    cluster: Cluster, helm: Helm, namespace: str, parallelism: dict[str, int], devices: int
) -> None:
    helm.install("claim", values(accelerator={"dra": True}, decode={"parallelism": parallelism, **on("h100")}))
    (claim,) = cluster.objects("resource.k8s.io/v1", "ResourceClaim", namespace)
    results = claim["status"]["allocation"]["devices"]["results"]
    assert len({(result["pool"], result["device"]) for result in results}) == devices


def test_first_available_falls_back(cluster: Cluster, helm: Helm, namespace: str) -> None:
    cluster.client.apply([
        {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "none.example.com"},
         "spec": {"selectors": [{"cel": {"expression": "device.driver == 'none.example.com'"}}]}}
    ])  # fmt: skip
    choices = [{"name": "best", "class": "none.example.com"}, {"name": "next", "class": "gpu.nvidia.com"}]
    template = {"nvidia": {"match": "firstAvailable", "firstAvailable": choices}}
    given: dict[str, Any] = {"dra": True, "resourceClaimTemplates": template}
    helm.install("choice", values(accelerator=given, decode=on("h100")))
    (claim,) = cluster.objects("resource.k8s.io/v1", "ResourceClaim", namespace)
    (result,) = claim["status"]["allocation"]["devices"]["results"]
    assert result["request"] == "nvidia/next"
