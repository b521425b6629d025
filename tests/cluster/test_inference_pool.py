"""The InferencePool chart of Gateway API Inference Extension, installed beside ours, finds exactly what serves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelservice.inputs import merge
from support.cluster import Cluster, Helm
from support.inferencepool_chart import RELEASES, inference_pool_chart
from support.render import VLLM

LABELS = {"llm-d.ai/model": "m"}
MODEL: dict[str, Any] = {"engine": VLLM, "modelArtifacts": {"labels": LABELS}, "accelerator": {"type": "cpu"}}
WITHOUT_PROXY = {"routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}}


@dataclass(frozen=True)
class Case:
    """Values, the ports that the pool is given, and how many pods serve of how many."""

    values: dict[str, Any]
    ports: list[int]
    serving: int
    pods: int


CASES = {
    "one pod": Case({**WITHOUT_PROXY, "decode": {"replicas": 2}}, [8000], 2, 2),
    "prefill and decode": Case({"decode": {"replicas": 2}, "prefill": {"replicas": 3}}, [8000], 5, 5),
    "a port of its own": Case({**WITHOUT_PROXY, "routing": {"servicePort": 9000, "proxy": {"enabled": False}}}, [9000], 1, 1),
    "data parallel over ports": Case(
        merge([WITHOUT_PROXY, {"multinode": True, "decode": {"parallelism": {"dataLocal": 4, "workers": 2, "dataMode": "multiPort"}}}]),
        [8000, 8001, 8002, 8003], 2, 2,
    ),
    "data parallel over ports, behind proxies": Case(
        {
            "multinode": True,
            "decode": {"parallelism": {"dataLocal": 2, "workers": 2, "dataMode": "multiPort"}},
            "prefill": {"replicas": 1, "parallelism": {"dataLocal": 2, "workers": 2, "dataMode": "multiPort"}},
        },
        [8000, 8001], 4, 4,
    ),
    "wide group, every pod serves": Case(
        merge([WITHOUT_PROXY, {"multinode": True, "decode": {"parallelism": {"dataLocal": 8, "workers": 2}}}]), [8000], 2, 2
    ),
    "group over pods, the leader serves": Case(
        merge([WITHOUT_PROXY, {"multinode": True, "decode": {"replicas": 2, "parallelism": {"tensor": 2, "pipeline": 2, "workers": 2}}}]),
        [8000], 2, 4,
    ),
    "internal balancer, the leader serves": Case(
        merge([WITHOUT_PROXY, {"multinode": True, "decode": {"parallelism": {"dataLocal": 2, "workers": 2, "dataMode": "internal"}}}]),
        [8000], 1, 2,
    ),
    "groups in both roles": Case(
        {
            "multinode": True,
            "decode": {"parallelism": {"tensor": 2, "pipeline": 2, "workers": 2}},
            "prefill": {"replicas": 1, "parallelism": {"dataLocal": 4, "workers": 2}},
        },
        [8000], 3, 4,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def pools_are_known(cluster: Cluster) -> None:
    """All of this is about InferencePools."""
    cluster.require("inference.networking.k8s.io/v1", "InferencePool")


@pytest.fixture(scope="session", params=RELEASES)
def pool_chart(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The InferencePool chart of each release."""
    return inference_pool_chart(tmp_path_factory.mktemp("charts") / "charts", request.param)


def container_ports(pod: dict[str, Any]) -> set[int]:
    """Ports on which the pod takes requests, read from the command lines of the proxy or the engine."""
    proxies = [item for item in pod["spec"].get("initContainers", []) if item["name"] == "routing-proxy"]
    if proxies:
        flags = dict(argument.removeprefix("--").split("=", 1) for argument in proxies[0]["args"])
        first, count = int(flags["port"]), int(flags.get("data-parallel-size", 1))
    else:
        args = pod["spec"]["containers"][0]["args"]
        if "--headless" in args:
            return set()
        first = int(args[args.index("--port") + 1])
        several = "--data-parallel-multi-port-external-lb" in args
        count = int(args[args.index("--data-parallel-size-local") + 1]) if several else 1
    return set(range(first, first + count))


