"""One values file makes a complete model: the API server's own view of pool, picker, route and autoscaler."""

from typing import Any

import pytest

from modelservice.inputs import read_values
from support.cluster import Cluster, Helm
from support.render import ROOT, VLLM

pytestmark = pytest.mark.usefixtures("fake_nodes")

COMPLETE = read_values(str(ROOT / "examples" / "values-complete.yaml"))
H100 = {"nodeSelector": {"pool": "h100"}}
POOL = ("inference.networking.k8s.io/v1", "InferencePool")


def selector(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def names(pods: list[dict[str, Any]]) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods]


def test_a_new_user_installs_one_file(cluster: Cluster, any_helm: Helm, namespace: str) -> None:
    any_helm.install("qwen", COMPLETE)
    pods = cluster.wait_for_pods(namespace, 2)
    (pool,) = cluster.objects(*POOL, namespace)
    (route,) = cluster.objects("gateway.networking.k8s.io/v1", "HTTPRoute", namespace)
    assert route["spec"]["rules"][0]["backendRefs"][0]["name"] == pool["metadata"]["name"]
    (model,) = cluster.pods(namespace, selector(pool["spec"]["selector"]["matchLabels"]))
    assert model["metadata"]["labels"]["llm-d.ai/role"] == "decode"
    (picker,) = [name for name in names(pods) if name != model["metadata"]["name"]]

    def behind_the_pools_service() -> list[str]:
        service = pool["spec"]["endpointPickerRef"]["name"]
        slices = cluster.objects(
            "discovery.k8s.io/v1", "EndpointSlice", namespace, label_selector=f"kubernetes.io/service-name={service}"
        )
        return [endpoint["targetRef"]["name"] for item in slices for endpoint in item.get("endpoints") or []]

    cluster.wait("the pool's Service has the picker behind it", lambda: behind_the_pools_service() == [picker])
    any_helm.run("uninstall", "qwen", "--wait")
    for kind in (POOL, ("gateway.networking.k8s.io/v1", "HTTPRoute"), ("v1", "Service")):
        assert cluster.objects(*kind, namespace) == []


LAYOUTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    # name: (values, the pods that serve)
    "every pod of a group": ({"parallelism": {"dataLocal": 8, "workers": 2}}, ["-0", "-0-1"]),
    "only the leader": ({"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}}, ["-0"]),
}


@pytest.mark.parametrize(("layout", "serving"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_pool_of_groups_has_the_pods_that_serve(
    cluster: Cluster, helm: Helm, namespace: str, layout: dict[str, Any], serving: list[str]
) -> None:
    routing = {"proxy": {"enabled": False}, "inferencePool": {"create": True}, "epp": {"create": True}}
    decode = {"multinode": True, **layout, **H100}
    helm.install("g", {"engine": VLLM, "routing": routing, "decode": decode, "prefill": {"create": False}}, wait=False)
    cluster.wait_for_pods(namespace, 3)
    (pool,) = cluster.objects(*POOL, namespace)
    found = names(cluster.pods(namespace, selector(pool["spec"]["selector"]["matchLabels"])))
    assert found == [f"g-llm-d-modelservice-decode{suffix}" for suffix in serving]


def test_the_picker_may_read_in_its_namespace_and_nowhere_else(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install("qwen", COMPLETE, wait=False)

    def may(verb: str, group: str, resource: str, place: str) -> bool:
        review = cluster.client.resource("authorization.k8s.io/v1", "SubjectAccessReview").create(
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": f"system:serviceaccount:{namespace}:qwen-llm-d-modelservice-epp",
                    "resourceAttributes": {"verb": verb, "group": group, "resource": resource, "namespace": place},
                },
            }
        )
        return bool(review.to_dict()["status"]["allowed"])

    cluster.wait("the picker may list pods", lambda: may("list", "", "pods", namespace))
    for group, resource in (
        ("", "pods"), ("inference.networking.k8s.io", "inferencepools"), ("llm-d.ai", "inferenceobjectives"),
        ("inference.networking.x-k8s.io", "inferencemodelrewrites"),
    ):  # fmt: skip
        assert all(may(verb, group, resource, namespace) for verb in ("get", "list", "watch"))
        assert not may("list", group, resource, "default")
    assert not may("get", "", "secrets", namespace)
    assert not may("delete", "", "pods", namespace)


@pytest.mark.parametrize("multinode", [False, True], ids=["pods", "groups"])
def test_the_autoscaler_finds_its_workload_and_an_upgrade_leaves_the_replicas_to_it(
    cluster: Cluster, helm: Helm, namespace: str, multinode: bool
) -> None:
    scaling = {"enabled": True, "type": "hpa", "maxReplicas": 4, "targetActiveRequests": 8}
    values: dict[str, Any] = {
        "engine": VLLM, "multinode": multinode, "routing": {"proxy": {"enabled": False}}, "prefill": {"create": False},
        "decode": {"autoscaling": scaling, **H100},
    }  # fmt: skip
    helm.install("s", values, wait=False)

    def able_to_scale() -> bool:
        (autoscaler,) = cluster.objects("autoscaling/v2", "HorizontalPodAutoscaler", namespace)
        conditions = autoscaler.get("status", {}).get("conditions") or []
        return any(item["type"] == "AbleToScale" and item["status"] == "True" for item in conditions)

    cluster.wait("the autoscaler can scale its target", able_to_scale)
    kind = ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet") if multinode else ("apps/v1", "Deployment")
    cluster.scale(*kind, "s-llm-d-modelservice-decode", namespace, 3)
    cluster.wait_for_pods(namespace, 3)
    helm.run("upgrade", "s", str(ROOT / "charts/llm-d-modelservice"), "--values", "-",
             values={**values, "decode": {**values["decode"], "annotations": {"a": "b"}}})  # fmt: skip
    (workload,) = cluster.objects(*kind, namespace)
    assert workload["metadata"]["annotations"]["a"] == "b"
    assert workload["spec"]["replicas"] == 3
