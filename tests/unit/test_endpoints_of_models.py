"""Endpoints, dashboard and test of each engine and feature."""

import json
from typing import Any

import pytest

from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.render import Render

ALONE = {"routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}}


def told(render: Render, **values: Any) -> dict[str, Any]:
    (data,) = [
        item["data"]
        for item in render({"endpoints": {"create": True}, **values}).all("ConfigMap")
        if "endpoints.json" in item["data"]
    ]
    found: dict[str, Any] = json.loads(data["endpoints.json"])
    return found


def engine(name: str, *features: str, uri: str = "hf://o/m") -> dict[str, Any]:
    return {
        "engine": {"type": name, "image": "example.com/server:1"},
        "modelArtifacts": {"name": "o/m", "uri": uri, "features": list(features)},
        **ALONE,
    }


@pytest.mark.parametrize(
    ("values", "path"),
    [
        (engine("vllm", "TextEmbedding"), ("embeddings", "/v1/embeddings")),
        (engine("vllm", "Reranking"), ("rerank", "/v1/rerank")),
        (engine("vllm", "Scoring"), ("score", "/v1/score")),
        (engine("vllm", "Classification"), ("classify", "/classify")),
        (engine("vllm", "SpeechToText"), ("transcriptions", "/v1/audio/transcriptions")),
        (engine("ollama", "TextGeneration", uri="ollama://qwen3:0.6b"), ("chat", "/v1/chat/completions")),
        (engine("infinity", "TextEmbedding"), ("embeddings", "/v1/embeddings")),
        (engine("fasterWhisper", "SpeechToText"), ("translations", "/v1/audio/translations")),
        (engine("huggingface", "TextGeneration"), ("completions", "/openai/v1/completions")),
    ],
)
def test_paths_follow_engine_and_feature(render: Render, values: dict[str, Any], path: tuple[str, str]) -> None:
    found = told(render, **values)
    assert found["endpoints"][path[0]] == path[1]
    assert found["models"] == ["o/m"]


@pytest.mark.parametrize(("name", "listed"), [("m", "/v2/models/m/infer"), ("o/m", None)])
def test_a_path_with_the_models_name_is_told_where_the_name_is_one_segment(
    render: Render, name: str, listed: str | None
) -> None:
    values = merge([engine("huggingface", "TextGeneration"), {"modelArtifacts": {"name": name}}])
    assert told(render, **values)["endpoints"].get("infer") == listed


def test_adapters_and_aliases_are_names_that_clients_write(render: Render) -> None:
    values = engine("vllm", "TextGeneration")
    values["modelArtifacts"] |= {
        "aliases": ["llama"],
        "adapters": [{"name": "sql", "uri": "hf://o/sql"}],
        "lora": {"dynamic": True},
    }
    found = told(render, **values)
    assert (found["models"], found["adapters"]) == (["o/m", "llama"], ["sql"])
    assert found["endpoints"]["loadAdapter"] == "/v1/load_lora_adapter"


@pytest.mark.parametrize(
    ("feature", "question"),
    [
        ("TextEmbedding", "/v1/embeddings"),
        ("Reranking", "/v1/rerank"),
        ("Scoring", "/v1/score"),
        ("Classification", "/classify"),
        ("SpeechToText", ""),
    ],
)
def test_the_question_follows_the_feature(render: Render, feature: str, question: str) -> None:
    (container,) = render({**engine("vllm", feature), "test": {"enabled": True}}).one("Pod")["spec"]["containers"]
    env = {item["name"]: item.get("value") for item in container["env"]}
    assert env["QUESTION"] == question
    assert bool(env["EXPECT"]) == bool(env["BODY"]) == bool(question)


def test_speech_has_no_question_in_text(embedded: EmbeddedHelm) -> None:
    values = {**engine("vllm", "SpeechToText"), "test": {"enabled": True, "question": {"body": {"prompt": "x"}}}}
    with pytest.raises(ValuesError, match=r"test\.question\.path: there is no question in text for SpeechToText"):
        embedded.render(values, Release("test"))


@pytest.mark.parametrize("name", ["ollama", "infinity", "fasterWhisper", "sglang"])
def test_alerts_and_dashboard_are_refused_for_engines_with_other_metrics(embedded: EmbeddedHelm, name: str) -> None:
    title = {"ollama": "Ollama", "infinity": "Infinity", "sglang": "SGLang"}.get(name, "faster-whisper-server")
    for key in ("dashboard", "prometheusrule"):
        values = engine(name, uri="ollama://qwen3:0.6b" if name == "ollama" else "hf://o/m")
        with pytest.raises(
            ValuesError, match=rf"monitoring\.{key}\.enabled: it reads vLLM's metrics, but decode runs {title}"
        ):
            embedded.render({**values, "monitoring": {key: {"enabled": True}}}, Release("test"))
