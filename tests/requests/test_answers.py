"""Requests through the gateway are answered, by the pods that should."""

import json

from serving import DISAGGREGATED, MODEL, PROMPT_THRESHOLD, Serving


def test_a_single_pod_answers(serving: Serving) -> None:
    with serving.served("single") as gateway:
        answer = gateway.chat("hello")
        assert answer.json["choices"][0]["message"]["content"] == "hello"
        assert answer.json["model"] == MODEL
        assert {answer.pod} == serving.names("single")


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
        counted = 'vllm:request_success_total{finish_reason="remote_decode",model_name="random/model"}'
        before = engine.metrics().get(counted, 0)
        assert gateway.chat("short").pod == decode["metadata"]["name"]
        assert engine.metrics().get(counted, 0) == before
        long = gateway.chat("word " * PROMPT_THRESHOLD * 4)
        assert (long.status, long.pod) == (200, decode["metadata"]["name"]), serving.explain()
        assert engine.metrics().get(counted, 0) == before + 1, serving.explain()
