"""Routing sidecar: does it accept its arguments, and does it reach the engines?

https://github.com/llm-d/llm-d-router
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.cures import Draft, certain, drop_flag, likely, name_flag, offered, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.engines.command import Option
from modelservice.facts.versions import holds, number, shown
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place
from modelservice.model.routing_proxy import CONNECTOR, ENGINE_PORT
from modelservice.suggest import misspelt

_OPTIONS = "https://github.com/llm-d/llm-d-router/blob/main/pkg/sidecar/proxy/options.go"


def _is_read(version: tuple[int, ...]) -> bool:
    """Return whether the options of a version were read at the source."""
    return version[:2] in {number(release.version)[:2] for release in facts.routing_proxy().releases}


def _newest() -> str:
    return facts.routing_proxy().releases[-1].version


@rule(
    Severity.error,
    reason="The sidecar's flags changed between versions, and it exits on an unknown one.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {args: [--connector=nixlv2]}}", base="pd"),
    passing=Example("routing: {proxy: {args: [--kv-connector=nixlv2]}}", base="pd"),
)
def proxy_flag(deployment: Deployment) -> Iterator[Violation]:
    """The routing sidecar's version knows its flags."""
    for group in deployment.servers:
        if group.proxy is None or not deployment.role("decode"):
            continue
        version = deployment.proxy_version(group)
        for flag in group.proxy.program.flags:
            problem = _flag_problem(flag.spelling, flag.spelling.lstrip("-"), version)
            if problem:
                at = group.proxy.option(flag).preferring(*_flag_keys(flag))
                yield Violation(problem[0], at, problem[1], problem[2], _flag_cures(flag, version, at))


def _flag_keys(flag: Option) -> tuple[str, ...]:
    """Return the keys by which a flag that the version does not know is given: the chart chooses by the version."""
    return f"routing.proxy.args[?{flag.spelling.lstrip('-')}]", "routing.proxy.version", "routing.proxy.image"


def _flag_cures(flag: Option, version: tuple[int, ...] | None, at: Place) -> tuple[Draft, ...]:
    """Return the cure of a flag that the version does not know: its name, or doing without it."""
    known = facts.routing_proxy().flag(flag.spelling.lstrip("-"))
    near = misspelt(flag.spelling.lstrip("-"), [item.name for item in facts.routing_proxy().flags])
    instead = known.instead if known and version else near
    return certain(name_flag(at, flag.spelling, instead)) if instead else offered(drop_flag(at, flag.spelling))


def _flag_problem(spelling: str, name: str, version: tuple[int, ...] | None) -> tuple[str, str, Severity | None] | None:
    """Return what is wrong with a flag, the fix and the severity; None for one that the version knows."""
    known = facts.routing_proxy().flag(name)
    names = [item.name for item in facts.routing_proxy().flags]
    near = next(iter(difflib.get_close_matches(name, names, 1, 0.7)), "")
    fix = f"did you mean --{near}?" if near else "remove it"
    if version is None:
        reason = "the image's tag does not tell its version"
        message = f"no known version of the routing sidecar has {spelling}, and {reason}"
        return None if known else (message, fix, None if misspelt(name, names) else Severity.info)
    if known and holds(known, version):
        return None
    if not _is_read(version):
        message = (
            f"the flags of the routing sidecar {shown(version)} are not known (those up to {_newest()} are), so "
            f"neither is whether it accepts {spelling}"
        )
        return message, f"{fix} Otherwise compare it with the sidecar's --help" if near else fix, Severity.info
    message = f"the routing sidecar {shown(version)} does not know {spelling}"
    if known is None:
        return message, fix, None
    early = bool(known.since) and version < number(known.since)
    change = f"which appeared in {known.since}" if early else f"which was removed in {known.until}"
    instead = f"set --{known.instead}" if known.instead else "remove it, or use another version of the image"
    return f"{message}, {change}", instead, None


