"""What listens in a pod: also ports that no flag names and no container declares."""

import json
from typing import Any

import pytest

from modelservice.check.examples import findings
from modelservice.check.rule import Example, rules
from modelservice.helm import EmbeddedHelm
from modelservice.model.deployment import Deployment

NIXL = ("--kv-transfer-config", json.dumps({"kv_connector": "NixlConnector", "kv_role": "kv_producer"}))
EVENTS = {"enable_kv_cache_events": True, "publisher": "zmq"}


def ports(*args: str, role: str = "prefill", image: str = "vllm/vllm-openai:v0.32.0", **fields: Any) -> dict[str, Any]:
    """Ports of a pod's listeners by purpose."""
    container = {"name": "engine", "image": image, "args": list(args), **fields}
    pod = {"metadata": {"labels": {"llm-d.ai/role": role}}, "spec": {"containers": [container]}}
    workload = {"kind": "Deployment", "metadata": {"name": role}, "spec": {"template": pod}}
    (group,) = Deployment("test", [workload]).groups
    found: dict[str, Any] = {}
    for listener in group.listeners:
        found.setdefault(listener.purpose, []).append(listener.port)
    return found


def env(**values: Any) -> list[dict[str, Any]]:
    """Variables of a container."""
    return [{"name": name, "value" if isinstance(value, str) else "valueFrom": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("args", "purpose", "expected"),
    [
        # The first rank waits for ranks of other pods, or of other processes.
        (["--data-parallel-size=16", "--data-parallel-size-local=8"], "data parallel RPC", [29550]),
        (["--data-parallel-size=16", "--data-parallel-size-local=8", "-dpp=5555"], "data parallel RPC", [5555]),
        (["--data-parallel-size=2", "--data-parallel-multi-port-external-lb"], "data parallel RPC", [29550]),
        # All ranks are in this pod and talk by files; a later rank only connects; the head node listens elsewhere.
        (["--data-parallel-size=8", "--data-parallel-rpc-port=8000"], "data parallel RPC", None),
        (["--data-parallel-size=16", "--data-parallel-rank=3"], "data parallel RPC", None),
        (["--data-parallel-size=16", "--data-parallel-backend=ray"], "data parallel RPC", None),
        (["--data-parallel-size=16", "--data-parallel-size-local=8", "--headless"], "data parallel RPC", None),
        (["--nnodes=2", "--master-addr=head"], "group master", [29501]),
        (["--nnodes=2", "--master-addr=head", "--master-port=6000"], "group master", [6000]),
        (["--nnodes=2", "--master-addr=head", "--node-rank=1", "--headless"], "group master", None),
        (["--master-port=6000"], "group master", None),
        ([*NIXL], "side channel", [5600]),
        ([*NIXL, "--data-parallel-size=3"], "side channel", [5600, 5601, 5602]),
        ([], "side channel", None),
        (["--kv-events-config", json.dumps(EVENTS)], "KV events", [5557]),
        (
            ["--data-parallel-size=2", "--kv-events-config", json.dumps({**EVENTS, "replay_endpoint": "tcp://*:7000"})],
            "KV events",
            [5557, 5558, 7000, 7001],
        ),
        # An endpoint with a host is one to connect to, and port 0 is any.
        (["--kv-events-config", json.dumps({**EVENTS, "endpoint": "tcp://epp:5557"})], "KV events", None),
        (["--kv-events-config", json.dumps({**EVENTS, "endpoint": "tcp://*:0"})], "KV events", None),
        (["--kv-events-config", json.dumps({"publisher": "zmq"})], "KV events", None),
    ],
)
def test_vllm_listens_on(args: list[str], purpose: str, expected: list[int] | None) -> None:
    assert ports("--model=Qwen/Qwen3-8B", *args).get(purpose) == expected


@pytest.mark.parametrize(
    ("args", "purpose", "expected"),
    [
        (["--disaggregation-mode=prefill"], "bootstrap", [8998]),
        (["--disaggregation-mode=prefill", "--disaggregation-bootstrap-port=9000"], "bootstrap", [9000]),
        (["--disaggregation-mode=decode"], "bootstrap", None),
        (["--nnodes=2", "--dist-init-addr=head:5000"], "group master", [5000]),
        (["--nnodes=2", "--dist-init-addr=$(HEAD)"], "group master", None),
    ],
)
def test_sglang_listens_on(args: list[str], purpose: str, expected: list[int] | None) -> None:
    words = ("python3", "-m", "sglang.launch_server", "--model-path=Qwen/Qwen3-8B", *args)
    assert ports(image="lmsysorg/sglang:v0.5.9", command=list(words)).get(purpose) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"env": env(VLLM_NIXL_SIDE_CHANNEL_PORT="5700")}, [5700]),
        ({"env": env(VLLM_NIXL_SIDE_CHANNEL_PORT={"configMapKeyRef": {"name": "a", "key": "b"}})}, None),
        ({"envFrom": [{"secretRef": {"name": "somewhere"}}]}, None),
    ],
)
def test_the_side_channel_is_where_its_variable_says(fields: dict[str, Any], expected: list[int] | None) -> None:
    assert ports("--model=Qwen/Qwen3-8B", *NIXL, **fields).get("side channel") == expected


GROUP = """\
multinode: true
modelArtifacts: {name: Qwen/Qwen3-30B-A3B, uri: hf://Qwen/Qwen3-30B-A3B}
decode: {parallelism: {data: 16, dataLocal: 8}, sharedMemory: {enabled: true}}
"""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("engine: {args: {data-parallel-rpc-port: 8200}}", "data parallel RPC of vllm and engine of vllm"),
        (
            "engine: {args: {data-parallel-rpc-port: 5555}, env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '5550'}}",
            "both listen on 5555",
        ),
        (
            "engine: {args: {kv-events-config: {enable_kv_cache_events: true, publisher: zmq, endpoint: 'tcp://*:8200'}}}",
            "KV events of vllm and engine of vllm",
        ),
        ("engine: {args: {data-parallel-rpc-port: 5590}}", ""),
    ],
)
def test_ports_between_engines_overlap_no_others(embedded: EmbeddedHelm, values: str, words: str) -> None:
    found = list(findings(rules()["port-overlap"], Example(GROUP + values, base="pd"), embedded))
    of_decode = [finding for finding in found if str(finding.object).endswith("decode")]
    assert bool(of_decode) == bool(words)
    assert all(words in finding.message and finding.fix for finding in of_decode)
