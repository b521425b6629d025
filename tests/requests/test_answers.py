"""Requests through the gateway are answered, by the pods that should."""

import json
from typing import Any

import pytest

from modelservice.inputs import merge
from support.release import DISAGGREGATED, MODEL, PROBES, PROMPT_THRESHOLD, Endpoint, Load, Serving


def prefilled(prefill: Endpoint, *, tls: bool = False) -> float:
    """Prompts that a prefill pod has computed for a decode pod."""
    name = f'vllm:request_success_total{{finish_reason="remote_decode",model_name="{MODEL}"}}'
    return Endpoint(prefill.address, tls=tls).metrics().get(name, 0)


@pytest.mark.quick_on_kind
def test_a_single_pod_answers(serving: Serving) -> None:
    with serving.served("single") as gateway:
        answer = gateway.chat("hello")
        assert answer.json["choices"][0]["message"]["content"] == "hello"
        assert answer.json["model"] == MODEL
        (pod,) = serving.pods("single")
        assert answer.pod == pod["metadata"]["name"]
        assert serving.last_decision()["endpoint"] == f"{pod['status']['podIP']}:8000"


def test_a_stream_comes_in_pieces_and_ends(serving: Serving) -> None:
    with serving.served("stream") as gateway:
        answer = gateway.chat("one two three", stream=True)
        *events, last = [line for line in answer.body.decode().splitlines() if line]
        assert last == "data: [DONE]"
        pieces = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"].get("content") for event in events]
        assert len([piece for piece in pieces if piece]) > 1
        assert "".join(piece or "" for piece in pieces) == "one two three"


def test_long_prompts_are_computed_by_prefill_and_short_ones_are_not(serving: Serving) -> None:
    with serving.served("pd", {"prefill": {"create": True, "replicas": 1}}, picker=DISAGGREGATED) as gateway:
        (prefill,) = serving.wait_for_pods("pd", 1, "prefill")
        (decode,) = serving.wait_for_pods("pd", 1)
        engine = serving.endpoint(prefill)
        before = prefilled(engine)
        assert gateway.chat("short").pod == decode["metadata"]["name"]
        assert prefilled(engine) == before
        long = gateway.chat("word " * PROMPT_THRESHOLD * 4)
        assert (long.status, long.pod) == (200, decode["metadata"]["name"])
        assert prefilled(engine) == before + 1


def test_prefill_pods_are_reached_by_tls(serving: Serving) -> None:
    tls = {
        "routing": {"proxy": {"prefillerUseTLS": True, "args": ["--tls-insecure-skip-verify=prefiller"]}},
        "prefill": {"create": True, "replicas": 1, "engine": {"args": {"self-signed-certs": True}}},
    }
    with serving.served("tls", tls, picker=DISAGGREGATED) as gateway:
        (prefill,) = serving.wait_for_pods("tls", 1, "prefill")
        assert gateway.chat("word " * PROMPT_THRESHOLD * 4).status == 200
        assert serving.last_decision()["prefiller"] == f"{prefill['status']['podIP']}:8000"
        # The engine logs nothing of a request, but what it counts is served by TLS alone.
        assert prefilled(serving.endpoint(prefill), tls=True) == 1


def test_replicas_share_the_load(serving: Serving) -> None:
    with serving.served("share", {"decode": {"replicas": 3}}) as gateway:
        serving.wait_for_pods("share", 3)
        with Load(gateway, clients=6) as load:
            serving.cluster.wait("every pod has answered", lambda: set(load.answered) == serving.names("share"))
        assert load.lost == []


def test_a_prefix_goes_where_it_is_cached(serving: Serving) -> None:
    with serving.served("prefix", {"decode": {"replicas": 3}}) as gateway:
        serving.wait_for_pods("prefix", 3)
        conversation = "the same long beginning " * 40
        first = gateway.chat(conversation)
        assert {gateway.chat(f"{conversation} {question}").pod for question in range(8)} == {first.pod}


