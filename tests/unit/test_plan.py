"""What the plan says of replicas, groups, accelerators and the way of a request."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from modelservice.check.runner import run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.model.cluster import read_inventory
from modelservice.model.deployment import Deployment
from modelservice.plan.model import Plan, plan
from modelservice.plan.svg import svg
from modelservice.sources import Sources
from modelservice.summary import totals
from support.render import ROOT, VLLM

ROUTED: dict[str, Any] = {
    "modelArtifacts": {"labels": {"llm-d.ai/model": "m"}},
    "engine": VLLM,
    "prefill": {"create": False},
    "routing": {
        "proxy": {"enabled": False}, "parentRefs": [{"name": "inference-gateway", "namespace": "gateways"}],
        "httpRoute": {"create": True}, "inferencePool": {"create": True}, "epp": {"create": True},
    },
}  # fmt: skip


def scaled(**bounds: int) -> dict[str, Any]:
    return {"decode": {"autoscaling": {"enabled": True, "type": "hpa", "targetActiveRequests": 9, **bounds}}}


def deployed(embedded: EmbeddedHelm, values: dict[str, Any], name: str = "x") -> Deployment:
    return Deployment(name, embedded.render(values, Release(name)).objects, sources=Sources([], values))


@pytest.mark.parametrize(
    ("bounds", "scale", "pods"),
    [
        ({"minReplicas": 2, "maxReplicas": 6}, "2 to 6 pods", 2),
        ({"maxReplicas": 4}, "1 to 4 pods", 1),
        ({"minReplicas": 3, "maxReplicas": 3}, "3 to 3 pods", 3),
    ],
)
def test_an_autoscaled_role_has_its_bounds_and_counts_the_fewest(
    embedded: EmbeddedHelm, bounds: dict[str, int], scale: str, pods: int
) -> None:
    deployment = deployed(embedded, merge([ROUTED, scaled(**bounds)]))
    (role,) = plan(deployment).roles
    assert (role.scale, role.pods) == (scale, pods)
    found = plan(deployment).to_json()["roles"][0]
    assert (found["minReplicas"] or 1, found["maxReplicas"]) == (bounds.get("minReplicas", 1), bounds["maxReplicas"])
    engines = [group for group in deployment.groups if group.is_server]
    assert totals(engines) == (pods, plan(deployment).accelerators)
    assert scale in svg(plan(deployment))


def test_the_fewest_replicas_of_an_autoscaler_need_room(embedded: EmbeddedHelm) -> None:
    deployment = deployed(embedded, merge([ROUTED, scaled(minReplicas=40, maxReplicas=50)]))
    deployment.cluster = read_inventory(str(ROOT / "examples/nodes.yaml"))
    (finding,) = [item for item in run([deployment]) if item.rule == "pod-does-not-fit"]
    assert "of 40 pods fit on no node" in finding.message
    assert finding.values == "decode.autoscaling.minReplicas" and "autoscaling.minReplicas" in (finding.fix or "")


def test_requests_come_through_the_releases_own_route_and_pool(embedded: EmbeddedHelm) -> None:
    calls = [(call.source, call.target, call.label) for call in plan(deployed(embedded, ROUTED)).calls]
    gateway = "gateway gateways/inference-gateway"
    assert calls == [
        (gateway, "pool", "x-llm-d-modelservice"),
        (gateway, "endpoint picker", "asked for a pod, ext-proc 9002"),
        ("pool", "decode", "port 8000"),
    ]


@pytest.mark.parametrize(
    ("more", "nodes", "product"),
    [
        ({}, False, ""),
        ({"decode": {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"}}}, False, "NVIDIA-L4"),
        (
            {"decode": {"acceleratorTypes": {"labelKey": "nvidia.com/gpu.product", "labelValues": ["B", "A"]}}},
            False, "A, B",
        ),
        ({}, True, "NVIDIA-H200"),
        ({"accelerator": {"type": "cpu"}}, True, ""),
    ],
)  # fmt: skip
def test_the_product_is_that_of_the_nodes_or_of_the_required_labels(
    embedded: EmbeddedHelm, more: dict[str, Any], nodes: bool, product: str
) -> None:
    deployment = deployed(embedded, merge([ROUTED, more]))
    deployment.cluster = read_inventory(str(ROOT / "examples/nodes.yaml")) if nodes else None
    assert plan(deployment).roles[0].product == product


WIDE = """\
vllm serve deepseek-ai/DeepSeek-R1 --data-parallel-size $((LWS_GROUP_SIZE * DP_SIZE_LOCAL)) \
--data-parallel-size-local $DP_SIZE_LOCAL --data-parallel-start-rank $((LWS_WORKER_INDEX * DP_SIZE_LOCAL))
"""
RAY = "bash multi-node-serving.sh {}; {}"


def pod(script: str) -> dict[str, Any]:
    container = {
        "name": "vllm", "image": "vllm/vllm-openai:v0.11.0", "command": ["sh", "-c", script],
        "env": [{"name": "DP_SIZE_LOCAL", "value": "8"}], "resources": {"limits": {"nvidia.com/gpu": 8}},
    }  # fmt: skip
    return {"spec": {"containers": [container]}}


def groups(replicas: int, **templates: Any) -> Plan:
    spec = {"replicas": replicas, "leaderWorkerTemplate": {"size": 2, **templates}}
    deployment = Deployment("x", [{"kind": "LeaderWorkerSet", "metadata": {"name": "x"}, "spec": spec}])
    assert totals(deployment.groups) == (plan(deployment).pods, plan(deployment).accelerators)
    return plan(deployment)


def test_the_size_of_the_group_is_known_to_its_scripts() -> None:
    (role,) = groups(1, workerTemplate=pod(WIDE)).roles
    assert role.data == 16
    assert [pod.ranks for pod in role.replicas[0].pods] == [tuple(range(8)), tuple(range(8, 16))]


def test_workers_that_only_join_a_group_are_counted() -> None:
    serve = "vllm serve m --tensor-parallel-size 8 --pipeline-parallel-size 2"
    found = groups(2, leaderTemplate=pod(RAY.format("leader", serve)), workerTemplate=pod(RAY.format("worker", "")))
    assert (found.pods, found.accelerators) == (4, {"nvidia.com/gpu": 32})
    (role,) = found.roles
    assert role.scale == "2 groups"
    assert [(pod.title, pod.serves) for pod in role.replicas[1].pods] == [("leader", True), ("worker 1", False)]


LONG = "a-very-long-name-of-a-gateway-that-nobody-would-choose-but-somebody-has"


@pytest.mark.parametrize("name", ["g", LONG])
def test_names_fit_their_boxes_and_the_numbers_have_a_legend(embedded: EmbeddedHelm, name: str) -> None:
    routing = {"routing": {"parentRefs": [{"name": name}], "inferencePool": {"name": f"pool-{name}"[:63]}}}
    drawn = svg(plan(deployed(embedded, merge([ROUTED, routing]))))
    picture = ElementTree.fromstring(drawn)  # noqa: S314
    box = next(item for item in picture.iter() if item.tag.endswith("rect") and item.get("x") == "24")
    centred = [item for item in picture.iter() if item.get("text-anchor") == "middle" and item.get("x") != "375"]
    assert len(centred) >= 5
    for item in centred:
        assert len(item.text or "") * int(item.get("font-size", 0)) * 0.6 <= int(box.get("width", 0)), item.text
    assert "its number the rank within the engine" in drawn


def test_the_plan_for_programs_is_json(embedded: EmbeddedHelm) -> None:
    data = json.loads(json.dumps(plan(deployed(embedded, ROUTED)).to_json()))
    assert yaml.safe_load(yaml.safe_dump(data)) == data
