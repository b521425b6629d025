"""Null in a values file makes Helm delete a default: the chart renders without it, or says which key it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.values import Values

Values_ = dict[str, Any]

_MODEL: Values_ = {
    "modelArtifacts": {"name": "o/m", "uri": "hf://o/m"},
    "engine": {"type": "vllm", "image": "vllm/vllm-openai:v0.32.0"},
}
SWITCHED_ON: dict[str, Values_] = {
    "prefill and decode": merge([_MODEL, {"prefill": {"replicas": 1}}]),
    "everything around one role": merge(
        [
            _MODEL,
            {
                "prefill": {"create": False},
                "routing": {
                    "proxy": {"enabled": False},
                    "parentRefs": [{"name": "gateway"}],
                    "inferencePool": {"create": True},
                    "httpRoute": {"create": True},
                    "inferenceObjective": {"create": True, "priority": 1},
                    "epp": {"create": True},
                },
                "networkPolicy": {"enabled": True},
                "caches": {"enabled": True},
                "tracing": {"enabled": True},
                "service": {"enabled": True},
                "endpoints": {"create": True},
                "test": {"enabled": True},
                "monitoring": {"dashboard": {"enabled": True}, "prometheusrule": {"enabled": True}},
                "auth": {"apiKeySecret": {"name": "key"}},
                "decode": {
                    "probes": {"enabled": True},
                    "drain": {"enabled": True},
                    "sharedMemory": {"enabled": True},
                    "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
                    "service": {"create": True},
                    "monitoring": {"podmonitor": {"enabled": True}},
                    "autoscaling": {
                        "enabled": True,
                        "type": "keda",
                        "targetActiveRequests": 8,
                        "maxReplicas": 4,
                        "prometheus": {"serverAddress": "http://prometheus:9090"},
                    },
                },
            },
        ]
    ),
    "dual pods": merge([_MODEL, {"prefill": {"create": False}, "requester": {"enable": True}}]),
    "claims": merge(
        [_MODEL, {"prefill": {"create": False}, "routing": {"proxy": {"enabled": False}}, "accelerator": {"dra": True}}]
    ),
}
"""Values with the features that read defaults, so that each default is missed where it is used."""
ABOUT = {"dual pods": ("requester", "decode"), "claims": ("accelerator", "decode.accelerator")}
"""Keys that values are about, where others have values of their own; all keys for the rest."""


def paths(values: Any, prefix: str = "") -> Iterator[str]:
    """Yield the path of each default: sections, then what is inside them."""
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")


DEFAULTS = Values().model_dump(by_alias=True)
OPEN = ("accelerator.resources.", "accelerator.env.", "modelArtifacts.labels.")
"""Maps with entries of the user's, each of which null removes."""
PATHS = [path for path in paths(DEFAULTS) if not path.startswith(OPEN)]


def nulled(path: str) -> Values_:
    """Return values with null at a path."""
    value: Any = None
    for part in reversed(path.split(".")):
        value = {part: value}
    return dict(value)


@pytest.mark.parametrize("name", SWITCHED_ON)
def test_a_default_set_to_null_is_done_without_or_named(embedded: EmbeddedHelm, name: str) -> None:
    base = SWITCHED_ON[name]
    embedded.render(base, Release("r"))
    wrong = []
    for path in (path for path in PATHS if path.startswith(ABOUT.get(name, ""))):
        try:
            embedded.render(merge([base, nulled(path)]), Release("r")).objects  # noqa: B018
        except ModelserviceError as error:
            text = str(error)
            if path.rpartition(".")[2] not in text or "executing" in text or "nil pointer" in text:
                wrong.append(f"{path}: {text[:300]}")
    assert not wrong, "\n".join(wrong)
