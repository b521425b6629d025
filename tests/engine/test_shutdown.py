"""What real vLLM does with running requests at SIGTERM when graceful shutdown is off."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from localcluster.process import reserved_ports
from modelservice.inputs import merge
from support.real_engine import MODEL, TINY, Response, Server, pods_of, serve, wait_for_running
from support.render import Render


def test_running_requests_are_cut_short(models: Path, render: Render, tmp_path: Path) -> None:
    """The engine aborts them and answers with success. On a busy machine it is killed before: a 500, or no answer."""
    results: list[Response | None] = []
    body = {"model": MODEL, "prompt": "hello", "max_tokens": 800, "n": 50, "ignore_eos": True}

    def ask(server: Server) -> None:
        try:
            results.append(server.ask("/v1/completions", body, seconds=120))
        except OSError:
            results.append(None)

    with reserved_ports(1) as (port,):
        values = merge([TINY, {"routing": {"servicePort": port}, "decode": {"drain": {"enabled": False}}}])
        (pod,) = pods_of("abrupt", render(values).items, tmp_path)
        assert "--shutdown-timeout" not in pod.command
        with serve(pod, port=port) as server:
            request = threading.Thread(target=ask, args=[server])
            request.start()
            wait_for_running(server)
            os.kill(server.process.pid, signal.SIGTERM)
            request.join()
    (response,) = results
    if response is not None and response.status != 500:
        # To every proxy and alert that looks at the status this is a success, with half an answer.
        assert response.status == 200
        assert {choice["finish_reason"] for choice in response.json["choices"]} == {"abort"}
