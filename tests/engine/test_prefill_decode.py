"""Real vLLM computes a prompt in a prefill pod and hands the KV cache over to a decode pod, through the real sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localcluster.binaries import binary
from localcluster.process import Component, reserved_ports
from modelservice.inputs import merge
from support.contract import named_metrics, served_metrics
from support.presets import presets
from support.real_engine import MODEL, POD_IP, TINY, Pod, Server, pods_of, serve
from support.release import SIMULATOR
from support.render import Render

PROMPT = "hello world, what is the answer to the question about serving models? " * 8

VALUES: dict[str, Any] = merge(
    [
        presets("topology/pd", "engine/vllm"),
        {
            "modelArtifacts": {"name": MODEL, "uri": "pvc://models/dense"},
            "accelerator": {"type": "cpu"},
            "engine": {
                "image": "vllm/vllm-openai:v0.32.0", "env": {"VLLM_CPU_KVCACHE_SPACE": "1"},
                "args": TINY["engine"]["args"],
            },
            # The sidecar that is built here.
            "routing": {"proxy": {"image": SIMULATOR["routing"]["proxy"]["image"]}},
        },
    ]
)  # fmt: skip
"""Prefill and decode on processors; each pod of a host needs ports of its own."""


@contextmanager
def sidecar(pod: Pod, port: int) -> Iterator[Server]:
    """Run the routing sidecar of a decode pod."""
    assert pod.group.proxy
    process = Component("sidecar", [str(binary("pd-sidecar")), *pod.group.proxy.words], pod.folder)
    server = Server(f"http://{POD_IP}:{port}", process)
    try:
        process.wait_until(lambda: server.answers("/health"))
        yield server
    finally:
        process.stop()


@pytest.fixture(scope="module")
def pair(models: Path, render: Render, tmp_path_factory: Any) -> Iterator[tuple[Server, Server, Server]]:
    """A prefill server, a decode server and the sidecar in front of it."""
    folder = tmp_path_factory.mktemp("pair")
    with reserved_ports(5) as (prefill_port, decode_port, sidecar_port, *side_channels):
        channel = [{"engine": {"env": {"VLLM_NIXL_SIDE_CHANNEL_PORT": str(number)}}} for number in side_channels]
        of_prefill = merge([VALUES, channel[0], {"routing": {"servicePort": prefill_port}}])
        ports = {"servicePort": sidecar_port, "proxy": {"targetPort": decode_port}}
        of_decode = merge([VALUES, channel[1], {"routing": ports}])
        (prefill,) = [pod for pod in pods_of("p", render(of_prefill).items, folder) if pod.group.role == "prefill"]
        (decode,) = [pod for pod in pods_of("d", render(of_decode).items, folder) if pod.group.role == "decode"]
        with (
            serve(prefill, port=prefill_port) as producer,
            serve(decode, port=decode_port) as consumer,
            sidecar(decode, sidecar_port) as front,
        ):
            yield producer, consumer, front


def complete(server: Server, **headers: str) -> Any:
    """Response to a prompt."""
    body = {"model": MODEL, "prompt": PROMPT, "max_tokens": 8, "temperature": 0}
    response = server.ask("/v1/completions", body, headers=headers)
    assert response.status == 200, response.text
    return response.json


def metric(server: Server, pattern: str) -> float:
    """Sum of the samples whose name and labels match."""
    lines = re.findall(rf"^{pattern}.* (\S+)$", server.ask("/metrics").text, re.MULTILINE)
    return sum(map(float, lines))


def test_a_prompt_is_handed_over(pair: tuple[Server, Server, Server]) -> None:
    prefill, decode, front = pair
    handed = complete(front, **{"x-prefiller-host-port": prefill.url.removeprefix("http://")})
    prompt = handed["usage"]["prompt_tokens"]
    assert prompt > 100
    assert metric(prefill, "vllm:prompt_tokens_total") == prompt
    assert metric(prefill, "vllm:generation_tokens_total") == 1
    by_source = r'vllm:prompt_tokens_by_source_total\{.*source="external_kv_transfer"'
    # The last block is computed again where it is not full.
    assert metric(decode, by_source) >= prompt - 16
    assert metric(decode, "vllm:nixl_num_failed_transfers_total") == 0
    assert metric(decode, "vllm:nixl_bytes_transferred_sum") > 0
    assert handed["choices"][0]["text"] == complete(prefill)["choices"][0]["text"]


def test_every_transfer_metric_that_the_chart_names_exists(pair: tuple[Server, Server, Server]) -> None:
    named = {name for name in named_metrics() if name.startswith("vllm:nixl_")}
    assert named
    assert named <= served_metrics(pair[1])


def test_the_engines_call_nothing_deprecated(pair: tuple[Server, Server, Server]) -> None:
    lines = [line for server in pair[:2] for line in server.process.log.read_text(errors="replace").splitlines()]
    assert not [line for line in lines if "kv_role" in line and "deprecated" in line]
