"""The prefill/decode example answers with the real vLLM in its pods, which hand the KV cache over by NIXL."""

from __future__ import annotations

import pytest

from support import pod_engine
from support.real_engine import models_or_skip
from support.release import Endpoint, Serving

PROMPT = "what is the answer to the question about serving models? " * 8


@pytest.fixture
def _real_engine() -> None:
    models_or_skip()


def total(endpoint: Endpoint, name: str, label: str = "") -> float:
    """Sum of the samples of a metric that have a label."""
    samples = endpoint.metrics().items()
    return sum(value for sample, value in samples if sample.startswith(f"{name}{{") and label in sample)


@pytest.mark.usefixtures("_real_engine", "own_nodes")
def test_a_prompt_is_computed_on_prefill_and_handed_over_to_decode(serving: Serving) -> None:
    model = pod_engine.install(serving, "example")
    (prefill,), (decode,) = (serving.pods("example", role) for role in ("prefill", "decode"))
    producer, consumer = serving.endpoint(prefill), serving.endpoint(decode, 8200)
    with serving.gateway("example") as gateway:
        serving.wait_for_answer(gateway, model=model, max_tokens=1)
        computed, generated = (total(producer, f"vllm:{name}_tokens_total") for name in ("prompt", "generation"))
        answer = gateway.chat(PROMPT, model=model, max_tokens=8, temperature=0)
        assert answer.status == 200, answer.body
        decision = serving.last_decision()
    prompt = answer.json["usage"]["prompt_tokens"]
    assert decision["prefiller"] == producer.address
    assert decision["endpoint"] == f"{decode['status']['podIP']}:8000"
    assert total(producer, "vllm:prompt_tokens_total") - computed == prompt
    assert total(producer, "vllm:generation_tokens_total") - generated == 1
    # The last block is computed again where it is not full.
    handed = total(consumer, "vllm:prompt_tokens_by_source_total", 'source="external_kv_transfer"')
    assert handed >= prompt - 16 > 0
    assert total(consumer, "vllm:nixl_bytes_transferred_sum") > 0
    assert total(consumer, "vllm:nixl_num_failed_transfers_total") == 0
