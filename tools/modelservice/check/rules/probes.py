"""Probes: do they reach the engine, and do they give it the time that it needs?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from modelservice.check.cures import certain, offered, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.quantity import shown
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.weights import weights

Object = Mapping[str, Any]

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_LIFE_CYCLE = "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes"
_REFERENCE = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"

_DOWNLOAD = Decimal(300) * 1024**2
"""Bytes per second that a download is assumed to reach."""
_DISK = Decimal(1024) ** 3
"""Bytes per second that reading from a volume is assumed to reach."""


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
    if known and container in (group.engine, group.proxy) and not group.may_listen(int(port)):
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
                known = port in group.engine_ports and (group.serves_tls or not group.command.partial)
                secure = group.serves_tls if known else None
            if get and secure is not None and secure != (get.get("scheme") == "HTTPS"):
                yield Violation(
                    f"{name} uses {'plain HTTP' if secure else 'HTTPS'}, but port {port} "
                    f"{'needs TLS' if secure else 'has no TLS'}",
                    group.engine.at(name),
                    f"set scheme: {'HTTPS' if secure else 'HTTP'}",
                    cures=certain(put(group.engine.at(name), "HTTPS" if secure else "HTTP", ("httpGet", "scheme"))),
                )


@rule(
    Severity.warning,
    reason="SGLang generates a token to answer its health check, which takes about a second. A probe without "
    "timeoutSeconds waits one second, so a healthy engine fails it now and then.",
    link="https://github.com/sgl-project/sglang/issues/22511",
    failing="""\
engine:
  image: lmsysorg/sglang:v0.5.16
  modelCommand: sglangServe
  readinessProbe: {httpGet: {path: /health, port: 8000}}
""",
    passing="""\
engine:
  image: lmsysorg/sglang:v0.5.16
  modelCommand: sglangServe
  readinessProbe: {httpGet: {path: /health, port: 8000}, timeoutSeconds: 5}
""",
)
def probe_timeout(deployment: Deployment) -> Iterator[Violation]:
    """A probe waits longer than the engine's health check takes."""
    for group in deployment.servers:
        health = group.facts.health if group.facts else None
        for name in _PROBES if health and health.takes_seconds else ():
            probe = group.engine.fields.get(name) or {}
            path, timeout = (probe.get("httpGet") or {}).get("path"), probe.get("timeoutSeconds") or 1
            if health and path in (health.ready, health.live) and timeout <= health.takes_seconds:
                yield Violation(
                    f"{name} waits {timeout} s, and {path} of the engine takes about as long",
                    group.engine.at(name),
                    "set timeoutSeconds: 5",
                    cures=certain(put(group.engine.at(name), 5, ("timeoutSeconds",))),
                )


def _action(probe: Any) -> Object:
    """Return what a probe does: its request or connection; empty without one."""
    found = [probe[kind] for kind in ("httpGet", "tcpSocket", "grpc") if probe and probe.get(kind)]
    return found[0] if found else {}


@rule(
    Severity.warning,  # the size is an estimate, and so is the time
    reason="Once the startup probe has failed too often, the kubelet restarts the container: a model that takes longer "
    "to load never becomes ready.",
    link=_LIFE_CYCLE,
    failing="""\
modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}
engine: {startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 5, failureThreshold: 6}}
""",
    passing="""\
modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}
engine: {startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 10, failureThreshold: 180}}
""",
)
def startup_budget(deployment: Deployment) -> Iterator[Violation]:
    """The startup probe gives the model the time that it takes to load."""
    for group in deployment.servers:
        probe, size = group.engine.fields.get("startupProbe"), weights(deployment, group)
        if not probe or not size or not group.loads_model:
            continue
        local = str(deployment.value("modelArtifacts.uri") or "").startswith(("pvc", "oci", "file"))
        needed = int(size / (_DISK if local else _DOWNLOAD)) + 30
        if _budget(probe) < needed:
            yield Violation(
                f"the startup probe gives up after {_budget(probe)} s, but {shown(size)} of weights take about "
                f"{needed} s to {'read' if local else 'download'}",
                group.engine.at("startupProbe"),
                f"set failureThreshold: {needed // 10 * 2} with periodSeconds: 10",
            )


@rule(
    Severity.error,
    reason="The kubelet restarts a container whose liveness probe fails, and an engine does not answer while it loads "
    "its model: the pod crash-loops.",
    link=_LIFE_CYCLE,
    failing="engine: {livenessProbe: {httpGet: {path: /health, port: 8000}}}",
    passing="""\
engine:
  startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 10, failureThreshold: 120}
  livenessProbe: {httpGet: {path: /health, port: 8000}}
""",
)
def liveness_cold(deployment: Deployment) -> Iterator[Violation]:
    """A liveness probe waits for the model to be loaded."""
    for group in deployment.servers:
        probe = group.engine.fields.get("livenessProbe")
        needed = 60 + int((weights(deployment, group) or Decimal(0)) / _DISK)
        started = group.engine.fields.get("startupProbe")
        if not probe or started or not group.loads_model or _budget(probe) >= needed:
            continue
        startup = "startupProbe: {httpGet: {path: /health, port: ...}, periodSeconds: 10, failureThreshold: 120}"
        yield Violation(
            f"the liveness probe restarts the engine after {_budget(probe)} s, while it still loads the model",
            group.engine.at("livenessProbe"),
            f"set {group.role}.probes.enabled: true, which adds a startup probe"
            if deployment.sources is not None
            else f"set {startup} as well",
            None if _budget(probe) < 60 else Severity.warning,
            cures=offered(put(f"{group.role}.probes.enabled", True)),
        )


@rule(
    Severity.info,
    reason="Without a readiness or startup probe a pod is ready as soon as its process runs, and gets requests that "
    "fail until the model is loaded.",
    link=_LIFE_CYCLE,
    failing="",
    passing="engine: {readinessProbe: {httpGet: {path: /v1/models, port: 8000}}}",
)
def readiness_missing(deployment: Deployment) -> Iterator[Violation]:
    """The engine has a readiness or startup probe."""
    for group in deployment.servers:
        probed = group.engine.fields.get("readinessProbe") or group.engine.fields.get("startupProbe")
        if group.loads_model and not group.headless and not probed:
            yield Violation(
                "the engine has neither readiness nor startup probe, so requests come before the model is loaded",
                group.engine.at(),
                f"set {group.role}.probes.enabled: true"
                if deployment.sources is not None
                else "set readinessProbe: {httpGet: {path: /health, port: ...}}",
                cures=offered(put(f"{group.role}.probes.enabled", True)),
            )


def _budget(probe: Object | None) -> int:
    """Return the seconds after which the kubelet gives up."""
    if not probe:
        return 0
    return int(probe.get("initialDelaySeconds") or 0) + int(probe.get("periodSeconds") or 10) * int(
        probe.get("failureThreshold") or 3
    )
