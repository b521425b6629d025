"""One real vLLM, started as the chart renders it, does what the chart and its documentation say of it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.process import reserved_ports
from modelservice.endpoints import endpoints
from modelservice.facts import engine
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.real_engine import MODEL, SECRET, TINY, Server, pods_of, serve, wait_for_running
from support.render import ROOT, Render

ADAPTER = "adapter"

FEATURES = merge(
    [
        TINY,
        {
            "modelArtifacts": {
                "aliases": ["tiny"],
                "adapters": [{"name": ADAPTER, "uri": "pvc://models/adapter"}],
                "lora": {"maxRank": 8},
            },
            "auth": {"apiKeySecret": {"name": "clients"}},
            "decode": {"drain": {"enabled": True, "timeoutSeconds": 60}},
            "files": {"/etc/vllm/chat.jinja": "{% for message in messages %}{{ message.content }}{% endfor %}"},
            "engine": {"args": {"chat-template": "/etc/vllm/chat.jinja"}},
            "endpoints": {"create": True},
        },
    ]
)
"""All features that do not exclude each other."""


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
    listed = {model["id"]: model for model in server.ask("/v1/models", key=SECRET).json["data"]}
    assert set(listed) == {MODEL, "tiny", ADAPTER}
    assert listed[ADAPTER]["parent"] == MODEL
    texts = {name: complete(server, name) for name in listed}
    assert texts[MODEL] == texts["tiny"] != texts[ADAPTER]


def complete(server: Server, model: str = MODEL, **fields: Any) -> str:
    """Text that a model adds to a prompt."""
    body = {"model": model, "prompt": "hello world, what is", "max_tokens": 8, "temperature": 0, **fields}
    response = server.ask("/v1/completions", body, key=SECRET)
    assert response.status == 200, response.text
    text: str = response.json["choices"][0]["text"]
    return text


def test_it_streams(server: Server) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "stream": True}
    events = [line for line in server.ask("/v1/chat/completions", body, key=SECRET).text.splitlines() if line]
    assert events[-1] == "data: [DONE]"
    assert json.loads(events[0].removeprefix("data: "))["object"] == "chat.completion.chunk"


def test_the_chat_template_is_the_one_from_the_values(server: Server) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello world"}]}
    of_chat = server.ask("/tokenize", body, key=SECRET).json["tokens"]
    of_text = server.ask("/tokenize", {"model": MODEL, "prompt": "hello world"}, key=SECRET).json["tokens"]
    assert of_chat == of_text


def test_the_api_key_guards_what_the_facts_say(server: Server) -> None:
    facts = engine("vllm")
    assert facts and facts.api_key
    body = {"model": MODEL, "prompt": "hello", "max_tokens": 2}
    assert server.ask("/v1/completions", body).status == 401
    assert server.ask("/v1/completions", body, key="wrong").status == 401
    # Doors that stay open without a key: users are told to close them in front of the engine.
    for path in ("/invocations", "/tokenize"):
        assert not any(path.startswith(prefix) for prefix in facts.api_key.guards)
        assert server.ask(path, body).status == 200
    assert [server.ask(path).status for path in ("/health", "/metrics")] == [200, 200]


def test_every_metric_that_the_chart_names_exists(server: Server) -> None:
    chart = ROOT / "charts" / "llm-d-modelservice"
    named = {
        metric
        for folder in ("templates", "alerts", "dashboards")
        for path in (chart / folder).rglob("*")
        if path.is_file()
        for metric in re.findall(r"vllm:[a-z_]+", path.read_text())
    }
    assert len(named) > 15
    complete(server)
    served = server.ask("/metrics").text
    # Transfers are counted only by servers that hand over or take over caches.
    missing = {name for name in named if name not in served and not name.startswith("vllm:nixl_")}
    assert not missing


def test_running_requests_are_answered_after_sigterm(server: Server) -> None:
    # The last test of this server.
    results: list[Any] = []
    body = {"model": MODEL, "prompt": "hello", "max_tokens": 500, "n": 50, "ignore_eos": True}
    request = threading.Thread(
        target=lambda: results.append(server.ask("/v1/completions", body, key=SECRET, seconds=600))
    )
    request.start()
    wait_for_running(server)
    os.kill(server.process.pid, signal.SIGTERM)
    request.join()
    (response,) = results
    assert response.status == 200
    assert {choice["finish_reason"] for choice in response.json["choices"]} == {"length"}
