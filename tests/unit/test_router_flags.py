"""Every flag that the chart gives the routing sidecar and the endpoint picker exists in their version.

The releases since 0.8 cannot be built here, so these flags stand against the facts: those that a release registers,
read from its source. Both programs exit on a flag that they do not know.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from modelservice import facts
from modelservice.facts.models import VersionedFlag
from modelservice.facts.versions import holds, number
from modelservice.inputs import merge, read_values
from modelservice.values.picker import Epp
from modelservice.values.proxy import Proxy
from support.presets import layers, sensible
from support.render import ROOT, VLLM, Objects, Render

pytestmark = pytest.mark.slow

SIDECAR = "ghcr.io/llm-d/llm-d-router-disagg-sidecar"
PICKER = "ghcr.io/llm-d/llm-d-router-endpoint-picker"
RELEASES = [release.version for release in facts.routing_proxy().releases]
PICKER_RELEASES = [release.version for release in facts.endpoint_picker().releases]
EXAMPLES = {path.stem: read_values(str(path)) for path in sorted((ROOT / "examples").glob("values-*.yaml"))}
PRESETS = {" + ".join(names): layers(*names) for names in sensible()}

TLS: dict[str, Any] = {"engine": {"args": {"ssl-certfile": "/tls/tls.crt", "ssl-keyfile": "/tls/tls.key"}}}
SECRET: dict[str, Any] = {"auth": {"apiKeySecret": {"name": "keys", "key": "of-clients"}}}
RANKS: dict[str, Any] = {"decode": {"parallelism": {"data": 2, "dataMode": "multiPort"}}}

SWITCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "tls": TLS,
    "a key": SECRET,
    "ranks": RANKS,
    "tracing": {"tracing": {"enabled": True}},
    "no prefill": {"prefill": {"create": False}},
    "adapters": {"modelArtifacts": {"adapters": [{"name": "french", "uri": "hf://org/french"}]}},
    "a port of the bootstrap server": {
        "routing": {"proxy": {"connector": "mooncake"}},
        "prefill": {"engine": {"env": {"VLLM_MOONCAKE_BOOTSTRAP_PORT": "9000"}}},
    },
}
"""Values outside of the sidecar's and the picker's own that may reach their flags."""

FREE: dict[str, list[Any]] = {
    "zapLogLevel": ["debug", "info", 7], "certPath": ["/certs"], "targetPort": [8300], "debugLevel": [0, 4],
    "replicas": [1, 3], "service": [{"targetPort": 9102}, {"targetPort": 9002}],
}  # fmt: skip
"""Values of keys whose type does not name all of them."""


STRATEGIES = [{"routing": {"loadBalancing": {"strategy": name}}} for name in ("LeastLoad", "PrefixHash")]


def sidecar_of(version: str) -> dict[str, Any]:
    """Return values for a release of the sidecar."""
    return {"routing": {"proxy": {"image": f"{SIDECAR}:v{version}.0"}}}


def picker_of(version: str) -> dict[str, Any]:
    """Return values for a pool with a release of the picker."""
    picker = {"create": True, "image": f"{PICKER}:v{version}.0"}
    return {"routing": {"inferencePool": {"create": True}, "epp": picker}}


def choices(field: FieldInfo) -> list[Any]:
    """Return the values that a type names; none for a free text."""
    kinds = typing.get_args(field.annotation) or (field.annotation,)
    if bool in kinds:
        return [True, False]
    literal = next((kind for kind in (field.annotation, *kinds) if typing.get_origin(kind) is typing.Literal), None)
    return list(typing.get_args(literal))


def settings(model: type[Proxy | Epp]) -> Iterator[dict[str, Any]]:
    """Yield every value of every key that has a known set of values, one at a time, and each key's first at once."""
    options = {name: FREE.get(name) or choices(field) for name, field in model.model_fields.items()}
    del options["enabled" if model is Proxy else "create"]
    for name, values in options.items():
        yield from ({name: value} for value in values)
    yield {name: values[0] for name, values in options.items() if values}


