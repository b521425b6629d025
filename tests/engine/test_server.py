"""One real vLLM, started as the chart renders it, does what the chart and its documentation say of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.process import reserved_ports
from modelservice.endpoints import endpoints
from modelservice.facts import engine
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.contract import (
    ADAPTER,
    ALIAS,
    EXCHANGES,
    FEATURES,
    difference,
    named_metrics,
    names,
    served_metrics,
    terminate_while_running,
)
from support.real_engine import MODEL, SECRET, Server, pods_of, serve
from support.render import Render


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with reserved_ports(1) as (port,):
        yield port


@pytest.fixture(scope="module")
def values(port: int) -> dict[str, Any]:
    return merge([FEATURES, {"routing": {"servicePort": port}}])


@pytest.fixture(scope="module")
def server(models: Path, render: Render, values: dict[str, Any], port: int, tmp_path_factory: Any) -> Iterator[Server]:
    (pod,) = pods_of("features", render(values).items, tmp_path_factory.mktemp("pod"))
    with serve(pod, port=port) as running:
        yield running


def test_probes_succeed(server: Server, render: Render, values: dict[str, Any]) -> None:
    container = render(values).engine()
    probes = [container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [server.ask(path).status for path in probes] == [200, 200, 200]


def test_it_serves_every_path_that_clients_are_told(
    server: Server, embedded: EmbeddedHelm, values: dict[str, Any]
) -> None:
    told = endpoints(values, Release("features"), embedded).paths
    assert {"chat", "completions", "models", "metrics"} <= set(told)
    missing = {path for path in told.values() if server.ask(path, {}, key=SECRET).status == 404}
    assert not missing


def test_it_answers_to_every_name(server: Server) -> None:
    assert names(server) == {MODEL, ALIAS, ADAPTER}
    texts = {name: complete(server, name) for name in (MODEL, ALIAS, ADAPTER)}
    assert texts[MODEL] == texts[ALIAS] != texts[ADAPTER]


def complete(server: Server, model: str = MODEL, **fields: Any) -> str:
    """Text that a model adds to a prompt."""
    body = {"model": model, "prompt": "hello world, what is", "max_tokens": 8, "temperature": 0, **fields}
    response = server.ask("/v1/completions", body, key=SECRET)
    assert response.status == 200, response.text
    text: str = response.json["choices"][0]["text"]
    return text


@pytest.mark.parametrize("name", EXCHANGES)
def test_it_answers_as_its_stand_in_is_to(server: Server, name: str) -> None:
    assert difference(server, EXCHANGES[name]) is None


def test_the_chat_template_is_the_one_from_the_values(server: Server) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello world"}]}
    of_chat = server.ask("/tokenize", body, key=SECRET).json["tokens"]
    of_text = server.ask("/tokenize", {"model": MODEL, "prompt": "hello world"}, key=SECRET).json["tokens"]
    assert of_chat == of_text


def test_the_api_key_guards_what_the_facts_say(server: Server) -> None:
    facts = engine("vllm")
    assert facts and facts.api_key
    body = {"model": MODEL, "prompt": "hello", "max_tokens": 2}
    # Doors that stay open without a key: users are told to close them in front of the engine.
    for path in ("/invocations", "/tokenize"):
        assert not any(path.startswith(prefix) for prefix in facts.api_key.guards)
        assert server.ask(path, body).status == 200
    assert [server.ask(path).status for path in ("/health", "/metrics")] == [200, 200]


def test_every_metric_that_the_chart_names_exists(server: Server) -> None:
    named = named_metrics()
    assert len(named) > 15
    complete(server)
    missing = named - served_metrics(server)
    # Transfers are counted only by servers that hand over or take over caches.
    assert all(name.startswith("vllm:nixl_") for name in missing)


def test_running_requests_are_answered_after_sigterm(server: Server) -> None:
    # The last test of this server.
    body = {"prompt": "hello", "max_tokens": 500, "n": 50, "ignore_eos": True}
    response = terminate_while_running(server, body, SECRET)
    assert response and response.status == 200
    assert {choice["finish_reason"] for choice in response.json["choices"]} == {"length"}
