"""Ports: does each one have one listener, and do declared ports match?"""

from __future__ import annotations

from collections.abc import Iterator

from modelservice.check.cures import certain, drop_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.listeners import Listener
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place


@rule(
    Severity.error,
    reason="The containers of a pod share one network. The second program to listen on a port exits with an error.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking",
    failing=Example("decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '8200'}}}", base="pd"),
    passing=Example("decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '5600'}}}", base="pd"),
)
def port_overlap(deployment: Deployment) -> Iterator[Violation]:
    """Each port of a pod has one listener."""
    for group in deployment.servers:
        taken: dict[int, Listener] = {}
        reported = set()
        for listener in group.listeners:
            other = taken.setdefault(listener.port, listener)
            pair = frozenset((listener.purpose, listener.container, other.purpose, other.container))
            if other is listener or pair in reported:
                continue
            reported.add(pair)
            easier = other if other.internal and not listener.internal else listener
            yield Violation(
                f"{_named(listener)} and {_named(other)} both listen on {listener.port}",
                _place(group, easier),
                _advice(easier) or "choose ranges that do not overlap, e.g. 8000 and 8200",
            )


def _named(listener: Listener) -> str:
    return f"{listener.purpose} of {listener.container}"


def _advice(listener: Listener) -> str:
    """Return how to move a port between engines; empty for a port that others call."""
    return f"set {listener.setting} to ports that nothing else has" if listener.internal else ""


def _place(group: PodGroup, listener: Listener) -> Place:
    """Return what sets the port of a listener."""
    flag = listener.setting.removeprefix("--")
    if listener.purpose == "supervisor":
        return group.engine.flag(flag, "data-parallel-size-local").otherwise("routing.proxy.targetPort")
    if not flag:
        return group.at("spec.containers")
    if flag != listener.setting:
        return group.engine.flag(flag)
    return group.engine.at(f"env[{flag}]").otherwise(*group.engine.at("env").keys)


@rule(
    Severity.error,
    reason="The highest port number is 65535; ranges of data parallel ranks may exceed it.",
    link="https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/",
    failing=Example("{decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '70000'}}}}", base="pd"),
    passing=Example("{decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '5700'}}}}", base="pd"),
)
def port_range(deployment: Deployment) -> Iterator[Violation]:
    """Every port is between 1 and 65535."""
    for group in deployment.servers:
        wrong = [listener for listener in group.listeners if not 0 < listener.port <= 65535]
        for listener in wrong[:1]:
            yield Violation(
                f"{listener.purpose} of {listener.container} would listen on {listener.port}",
                _place(group, listener),
                "choose a lower port",
            )


@rule(
    Severity.error,
    reason="Services, monitors and probes find the ports of a pod by their names. The API server rejects two of one "
    "name in a container, and of two in different containers Kubernetes uses the first.",
    link="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ports",
    failing="engine: {ports: [{name: metrics, containerPort: 8000}, {name: metrics, containerPort: 9000}]}",
    passing="engine: {ports: [{name: metrics, containerPort: 8000}, {name: admin, containerPort: 9000}]}",
)
def port_name(deployment: Deployment) -> Iterator[Violation]:
    """Port names are unique in a pod."""
    for group in deployment.groups:
        seen: dict[str, Container] = {}
        for container in group.containers:
            for port in container.ports:
                name = port.get("name")
                first = seen.setdefault(str(name), container) if name else container
                if name and port is not next(item for item in first.ports if item.get("name") == name):
                    # The API server rejects two in one container, and warns of two in different ones.
                    severity = None if first is container else Severity.warning
                    message = f"two ports of the pod are named {name}"
                    yield Violation(message, container.at("ports"), "name each differently", severity)


@rule(
    Severity.warning,
    reason="Services, monitors and people rely on the declared port, and the engine listens on another one.",
    link="https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
    failing="engine: {ports: [{name: metrics, containerPort: 8001}]}",
    passing="engine: {ports: [{name: metrics, containerPort: 8000}]}",
)
def port_declared(deployment: Deployment) -> Iterator[Violation]:
    """A declared port of the engine is one that it listens on."""
    for group in deployment.servers:
        ports = group.engine_ports
        declared = [port.get("containerPort") for port in group.engine.ports]
        if group.facts is None or not ports or not declared or group.headless:
            continue
        if not set(declared) & set(ports):
            yield Violation(
                f"the engine declares the port {declared[0]}, but listens on {ports[0]}",
                group.engine.at("ports"),
                f"declare {ports[0]}, or start the engine with --port {declared[0]}",
            )


@rule(
    Severity.error,
    reason="Nothing outside its pod reaches an engine that listens on localhost: probes fail, and so do requests.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking",
    failing="engine: {args: {host: 127.0.0.1}}",
    passing="engine: {args: {host: 0.0.0.0}}",
)
def engine_on_localhost(deployment: Deployment) -> Iterator[Violation]:
    """The engine listens on the address of its pod."""
    for group in deployment.servers:
        host = group.command.value("host")
        probed = any(group.engine.fields.get(name) for name in ("startupProbe", "readinessProbe", "livenessProbe"))
        if host and _is_local(host) and not group.headless and (group.proxy is None or probed):
            yield Violation(
                f"the engine listens on {host}, so only its own pod reaches it",
                group.engine.flag("host"),
                "remove --host, or set 0.0.0.0",
                cures=certain(drop_flag(group.engine.flag("host"), "host")),
            )


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
