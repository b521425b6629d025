"""Real Infinity, started as the chart renders it, serves the paths that the chart names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcluster.process import reserved_ports
from modelservice.endpoints import endpoints
from modelservice.facts import engine
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.real_engine import MODEL, SECRET, pods_of, serve
from support.render import Render

VALUES: dict[str, Any] = {
    "modelArtifacts": {"name": MODEL, "uri": "pvc://models/embed"},
    "engine": {
        "type": "infinity", "image": "michaelf34/infinity:0.0.77",
        # Its image has the package `optimum` for this, which the environment here has not.
        "env": {"INFINITY_BETTERTRANSFORMER": "false"},
    },
    "accelerator": {"type": "cpu"},
    "auth": {"apiKeySecret": {"name": "clients"}},
    "routing": {"proxy": {"enabled": False}},
    "prefill": {"create": False},
    "endpoints": {"create": True},
}  # fmt: skip

REQUESTS: dict[str, dict[str, Any]] = {
    "embeddings": {"input": ["hello world"]},
    "rerank": {"query": "hello world", "documents": ["hello", "serving models"]},
    "classify": {"input": ["hello world"]},
}
"""Body of a request by the name of its API."""


@pytest.mark.parametrize(
    ("model", "feature", "api"),
    [
        ("embed", "TextEmbedding", "embeddings"),
        ("rerank", "Reranking", "rerank"),
        ("classify", "Classification", "classify"),
    ],
)
def test_it_serves_what_the_chart_says(
    infinity_models: Path,
    render: Render,
    embedded: EmbeddedHelm,
    tmp_path: Path,
    model: str,
    feature: str,
    api: str,
) -> None:
    with reserved_ports(1) as (port,):
        artifacts = {"uri": f"pvc://models/{model}", "features": [feature]}
        values = merge([VALUES, {"modelArtifacts": artifacts, "routing": {"servicePort": port}}])
        objects = render(values)
        (pod,) = pods_of(model, objects.items, tmp_path, "infinity")
        probes = {
            objects.engine()[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        told = endpoints(values, Release(model), embedded).paths
        facts = engine("infinity")
        assert facts and facts.api_key
        with serve(pod, port=port) as server:
            assert {path: server.ask(path).status for path in probes} == dict.fromkeys(probes, 200)
            assert [item["id"] for item in server.ask(told["models"], key=SECRET).json["data"]] == [MODEL]
            body = {"model": MODEL, **REQUESTS[api]}
            answer = server.ask(told[api], body, key=SECRET)
            assert answer.status == 200, answer.text
            # Every path asks for the key, except those that the facts name.
            assert server.ask(told[api], body).status == server.ask(told["models"]).status == 401
            open_paths = {path: server.ask(path).status for path in facts.api_key.unguarded}
            assert open_paths == dict.fromkeys(facts.api_key.unguarded, 200)
            assert "# TYPE" in server.ask(told["metrics"]).text
