"""A prefill server, a decode server and the routing sidecar between them, of the real vLLM or of its stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcluster.binaries import binary
from localcluster.process import Component, reserved_ports
from modelservice.inputs import merge
from support.contract import CHAT, CHAT_TEMPLATE, COMPLETIONS, MESSAGES, Exchange, mismatch
from support.presets import presets
from support.real_engine import MODEL, POD_IP, TINY, Pod, Response, Server, pods_of, serve
from support.release import SIMULATOR
from support.render import Render

PROMPT = "hello world, what is the answer to the question about serving models? " * 8

VALUES: dict[str, Any] = merge(
    [
        presets("topology/pd", "engine/vllm"),
        CHAT_TEMPLATE,
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

OTHER: dict[str, Any] = {"engine": {"args": {"disable-hybrid-kv-cache-manager": True}}}
"""A setting that both sides compare, and that changes nothing else for the tiny model."""

ERROR: dict[str, Any] = {
    "message": "Internal server error", "type": "InternalServerError", "param": None, "code": 500,
}  # fmt: skip
_STREAM = f"data: {json.dumps({'error': ERROR})}\n\ndata: [DONE]\n\n"
_BODY = {"prompt": PROMPT, "max_tokens": 8}
_CHAT = {**MESSAGES, "messages": [{"role": "user", "content": PROMPT}]}

REFUSED: dict[str, Exchange] = {
    "completion": Exchange(COMPLETIONS, 500, _BODY, has={"error": ERROR}),
    "chat": Exchange(CHAT, 500, _CHAT, has={"error": ERROR}),
    "streamed completion": Exchange(COMPLETIONS, 200, {**_BODY, "stream": True}, text=_STREAM),
    "streamed chat": Exchange(CHAT, 200, {**_CHAT, "stream": True}, text=_STREAM),
}
"""What clients get of a decode server that refuses the KV cache of prefill; a stream has nothing but the error."""


@contextmanager
def prefill(
    render: Render, folder: Path, values: Mapping[str, Any] = VALUES, programs: Path | None = None
) -> Iterator[Server]:
    """Run a prefill server."""
    with reserved_ports(3) as (port, channel, behind):
        given = merge([dict(values), _ports(channel, behind), {"routing": {"servicePort": port}}])
        with serve(_pod("prefill", given, render, folder, programs), port=port) as server:
            yield server


@contextmanager
def decode(
    render: Render, folder: Path, values: Mapping[str, Any] = VALUES, programs: Path | None = None
) -> Iterator[tuple[Server, Server]]:
    """Run a decode server and the routing sidecar in front of it."""
    with reserved_ports(4) as (port, sidecar_port, channel, behind):
        ports = {"routing": {"servicePort": sidecar_port, "proxy": {"targetPort": port}}}
        pod = _pod("decode", merge([dict(values), _ports(channel, behind), ports]), render, folder, programs)
        with serve(pod, port=port) as server, _sidecar(pod, sidecar_port) as front:
            yield server, front


def ask(front: Server, producer: Server, path: str, body: Mapping[str, Any]) -> Response:
    """Send a request to a sidecar whose prompt a prefill server shall compute."""
    headers = {"x-prefiller-host-port": producer.url.removeprefix("http://")}
    return front.ask(path, {"model": MODEL, **body}, headers=headers)


def difference(front: Server, producer: Server, exchange: Exchange) -> str | None:
    """Return how the response of a sidecar differs from the expected one; None where it does not."""
    assert exchange.body is not None
    return mismatch(ask(front, producer, exchange.path, exchange.body), exchange)


def _ports(channel: int, behind: int) -> dict[str, Any]:
    """Ports of the hand-over, and of the simulator behind the stand-in."""
    return {"engine": {"env": {"VLLM_NIXL_SIDE_CHANNEL_PORT": str(channel), "SIMULATOR_PORT": str(behind)}}}


def _pod(role: str, values: Mapping[str, Any], render: Render, folder: Path, programs: Path | None) -> Pod:
    pods = pods_of(role, render(dict(values)).items, folder, programs=programs)
    return next(pod for pod in pods if pod.group.role == role)


@contextmanager
def _sidecar(pod: Pod, port: int) -> Iterator[Server]:
    assert pod.group.proxy
    process = Component("sidecar", [str(binary("pd-sidecar")), *pod.group.proxy.words], pod.folder)
    server = Server(f"http://{POD_IP}:{port}", process)
    try:
        process.wait_until(lambda: server.answers("/health"))
        yield server
    finally:
        process.stop()