@rule(
    Severity.info,
    reason="Flags and connectors differ between versions. Where the image does not tell its version, the chart takes "
    "the newest of its name, and a sidecar of another version may exit.",
    link="https://github.com/llm-d/llm-d-router/releases",
    failing=Example("routing: {proxy: {image: 'ghcr.io/llm-d/llm-d-router-disagg-sidecar:main'}}", base="pd"),
    passing=Example("routing: {proxy: {version: '0.10.0', image: 'example.com/my-sidecar:main'}}", base="pd"),
)
def proxy_version_unknown(deployment: Deployment) -> Iterator[Violation]:
    """The version of the chart's routing sidecar is known."""
    for group in deployment.role("decode") if deployment.sources else ():
        if group.proxy is not None and deployment.proxy_version(group) is None:
            yield Violation(
                f"the image {group.proxy.image} does not tell its version",
                group.proxy.at("image").preferring("routing.proxy.version"),
                "set routing.proxy.version, or an image with the version in its tag",
            )


@rule(
    Severity.error,
    reason="The sidecar exits on a connector that its version does not have.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {connector: lmcache}}", base="pd"),
    passing=Example("routing: {proxy: {connector: nixlv2}}", base="pd"),
)
def proxy_connector(deployment: Deployment) -> Iterator[Violation]:
    """The routing sidecar's version has the connector."""
    for group in deployment.servers:
        name, version = group.proxy_connector, deployment.proxy_version(group)
        if group.proxy is None or name is None:
            continue
        known = facts.routing_proxy().connectors
        fitting = [item.name for item in known if version is None or holds(item, version)]
        if name in fitting:
            continue
        severity = None if version and _is_read(version) else Severity.info
        shown_version = shown(version) if version else "of an unknown version"
        has = "has no connector" if severity is None else "is not known to have the connector"
        yield Violation(
            f"the routing sidecar {shown_version} {has} {name}",
            group.proxy.flag(*CONNECTOR),
            f"set one of {', '.join(fitting)}",
            severity,
            likely(severity is None, put("routing.proxy.connector", near)) if (near := misspelt(name, fitting)) else (),
        )


@rule(
    Severity.error,
    reason="The sidecar forwards every request to the engine's port. If nothing listens there, clients get 502.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {args: [--model-server-port=8300]}}", base="pd"),
    passing=Example("routing: {proxy: {targetPort: 8300}}", base="pd"),
)
def proxy_engine_port(deployment: Deployment) -> Iterator[Violation]:
    """The sidecar forwards to the port the engine listens on."""
    for group in deployment.servers:
        if group.proxy is None or group.facts is None or group.headless or group.requester:
            continue
        target, engine = _target_port(deployment, group), group.engine_port
        if target and engine and target != engine:
            yield Violation(
                f"the sidecar forwards to {target}, but the engine listens on {engine}",
                group.proxy.flag(*ENGINE_PORT).otherwise(*group.engine.flag(group.facts.port.flag or "port").keys),
                f"set --{group.facts.port.flag or 'port'} {target} for the engine, or routing.proxy.targetPort: "
                f"{engine}",
            )
        ranks = group.proxy.program.number("data-parallel-size", 1)
        local = group.local_ranks if group.multi_port else 1
        if ranks and local and ranks != local and group.facts.parallelism.data_modes:
            yield Violation(
                f"the sidecar serves {ranks} data parallel ports, the engine {local}",
                group.proxy.flag("data-parallel-size"),
                f"set --data-parallel-size={local} for the sidecar",
            )


def _target_port(deployment: Deployment, group: PodGroup) -> int | None:
    """Return the port that the sidecar forwards to; None where it is not known."""
    if group.proxy is None:
        return None
    given = next((name for name in ENGINE_PORT if group.proxy.program.has(name)), None)
    if given:
        return group.proxy.program.number(given)
    version = deployment.proxy_version(group)
    if version is None or not _is_read(version):
        return None
    defaults = facts.routing_proxy().engine_port
    return [item.default for item in defaults if not item.since or number(item.since) <= version][-1]


