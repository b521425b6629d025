"""Real vLLM serves the paths of pooling models: embeddings, scores, ranks, classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcluster.process import reserved_ports
from modelservice.endpoints import endpoints
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.real_engine import MODEL, TINY, pods_of, serve
from support.render import Render

TEXT = "hello world"
PAIR: dict[str, Any] = {"query": TEXT, "documents": [TEXT, "serving models"]}

REQUESTS: dict[str, dict[str, Any]] = {
    "embeddings": {"input": TEXT},
    "pooling": {"input": TEXT},
    "rerank": PAIR,
    "score": {"text_1": TEXT, "text_2": "serving models"},
    "classify": {"input": TEXT},
}
"""Body of a request by the name of its API."""


@pytest.mark.parametrize(
    ("model", "features"),
    [
        ("embed", {"TextEmbedding"}),
        ("rerank", {"Reranking", "Scoring"}),
        ("classify", {"Classification"}),
    ],
)
def test_a_pooling_model_is_served(
    models: Path, render: Render, embedded: EmbeddedHelm, tmp_path: Path, model: str, features: set[str]
) -> None:
    with reserved_ports(1) as (port,):
        pooling: dict[str, Any] = {
            "modelArtifacts": {"uri": f"pvc://models/{model}", "features": sorted(features)},
            "engine": {"args": {"max-model-len": 128}}, "endpoints": {"create": True},
            "routing": {"servicePort": port},
        }  # fmt: skip
        values = merge([TINY, pooling])
        paths = endpoints(values, Release("pooling"), embedded).paths
        (pod,) = pods_of("pooling", render(values).items, tmp_path)
        with serve(pod, port=port) as server:
            asked = {name: body for name, body in REQUESTS.items() if name in paths}
            assert asked
            statuses = {name: server.ask(paths[name], {"model": MODEL, **body}).status for name, body in asked.items()}
            assert statuses == dict.fromkeys(asked, 200)