@pytest.mark.quick_on_kind
@pytest.mark.parametrize("name", CASES)
def test_the_pool_selects_exactly_the_pods_and_ports_that_serve(
    cluster: Cluster, helm: Helm, namespace: str, pool_chart: Path, name: str
) -> None:
    case = CASES[name]
    if "multinode" in case.values:
        cluster.require("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")
    helm.install("model", merge([MODEL, case.values]), wait=False)
    pool_values = {
        "inferencePool": {
            "targetPorts": [{"number": port} for port in case.ports],
            "modelServers": {"matchLabels": {**LABELS, "llm-d.ai/inference-serving": "true"}},
        },
        "experimentalHttpRoute": {"enabled": True, "inferenceGatewayName": "gateway"},
    }
    helm.run("install", "pool", str(pool_chart), "--values", "-", values=pool_values)
    (pool,) = cluster.objects("inference.networking.k8s.io/v1", "InferencePool", namespace)
    ours = "app.kubernetes.io/name=llm-d-modelservice"
    pods = cluster.wait_for_pods(namespace, case.pods, ready=False, selector=ours)
    serving = {pod["metadata"]["name"] for pod in pods if container_ports(pod)}
    assert len(serving) == case.serving
    selector = ",".join(f"{key}={value}" for key, value in pool["spec"]["selector"]["matchLabels"].items())
    selected = cluster.pods(namespace, selector)
    assert {pod["metadata"]["name"] for pod in selected} == serving
    target_ports = {port["number"] for port in pool["spec"]["targetPorts"]}
    for pod in selected:
        assert container_ports(pod) == target_ports, pod["metadata"]["name"]


@pytest.mark.parametrize("pool_chart", ["1.5"], indirect=True)  # the first release with a route was 1.3
def test_the_route_leads_to_the_pool_and_its_picker(
    cluster: Cluster, helm: Helm, namespace: str, pool_chart: Path
) -> None:
    cluster.require("gateway.networking.k8s.io/v1", "HTTPRoute")
    pool_values = {
        "inferencePool": {"modelServers": {"matchLabels": LABELS}},
        "experimentalHttpRoute": {"enabled": True, "inferenceGatewayName": "gateway"},
    }
    helm.run("install", "pool", str(pool_chart), "--values", "-", values=pool_values)
    (route,) = cluster.objects("gateway.networking.k8s.io/v1", "HTTPRoute", namespace)
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    api_version = f"{backend['group']}/v1"
    pool = (
        cluster.client.resource(api_version, backend["kind"]).get(name=backend["name"], namespace=namespace).to_dict()
    )
    picker = pool["spec"]["endpointPickerRef"]
    (service,) = [
        item for item in cluster.objects("v1", "Service", namespace) if item["metadata"]["name"] == picker["name"]
    ]
    assert picker["port"]["number"] in {port["port"] for port in service["spec"]["ports"]}
    assert [parent["name"] for parent in route["spec"]["parentRefs"]] == ["gateway"]


def test_two_models_in_a_namespace_are_two_pools(
    cluster: Cluster, helm: Helm, namespace: str, pool_chart: Path
) -> None:
    for model in ("a", "b"):
        labels = {"modelArtifacts": {"labels": {"llm-d.ai/model": model}}}
        helm.install(model, merge([MODEL, WITHOUT_PROXY, labels]), wait=False)
        matching = {"modelServers": {"matchLabels": {"llm-d.ai/model": model}}}
        helm.run("install", f"pool-{model}", str(pool_chart), "--values", "-", values={"inferencePool": matching})
    cluster.wait_for_pods(namespace, 2, ready=False, selector="app.kubernetes.io/name=llm-d-modelservice")
    for pool in cluster.objects("inference.networking.k8s.io/v1", "InferencePool", namespace):
        model = pool["metadata"]["name"].removeprefix("pool-")
        (pod,) = cluster.pods(namespace, f"llm-d.ai/model={pool['spec']['selector']['matchLabels']['llm-d.ai/model']}")
        assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] == model
