"""No request is lost while pods come and go: upgrades, scaling, deletion, drains, slow starts, deaths."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from localcluster.binaries import binary
from modelservice.inputs import merge
from support.cluster import Helm, is_ready
from support.original_chart import original_chart
from support.release import DISAGGREGATED, DRAIN, PROBES, SIMULATOR, SPREAD, Load, Serving


@pytest.fixture
def busy(vllm: dict[str, Any]) -> dict[str, Any]:
    """Two pods, one on each node, whose answers take about half a second."""
    slow = {"engine": {"env": {"SIMULATOR_FLAGS": "--inter-token-latency=20ms"}}}
    # The image stands for a vLLM that knows its --shutdown-timeout; its name does not say so.
    knows = {role: {"drain": {"shutdownFlag": True}} for role in ("decode", "prefill")}
    return merge([vllm, PROBES, slow, knows, {"decode": {"replicas": 2, "extraConfig": SPREAD}}])


def change(name: str, serving: Serving, values: dict[str, Any]) -> None:
    """Does something to a release with two pods, and waits until it has two ready ones again."""
    before = serving.names("busy")
    workload = "busy-llm-d-modelservice-decode"
    if name == "upgrade":
        serving.upgrade("busy", merge([values, {"engine": {"env": {"CHANGED": "yes"}}}]))
    elif name == "scale-down":
        serving.cluster.scale("apps/v1", "Deployment", workload, serving.namespace, 1)
        serving.wait_for_pods("busy", 1)
        serving.cluster.scale("apps/v1", "Deployment", workload, serving.namespace, 2)
    elif name == "deletion":
        serving.cluster.client.resource("v1", "Pod").delete(name=min(before), namespace=serving.namespace)
    elif name == "drain":
        node = serving.pods("busy")[0]["spec"]["nodeName"]
        kubectl(serving, "drain", node, "--pod-selector=llm-d.ai/model", "--delete-emptydir-data", "--timeout=60s")
        serving.wait_for_pods("busy", 2)
        kubectl(serving, "uncordon", node)
    serving.cluster.wait("another pod is there", lambda: serving.names("busy") != before)
    serving.wait_for_pods("busy", 2)


def kubectl(serving: Serving, *arguments: str) -> None:
    access = f"--kubeconfig={serving.cluster.client.kubeconfig}"
    done = subprocess.run([str(binary("kubectl")), access, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", ["upgrade", "scale-down", "deletion", "drain"])
def test_no_request_is_lost_during(serving: Serving, busy: dict[str, Any], what: str) -> None:
    values = merge([busy, DRAIN])
    with serving.served("busy", values) as gateway:
        serving.wait_for_pods("busy", 2)
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            change(what, serving, values)
            load.run_for(2)
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"
        assert sum(load.answered.values()) > 50


def test_no_request_is_lost_during_an_upgrade_of_prefill_and_decode(serving: Serving, busy: dict[str, Any]) -> None:
    values = merge([busy, DRAIN, {"prefill": {"create": True, "replicas": 2}}])
    with serving.served("both", values, picker=DISAGGREGATED) as gateway:
        serving.wait_for_pods("both", 2)
        serving.wait_for_pods("both", 2, "prefill")
        before = serving.names("both") | serving.names("both", "prefill")
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            serving.upgrade("both", merge([values, {"engine": {"env": {"CHANGED": "yes"}}}]))
            load.run_for(2)
        assert before.isdisjoint(serving.names("both") | serving.names("both", "prefill"))
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"


def test_no_request_is_lost_during_an_upgrade_of_groups(serving: Serving, busy: dict[str, Any]) -> None:
    layout = {"multinode": True, "decode": {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}}}
    values = merge([busy, DRAIN, layout])
    with serving.served("groups", values) as gateway:
        serving.wait_for_pods("groups", 2)
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            serving.upgrade("groups", merge([values, {"engine": {"env": {"CHANGED": "yes"}}}]))
            serving.cluster.wait("every group is a new one", lambda: changed(serving, 4))
            load.run_for(2)
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"


def changed(serving: Serving, number: int) -> bool:
    """Whether there are so many ready pods and all have the upgrade's environment."""
    pods = serving.cluster.pods(serving.namespace, "leaderworkerset.sigs.k8s.io/name")
    variables = [{item["name"] for item in pod["spec"]["containers"][0]["env"]} for pod in pods]
    return len(pods) == number and all(map(is_ready, pods)) and all("CHANGED" in names for names in variables)


