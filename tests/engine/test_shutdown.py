"""What real vLLM does with running requests at SIGTERM when graceful shutdown is off."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from localcluster.process import reserved_ports
from modelservice.inputs import merge
from support.real_engine import MODEL, TINY, pods_of, serve, wait_for_running
from support.render import Render


def test_running_requests_are_cut_short(models: Path, render: Render, tmp_path: Path) -> None:
    results: list[Any] = []
    body = {"model": MODEL, "prompt": "hello", "max_tokens": 800, "n": 50, "ignore_eos": True}
    with reserved_ports(1) as (port,):
        values = merge([TINY, {"routing": {"servicePort": port}, "decode": {"drain": {"enabled": False}}}])
        (pod,) = pods_of("abrupt", render(values).items, tmp_path)
        assert "--shutdown-timeout" not in pod.command
        with serve(pod, port=port) as server:
            request = threading.Thread(target=lambda: results.append(server.ask("/v1/completions", body, seconds=600)))
            request.start()
            wait_for_running(server)
            os.kill(server.process.pid, signal.SIGTERM)
            request.join()
    (response,) = results
    # A success to every proxy and alert that looks at the status, with half an answer.
    assert response.status == 200
    assert {choice["finish_reason"] for choice in response.json["choices"]} == {"abort"}
