"""Real vLLM runs the data-parallel ranks that the chart renders, on the ports that the chart says.

A mixture of experts starts, but computes nothing on processors: vLLM's communicator for them has no ``all_gatherv``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localcluster.process import reserved_ports
from modelservice.inputs import merge
from support import command_lines
from support.real_engine import MODEL, POD_IP, TINY, pods_of, serve
from support.render import Render


def test_one_port_balances_over_the_ranks(models: Path, render: Render, tmp_path: Path) -> None:
    ranks = {"decode": {"parallelism": {"dataLocal": 2, "dataMode": "internal"}}}
    with reserved_ports(1) as (port,):
        (pod,) = pods_of("dense", render(merge([TINY, ranks, {"routing": {"servicePort": port}}])).items, tmp_path)
        with serve(pod, port=port) as server:
            body = {"model": MODEL, "prompt": "hello", "max_tokens": 2}
            assert {server.ask("/v1/completions", body).status for _ in range(4)} == {200}
            metrics = server.ask("/metrics").text
    used = re.findall(r'^vllm:request_success_total\{engine="(\d)".*\} [1-9]', metrics, re.MULTILINE)
    assert set(used) == {"0", "1"}


def test_every_rank_has_a_port(models: Path, render: Render, tmp_path: Path) -> None:
    ranks = {
        "modelArtifacts": {"uri": "pvc://models/moe"},
        "decode": {"parallelism": {"dataLocal": 2, "dataMode": "multiPort", "expert": True}},
    }
    with reserved_ports(1) as (port,):
        objects = render(merge([TINY, ranks, {"routing": {"servicePort": port}}]))
        (pod,) = pods_of("moe", objects.items, tmp_path)
        ports = [item["containerPort"] for item in objects.engine()["ports"] if item["name"].startswith("http")]
        assert ports == [port, port + 1]
        with serve(pod, port=port) as server:
            for number in ports:
                server.url = server.url.rpartition(":")[0] + f":{number}"
                server.process.wait_until(lambda: server.answers("/health"))
                assert [item["id"] for item in server.ask("/v1/models").json["data"]] == [MODEL]


MODES = {
    # data, dataLocal; first rank of each pod; the switches of vLLM that are on
    "hybrid": (4, 2, [0, 2], {"data_parallel_hybrid_lb"}),
    "internal": (4, 2, [0, 2], set()),
    "external": (2, 1, [0, 1], {"data_parallel_external_lb"}),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_pod_of_a_group_computes_its_ranks(models: Path, render: Render, tmp_path: Path, mode: str) -> None:
    size, local, ranks, switches = MODES[mode]
    parallelism = {"data": size, "dataLocal": local, "dataMode": mode, "expert": True}
    values = merge([TINY, {"multinode": True, "decode": {"parallelism": parallelism}}])
    answers = command_lines.configure(command_lines.of_pods(mode, render(values).items, tmp_path))
    assert [answer.error for answer in answers.values()] == [None, None]
    found = [answer.parallel for answer in answers.values()]
    assert [fields["data_parallel_rank"] for fields in found] == ranks
    for fields in found:
        assert (fields["data_parallel_size"], fields["data_parallel_size_local"]) == (size, local)
        assert fields["data_parallel_master_ip"] == POD_IP
        assert {name for name, value in fields.items() if name.endswith("_lb") and value} == switches
