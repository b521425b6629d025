"""Layers that go on top of a topology, hardware and engine: what they promise, over every kind of workload."""

from typing import Any

import pytest

from support.presets import presets
from support.render import Objects, Render, pod_templates

BASES: dict[str, list[str]] = {
    "defaults": [],
    "single": ["topology/single", "hardware/nvidia", "engine/vllm"],
    "pd": ["topology/pd", "hardware/nvidia", "engine/vllm"],
    "sglang": ["topology/pd", "hardware/nvidia", "engine/sglang", "engine/sglang-pd"],
    "simulator": ["topology/pd", "hardware/simulator"],
    "wide-ep": ["topology/pd", "topology/wide-ep-pd", "hardware/nvidia", "engine/vllm"],
    "multinode-tensor": ["topology/multinode-tensor", "hardware/nvidia", "engine/vllm"],
}


def pods(objects: Objects) -> list[dict[str, Any]]:
    """The pod specs of all workloads."""
    return [template["spec"] for obj in objects.items for template in pod_templates(obj)]


@pytest.mark.parametrize("base", BASES)
def test_the_production_layer_probes_drains_budgets_and_spreads(render: Render, base: str) -> None:
    objects = render(presets(*BASES[base], "practice/production"))
    workloads = [obj for obj in objects.items if obj["kind"] in ("Deployment", "LeaderWorkerSet")]
    assert len(objects.all("PodDisruptionBudget")) == len(workloads)
    for pod in pods(objects):
        engine = pod["containers"][0]
        assert pod["terminationGracePeriodSeconds"] == 90
        assert engine["lifecycle"]["preStop"]["sleep"]["seconds"] < 90
        assert ("startupProbe" in engine) == ("topologySpreadConstraints" in pod)
    assert any("startupProbe" in pod["containers"][0] for pod in pods(objects))


@pytest.mark.parametrize("base", BASES)
def test_nobody_is_root_in_the_restricted_layer(render: Render, base: str) -> None:
    objects = render(presets(*BASES[base], "security/restricted"))
    assert pods(objects)
    for pod in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("network", ["infiniband", "roce"])
@pytest.mark.parametrize("base", ["pd", "wide-ep", "multinode-tensor"])
def test_the_rdma_layers_name_adapters_and_lock_memory(render: Render, base: str, network: str) -> None:
    objects = render(presets(*BASES[base], f"network/rdma-{network}"))
    resource = {"infiniband": "rdma/ib", "roce": "rdma/roce"}[network]
    for pod in pods(objects):
        engine = pod["containers"][0]
        env = {item["name"]: item.get("value") for item in engine["env"]}
        assert engine["resources"]["limits"][resource] == engine["resources"]["requests"][resource] == "1"
        assert engine["securityContext"]["capabilities"]["add"] == ["IPC_LOCK"]
        assert {"rc", "cuda_copy", "tcp"} <= set(env["UCX_TLS"].split(","))
        assert env["UCX_NET_DEVICES"]
        assert env["NCCL_IB_HCA"]
        assert "/dev/shm" in [mount["mountPath"] for mount in engine["volumeMounts"]]


@pytest.mark.parametrize(("provider", "name"), [("hami", "nvidia.com/gpu"), ("volcano", "volcano.sh/vgpu-number")])
@pytest.mark.parametrize("base", ["single", "pd", "sglang"])
def test_the_layers_of_virtual_gpus_compose(render: Render, base: str, provider: str, name: str) -> None:
    for pod in pods(render(presets(*BASES[base], f"hardware/vgpu-{provider}"))):
        limits = pod["containers"][0]["resources"]["limits"]
        assert limits[name] == "1"
        assert len(limits) == 3
