"""The real controller makes the pods of both roles of a DisaggregatedSet, and updates them together."""

from typing import Any

import pytest

from modelservice import facts
from modelservice.inputs import merge
from support.cluster import Cluster, Helm, on
from support.render import VLLM

pytestmark = pytest.mark.usefixtures("fake_nodes")

KNOWN = facts.disaggregated_set()
REVISION = "disaggregatedset.x-k8s.io/revision"
LABELS = {"llm-d.ai/model": "m"}
GPU = "nvidia.com/gpu"


@pytest.fixture(autouse=True)
def known(cluster: Cluster) -> None:
    """Skips on a cluster without the kind."""
    cluster.require(KNOWN.api, KNOWN.kind)


def both(decode: dict[str, Any] | None = None, prefill: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Values of a set, one pod with one accelerator in each role unless said otherwise."""
    base = {
        "workload": KNOWN.kind, "engine": VLLM, "modelArtifacts": {"labels": LABELS},
        "decode": on("h100"), "prefill": {"replicas": 1, **on("h100")},
    }  # fmt: skip
    given = {"decode": decode or {}, "prefill": prefill or {}, **more}
    return merge([base, given])


def of_role(pods: list[dict[str, Any]], role: str) -> list[dict[str, Any]]:
    return [pod for pod in pods if pod["metadata"]["labels"][KNOWN.labels.role] == role]


def accelerators(pods: list[dict[str, Any]]) -> int:
    return sum(int(pod["spec"]["containers"][0]["resources"]["limits"].get(GPU, 0)) for pod in pods)


LAYOUTS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, int, int], tuple[int, int, int]]] = {
    # pods, those that serve, and accelerators of decode; the same of prefill
    "single pods": ({"replicas": 2, "parallelism": {"tensor": 4}}, {"replicas": 3}, (2, 2, 8), (3, 3, 3)),
    "data parallel over pods": ({"parallelism": {"dataLocal": 8, "workers": 2}}, {}, (2, 2, 16), (1, 1, 1)),
    "the leader serves": (
        {"replicas": 1, "parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}}, {"parallelism": {"tensor": 2}},
        (2, 1, 16), (1, 1, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_roles_have_their_pods_and_the_pool_what_serves(
    cluster: Cluster, helm: Helm, namespace: str, layout: str
) -> None:
    decode, prefill, *expected = LAYOUTS[layout]
    budget = {"podDisruptionBudget": {"enabled": True}}
    routing = {"inferencePool": {"create": True, "endpointPickerRef": {"name": "picker"}}}
    helm.install("set", both({**decode, **budget}, {**prefill, **budget}, routing=routing), wait=False)
    selector = f"{KNOWN.labels.name}=set-llm-d-modelservice"
    pods = cluster.wait_for_pods(namespace, sum(each[0] for each in expected), selector=selector)
    (pool,) = cluster.objects("inference.networking.k8s.io/v1", "InferencePool", namespace)
    labels = ",".join(f"{key}={value}" for key, value in pool["spec"]["selector"]["matchLabels"].items())
    serving = cluster.pods(namespace, labels)
    for role, (number, endpoints, devices) in zip(("decode", "prefill"), expected, strict=True):
        own = of_role(pods, role)
        assert (len(own), len(of_role(serving, role)), accelerators(own)) == (number, endpoints, devices)
        assert {pod["metadata"]["labels"]["llm-d.ai/role"] for pod in of_role(serving, role)} == {role}
    wanted = {"decode": expected[0][0], "prefill": expected[1][0]}
    cluster.wait("the budgets count all pods of a role", lambda: counted(cluster, namespace) == wanted)


def counted(cluster: Cluster, namespace: str) -> dict[str, int]:
    """Pods that the budget of each role counts."""
    budgets = cluster.objects("policy/v1", "PodDisruptionBudget", namespace)
    return {
        item["metadata"]["name"].rpartition("-")[2]: item.get("status", {}).get("expectedPods", 0) for item in budgets
    }


def test_both_roles_are_updated_together(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install("set", both({"replicas": 2}, {"replicas": 2}), wait=False)
    before = cluster.wait_for_pods(namespace, 4)
    (old,) = {pod["metadata"]["labels"][REVISION] for pod in before}

    helm.upgrade("set", both({"replicas": 2}, {"replicas": 3}))
    more = cluster.wait_for_pods(namespace, 5)
    kept = {pod["metadata"]["uid"] for pod in more}
    assert {pod["metadata"]["uid"] for pod in before} < kept, "more replicas replace no pod"

    helm.upgrade("set", both({"replicas": 2, "engine": {"args": {"max-model-len": 4096}}}, {"replicas": 3}))
    cluster.wait(
        "only pods of a new revision",
        lambda: all(item["metadata"]["labels"][REVISION] != old for item in cluster.pods(namespace)),
    )
    after = cluster.wait_for_pods(namespace, 5)
    assert (len(of_role(after, "decode")), len(of_role(after, "prefill"))) == (2, 3)
    assert len({pod["metadata"]["labels"][REVISION] for pod in after}) == 1
    assert not kept & {pod["metadata"]["uid"] for pod in after}, "prefill is replaced too, though only decode changed"


def test_the_longest_accepted_name_makes_its_pods(cluster: Cluster, helm: Helm, namespace: str) -> None:
    group = {"replicas": 2, "parallelism": {"data": 2, "workers": 2}}
    helm.install("long", both(group, group, fullnameOverride="n" * 31), wait=False)
    cluster.wait_for_pods(namespace, 8)


def test_its_controller_is_too_old_for_an_autoscaler(cluster: Cluster, helm: Helm, namespace: str) -> None:
    if cluster.client.knows(KNOWN.api, KNOWN.scaler):
        pytest.skip(f"the cluster has the scaler of LeaderWorkerSet {KNOWN.scaler_since}")
    scaled = both({"autoscaling": {"enabled": True, "type": "hpa", "maxReplicas": 4, "targetActiveRequests": 8}})
    with pytest.raises(AssertionError, match=r"decode\.autoscaling\.enabled: .*LeaderWorkerSet 0\.10"):
        helm.install("set", scaled, wait=False)


def test_the_webhook_rejects_what_the_chart_does(cluster: Cluster, namespace: str) -> None:
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:v1"}]}}
    strategy = {"type": "RollingUpdate", "rollingUpdateConfiguration": {"partition": 1}}
    spec = {"rolloutStrategy": strategy, "leaderWorkerTemplate": {"size": 1, "workerTemplate": pods}}
    roles = [{"name": "decode", "spec": spec}, {"name": "prefill", "spec": spec}]
    metadata = {"name": "set", "namespace": namespace}
    with pytest.raises(Exception, match="partition is not supported by DisaggregatedSet"):
        cluster.client.apply(
            [{"apiVersion": KNOWN.api, "kind": KNOWN.kind, "metadata": metadata, "spec": {"roles": roles}}]
        )
