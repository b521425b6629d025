"""LeaderWorkerSet makes the groups that the values describe, and each pod's command line is right in its place."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.cluster import Cluster, Helm, environment, on, values

pytestmark = pytest.mark.usefixtures("fake_nodes")


@pytest.fixture
def started(tmp_path: Path) -> Any:
    """``started(pod)``: the arguments that vLLM gets when the pod's command line runs with the pod's environment."""
    program = tmp_path / "vllm"
    program.write_text('#!/bin/sh\nfor argument in "$@"; do printf "%s\\n" "$argument"; done\n')
    program.chmod(0o755)

    def _started(pod: dict[str, Any]) -> list[str]:
        container = pod["spec"]["containers"][0]
        variables = environment(pod)
        # As the kubelet does: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
        command = [
            re.sub(r"\$\(([A-Z_]+)\)", lambda match: variables.get(match[1], match[0]), word)
            for word in [*container["command"], *container.get("args", [])]
        ]
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(command, env={"PATH": path, **variables}, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return _started


def flag(arguments: list[str], name: str) -> str | None:
    """Value of a flag; "" for one without a value, None without the flag."""
    if name not in arguments:
        return None
    rest = arguments[arguments.index(name) + 1 :]
    return rest[0] if rest and not rest[0].startswith("--") else ""


DATA = "--data-parallel-size"
LOCAL = "--data-parallel-size-local"
RANK = "--data-parallel-start-rank"
HYBRID = "--data-parallel-hybrid-lb"
EXTERNAL = "--data-parallel-rank"
MULTI = "--data-parallel-multi-port-external-lb"
TENSOR = "--tensor-parallel-size"
PIPELINE = "--pipeline-parallel-size"
NODES = "--nnodes"
NODE = "--node-rank"
HEADLESS = "--headless"
EXPERT = "--enable-expert-parallel"

MODES: dict[str, tuple[dict[str, Any], list[dict[str, str | None]]]] = {
    "hybrid": (
        {"dataLocal": 8, "workers": 2, "expert": True},
        [{DATA: "16", LOCAL: "8", RANK: "0", HYBRID: "", HEADLESS: None, EXPERT: "", TENSOR: None},
         {DATA: "16", LOCAL: "8", RANK: "8", HYBRID: "", HEADLESS: None, EXPERT: "", TENSOR: None}],
    ),
    "hybrid, tensor": (
        {"tensor": 2, "dataLocal": 4, "workers": 3},
        [{DATA: "12", LOCAL: "4", RANK: str(4 * pod), TENSOR: "2", HEADLESS: None} for pod in range(3)],
    ),
    "external": (
        {"tensor": 4, "data": 2, "workers": 2, "dataMode": "external"},
        [{DATA: "2", EXTERNAL: str(pod), TENSOR: "4", HEADLESS: None} for pod in range(2)],
    ),
    "multiPort": (
        {"dataLocal": 4, "workers": 2, "dataMode": "multiPort"},
        [{DATA: "8", LOCAL: "4", RANK: str(4 * pod), MULTI: "", HEADLESS: None} for pod in range(2)],
    ),
    "internal": (
        {"dataLocal": 8, "workers": 2, "dataMode": "internal"},
        [{DATA: "16", LOCAL: "8", HEADLESS: None}, {DATA: "16", LOCAL: "8", RANK: "8", HEADLESS: ""}],
    ),
    "tensor over pods": (
        {"tensor": 16, "data": 1, "workers": 2},
        [{TENSOR: "16", DATA: None, NODES: "2", NODE: "0", HEADLESS: None},
         {TENSOR: "16", DATA: None, NODES: "2", NODE: "1", HEADLESS: ""}],
    ),
    "pipeline over pods": (
        {"tensor": 8, "pipeline": 2, "workers": 2},
        [{TENSOR: "8", PIPELINE: "2", NODES: "2", NODE: str(pod), HEADLESS: None if pod == 0 else ""} for pod in range(2)],
    ),
}  # fmt: skip
"""Parallelism, and the flags of each pod of the group: a value, "" for present, None for absent."""


@pytest.mark.quick_on_kind
@pytest.mark.parametrize("mode", MODES)
def test_every_pod_starts_with_the_flags_of_its_place(
    cluster: Cluster, helm: Helm, namespace: str, started: Any, mode: str
) -> None:
    parallelism, expected = MODES[mode]
    helm.install("mode", values(multinode=True, decode={"parallelism": parallelism, **on("h100")}), wait=False)
    pods = cluster.wait_for_pods(namespace, len(expected))
    leader = f"mode-llm-d-modelservice-decode-0.mode-llm-d-modelservice-decode.{namespace}"
    for index, (pod, flags) in enumerate(zip(pods, expected, strict=True)):
        variables = environment(pod)
        assert variables["LWS_WORKER_INDEX"] == str(index)
        assert variables["LWS_GROUP_SIZE"] == str(len(expected))
        assert variables["LWS_LEADER_ADDRESS"] == leader
        arguments = started(pod)
        assert {name: flag(arguments, name) for name in flags} == flags
        address = flag(arguments, "--data-parallel-address") or flag(arguments, "--master-addr")
        assert address == leader
        accelerators = int(pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"])
        ranks = int(flags.get(LOCAL) or 1)
        over_pods = int(flag(arguments, NODES) or 1)
        tensor, pipeline = int(flag(arguments, TENSOR) or 1), int(flag(arguments, PIPELINE) or 1)
        assert accelerators == ranks * tensor * pipeline // over_pods


def test_only_the_leader_of_a_group_over_pods_carries_the_pool_labels(
    cluster: Cluster, helm: Helm, namespace: str
) -> None:
    layout = {"replicas": 2, "parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}, **on("h100")}
    labels = {"labels": {"llm-d.ai/model": "m"}}
    helm.install("group", values(multinode=True, modelArtifacts=labels, decode=layout), wait=False)
    cluster.wait_for_pods(namespace, 4)
    serving = [pod["metadata"]["name"] for pod in cluster.pods(namespace, "llm-d.ai/model=m,llm-d.ai/role=decode")]
    assert serving == ["group-llm-d-modelservice-decode-0", "group-llm-d-modelservice-decode-1"]


def test_a_subgroup_has_a_rack_of_its_own(cluster: Cluster, helm: Helm, namespace: str) -> None:
    """Four pods in two subgroups on two racks of two nodes: no subgroup is torn apart, none shares a rack."""
    layout = {
        "parallelism": {"dataLocal": 8, "workers": 4},
        "subGroupPolicy": {"subGroupSize": 2},
        "subGroupExclusiveTopology": "rack",
    }
    helm.install("racks", values(multinode=True, decode=layout), wait=False)
    pods = cluster.wait_for_pods(namespace, 4)
    racks: dict[str, set[str]] = {}
    for pod in pods:
        subgroup = pod["metadata"]["labels"]["leaderworkerset.sigs.k8s.io/subgroup-index"]
        racks.setdefault(subgroup, set()).add(cluster.pool_of(pod))
    assert sorted(racks) == ["0", "1"]
    assert sorted(pool for pools in racks.values() for pool in pools) == ["rack-a", "rack-b"]


def test_the_longest_accepted_name_makes_its_group(cluster: Cluster, helm: Helm, namespace: str) -> None:
    """The chart's limit is the controller's: one character more is refused when rendering."""
    name = "x" * (50 - len("-decode"))
    layout = {"parallelism": {"data": 2, "workers": 2}, **on("h100")}
    helm.install("long", values(multinode=True, fullnameOverride=name, decode=layout), wait=False)
    pods = cluster.wait_for_pods(namespace, 2)
    assert pods[0]["metadata"]["name"] == f"{name}-decode-0"
