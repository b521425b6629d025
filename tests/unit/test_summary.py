"""The summary of what would run: pods and accelerators are counted right for every kind of workload."""

from typing import Any

import pytest
from rich.console import Console

from modelservice.model.deployment import Deployment
from modelservice.plan.model import plan
from modelservice.summary import summary, totals
from support.render import VLLM, Render


@pytest.mark.parametrize(
    ("values", "pods", "accelerators"),
    [
        ({"decode": {"replicas": 3, "parallelism": {"tensor": 2}}}, 3, {"nvidia.com/gpu": 6}),
        (
            {"multinode": True, "decode": {"replicas": 2, "parallelism": {"dataLocal": 8, "workers": 2}}},
            4,
            {"nvidia.com/gpu": 32},
        ),
        (
            {"multinode": True, "decode": {"parallelism": {"tensor": 8, "pipeline": 3, "workers": 3}}},
            3,
            {"nvidia.com/gpu": 24},
        ),
        (
            {"accelerator": {"dra": True}, "decode": {"replicas": 2, "parallelism": {"tensor": 4}}},
            2,
            {"gpu.nvidia.com (claim)": 8},
        ),
        ({"accelerator": {"type": "cpu"}}, 1, {}),
    ],
)
def test_pods_and_accelerators_are_counted(
    render: Render, values: dict[str, Any], pods: int, accelerators: dict[str, int]
) -> None:
    objects = render({"engine": VLLM, "prefill": {"create": False}, **values}).items
    assert totals(Deployment("x", objects).groups) == (pods, accelerators)


def text(objects: list[dict[str, Any]]) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(summary(Deployment("x", objects)))
    return console.export_text()


def test_it_shows_command_ports_model_and_labels(render: Render) -> None:
    shown = text(render({"engine": VLLM, "modelArtifacts": {"labels": {"llm-d.ai/model": "m"}}}).items)
    for words in ("vllm serve random/model", "8000 (routing-proxy) -> 8200", "emptyDir", "llm-d.ai/model=m"):
        assert words in shown


def test_leader_and_worker_are_told_apart(render: Render) -> None:
    layout = {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}}
    shown = text(render({"multinode": True, "engine": VLLM, "decode": layout, "prefill": {"create": False}}).items)
    assert "leader" in shown
    assert "worker" in shown
    assert "none of an InferencePool" in shown


def test_replicas_of_an_autoscaler_are_not_guessed(render: Render) -> None:
    shown = text(render({"decode": {"autoscaling": {"enabled": True}}, "prefill": {"create": False}}).items)
    assert "autoscaled" in shown


def test_the_bounds_of_an_autoscaler_are_shown(render: Render) -> None:
    scaling = {"enabled": True, "type": "hpa", "minReplicas": 2, "maxReplicas": 5, "targetActiveRequests": 10}
    shown = text(render({"decode": {"autoscaling": scaling}, "prefill": {"create": False}}).items)
    assert "autoscaled pods, 2 to 5" in shown


def test_the_pool_and_picker_that_the_chart_makes_are_shown(render: Render) -> None:
    image = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"
    routing = {"inferencePool": {"create": True, "name": "qwen"}, "epp": {"create": True, "image": image}}
    shown = text(render({"engine": VLLM, "routing": routing, "prefill": {"create": False}}).items)
    for words in ("InferencePool qwen", "8000", f"{image}, plugins.yaml"):
        assert words in shown


@pytest.mark.parametrize(
    ("limits", "accelerators"),
    [({"example.com/dev": "2k"}, {"example.com/dev": 2000}), ({"vpc.amazonaws.com/efa": 4}, {"nvidia.com/gpu": 1})],
)
def test_summary_and_plan_count_the_same(render: Render, limits: dict[str, Any], accelerators: dict[str, int]) -> None:
    values = {"engine": {**VLLM, "resources": {"limits": limits}}, "prefill": {"create": False}}
    if "nvidia.com/gpu" not in accelerators:
        values["accelerator"] = {"type": "cpu"}
    deployment = Deployment("x", render(values).items)
    assert totals(deployment.groups)[1] == plan(deployment).accelerators == accelerators


def test_leaders_and_workers_with_different_accelerators_are_counted_apart() -> None:
    def pod(gpus: int) -> dict[str, Any]:
        resources = {"limits": {"nvidia.com/gpu": str(gpus), "cpu": 1}}
        return {"spec": {"containers": [{"name": "e", "image": "i", "resources": resources}]}}

    group = {"size": 3, "leaderTemplate": pod(1), "workerTemplate": pod(4)}
    spec = {"replicas": 2, "leaderWorkerTemplate": group}
    deployment = Deployment("x", [{"kind": "LeaderWorkerSet", "metadata": {"name": "l"}, "spec": spec}])
    assert totals(deployment.groups) == (6, {"nvidia.com/gpu": 18})


def test_claims_of_the_beta_api_are_counted() -> None:
    request = {"name": "g", "deviceClassName": "gpu.nvidia.com", "count": 2}
    claim = {"spec": {"spec": {"devices": {"requests": [request]}}}}
    pod = {"containers": [{"name": "e"}], "resourceClaims": [{"name": "g", "resourceClaimTemplateName": "c"}]}
    objects = [
        {"kind": "ResourceClaimTemplate", "metadata": {"name": "c"}, **claim},
        {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 2, "template": {"spec": pod}}},
    ]
    assert totals(Deployment("x", objects).groups) == (2, {"gpu.nvidia.com (claim)": 4})


@pytest.mark.parametrize("container", [{}, {"image": "i", "args": [1, None]}, {"resources": None}])
def test_objects_of_other_charts_do_not_stop_it(container: dict[str, Any]) -> None:
    spec = {"replicas": 1, "template": {"spec": {"containers": [container] if container else []}}}
    assert "total: 1 pod," in text([{"kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}])
