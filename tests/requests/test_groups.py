"""Several ranks in a pod, several pods in a group: who gets requests, and whether they find each other."""

from typing import Any

import pytest

from modelservice.inputs import merge
from support.release import MODEL, Serving


def with_layout(values: dict[str, Any], *, multinode: bool = False, **parallelism: Any) -> dict[str, Any]:
    return {**values, "multinode": multinode, "decode": {"parallelism": parallelism}}


def test_every_rank_gets_requests_on_its_own_port(serving: Serving, vllm: dict[str, Any]) -> None:
    layout = with_layout(vllm, dataLocal=3, dataMode="multiPort")
    with serving.served("ranks", layout, ports=(8000, 8001, 8002)) as gateway:
        (pod,) = serving.pods("ranks")
        answers = [gateway.chat(f"{number} hello") for number in range(60)]
        assert {answer.status for answer in answers} == {200}
        assert {answer.pod for answer in answers} == {pod["metadata"]["name"]}
        assert {answer.headers["x-inference-port"] for answer in answers} == {"8200", "8201", "8202"}


def test_only_the_leader_of_a_group_gets_requests_and_its_workers_find_it(
    serving: Serving, vllm: dict[str, Any]
) -> None:
    layout = with_layout(vllm, multinode=True, tensor=8, pipeline=2, workers=2)
    with serving.served("group", layout) as gateway:
        leader, worker = serving.cluster.wait_for_pods(
            serving.namespace, 2, selector="leaderworkerset.sigs.k8s.io/name=group-llm-d-modelservice-decode"
        )
        answers = [gateway.chat(f"{number} hello") for number in range(10)]
        assert {(answer.status, answer.pod) for answer in answers} == {(200, leader["metadata"]["name"])}
        assert resolves(serving, worker) == leader["status"]["podIP"]


def test_every_pod_of_a_hybrid_group_gets_requests(serving: Serving, vllm: dict[str, Any]) -> None:
    layout = with_layout(vllm, multinode=True, dataLocal=2, workers=2)
    with serving.served("wide", layout) as gateway:
        leader, worker = serving.wait_for_pods("wide", 2)
        answers = [gateway.chat(f"{number} hello") for number in range(40)]
        assert {answer.status for answer in answers} == {200}
        assert {answer.pod for answer in answers} == serving.names("wide")
        assert resolves(serving, worker) == leader["status"]["podIP"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"engine": {"args": {"max-modle-len": 8192}}}, "unrecognized arguments: --max-modle-len"),
        (
            {
                "modelArtifacts": {"name": "Qwen/Qwen3-32B", "uri": "hf://Qwen/Qwen3-32B"},
                "decode": {"parallelism": {"dataLocal": 2, "dataMode": "multiPort"}},
            },
            "Non-MoE models do not support external data parallel mode.",
        ),
    ],
    ids=["flag", "dense model"],
)
def test_what_vllm_rejects_ends_the_engine_and_the_reason_is_shown(
    serving: Serving, vllm: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    serving.install("typo", merge([vllm, change]))
    serving.cluster.wait("the engine says why", lambda: f"vllm: error: {reason}" in serving.explain())
    serving.cluster.wait("the event is shown", lambda: "Back-off restarting failed container" in serving.explain())


def test_the_served_name_is_the_flags(serving: Serving, vllm: dict[str, Any]) -> None:
    given = {
        "max-model-len": 4096,
        "enable-prefix-caching": True,
        "kv-transfer-config": {"kv_connector": "NixlConnector"},
    }
    values = {**vllm, "engine": {**vllm["engine"], "args": {**vllm["engine"]["args"], **given}}}
    with serving.served("flags", values) as gateway:
        (model,) = gateway.request("/v1/models").json["data"]
        assert (model["id"], model["max_model_len"]) == (MODEL, 4096)


def resolves(serving: Serving, pod: dict[str, Any]) -> str:
    """The address that LWS_LEADER_ADDRESS has for the engine of a pod."""
    name = serving.run(pod, "sh", "-c", "echo $LWS_LEADER_ADDRESS").strip()
    answer = serving.run(pod, "nslookup", f"{name}.svc.cluster.local")
    return answer.rsplit("Address:", 1)[1].strip()
