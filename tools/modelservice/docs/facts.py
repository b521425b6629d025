"""The chart's ``facts.json``: what its templates know of the world, and which values are sections.

The templates read it once in a render, through ``llm-d-modelservice.known``. It is JSON because that parses faster than
YAML, and has no more of the facts than templates need: no sources, nothing that only the tool judges by. A key that is
missing means the default of the record.

    engines         {type: Engine}, see modelservice.facts.models; kvRoles {flag, connectors, connectorKey, roleKey,
                    roles} and handover {flag, equal, weights, connectors, handshake, blocks} instead of kvTransfer
    accelerators    {type: {moreResources, shares}}
    routingProxy    {images: {name: default version}, assumed, flags: {name: {since, until, instead}},
                    bootstrap {connector: BootstrapPort}}
    endpointPicker  images and assumed as above; example, the newest image; features {name: since}; the rest as in the
                    record
    fastModelActuation, disaggregatedSet  see modelservice.facts.models
    kubernetes      {feature: {title, since}}
    aliases         {spelling: canonical flag}, without dashes
    unstated        what an engine without a type is: {type, image, byCommand, byImage}
    required        {name: the same inside it} of the sections of the values, which must be maps; null for another value
                    that must not be null
    defaults        the defaults of the values that are not null or empty, for what a section lacks
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.facts import DIRECTORY
from modelservice.facts.load import raw
from modelservice.facts.models import Start
from modelservice.values import required

_NOT_RENDERED = {
    "source", "notes", "example", "repositories", "programs", "type", "kvTransfer", "flags", "pattern", "entrypoint",
    "flagsLike", "formats", "dataInsideTensor", "takesSeconds", "rpc", "masterPort", "kvEvents",
    "changes",
}  # fmt: skip
"""Keys of an engine that no template needs."""

_ALWAYS = {"needsAccelerator": True, "disaggregates": False}
"""Keys of an engine that a template could not tell from a missing one."""

_ACCELERATOR = ("moreResources", "shares")
"""Keys of an accelerator that templates need; the others are defaults of the values."""


def chart_facts() -> dict[str, Any]:
    """Return what the chart's templates know."""
    engines = sorted((raw(path) for path in (DIRECTORY / "engines").glob("*.yaml")), key=lambda engine: engine["type"])
    accelerators = raw(DIRECTORY / "accelerators.yaml")["types"]
    return {
        "engines": {engine["type"]: _engine(engine) for engine in engines},
        "accelerators": {
            item["type"]: _rendered({key: item.get(key) for key in _ACCELERATOR}) for item in accelerators
        },
        "routingProxy": _routing_proxy(raw(DIRECTORY / "routing-proxy.yaml")),
        "endpointPicker": _endpoint_picker(raw(DIRECTORY / "endpoint-picker.yaml")),
        "fastModelActuation": _rendered(raw(DIRECTORY / "fast-model-actuation.yaml")),
        "disaggregatedSet": _rendered(raw(DIRECTORY / "disaggregated-set.yaml")),
        "kubernetes": _rendered(raw(DIRECTORY / "kubernetes.yaml")["features"]),
        "certificates": [item["name"] for item in raw(DIRECTORY / "certificates.yaml")["variables"]],
        "aliases": dict(sorted(_aliases(engines).items())),
        "unstated": _unstated(engines),
        "required": required.tree(),
        "defaults": required.defaults(),
    }


