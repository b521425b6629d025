"""What the chart renders has no error of `check`, or the chart rejects the values: the two never disagree.

The values are every engine with every form of parallelism, every accelerator with every way to request it, and every
name and tag of the routing sidecar. What is known of each comes from the facts, so a new engine, accelerator or image
name is covered as soon as it is there.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from modelservice import facts
from modelservice.check.finding import Severity
from modelservice.check.runner import run, sound
from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.model.deployment import Deployment
from modelservice.sources import Layer, Sources

Values = dict[str, Any]

ENGINES = {engine.type: engine for engine in facts.engines()}
ACCELERATORS = {kind.type: kind for kind in facts.accelerators().types}

POD: list[Values] = [{}, {"tensor": 2}, {"pipeline": 2}, {"dataLocal": 2}, {"dataLocal": 2, "dataMode": "multiPort"},
       {"expert": True}, {"tensor": 2, "dataLocal": 2, "expert": True}]  # fmt: skip
"""Sizes of one pod."""
GROUP: list[Values] = [{"workers": 2, "tensor": 2}, {"workers": 2, "pipeline": 2}, {"workers": 2, "dataLocal": 2},
         {"workers": 2, "dataLocal": 2, "dataMode": "multiPort"}, {"workers": 2, "dataMode": "external"},
         {"workers": 2, "dataLocal": 2, "dataMode": "internal"}]  # fmt: skip
"""Sizes of a group of pods."""
PICKER = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"
TAGS = ["", ":latest", ":main", ":sha-123", "@sha256:" + "0" * 64, ":v0.2.0", ":v0.3.0", ":v0.4.0", ":v0.5.0",
        ":v0.6.0", ":v0.7.0", ":v0.8.0", ":v0.9.0", ":v0.10.0", ":v0.10", ":0.10.1-rc1", ":v0.99.0"]  # fmt: skip


def single(engine: str, image: str = "") -> Values:
    """One role with an engine."""
    scheme = next(iter(ENGINES[engine].model.schemes), "hf")
    return {
        "modelArtifacts": {"name": "org/model", "uri": f"{scheme}://org/model"},
        "engine": {"type": engine, "image": image or ENGINES[engine].images.example},
        "routing": {"proxy": {"enabled": False}},
        "prefill": {"create": False},
    }


PD: Values = {
    "modelArtifacts": {"name": "org/model", "uri": "hf://org/model"},
    "engine": {
        "image": ENGINES["vllm"].images.example,
        "modelCommand": "vllmServe",
        "args": {"kv-transfer-config": {"kv_connector": "NixlConnector", "kv_role": "kv_both"}},
        "env": {"VLLM_NIXL_SIDE_CHANNEL_HOST": {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}},
    },
    "prefill": {"replicas": 1},
}
"""Prefill and decode with the routing sidecar."""


def role(sizes: Values) -> Values:
    """Sizes of decode, with the shared memory that they need."""
    return {"decode": {"parallelism": sizes, "sharedMemory": {"enabled": True}}}


def forms(engine: str) -> Iterator[tuple[str, Values]]:
    """Everything that an engine may be asked for, each by a label."""
    base = single(engine)
    for sizes in POD:
        yield f"{sizes}", merge([base, role(sizes)])
    for sizes in GROUP:
        yield f"group {sizes}", merge([base, {"multinode": True}, role(sizes)])
    more: dict[str, Values] = {
        "tracing": {"tracing": {"enabled": True}},
        "adapters": {"modelArtifacts": {"adapters": [{"name": "a", "uri": "hf://org/a"}]}},
        "key": {"auth": {"apiKeySecret": {"name": "s"}}},
        "drain": {"decode": {"drain": {"enabled": True}}},
        "caches": {"caches": {"enabled": True}},
        "probes": {"decode": {"probes": {"enabled": True}}},
        "picker": {"routing": {"inferencePool": {"create": True}, "epp": {"create": True, "image": PICKER}}},
    }
    for label, values in more.items():
        yield label, merge([base, values])


def claims(kind: str) -> Iterator[tuple[str, Values]]:
    """An accelerator with every engine that has an image for it, by device plugin and by claim."""
    known = ACCELERATORS[kind]
    for engine in ENGINES.values():
        images = [image for image in engine.images.repositories if any(word in image for word in known.image_words)]
        for dra in (False, True):
            values = single(engine.type, f"{images[0]}:v1.0.0" if images else "registry.example.com/engine:1.0")
            layer = {"accelerator": {"type": kind, "dra": dra}}
            yield f"{engine.type}{' claim' * dra}", merge([values, layer, role({"tensor": 2})])


def sidecars(name: str) -> Iterator[tuple[str, Values]]:
    """An image name of the sidecar with every tag, and with a version next to it."""
    image = f"ghcr.io/llm-d/{name}"
    for tag in TAGS:
        yield tag, merge([PD, {"routing": {"proxy": {"image": image + tag}}}])
    for version in ("0.3", "0.7", "0.10", "v0.9.0"):
        yield f"version {version}", merge([PD, {"routing": {"proxy": {"image": f"{image}:x", "version": version}}}])


def disagreements(embedded: EmbeddedHelm, cases: Iterator[tuple[str, Values]]) -> list[str]:
    """The errors that check finds in what the chart renders."""
    found = []
    for label, values in cases:
        try:
            rendered = embedded.render(values, Release("agree"))
        except ValuesError:
            continue  # the chart rejects the values
        objects, unread = sound(rendered.objects, "agree")
        deployment = Deployment("agree", objects, "default", Sources([Layer("values.yaml", values, None)]))
        findings = [*unread, *run([deployment])]
        found += [
            f"{label}: {item.rule}: {item.values}: {item.message}"
            for item in findings
            if item.severity is Severity.error
        ]
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_chart_and_check_agree_about_an_engine(embedded: EmbeddedHelm, engine: str) -> None:
    assert disagreements(embedded, forms(engine)) == []


@pytest.mark.parametrize("kind", ACCELERATORS)
def test_chart_and_check_agree_about_an_accelerator(embedded: EmbeddedHelm, kind: str) -> None:
    assert disagreements(embedded, claims(kind)) == []


@pytest.mark.parametrize("name", [image.name for image in facts.routing_proxy().images])
def test_chart_and_check_agree_about_the_sidecar(embedded: EmbeddedHelm, name: str) -> None:
    assert disagreements(embedded, sidecars(name)) == []