def sweep(
    model: type[Proxy | Epp], base: dict[str, Any], switches: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield values over a base: each setting of a program, and each switch alone and with all of the settings."""
    key = "proxy" if model is Proxy else "epp"
    of_program = [{"routing": {key: setting}} for setting in settings(model)]
    alone = [*of_program, *switches, *(merge([of_program[-1], switch]) for switch in switches)]
    yield from (merge([{"engine": VLLM, "prefill": {"replicas": 1}}, base, values]) for values in alone)


def words(container: dict[str, Any]) -> set[str]:
    """Return the names of the flags in a container's arguments."""
    return {word.lstrip("-").partition("=")[0] for word in container["args"]}


def unknown(flags: Iterable[VersionedFlag], names: set[str], version: str) -> set[str]:
    """Return the names that a version does not accept or warns about."""
    wanted = number(version)
    fine = {
        flag.name
        for flag in flags
        if holds(flag, wanted) and not (flag.deprecated and number(flag.deprecated) <= wanted)
    }
    return names - fine


def unknown_to_sidecar(objects: Objects, version: str) -> set[str]:
    """Return the flags of the sidecar that a release does not accept, or calls deprecated; none without a sidecar."""
    sidecar = objects.proxy()
    return unknown(facts.routing_proxy().flags, words(sidecar), version) if sidecar else set()


def unknown_to_picker(objects: Objects, version: str) -> set[str]:
    """Return the flags of the picker that a release does not accept, or calls deprecated."""
    (picker,) = objects.one("Deployment", "-epp")["spec"]["template"]["spec"]["containers"]
    return unknown(facts.endpoint_picker().flags, words(picker), version)


@pytest.mark.parametrize("version", RELEASES)
def test_every_switch_of_the_sidecar_gives_flags_of_its_release(render: Render, version: str) -> None:
    connectors = {item.name: holds(item, number(version)) for item in facts.routing_proxy().connectors}
    several_ports = facts.routing_proxy().flag("data-parallel-size")
    assert several_ports
    has_several = holds(several_ports, number(version))
    switches = [switch for switch in SWITCHES.values() if has_several or switch is not RANKS]  # refused there
    for values in sweep(Proxy, sidecar_of(version), switches):
        if connectors[values["routing"]["proxy"].get("connector", "nixlv2")]:
            assert not unknown_to_sidecar(render(values), version), values


@pytest.mark.parametrize("version", PICKER_RELEASES)
def test_every_switch_of_the_picker_gives_flags_of_its_release(render: Render, version: str) -> None:
    ports_differ = number(facts.endpoint_picker().features["activePorts"].since) <= number(version)
    switches = [switch for switch in SWITCHES.values() if ports_differ or switch is not RANKS]  # refused there
    for values in sweep(Epp, picker_of(version), [*switches, *STRATEGIES]):
        assert not unknown_to_picker(render(values), version), values


@pytest.mark.parametrize("values", [*EXAMPLES.values(), *PRESETS.values()], ids=[*EXAMPLES, *PRESETS])
def test_examples_and_presets_give_flags_of_the_newest_release(render: Render, values: dict[str, Any]) -> None:
    objects = render(merge([values, sidecar_of(RELEASES[-1]), picker_of(PICKER_RELEASES[-1])]))
    assert not unknown_to_sidecar(objects, RELEASES[-1])
    assert not unknown_to_picker(objects, PICKER_RELEASES[-1])


def test_the_default_picker_and_the_newest_default_sidecar_are_of_the_newest_release() -> None:
    """So the sweep of the newest release is the sweep of the chart's defaults."""
    assert facts.routing_proxy().images[1].default_version == f"{RELEASES[-1]}.0"
    assert Epp().image == f"{PICKER}:v{PICKER_RELEASES[-1]}.0"


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ({"routing": {"proxy": {"args": ["--connector=nixlv2"]}}}, "connector"),
        ({"routing": {"proxy": {"args": ["--vllm-port=8200"]}}}, "vllm-port"),
    ],
)
def test_a_flag_that_a_release_lacks_or_calls_deprecated_is_seen(
    render: Render, values: dict[str, Any], flag: str
) -> None:
    assert unknown_to_sidecar(render(merge([sidecar_of("0.10"), values])), "0.10") == {flag}