@rule(
    Severity.error,
    reason="Only the sidecar of a decode pod sends prompts to prefill pods. Without it, they hold accelerators and get "
    "no requests.",
    link="https://github.com/llm-d/llm-d/tree/main/guides/pd-disaggregation",
    failing=Example("routing: {proxy: {enabled: false}}", base="pd"),
    passing=Example("", base="pd"),
)
def prefill_without_proxy(deployment: Deployment) -> Iterator[Violation]:
    """Where there is prefill, decode has the routing sidecar."""
    prefill, decode = deployment.role("prefill"), deployment.role("decode")
    serving = [group for group in decode if not group.headless and not group.requester]
    disaggregates = any(group.facts and group.facts.disaggregates for group in (*prefill, *serving))
    # llm-d's coordinator sends each request to prefill and decode itself, under the profile that its header names.
    coordinated = any("header-profile-handler" in picker.plugin_types for picker in deployment.pickers)
    if prefill and serving and disaggregates and not coordinated and all(group.proxy is None for group in serving):
        yield Violation(
            "there are prefill pods, but no decode pod has the sidecar that would send prompts to them",
            serving[0].at("spec.initContainers").preferring("routing.proxy.enabled", "prefill.create"),
            "set routing.proxy.enabled: true, or prefill.create: false",
            cures=offered(put("routing.proxy.enabled", True)),
        )
    if prefill and not decode:
        yield Violation(
            "there are prefill pods but no decode pods: nothing generates tokens",
            prefill[0].workload_at("spec.replicas").preferring("decode.replicas", "decode.create", "prefill.create"),
            "set decode.replicas: 1",
            cures=offered(put("decode.replicas", 1)),
        )


@rule(
    Severity.info,
    reason="Without prefill the sidecar only forwards: one more process, and a second hop for every request.",
    link="https://github.com/llm-d/llm-d-router",
    failing=Example("prefill: {create: false}", base="pd"),
    passing=Example("", base="pd"),
)
def proxy_needless(deployment: Deployment) -> Iterator[Violation]:
    """The sidecar is there for prefill or encode pods."""
    proxies = [group.proxy for group in deployment.role("decode") if group.proxy is not None]
    encoders = any(proxy.program.has("ec-connector") for proxy in proxies)
    if proxies and not encoders and not deployment.role("prefill"):
        yield Violation(
            "the routing sidecar has no prefill pods to send prompts to",
            proxies[0].at().preferring("routing.proxy.enabled", "routing.proxy.image", "prefill.create"),
            "set routing.proxy.enabled: false",
            cures=offered(put("routing.proxy.enabled", False)),
        )


_TLS_OF_GATEWAYS = ("DestinationRule", "BackendTLSPolicy")
"""Kinds that tell a gateway to use TLS for a backend: Istio's, and that of the Gateway API."""


@rule(
    Severity.error,
    reason="The endpoint picker scrapes metrics, and the gateway sends requests, in plain HTTP unless the pool says "
    "otherwise; a sidecar with --secure-proxy, its default, answers TLS only.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {secure: true}}", base="pd"),
    passing=Example("routing: {proxy: {secure: false}}", base="pd"),
)
def proxy_tls(deployment: Deployment) -> Iterator[Violation]:
    """The sidecar uses TLS where its clients do."""
    for group in deployment.servers:
        if group.proxy is None or not group.proxy_serves_tls:
            continue
        plain = any(pool.protocol in ("http", "kubernetes.io/h2c", "grpc") for pool in deployment.pools)
        monitored = any(
            (endpoint.get("scheme") or "http").lower() == "http"
            for monitor in deployment.kind("PodMonitor")
            for endpoint in (monitor.get("spec") or {}).get("podMetricsEndpoints") or []
        )
        gateway = any(obj.get("kind") in _TLS_OF_GATEWAYS for obj in (*deployment.objects, *deployment.neighbours))
        default = "" if group.proxy.program.has("secure-proxy") else " (its default)"
        clients = "the pool uses plain HTTP" if plain else "endpoint picker and gateway use plain HTTP for pools"
        yield Violation(
            f"the sidecar serves TLS{default}, but {clients}",
            group.proxy.flag("secure-proxy"),
            "set routing.proxy.secure: false, or re-encrypt at the gateway and ignore this rule",
            None if (plain or monitored or deployment.role("prefill")) and not gateway else Severity.warning,
            cures=offered(put("routing.proxy.secure", False)),
        )


