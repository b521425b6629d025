"""The prefill/decode example answers with the real vLLM in its pods, which hand the KV cache over by NIXL."""

from __future__ import annotations

import os
from typing import Any

import pytest

from modelservice.errors import UsageError
from modelservice.inputs import merge, read_values
from support import pod_engine, real_engine
from support.cluster import claim
from support.real_engine import START
from support.release import DISAGGREGATED, SIMULATOR, Endpoint, Serving
from support.render import ROOT

ANY: dict[str, Any] = {"labelKey": "", "labelValues": []}
ROLE: dict[str, Any] = {
    "monitoring": {"podmonitor": {"enabled": False}}, "acceleratorTypes": ANY, "probes": {"enabled": True},
}  # fmt: skip
PROMPT = "what is the answer to the question about serving models? " * 8


@pytest.fixture
def engine(serving: Serving, own_nodes: None) -> dict[str, Any]:
    """Values for the real vLLM with the tiny model, which the namespace has as a claim; skips where it cannot run."""
    try:
        models = real_engine.models()
        values = pod_engine.values()
    except UsageError as error:
        if os.environ.get("CI") == "true" or os.environ.get("REQUIRE_ENGINES"):
            raise
        pytest.skip(str(error))
    serving.cluster.import_image(pod_engine.image())
    serving.cluster.client.apply(claim("models", serving.namespace, models), namespace=serving.namespace)
    proxy = SIMULATOR["routing"]["proxy"]
    tiny = {"modelArtifacts": {"uri": "pvc://models/dense", "authSecretName": None}, "routing": {"proxy": proxy}}
    return merge([values, tiny, {"decode": ROLE, "prefill": ROLE}])


def total(endpoint: Endpoint, name: str, label: str = "") -> float:
    """Sum of the samples of a metric that have a label."""
    samples = endpoint.metrics().items()
    return sum(value for sample, value in samples if sample.startswith(f"{name}{{") and label in sample)


def test_a_prompt_is_computed_on_prefill_and_handed_over_to_decode(serving: Serving, engine: dict[str, Any]) -> None:
    example = read_values(str(ROOT / "examples" / "values-pd.yaml"))
    model = example["modelArtifacts"]["name"]
    serving.install("example", engine, base=example, picker=DISAGGREGATED)
    (prefill,) = serving.wait_for_pods("example", 1, "prefill", START)
    (decode,) = serving.wait_for_pods("example", 1, seconds=START)
    producer, consumer = serving.endpoint(prefill), serving.endpoint(decode, 8200)
    with serving.gateway("example") as gateway:
        serving.wait_for_answer(gateway, model=model)
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
