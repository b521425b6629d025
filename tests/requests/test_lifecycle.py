"""No request is lost while pods come and go: upgrades, scaling, deletion, drains, slow starts, deaths."""

import subprocess
from typing import Any

import pytest

from modelservice.binaries import binary
from modelservice.inputs import merge
from serving import Endpoint, Load, Serving, is_ready

PROBES: dict[str, Any] = {
    "startupProbe": {"httpGet": {"path": "/health/ready", "port": 8200}, "periodSeconds": 1, "failureThreshold": 60},
    "readinessProbe": {"httpGet": {"path": "/health/ready", "port": 8200}, "periodSeconds": 1},
    "livenessProbe": {"httpGet": {"path": "/health", "port": 8200}, "periodSeconds": 1, "failureThreshold": 2},
}

BUSY: dict[str, Any] = {
    "engine": {**PROBES, "args": {"inter-token-latency": "20ms"}},
    "decode": {
        "replicas": 2,
        "extraConfig": {
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"llm-d.ai/model": "random-model"}},
                }
            ]
        },
    },
}  # fmt: skip
"""Two pods, one on each node, whose answers take about half a second."""


def change(name: str, serving: Serving, gateway: Endpoint) -> None:
    """Does something to a release with two pods, and waits until it has two ready ones again."""
    before = serving.names("busy")
    if name == "upgrade":
        serving.upgrade("busy", merge([BUSY, {"engine": {"env": {"CHANGED": "yes"}}}]))
    elif name == "scale-down":
        workload = "busy-llm-d-modelservice-decode"
        serving.cluster.scale("apps/v1", "Deployment", workload, serving.namespace, 1)
        serving.wait_for_pods("busy", 1)
        serving.cluster.scale("apps/v1", "Deployment", workload, serving.namespace, 2)
    elif name == "deletion":
        serving.cluster.plane.resource("v1", "Pod").delete(name=min(before), namespace=serving.namespace)
    elif name == "drain":
        node = serving.pods("busy")[0]["spec"]["nodeName"]
        kubectl(serving, "drain", node, "--pod-selector=llm-d.ai/model", "--delete-emptydir-data", "--timeout=60s")
        serving.wait_for_pods("busy", 2)
        kubectl(serving, "uncordon", node)
    serving.wait_for_pods("busy", 2)
    assert serving.names("busy") != before


def kubectl(serving: Serving, *arguments: str) -> None:
    access = f"--kubeconfig={serving.cluster.plane.kubeconfig}"
    done = subprocess.run([str(binary("kubectl")), access, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", ["upgrade", "scale-down", "deletion", "drain"])
def test_no_request_is_lost_during(serving: Serving, what: str) -> None:
    with serving.served("busy", BUSY) as gateway:
        serving.wait_for_pods("busy", 2)
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            change(what, serving, gateway)
            load.run_for(2)
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"
        assert sum(load.answered.values()) > 50


def test_a_slow_start_is_waited_for(serving: Serving) -> None:
    """Longer than the liveness probe's patience: the startup probe holds it back."""
    values = {"engine": {**PROBES, "args": {"startup-duration": "8s"}}}
    serving.install("slow", values)
    with serving.gateway("slow") as gateway:
        assert not any(is_ready(pod) for pod in serving.pods("slow"))
        assert gateway.chat("too early").status != 200
        serving.wait_for_pods("slow", 1)
        serving.wait_for_answer(gateway)
        (pod,) = serving.pods("slow")
        assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]


def test_a_slow_second_pod_gets_no_requests_before_it_is_ready(serving: Serving) -> None:
    with serving.served("grow", {"engine": PROBES}) as gateway:
        first = serving.names("grow")
        with Load(gateway) as load:
            slow = merge([{"engine": {**PROBES, "args": {"startup-duration": "5s"}}}, {"decode": {"replicas": 2}}])
            serving.upgrade("grow", slow)
            assert first.isdisjoint(serving.names("grow"))
            load.run_for(2)
        assert load.lost == []


def test_an_engine_that_dies_is_replaced(serving: Serving) -> None:
    with serving.served("dead", {"engine": PROBES}) as gateway:
        (pod,) = serving.pods("dead")
        serving.run(pod, "kill", "1")

        def restarted() -> bool:
            (found,) = serving.pods("dead")
            return found["status"]["containerStatuses"][0]["restartCount"] == 1 and is_ready(found)

        serving.cluster.wait("the engine runs again", restarted, 30)
        serving.wait_for_answer(gateway)
