"""Probes: do they reach the engine, and do they give it the time that it needs?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

Object = Mapping[str, Any]

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_REFERENCE = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"


@rule(
    Severity.error,
    reason="If nothing listens on the port of a probe, the kubelet restarts the container, or sends it no requests.",
    link=_REFERENCE,
    failing="engine: {readinessProbe: {httpGet: {path: /v1/models, port: 8080}}}",
    passing="engine: {readinessProbe: {httpGet: {path: /v1/models, port: 8000}}}",
)
def probe_port(deployment: Deployment) -> Iterator[Violation]:
    """A probe asks a port on which its container listens."""
    for group in deployment.servers:
        for container in group.containers:
            for name in _PROBES:
                problem = _port_problem(group, container, name)
                if problem:
                    yield Violation(problem[0], container.at(name), problem[1])


def _port_problem(group: PodGroup, container: Container, name: str) -> tuple[str, str] | None:
    """Return what is wrong with the port of a probe, and the fix."""
    port = _action(container.fields.get(name)).get("port")
    if port is None:
        return None
    if isinstance(port, str) and not port.isdigit():
        if any(item.get("name") == port for item in container.ports):
            return None
        message = f"{name} asks the port {port}, which container {container.name} does not declare"
        return message, "name one of its ports, or set the number"
    known = group.facts is not None and group.engine_port is not None and not group.requester and not group.headless
    listening = {listener.port for listener in group.listeners}
    if known and container in (group.engine, group.proxy) and int(port) not in listening:
        return f"{name} asks port {port}, but the pod listens on {group.listening}", f"set {group.engine_port}"
    return None


@rule(
    Severity.error,
    reason="The sidecar answers /health itself, whether or not the engine runs. The probe succeeds before the model is "
    "loaded, and requests fail.",
    link="https://github.com/llm-d/llm-d-router/tree/main/pkg/sidecar/proxy",
    failing=Example("decode: {engine: {readinessProbe: {httpGet: {path: /health, port: 8000}}}}", base="pd"),
    passing=Example("decode: {engine: {readinessProbe: {httpGet: {path: /health, port: 8200}}}}", base="pd"),
)
def probe_proxy_health(deployment: Deployment) -> Iterator[Violation]:
    """No probe of the engine asks the routing sidecar's own health endpoint."""
    for group in deployment.servers:
        for name in _PROBES:
            get = (group.engine.fields.get(name) or {}).get("httpGet") or {}
            at_proxy = group.proxy is not None and group.number_of(get.get("port")) in group.proxy_ports
            if at_proxy and str(get.get("path", "/")).rstrip("/") in ("/health", ""):
                yield Violation(
                    f"{name} of the engine asks {get.get('path')} of the routing sidecar, which answers it itself",
                    group.engine.at(name),
                    f"ask the engine's port, {group.engine_port}, or /v1/models",
                )


@rule(
    Severity.error,
    reason="A probe without TLS on a port with TLS, or the reverse, always fails.",
    link=_REFERENCE,
    failing="""\
engine:
  args: {ssl-keyfile: /tls/tls.key, ssl-certfile: /tls/tls.crt}
  readinessProbe: {httpGet: {path: /v1/models, port: 8000}}
""",
    passing="""\
engine:
  args: {ssl-keyfile: /tls/tls.key, ssl-certfile: /tls/tls.crt}
  readinessProbe: {httpGet: {path: /v1/models, port: 8000, scheme: HTTPS}}
""",
)
def probe_scheme(deployment: Deployment) -> Iterator[Violation]:
    """A probe uses TLS where the port does."""
    for group in deployment.servers:
        for name in _PROBES:
            get = (group.engine.fields.get(name) or {}).get("httpGet")
            port = group.number_of(get.get("port")) if get else None
            if port in group.proxy_ports:
                secure: bool | None = group.proxy_serves_tls
            else:
                secure = group.serves_tls if port in group.engine_ports else None
            if get and secure is not None and secure != (get.get("scheme") == "HTTPS"):
                yield Violation(
                    f"{name} uses {'plain HTTP' if secure else 'HTTPS'}, but port {port} "
                    f"{'needs TLS' if secure else 'has no TLS'}",
                    group.engine.at(name),
                    f"set scheme: {'HTTPS' if secure else 'HTTP'}",
                )


def _action(probe: Any) -> Object:
    """Return what a probe does: its request or connection; empty without one."""
    found = [probe[kind] for kind in ("httpGet", "tcpSocket", "grpc") if probe and probe.get(kind)]
    return found[0] if found else {}
