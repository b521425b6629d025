"""The examples answer: their engine image is one in place of vLLM's that takes vLLM's flags."""

from pathlib import Path
from typing import Any

import pytest

from modelservice.inputs import merge, read_values
from support.cluster import claim
from support.release import AGGREGATED, DISAGGREGATED, Serving
from support.render import ROOT

PRESENT = {
    "engine": {"imagePullPolicy": "IfNotPresent"},
    "routing": {"proxy": {"imagePullPolicy": "IfNotPresent"}},
}
"""There is no registry to pull from."""

ANY: dict[str, Any] = {"labelKey": "", "labelValues": []}

SMALL: dict[str, Any] = {
    # The sidecar of the examples is newer than what can be built here.
    "routing": {"proxy": {"image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.7.1"}},
    "decode": {"monitoring": {"podmonitor": {"enabled": False}}, "acceleratorTypes": ANY},
    "prefill": {"monitoring": {"podmonitor": {"enabled": False}}, "acceleratorTypes": ANY},
}
"""What the nodes of the tests do not have."""

EXAMPLES: dict[str, tuple[dict[str, Any], int, int]] = {
    "single": ({}, 1, 0),
    "simulator": ({}, 1, 1),
    "pd": ({}, 2, 4),
    "multinode-tensor": ({}, 1, 0),
    "multinode": ({"engine": {"resources": {"limits": {"memory": "1Gi"}}}}, 2, 2),
}
"""Examples with what is changed of them, and how many pods serve as decode and as prefill."""


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.usefixtures("vllm")
def test_example_answers(serving: Serving, name: str) -> None:
    changes, decode, prefill = EXAMPLES[name]
    values = merge([read_values(str(ROOT / "examples" / f"values-{name}.yaml")), SMALL, changes])
    serving.cluster.client.apply(surroundings(values, serving.namespace), namespace=serving.namespace)
    model = values["modelArtifacts"]["name"]
    picker = DISAGGREGATED if prefill else AGGREGATED
    serving.install("example", values, base=PRESENT, picker=picker)
    with serving.gateway("example") as gateway:
        serving.wait_for_pods("example", decode)
        serving.wait_for_pods("example", prefill, "prefill")
        serving.wait_for_answer(gateway, model=model)
        long = gateway.chat("word " * 200, model=model)
        assert long.status == 200
        assert long.json["choices"][0]["message"]["content"]
        assert bool(serving.last_decision()["prefiller"]) == bool(prefill)


def surroundings(values: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    """What an example expects to be there: the secret with the token, the claim with the model."""
    artifacts = values["modelArtifacts"]
    objects: list[dict[str, Any]] = []
    if secret := artifacts.get("authSecretName"):
        objects.append(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": {"HF_TOKEN": "none"}}
        )
    scheme, _, location = artifacts.get("uri", "").partition("://")
    if scheme.startswith("pvc"):
        objects += claim(location.partition("/")[0], namespace, Path("/tmp"))
    return objects
