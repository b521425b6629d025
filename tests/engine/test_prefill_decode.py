"""Real vLLM computes a prompt in a prefill pod and hands the KV cache over to a decode pod, through the real sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelservice.inputs import merge
from support.contract import named_metrics, served_metrics
from support.pair import OTHER, PROMPT, REFUSED, VALUES, decode, difference, prefill
from support.real_engine import MODEL, Server
from support.render import Render


@pytest.fixture(scope="module")
def producer(models: Path, render: Render, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A prefill server."""
    with prefill(render, tmp_path_factory.mktemp("prefill")) as server:
        yield server


@pytest.fixture(scope="module")
def pair(
    producer: Server, render: Render, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server, Server]]:
    """The prefill server, a decode server and the sidecar in front of it."""
    with decode(render, tmp_path_factory.mktemp("decode")) as (consumer, front):
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


def test_another_hash_is_refused(producer: Server, render: Render, tmp_path: Path) -> None:
    """As tests/requests/test_contract.py says of the stand-in."""
    with decode(render, tmp_path, merge([VALUES, OTHER])) as (consumer, front):
        found = {name: difference(front, producer, exchange) for name, exchange in REFUSED.items()}
        assert metric(consumer, "vllm:nixl_num_failed_transfers_total") > 0
    assert found == dict.fromkeys(REFUSED)
    assert "NIXL compatibility hash mismatch" in consumer.process.log.read_text(errors="replace")
