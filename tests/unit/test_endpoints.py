"""What clients are told: base URL, paths of the engine, names of model and adapters."""

import json
from typing import Any

import pytest

from modelservice.cli import main
from modelservice.endpoints import endpoints, text
from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.render import VLLM, Render

SGLANG = {"image": "lmsysorg/sglang:v0.5", "modelCommand": "sglangServe"}


def config_map(render: Render, **values: Any) -> dict[str, Any]:
    found: dict[str, Any] = render({"endpoints": {"create": True}, **values}, namespace="models").one("ConfigMap")
    return found


def told(render: Render, **values: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(config_map(render, **values)["data"]["endpoints.json"])
    return data


def test_vllm_serves_chat_completions_tokens_and_health(render: Render) -> None:
    assert told(render, engine=VLLM)["endpoints"] == {
        "models": "/v1/models",
        "health": "/health",
        "metrics": "/metrics",
        "tokenize": "/tokenize",
        "detokenize": "/detokenize",
        "chat": "/v1/chat/completions",
        "completions": "/v1/completions",
        "responses": "/v1/responses",
    }


@pytest.mark.parametrize(
    ("engine", "name", "tokenize"),
    [(VLLM, "vllm", "/tokenize"), (SGLANG, "sglang", "/v1/tokenize"), ({}, "simulator", "/tokenize")],
)
def test_each_engine_has_its_own_paths(render: Render, engine: dict[str, Any], name: str, tokenize: str) -> None:
    found = told(render, engine=engine)
    assert (found["engine"], found["endpoints"]["tokenize"]) == (name, tokenize)


def test_names_are_those_the_engine_is_started_with(render: Render) -> None:
    args = {
        "served-model-name": ["llama", "default"],
        "lora-modules": ["sql=/adapters/sql", {"name": "chat", "path": "/c"}],
    }
    found = told(render, engine={**VLLM, "args": args})
    assert (found["model"], found["models"], found["adapters"]) == ("llama", ["llama", "default"], ["sql", "chat"])


def test_names_are_read_from_a_listed_containers_arguments_too(render: Render) -> None:
    container = {
        **VLLM,
        "name": "vllm",
        "args": ["--served-model-name=a", "--lora-modules", "x=/x", "y=/y", "--seed", "1"],
    }
    found = told(render, decode={"containers": [container]})
    assert (found["models"], found["adapters"]) == (["a"], ["x", "y"])


def test_a_model_without_arguments_is_called_by_its_name(render: Render) -> None:
    container = {"name": "vllm", "image": "x", "modelCommand": "custom", "command": ["run"]}
    assert told(render, modelArtifacts={"name": "org/m"}, decode={"containers": [container]})["models"] == ["org/m"]


def test_each_role_says_how_its_pods_are_reached(render: Render) -> None:
    values = {
        "engine": VLLM,
        "routing": {"proxy": {"secure": True}},
        "decode": {"parallelism": {"data": 2, "dataMode": "multiPort"}},
        "prefill": {"replicas": 1},
    }
    roles = told(render, **values)["roles"]
    assert [(role["role"], role["scheme"], role["ports"]) for role in roles] == [
        ("decode", "https", [8000, 8001]),
        ("prefill", "http", [8000]),
    ]


def test_an_engine_with_a_certificate_is_reached_by_tls(render: Render) -> None:
    values = {"engine": {**VLLM, "args": {"ssl-certfile": "/tls/tls.crt"}}, "routing": {"proxy": {"enabled": False}}}
    assert told(render, **values)["roles"][0]["scheme"] == "https"


def test_a_role_without_pods_is_not_told(render: Render) -> None:
    assert [role["role"] for role in told(render, prefill={"replicas": 0})["roles"]] == ["decode"]


def test_a_release_that_is_scaled_to_zero_keeps_its_endpoints(render: Render) -> None:
    assert told(render, decode={"replicas": 0})["endpoints"]["chat"] == "/v1/chat/completions"


def test_the_config_map_gives_clients_their_environment(render: Render) -> None:
    data = config_map(render, modelArtifacts={"name": "org/m"})["data"]
    assert data["OPENAI_MODEL"] == "org/m"
    assert "OPENAI_BASE_URL" not in data  # no Service, so no address to give


def test_there_is_no_config_map_by_default(render: Render) -> None:
    assert render({}).all("ConfigMap") == []


@pytest.mark.parametrize(
    ("engine", "feature", "asked"),
    [
        ("vllm", "TextGeneration", "localhost:8000/v1/completions"),
        ("infinity", "TextEmbedding", "localhost:8000/v1/embeddings"),
        ("huggingface", "TextGeneration", "localhost:8000/openai/v1/completions"),
        ("vllm", "SpeechToText", "localhost:8000/v1/models\n"),
    ],
)
def test_the_notes_ask_what_the_model_answers(render: Render, engine: str, feature: str, asked: str) -> None:
    artifacts = {"features": [feature], "name": "it's"}
    values = {"engine": {"type": engine, "image": "e:1"}, "modelArtifacts": {**artifacts, "uri": "hf://o/m"}}
    notes = render({**values, "routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}}).notes
    assert f"curl -s {asked}" in notes
    assert ("-d '{" in notes) is (feature != "SpeechToText")
    if feature != "SpeechToText":
        assert """"model":"it'\\''s\"""" in notes


def test_the_notes_ask_an_engine_that_serves_tls_over_tls(render: Render) -> None:
    engine = {**VLLM, "args": {"ssl-certfile": "/a", "ssl-keyfile": "/b"}}
    assert "curl -s -k https://localhost" in render({"engine": engine, "routing": {"proxy": {"enabled": False}}}).notes


def test_the_notes_tell_the_endpoints(render: Render) -> None:
    notes = render({"engine": {**VLLM, "args": {"lora-modules": ["sql=/sql"]}}}).notes
    assert "chat            /v1/chat/completions" in notes
    assert "adapters        sql" in notes
    assert "<no value>" not in notes and "null" not in notes


def test_the_tool_reads_what_the_chart_works_out(embedded: EmbeddedHelm) -> None:
    found = endpoints({"engine": VLLM, "prefill": {"replicas": 1}}, Release("r"), embedded)
    assert found.paths["chat"] == "/v1/chat/completions"
    assert [role.role for role in found.roles] == ["decode", "prefill"]
    assert found.base_url is None


def test_a_chart_that_is_switched_off_has_no_endpoints(embedded: EmbeddedHelm) -> None:
    with pytest.raises(ModelserviceError, match="enabled: true"):
        endpoints({"enabled": False}, Release("r"), embedded)


def test_the_command_prints_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["endpoints", "--set", "modelArtifacts.name=org/m", "--set", "engine.args.lora-modules[0]=sql=/sql"]
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert "org/m" in text and "sql" in text and "/v1/chat/completions" in text
    with pytest.raises(SystemExit):
        main([*arguments, "--format", "json"])
    data = json.loads(capsys.readouterr().out)
    assert (data["model"], data["adapters"]) == ("org/m", ["sql"])


ROUTED: dict[str, Any] = {
    "routing": {
        "parentRefs": [{"name": "inference", "namespace": "gateways"}], "httpRoute": {"create": True},
        "inferencePool": {"create": True}, "epp": {"create": True},
    }
}  # fmt: skip


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({}, ["base URL     none: no Service or route is created"]),
        (
            ROUTED,
            [
                "base URL     through Gateway gateways/inference, path /; its address: kubectl get gateway inference -n gateways"
            ],
        ),
        (
            merge([ROUTED, {"routing": {"httpRoute": {"pathPrefix": "/m", "modelHeader": "x-model"}}}]),
            ["through Gateway gateways/inference, path /m; its address"],
        ),
        (
            merge([ROUTED, {"routing": {"httpRoute": {"hostnames": ["m.io"]}}}]),
            ["base URL     http://m.io/v1", "route        Gateway gateways/inference, path /, host m.io"],
        ),
    ],
    ids=["no route", "a route", "a path and a header", "a host"],
)
def test_the_way_through_a_gateway_is_said(embedded: EmbeddedHelm, values: dict[str, Any], lines: list[str]) -> None:
    found = endpoints(merge([{"engine": VLLM}, values]), Release(), embedded)
    for line in lines:
        assert line in text(found)
    assert [route["gateway"] for route in found.data["routes"]] == ["gateways/inference"] * ("routing" in values)
