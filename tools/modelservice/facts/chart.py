"""The facts that the chart's templates read: ``facts.json``.

One JSON document without sources, small and quick to parse, because Helm reads it once in every render. Its keys are
those of the YAML. A template gets it from ``llm-d-modelservice.known``, which keeps it in the root context.

    {"engines": {type: Engine}, "aliases": {spelling: vLLM's long flag}, "accelerators": {type: …},
     "routingProxy": …, "endpointPicker": …, "kubernetes": {feature: {title, since}}, "sections": …}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.facts import DIRECTORY
from modelservice.facts.load import raw

_NOT_RENDERED = {"source", "notes", "read", "example", "repositories", "programs", "docs"}
"""Keys that no template needs."""


def chart_facts() -> dict[str, Any]:
    """Return what the chart's templates know of the world."""
    engines = [raw(path) for path in sorted((DIRECTORY / "engines").glob("*.yaml"))]
    accelerators = raw(DIRECTORY / "accelerators.yaml")
    kubernetes = raw(DIRECTORY / "kubernetes.yaml")
    return {
        "engines": {engine["type"]: _without_sources(engine) for engine in engines},
        "accelerators": {
            item["type"]: _without_sources({key: item[key] for key in _ACCELERATOR if key in item})
            for item in accelerators["types"]
        },
        "routingProxy": _without_sources(raw(DIRECTORY / "routing-proxy.yaml")),
        "endpointPicker": _without_sources(raw(DIRECTORY / "endpoint-picker.yaml")),
        "kubernetes": {name: _without_sources(item) for name, item in kubernetes["features"].items()},
    }


_ACCELERATOR = ("resource", "moreResources", "deviceClass", "countsCores", "shares")


def _without_sources(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _without_sources(value) for key, value in data.items() if key not in _NOT_RENDERED}
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_without_sources(item) for item in data]
    return data


def text() -> str:
    """Return ``facts.json``: one line for each engine, accelerator and program."""

    def dump(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    sections = []
    for name, content in chart_facts().items():
        items = ",\n".join(f"  {dump(key)}:{dump(value)}" for key, value in content.items())
        sections.append(f" {dump(name)}:{{\n{items}\n }}")
    return "{\n" + ",\n".join(sections) + "\n}\n"
