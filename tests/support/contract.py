"""What clients may expect of a vLLM that the chart starts: one table for the real vLLM and for its stand-in.

The stand-in is ``tests/requests/vllm/serve.sh`` with the simulator. What it cannot do is in ``simulator`` of the table and
nowhere else; the tests also fail where it can after all.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice.inputs import merge
from modelservice.paths import chart_dir
from support.real_engine import MODEL, SECRET, TINY, Response, Server, wait_for_running

ADAPTER = "adapter"
ALIAS = "tiny"

CHAT_TEMPLATE: dict[str, Any] = {
    "files": {"/etc/vllm/chat.jinja": "{% for message in messages %}{{ message.content }}{% endfor %}"},
    "engine": {"args": {"chat-template": "/etc/vllm/chat.jinja"}},
}
"""A chat template, which the tiny models do not have."""

FEATURES: dict[str, Any] = merge(
    [
        TINY,
        CHAT_TEMPLATE,
        {
            "modelArtifacts": {
                "aliases": [ALIAS],
                "adapters": [{"name": ADAPTER, "uri": "pvc://models/adapter"}],
                "lora": {"maxRank": 8},
            },
            "auth": {"apiKeySecret": {"name": "clients"}},
            "decode": {"drain": {"enabled": True, "timeoutSeconds": 60}},
            "endpoints": {"create": True},
        },
    ]
)
"""All features that do not exclude each other."""

ABRUPT: dict[str, Any] = merge([TINY, {"decode": {"drain": {"enabled": False}}}])
"""A server without graceful shutdown."""

PROMPT: dict[str, Any] = {"prompt": "hello world, what is", "max_tokens": 2}
MESSAGES: dict[str, Any] = {"messages": [{"role": "user", "content": "hello world, what is"}], "max_tokens": 2}


@dataclass(frozen=True)
class Exchange:
    """A request and what must be in the response.

    Args:
        path: path of the request.
        status: status of the response.
        body: body, which makes it a POST; fields of :data:`MODEL` are added.
        key: API key.
        has: fields of the response, each with its value, by their path in the JSON.
        text: what the body of the response contains.
        simulator: why the stand-in answers otherwise; empty where it answers the same.
    """

    path: str
    status: int
    body: Mapping[str, Any] | None = None
    key: str = ""
    has: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    simulator: str = ""


COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"

EXCHANGES: dict[str, Exchange] = {
    "health": Exchange("/health", 200),
    "metrics": Exchange("/metrics", 200, text="vllm:num_requests_running"),
    "models": Exchange("/v1/models", 200, key=SECRET, has={"object": "list"}),
    "models without a key": Exchange("/v1/models", 401),
    "completion": Exchange(
        COMPLETIONS, 200, PROMPT, SECRET, {"object": "text_completion", "choices.0.finish_reason": "length"},
    ),
    "completion without a key": Exchange(COMPLETIONS, 401, PROMPT),
    "completion with a wrong key": Exchange(COMPLETIONS, 401, PROMPT, "wrong"),
    "completion of an alias": Exchange(COMPLETIONS, 200, {**PROMPT, "model": ALIAS}, SECRET),
    "completion of an adapter": Exchange(COMPLETIONS, 200, {**PROMPT, "model": ADAPTER}, SECRET, {"model": ADAPTER}),
    "completion of an unknown model": Exchange(COMPLETIONS, 404, {**PROMPT, "model": "other"}, SECRET),
    "completion without a prompt": Exchange(COMPLETIONS, 400, {}, SECRET),
    "completion longer than the context": Exchange(COMPLETIONS, 400, {**PROMPT, "max_tokens": 4096}, SECRET),
    "streamed completion": Exchange(COMPLETIONS, 200, {**PROMPT, "stream": True}, SECRET, text="data: [DONE]"),
    "chat": Exchange(CHAT, 200, MESSAGES, SECRET, {"object": "chat.completion", "choices.0.message.role": "assistant"}),
    "streamed chat": Exchange(CHAT, 200, {**MESSAGES, "stream": True}, SECRET, text='"chat.completion.chunk"'),
    "usage": Exchange(
        COMPLETIONS, 200, PROMPT, SECRET, {"usage.completion_tokens": 2},
        simulator="it counts all that it would echo, also what max_tokens cuts off",
    ),
    "tokens without a key": Exchange("/tokenize", 200, {"prompt": "hello"}),
    "invocation without a key": Exchange("/invocations", 200, PROMPT, simulator="it has not this path"),
    "no such path": Exchange("/v1/no-such-path", 404, key=SECRET),
    "a GET of a path for POST": Exchange(COMPLETIONS, 405, key=SECRET),
}  # fmt: skip


def difference(server: Server, exchange: Exchange) -> str | None:
    """Return how the response differs from the expected one; None where it does not."""
    body = None if exchange.body is None else {"model": MODEL, **exchange.body}
    return mismatch(server.ask(exchange.path, body, key=exchange.key), exchange)


def mismatch(response: Response, exchange: Exchange) -> str | None:
    """Return how a response differs from the expected one; None where it does not."""
    if response.status != exchange.status:
        return f"status {response.status}, not {exchange.status}: {response.text[:200]}"
    for path, value in exchange.has.items():
        found = response.json
        for step in path.split("."):
            found = found[int(step)] if isinstance(found, list) else found.get(step)
        if found != value:
            return f"{path} is {found!r}, not {value!r}"
    return None if exchange.text in response.text else f"no {exchange.text!r} in {response.text[:200]!r}"


def named_metrics() -> set[str]:
    """Metrics of vLLM that any file of the chart names."""
    files = (path for path in chart_dir().rglob("*") if path.is_file())
    return {name for path in files for name in re.findall(r"\bvllm:\w+", path.read_text())}


def served_metrics(server: Server) -> set[str]:
    """Metrics that a server has samples of."""
    return set(re.findall(r"^vllm:\w+", server.ask("/metrics").text, re.MULTILINE))


def names(server: Server) -> set[str]:
    """Names of the models that a server lists."""
    return {model["id"] for model in server.ask("/v1/models", key=SECRET).json["data"]}


def terminate_while_running(server: Server, body: Mapping[str, Any], key: str = "") -> Response | None:
    """Return the response to a completion during which the server is sent SIGTERM; None where the connection breaks."""
    results: list[Response | None] = []

    def ask() -> None:
        try:
            results.append(server.ask(COMPLETIONS, {"model": MODEL, **body}, key=key, seconds=600))
        except OSError:
            results.append(None)

    request = threading.Thread(target=ask)
    request.start()
    wait_for_running(server)
    os.kill(server.process.pid, signal.SIGTERM)
    request.join()
    (response,) = results
    return response
