"""The summary of what would run: pods and accelerators are counted right for every kind of workload."""

from typing import Any

import pytest
from rich.console import Console

from modelservice.summary import summary, workloads
from rendered import Render

VLLM = {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"}


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
    (workload,) = workloads(objects)
    assert (workload.pods, dict(workload.accelerators)) == (pods, accelerators)


def text(objects: list[dict[str, Any]]) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(summary(objects))
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