def facts_json() -> str:
    """Return ``facts.json``: one line for each engine, accelerator and program."""

    def dump(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def lines(content: Any) -> str:
        if not isinstance(content, Mapping):
            return dump(content)
        return "{" + ",".join(f"\n  {dump(key)}: {dump(value)}" for key, value in content.items()) + "\n }"

    return "{" + ",".join(f"\n {dump(name)}: {lines(content)}" for name, content in chart_facts().items()) + "\n}\n"


def _engine(engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return an engine as templates read it."""
    found = {**_ALWAYS, **_rendered({key: value for key, value in engine.items() if key not in _NOT_RENDERED})}
    found["start"] = {"container": Start.container, **found["start"]}
    transfer = engine.get("kvTransfer", {})
    if "roles" in transfer.get("peers", {}):
        kept = ("connectors", "connectorKey", "roleKey", "roles")
        found["kvRoles"] = {"flag": transfer["flag"], **{key: transfer["peers"][key] for key in kept}}
    if handover := _handover(transfer):
        found["handover"] = handover
    if "groups" in found:
        found["groups"] = {"dataOverPods": True, **found["groups"]}
    return found


def _handover(transfer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two engines must have in common to hand over, of which the chart makes a revision."""
    peers = transfer.get("peers", {})
    found = {key: transfer[key] for key in ("flag", "equal", "weights") if key in transfer}
    if "handshake" in peers:
        handshake = peers["handshake"]
        factors = [
            _rendered(_without(item, "name", "mayBeDefault")) for item in handshake["factors"] if "image" not in item
        ]
        unique = [factor for number, factor in enumerate(factors) if factor not in factors[:number]]
        found["connectors"] = peers["connectors"]
        found["handshake"] = {"since": handshake["since"], "switch": handshake["switch"], "factors": unique}
    if "blocks" in peers:
        found["blocks"] = {key: peers["blocks"][key] for key in ("flag", "anySince")}
    return found if "equal" in found else {}


def _without(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in names}


def _images(program: Mapping[str, Any]) -> dict[str, str]:
    """Return the version that each image name of a program is taken for."""
    return {image["name"]: image["defaultVersion"] for image in program["images"] if image.get("defaultVersion")}


def _routing_proxy(proxy: Mapping[str, Any]) -> dict[str, Any]:
    flags = {
        flag["name"]: {key: flag[key] for key in ("since", "until", "instead") if key in flag}
        for flag in proxy["flags"]
    }
    return {
        "images": _images(proxy),
        "assumed": proxy["assumed"],
        "flags": {name: bounds for name, bounds in flags.items() if bounds},
        "bootstrap": {
            item["name"]: _rendered(item["bootstrap"]) for item in proxy["connectors"] if "bootstrap" in item
        },
    }


def _endpoint_picker(picker: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "oldest",
        "extension",
        "ports",
        "configApi",
        "objectiveApi",
        "objectiveGroups",
        "queueMetric",
        "rolloutScreener",
    )
    newest = picker["images"][-1]
    return {
        "images": _images(picker),
        "assumed": newest["defaultVersion"],
        "example": f"ghcr.io/llm-d/{newest['name']}:v{newest['defaultVersion']}",
        **_rendered({key: picker[key] for key in kept}),
        "features": {name: feature["since"] for name, feature in picker["features"].items()},
    }


def _aliases(engines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the other spellings of all engines' flags."""
    arguments = json.loads((DIRECTORY / "engines" / "arguments" / "vllm.json").read_text(encoding="utf-8"))["arguments"]
    found = {flag.lstrip("-"): item["flags"][0].lstrip("-") for item in arguments for flag in item["flags"][1:]}
    for engine in engines:
        found |= engine.get("flags", {}).get("aliases", {})
    return found


def _unstated(engines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the chart tells the engine where no type is stated."""
    default = next(engine for engine in engines if engine["images"].get("default"))
    commands = {engine["start"]["modelCommand"]: engine["type"] for engine in engines}
    return {
        "type": commands["vllmServe"],
        "image": default["images"]["default"],
        "byCommand": {name: kind for name, kind in commands.items() if name != "imageDefault"},
        "byImage": {default["images"]["pattern"]: default["type"]},
    }


def _rendered(data: Any) -> Any:
    """Return facts without their sources, and without keys that say nothing."""
    if isinstance(data, Mapping):
        kept = {key: _rendered(value) for key, value in data.items() if key not in _NOT_RENDERED or key == "flags"}
        return {key: value for key, value in kept.items() if value is not None}
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_rendered(item) for item in data]
    return data
