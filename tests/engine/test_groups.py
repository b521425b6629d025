"""Real vLLM forms the group of pods that the chart renders, and rejects external ranks of a dense model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcluster.process import reserved_ports
from modelservice.errors import ModelserviceError
from modelservice.inputs import merge
from support.real_engine import MODEL, TINY, pods_of, serve
from support.render import Render


def answer(server: Any) -> str:
    """Text that a server adds to a prompt."""
    response = server.ask("/v1/completions", {"model": MODEL, "prompt": "hello", "max_tokens": 4, "temperature": 0})
    assert response.status == 200, response.text
    text: str = response.json["choices"][0]["text"]
    return text


def test_two_pods_are_one_tensor_parallel_engine(models: Path, render: Render, tmp_path: Path) -> None:
    group = {"multinode": True, "decode": {"parallelism": {"tensor": 2, "data": 1, "workers": 2}}}
    with reserved_ports(1) as (port,):
        values = merge([TINY, group, {"routing": {"servicePort": port}}])
        leader, worker = pods_of("tensor", render(values).items, tmp_path)
        with serve(leader, worker, port=port) as server:
            assert answer(server)


def test_a_dense_model_has_no_external_ranks(models: Path, render: Render, tmp_path: Path) -> None:
    with reserved_ports(1) as (port,):
        ranks = {"decode": {"parallelism": {"dataLocal": 2, "dataMode": "multiPort"}}, "routing": {"servicePort": port}}
        (pod,) = pods_of("dense", render(merge([TINY, ranks])).items, tmp_path)
        with pytest.raises(ModelserviceError, match="exited"), serve(pod, port=port):
            pass
    assert "Non-MoE models do not support external data parallel mode" in (pod.folder / "vllm-0.log").read_text()
