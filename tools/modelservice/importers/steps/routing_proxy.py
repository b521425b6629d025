"""The routing sidecar among decode's containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice import facts
from modelservice.engines.command import EngineCommand
from modelservice.facts.versions import number
from modelservice.importers.steps.accelerators import whole_number
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder
from modelservice.kubernetes.images import pull_policy
from modelservice.model.routing_proxy import is_proxy, proxy_version

_OPTIONS = {
    "connector": ("connector", "kv-connector"), "certPath": ("cert-path",), "zapEncoder": ("zap-encoder",),
    "zapLogLevel": ("zap-log-level",),
}  # fmt: skip
"""Flags of the sidecar by key of ``routing.proxy``."""

_SWITCHES = {"secure": "secure-proxy", "prefillerUseTLS": "prefiller-use-tls"}
_FIELDS = ("imagePullPolicy", "resources", "securityContext", "volumeMounts")
"""Fields of its container with a key of the same name."""

_DERIVED = {"name", "image", "command", "args", "restartPolicy", "ports", "env"}
"""Fields of its container that the chart writes, or that are read another way."""


def take_routing_proxy(builder: ValuesBuilder) -> None:
    """Take the routing sidecar from decode's containers; give ``routing.proxy`` and ``routing.servicePort``."""
    for role in builder.roles:
        for kind in ("initContainers", "containers"):
            for container in role.pod.get(kind, []):
                if role.name == "decode" and is_proxy(container):
                    role.pod[kind].remove(container)
                    _set_proxy(builder, role, kind, container)
                    return


def _set_proxy(builder: ValuesBuilder, role: RoleBuilder, kind: str, container: Mapping[str, Any]) -> None:
    place = f"{role.source.place}.{kind}[{container['name']}]"
    words = [word for word in [*container.get("command", []), *container.get("args", [])] if word]
    line = EngineCommand.of(words)
    line.options[:] = [option for option in line.options if option.name]
    proxy: dict[str, Any] = {"enabled": True, "image": container.get("image", ""), "targetPort": 0}
    routing = builder.section("routing")
    routing["servicePort"] = whole_number(line.take("port")) or facts.routing_proxy().listen_port
    line.take("vllm-port", "model-server-port")
    for key, names in _OPTIONS.items():
        value = line.take(*names)
        if value:
            proxy[key] = value
    verbosity = whole_number(line.take("v"))
    if verbosity is not None:
        proxy["debugLevel"] = verbosity
    elif "zapLogLevel" not in proxy:
        proxy |= _default_level(container)
    if not line.has("secure-proxy"):
        builder.report.changed(
            f"{place}.args",
            "--secure-proxy is not set, which means TLS in some versions; the chart's sidecar serves HTTP. Set "
            "routing.proxy.secure: true if its clients use TLS",
            values="routing.proxy.secure",
        )
    for key, name in _SWITCHES.items():
        value = line.take(name)
        if value is not None:
            proxy[key] = value in ("", "true")
    proxy |= {key: container[key] for key in _FIELDS if container.get(key)}
    proxy.setdefault("imagePullPolicy", pull_policy(proxy["image"]))
    if container.get("env"):
        proxy["env"] = builder.secrets.environment(container["env"], f"{place}.env")
    if line.arguments:
        proxy["args"] = line.arguments
    for key in sorted(set(container) - _DERIVED - set(_FIELDS)):
        builder.report.lost(f"{place}.{key}", "the chart makes the routing sidecar itself")
    why = "the chart makes the sidecar, with the flags of its version"
    builder.report.changed(place, why, values="routing.proxy")
    routing["proxy"] = proxy


def _default_level(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the log level of a sidecar that states none, where the chart would print more."""
    known = {flag.name: flag for flag in facts.routing_proxy().flags}
    version = proxy_version(container)
    if version and version < number(known["v"].until):
        return {"debugLevel": int(known["v"].default)}
    return {"zapLogLevel": known["zap-log-level"].default}
