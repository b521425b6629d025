"""The InferencePool and endpoint picker that the chart makes itself."""

from typing import Any

import pytest

from modelservice.inputs import merge
from support.release import PROMPT_THRESHOLD, SIMULATOR, Load, Serving

OWN: dict[str, Any] = {
    "routing": {
        "inferencePool": {"create": True},
        "epp": {
            "create": True, "image": "ghcr.io/llm-d/llm-d-inference-scheduler:v0.7.1",
            "imagePullPolicy": "IfNotPresent", "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("prefill", [0, 1])
def test_a_release_alone_is_served(serving: Serving, prefill: int) -> None:
    roles = {"prefill": {"create": bool(prefill), "replicas": prefill}}
    serving.helm.install("alone", merge([SIMULATOR, OWN, roles]), wait=False)
    with serving.own_gateway("alone") as gateway:
        serving.wait_for_pods("alone", prefill, "prefill")
        answer = gateway.chat("word " * PROMPT_THRESHOLD * 8)
        assert (answer.status, {answer.pod}) == (200, serving.names("alone"))
        assert bool(serving.last_decision()["prefiller"]) == bool(prefill)


def test_no_request_is_lost_while_the_picker_is_replaced(serving: Serving) -> None:
    """A change of its configuration starts it anew, e.g. the first upgrade with revision gating."""
    values = merge([SIMULATOR, OWN, {"engine": {"args": {"inter-token-latency": "20ms"}}}])
    serving.helm.install("alone", values, wait=False)
    with serving.own_gateway("alone") as gateway, Load(gateway, clients=8) as load:
        load.run_for(1)
        served = serving.names("alone")
        serving.helm.upgrade("alone", merge([values, {"routing": {"loadBalancing": {"strategy": "LeastLoad"}}}]))
        load.run_for(2)
        load.end()
        assert serving.names("alone") == served, "only the picker is another one"
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"