def as_local(obj: dict[str, Any]) -> None:
    """Gives the pods of the original chart the images of this machine, and slow answers."""
    pod = obj["spec"]["template"]["spec"] if obj["kind"] == "Deployment" else {}
    for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
        is_engine = container["name"] == "vllm"
        container["image"] = (SIMULATOR["engine"] if is_engine else SIMULATOR["routing"]["proxy"])["image"]
        container["imagePullPolicy"] = "IfNotPresent"
        container["env"] = container["env"] or []
        if is_engine:
            container["args"] += ["--force-dummy-tokenizer", "--mode=echo", "--inter-token-latency=20ms"]


def test_no_request_is_lost_while_a_release_of_the_original_chart_is_replaced(serving: Serving, tmp_path: Path) -> None:
    """As docs/from-the-original-chart.md says: a release next to it, the route moved, the old one gone when idle."""
    old = Helm(binary("helm3"), serving.cluster, original_chart(tmp_path, "cpu", as_local), serving.namespace)
    labels = {"modelArtifacts": {"labels": {"llm-d.ai/model": "random-model-2"}}}
    serving.install("cpu-sim", helm=old)
    serving.install("new", merge([PROBES, DRAIN, labels, {"engine": {"args": {"inter-token-latency": "20ms"}}}]))
    serving.wait_for_pods("new", 1)
    with serving.gateway("cpu-sim", "new") as gateway:
        serving.wait_for_answer(gateway)
        with Load(gateway, clients=8) as load:
            load.run_for(2)
            before = sum(load.answered.values())
            serving.move_route(new=1)
            load.run_for(3)  # longer than an answer takes
            old.run("uninstall", "cpu-sim", "--wait")
            load.run_for(2)
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"
        assert before, "the old release answered"
        assert load.answered[serving.names("new").pop()], "the new release answers"


def test_without_a_drain_requests_are_lost(serving: Serving, busy: dict[str, Any]) -> None:
    """What the tests above would find: an engine that ends at the signal aborts its requests, with status 200."""
    with serving.served("busy", busy) as gateway:
        serving.wait_for_pods("busy", 2)
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            change("upgrade", serving, busy)
        assert [outcome for outcome in load.lost if outcome.endswith("200 aborted")], load.lost


def test_a_slow_start_is_waited_for(serving: Serving) -> None:
    """Longer than the liveness probe's patience: the startup probe holds it back."""
    seconds = 12
    values = merge([PROBES, {"engine": {"args": {"startup-duration": f"{seconds}s"}}, "decode": {"replicas": 0}}])
    serving.install("slow", values)
    with serving.gateway("slow") as gateway:
        serving.cluster.wait("the picker has nobody", lambda: gateway.chat("too early").status == 503)
        serving.cluster.scale("apps/v1", "Deployment", "slow-llm-d-modelservice-decode", serving.namespace, 1)
        started = time.monotonic()
        while time.monotonic() < started + seconds - 4:
            assert not any(is_ready(pod) for pod in serving.pods("slow"))
            assert gateway.chat("too early").status == 503
            time.sleep(0.2)
        serving.wait_for_pods("slow", 1)
        serving.wait_for_answer(gateway)
        (pod,) = serving.pods("slow")
        assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]


def test_a_slow_second_pod_gets_no_requests_before_it_is_ready(serving: Serving) -> None:
    drained = merge([PROBES, DRAIN])  # the one pod that goes loses none either
    with serving.served("grow", drained) as gateway:
        first = serving.names("grow")
        with Load(gateway) as load:
            slow = merge([drained, {"engine": {"args": {"startup-duration": "5s"}}, "decode": {"replicas": 2}}])
            serving.upgrade("grow", slow)
            assert first.isdisjoint(serving.names("grow"))
            load.run_for(2)
        assert load.lost == []


def test_an_engine_that_dies_is_replaced(serving: Serving) -> None:
    with serving.served("dead", PROBES) as gateway:
        (pod,) = serving.pods("dead")
        serving.run(pod, "kill", "1")

        def restarted() -> bool:
            (found,) = serving.pods("dead")
            return found["status"]["containerStatuses"][0]["restartCount"] == 1 and is_ready(found)

        serving.cluster.wait("the engine runs again", restarted)
        serving.wait_for_answer(gateway)
