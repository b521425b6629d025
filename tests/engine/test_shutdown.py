"""What real vLLM does with running requests at SIGTERM when graceful shutdown is off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localcluster.process import reserved_ports
from modelservice.inputs import merge
from support.contract import ABRUPT, terminate_while_running
from support.real_engine import pods_of, serve
from support.render import Render

KILLED = "force killing remaining process"
"""What vLLM logs when it does not wait for its engine.

Without ``--shutdown-timeout`` it gives the engine no time between SIGTERM and SIGKILL. An engine that is quicker aborts
its requests, which are answered with success; otherwise they fail, with 500 or a closed connection.
"""


def test_running_requests_are_cut_short(models: Path, render: Render, tmp_path: Path) -> None:
    body: dict[str, Any] = {"prompt": "hello", "max_tokens": 800, "n": 50, "ignore_eos": True}
    with reserved_ports(1) as (port,):
        (pod,) = pods_of("abrupt", render(merge([ABRUPT, {"routing": {"servicePort": port}}])).items, tmp_path)
        assert "--shutdown-timeout" not in pod.command
        with serve(pod, port=port) as server:
            response = terminate_while_running(server, body)
            log = server.process.log.read_text(errors="replace")
    if response is not None and response.status == 200:
        # To every proxy and alert that looks at the status this is a success, with half an answer.
        assert {choice["finish_reason"] for choice in response.json["choices"]} == {"abort"}
    else:
        assert response is None or response.status == 500, response.text
        assert KILLED in log