@rule(
    Severity.error,
    reason="If one side of the connection between sidecar and prefill pods uses TLS and the other does not, every "
    "prompt fails.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {prefillerUseTLS: true}}", base="pd"),
    passing=Example("routing: {proxy: {prefillerUseTLS: false}}", base="pd"),
)
def prefill_tls(deployment: Deployment) -> Iterator[Violation]:
    """The sidecar uses TLS for prefill pods that serve it."""
    for group in deployment.role("decode"):
        if group.proxy is None:
            continue
        command = group.proxy.program
        uses = "prefiller" in (command.value("enable-tls") or "") or (
            command.has("prefiller-use-tls") and command.value("prefiller-use-tls") != "false"
        )
        for other in deployment.role("prefill"):
            if not other.command.flags_known or uses == other.serves_tls or (uses and other.command.partial):
                continue
            yield Violation(
                f"the sidecar uses {'TLS' if uses else 'plain HTTP'} for prefill pods, which "
                + ("have no --ssl-certfile" if uses else "serve TLS"),
                group.proxy.flag("enable-tls", "prefiller-use-tls").otherwise(*other.engine.flag("ssl-certfile").keys),
                f"set routing.proxy.prefillerUseTLS: {'false' if uses else 'true'}, or change the prefill engine",
                cures=offered(put("routing.proxy.prefillerUseTLS", not uses)),
            )


@rule(
    Severity.error,
    reason="The sidecar tells the decode engine on which port of a prefill pod to ask for the cache. With another port "
    "than the prefill engine's every request fails.",
    link="https://github.com/llm-d/llm-d-router/blob/main/pkg/sidecar/proxy/connector_sglang.go",
    failing=Example(
        "engine: {image: 'lmsysorg/sglang:v0.5.16', modelCommand: sglangServe, args: {kv-transfer-config: null}}\n"
        "routing: {proxy: {connector: sglang, env: [{name: SGLANG_BOOTSTRAP_PORT, value: '8998'}]}}\n"
        "decode: {engine: {args: {disaggregation-mode: decode}}}\n"
        "prefill: {engine: {args: {disaggregation-mode: prefill, disaggregation-bootstrap-port: 9000}}}",
        base="pd",
    ),
    passing=Example(
        "engine: {image: 'lmsysorg/sglang:v0.5.16', modelCommand: sglangServe, args: {kv-transfer-config: null}}\n"
        "routing: {proxy: {connector: sglang}}\n"
        "decode: {engine: {args: {disaggregation-mode: decode}}}\n"
        "prefill: {engine: {args: {disaggregation-mode: prefill, disaggregation-bootstrap-port: 9000}}}",
        base="pd",
    ),
)
def bootstrap_port(deployment: Deployment) -> Iterator[Violation]:
    """The sidecar knows the bootstrap port of the prefill engines."""
    for group in deployment.role("decode"):
        known = next((item for item in facts.routing_proxy().connectors if item.name == group.proxy_connector), None)
        port = known.bootstrap if known else None
        if group.proxy is None or port is None:
            continue
        told = _setting(group.proxy, port.flag, port.env, port.default)
        for other in deployment.role("prefill"):
            listens = _setting(other.engine, port.engine_flag, port.engine_env, port.default)
            if told and listens and told != listens:
                at = group.proxy.flag(port.flag) if port.flag else group.proxy.at(f"env[{port.env}]")
                engine = other.engine.flag(port.engine_flag) if port.engine_flag else other.engine.at("env")
                yield Violation(
                    f"the sidecar's bootstrap port is {told}, that of the prefill engine {listens}",
                    at.otherwise(*engine.keys),
                    f"set {port.env or '--' + port.flag} of the sidecar to {listens}",
                )


def _setting(container: Container, flag: str, variable: str, default: int) -> int | None:
    """Return a port by its flag or variable; None where only the container knows it."""
    if flag and container.program.has(flag):
        return container.program.number(flag)
    value = container.env.get(variable) if variable else None
    if value is None:
        return default
    return int(value) if isinstance(value, str) and value.isdigit() else None
