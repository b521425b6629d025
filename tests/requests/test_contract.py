"""The stand-in for vLLM does what the real one does: tests/engine asks vLLM the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localcluster.process import reserved_ports
from modelservice.engines.version import Version
from modelservice.errors import ModelserviceError
from modelservice.inputs import merge
from support import contract, pair
from support.contract import (
    ABRUPT,
    ADAPTER,
    ALIAS,
    COMPLETIONS,
    EXCHANGES,
    FEATURES,
    difference,
    names,
    terminate_while_running,
)
from support.images import handover, unpack, vllm_image
from support.pair import OTHER, PROMPT, REFUSED, VALUES, ask, decode, prefill
from support.real_engine import MODEL, SECRET, Server, pods_of, serve
from support.render import Render


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the stand-in's program ``vllm``."""
    return unpack(vllm_image(), tmp_path_factory.mktemp("image"))


@contextmanager
def served(values: dict[str, Any], render: Render, programs: Path, folder: Path, flags: str = "") -> Iterator[Server]:
    """Run the stand-in as the chart renders it."""
    with reserved_ports(2) as (port, behind):
        variables = {"SIMULATOR_PORT": str(behind), "SIMULATOR_FLAGS": flags}
        given = merge([values, {"routing": {"servicePort": port}, "engine": {"env": variables}}])
        (pod,) = pods_of("stand-in", render(given).items, folder, programs=programs)
        with serve(pod, port=port) as server:
            yield server


@pytest.fixture(scope="module")
def server(render: Render, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(FEATURES, render, programs, tmp_path_factory.mktemp("pod")) as running:
        yield running


@pytest.mark.parametrize("name", EXCHANGES)
def test_it_answers_like_vllm(server: Server, name: str) -> None:
    found = difference(server, EXCHANGES[name])
    assert (found is not None) == bool(EXCHANGES[name].simulator), found or "it does what it was thought not to do"


def test_it_lists_every_name(server: Server) -> None:
    assert names(server) == {MODEL, ALIAS, ADAPTER}


@pytest.mark.parametrize("values", [contract.ABRUPT, contract.FEATURES])
def test_running_requests_end_as_those_of_vllm(render: Render, programs: Path, tmp_path: Path, values: Any) -> None:
    drains = values is contract.FEATURES
    slow = "--inter-token-latency=50ms"
    with served(values, render, programs, tmp_path, slow) as server:
        response = terminate_while_running(server, {"prompt": "hello " * 100, "max_tokens": 100}, SECRET)
    assert response and response.status == 200
    assert response.json["choices"][0]["finish_reason"] in ({"length", "stop"} if drains else {"abort"})


def test_it_knows_vllms_arguments_only(render: Render, programs: Path, tmp_path: Path) -> None:
    unknown = merge([ABRUPT, {"engine": {"args": {"no-such-flag": 1}}}])
    with pytest.raises(ModelserviceError, match="unrecognized arguments"), served(unknown, render, programs, tmp_path):
        pass


def test_a_dense_model_has_no_external_ranks(render: Render, programs: Path, tmp_path: Path) -> None:
    ranks = {"decode": {"parallelism": {"dataLocal": 2, "dataMode": "multiPort"}}}
    dense = merge([ABRUPT, ranks, {"modelArtifacts": {"uri": "pvc://models/Llama-3.1-8B"}}])
    refusal = "Non-MoE models do not support external data parallel mode"
    with pytest.raises(ModelserviceError, match=refusal), served(dense, render, programs, tmp_path):
        pass


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, True),
        ({"engine": {"args": {"max-num-seqs": 8}}}, True),
        ({"engine": {"args": {"kv-cache-dtype": "auto"}}}, True),
        ({"engine": {"args": {"kv-cache-dtype": "fp8"}}}, False),
        ({"engine": {"args": {"dtype": "float16"}}}, False),
        (OTHER, False),
    ],
)
def test_a_kv_cache_is_taken_from_a_prefill_with_the_same_settings(
    render: Render, programs: Path, tmp_path: Path, changed: dict[str, Any], taken: bool
) -> None:
    with (
        prefill(render, tmp_path, programs=programs) as producer,
        decode(render, tmp_path, merge([VALUES, changed]), programs) as (consumer, front),
    ):
        found = {name: pair.difference(front, producer, exchange) for name, exchange in REFUSED.items()}
        answer = ask(front, producer, COMPLETIONS, {"prompt": PROMPT})
    assert answer.status == (200 if taken else 500), answer.text
    assert taken == all(found.values()), found
    if not taken:
        assert found == dict.fromkeys(REFUSED)
        assert "NIXL compatibility hash mismatch" in consumer.process.log.read_text()


def test_another_version_has_other_settings() -> None:
    assert handover(Version(0, 32, 0)) != handover(Version(0, 33, 0))