def test_lora_adapters_are_served_by_name(serving: Serving) -> None:
    adapters = ['{"name": "french", "path": "/adapters/french"}', '{"name": "legal", "path": "/adapters/legal"}']
    with serving.served("lora", {"engine": {"args": {"lora-modules": adapters, "max-loras": 2}}}) as gateway:
        models = {model["id"] for model in gateway.request("/v1/models").json["data"]}
        assert models == {MODEL, "french", "legal"}
        assert gateway.chat("bonjour", model="french").json["model"] == "french"
        assert gateway.chat("bonjour", model="german").status == 404


def test_embeddings_are_answered(serving: Serving) -> None:
    """With the endpoint picker that the inferencepool chart installs by itself: llm-d's of this version takes prompts
    only.
    """
    with serving.served("embed", picker=None) as gateway:
        answer = gateway.request("/v1/embeddings", {"model": MODEL, "input": "hello"})
        assert answer.status == 200, answer.body
        assert len(answer.json["data"][0]["embedding"]) == 384
        (pod,) = serving.pods("embed")
        assert serving.last_decision()["endpoint"] == f"{pod['status']['podIP']}:8000"


def test_the_api_key_is_required_where_it_is_set(serving: Serving, vllm: dict[str, Any]) -> None:
    """By the engine, of prefill too; probes and the endpoint picker's reading of metrics need none."""
    secret = {"name": "keys", "key": "of-clients"}
    serving.cluster.client.apply(
        [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"of-clients": "s3cret"}}],
        namespace=serving.namespace,
    )
    values = {**vllm, "auth": {"apiKeySecret": secret}, "prefill": {"create": True, "replicas": 1}}
    key = {"Authorization": "Bearer s3cret"}
    with serving.served("keys", merge([values, PROBES]), picker=DISAGGREGATED, headers=key) as gateway:
        (prefill,) = serving.wait_for_pods("keys", 1, "prefill")
        assert gateway.chat("hello").status == 401
        assert gateway.chat("hello", headers={"Authorization": "Bearer other"}).status == 401
        engine = serving.endpoint(prefill)
        assert engine.chat("hello").status == 401
        before = prefilled(engine)
        assert gateway.chat("word " * PROMPT_THRESHOLD * 4, headers=key).status == 200
        assert prefilled(engine) == before + 1


def test_the_gateway_reaches_decode_pods_by_tls(serving: Serving) -> None:
    """The sidecar serves TLS; the gateway and the endpoint picker, which reads metrics through it, are told to."""
    metrics = {"model-server-metrics-scheme": "https"}
    secure = {"routing": {"proxy": {"secure": True}}}
    with serving.served("secure", secure, tls=True, picker_flags=metrics) as gateway:
        (pod,) = serving.pods("secure")
        assert gateway.chat("hello").pod == pod["metadata"]["name"]
        assert Endpoint(serving.endpoint(pod).address, tls=True).chat("hello").status == 200
        with serving.gateway("secure") as plain:
            assert plain.chat("hello").status != 200


def test_two_models_in_a_namespace_answer_only_for_themselves(serving: Serving) -> None:
    names = {"one": "first/model", "two": "second/model"}
    for release, name in names.items():
        labels = {"llm-d.ai/model": release}
        serving.install(release, {"modelArtifacts": {"name": name, "labels": labels}})
    header = "x-gateway-model-name"
    http_routes = [http_route(release, {header: name}) for release, name in names.items()]
    with serving.gateway(*names, http_routes=http_routes) as gateway:
        for release, name in names.items():
            serving.wait_for_answer(gateway, model=name, headers={header: name})
            answer = gateway.chat("hello", model=name, headers={header: name})
            assert (answer.status, {answer.pod}) == (200, serving.names(release))
        assert gateway.chat("hello", model="first/model", headers={header: "second/model"}).status == 404
        assert gateway.chat("hello", model="first/model").status == 404


def http_route(release: str, headers: dict[str, str]) -> dict[str, Any]:
    """An HTTPRoute of requests with headers to a release's pool."""
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": f"{release}-pool"}
    matches = [{"headers": [{"type": "Exact", "name": name, "value": value} for name, value in headers.items()]}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": release},
        "spec": {"rules": [{"matches": matches, "backendRefs": [backend]}]},
    }
