"""Ports: does everything that speaks to a pod find somebody who listens?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import Container, PodGroup, reference

Object = Mapping[str, Any]

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_PROBE_REFERENCE = (
    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"
)
_MONITOR = "https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMetricsEndpoint"


@rule(
    Severity.error,
    reason="The containers of a pod share one network. The second program to listen on a port ends with an error.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking",
    failing=Example("decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '8200'}}}", base="pd"),
    passing=Example("decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '5600'}}}", base="pd"),
)
def port_overlap(deployment: Deployment) -> Iterator[Found]:
    """Each port of a pod has one listener."""
    for group in deployment.servers:
        taken: dict[int, Any] = {}
        reported = set()
        for listener in group.listeners:
            other = taken.setdefault(listener.port, listener)
            pair = frozenset((listener.purpose, listener.container, other.purpose, other.container))
            if other is listener or pair in reported:
                continue
            reported.add(pair)
            purposes = {listener.purpose, other.purpose}
            if "side channel" in purposes:
                key = deployment.env_key(group, "VLLM_NIXL_SIDE_CHANNEL_PORT")
            elif "supervisor" in purposes:
                key = deployment.flag_key(group, "data-parallel-supervisor-port", "data-parallel-size-local")
                key = key or deployment.with_key("routing.proxy.targetPort")
            elif "proxy" in purposes:
                key = deployment.flag_key(group, "port") or deployment.with_key(
                    "routing.proxy.targetPort", "routing.servicePort"
                )
            else:
                key = deployment.with_key(f"{group.role}.containers")
            yield Found(
                f"{listener.purpose} of {listener.container} and {other.purpose} of {other.container} both listen on "
                f"{listener.port}",
                key,
                group.object,
                "choose ranges that do not overlap, for instance 8000 and 8200",
                "containers[].ports",
            )


@rule(
    Severity.error,
    reason="Port numbers end at 65535; ranges of data parallel ranks may pass it.",
    link="https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/",
    failing=Example("{decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '70000'}}}}", base="pd"),
    passing=Example("{decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '5700'}}}}", base="pd"),
)
def port_range(deployment: Deployment) -> Iterator[Found]:
    """Every port is between 1 and 65535."""
    for group in deployment.servers:
        wrong = [listener for listener in group.listeners if not 0 < listener.port <= 65535]
        if wrong:
            first = wrong[0]
            side = first.purpose == "side channel"
            yield Found(
                f"{first.purpose} of {first.container} would listen on {first.port}",
                deployment.env_key(group, "VLLM_NIXL_SIDE_CHANNEL_PORT")
                if side
                else deployment.flag_key(group, "port"),
                group.object,
                "choose a lower port",
                "containers[].ports",
            )


def _own_selector(group: PodGroup, selector: Object) -> bool:
    labels = selector.get("matchLabels") or {}
    if any(group.labels.get(key) != value for key, value in labels.items()):
        return False
    for item in selector.get("matchExpressions") or []:
        value, values = group.labels.get(item.get("key", "")), item.get("values") or []
        holds = {"In": value in values, "NotIn": value not in values, "Exists": value is not None}
        if not holds.get(item.get("operator", ""), value is None):
            return False
    return bool(labels or selector.get("matchExpressions"))


@rule(
    Severity.error,
    reason="Prometheus drops a PodMonitor's targets silently when no pod has the selected labels or no container "
    "declares the named port.",
    link=_MONITOR,
    failing="""\
decode:
  monitoring: {podmonitor: {enabled: true, portName: metrics}}
  engine: {extraConfig: {ports: [{name: http, containerPort: 8000}]}}
  extraConfig: {containers: [{name: vllm, ports: null}]}
""",
    passing="decode: {monitoring: {podmonitor: {enabled: true, portName: metrics}}}",
)
def monitor_target(deployment: Deployment) -> Iterator[Found]:
    """A PodMonitor selects pods that declare the port it names."""
    for monitor in deployment.kind("PodMonitor"):
        spec = monitor.get("spec") or {}
        role = next((item for item in ("decode", "prefill") if item in monitor["metadata"]["name"]), "decode")
        selected = [group for group in deployment.groups if _own_selector(group, spec.get("selector") or {})]
        if not selected:
            if deployment.groups:
                yield Found(
                    "the monitor selects no pod of this deployment",
                    deployment.with_key(f"{role}.monitoring.podmonitor"),
                    reference(monitor),
                    "write labels that the pods have",
                    "spec.selector",
                )
            continue
        for endpoint in spec.get("podMetricsEndpoints") or []:
            name = endpoint.get("port")
            for group in selected:
                declared = group.port_named(name) if name else None
                key = deployment.with_key(
                    f"{group.role}.monitoring.podmonitor.portName",
                    f"{group.role}.containers[0].ports",
                    f"{group.role}.monitoring.podmonitor",
                )
                if name and declared is None:
                    yield Found(
                        f"the monitor scrapes the port {name}, which no container of {group.object} declares",
                        key,
                        reference(monitor),
                        f"name a container port {name}",
                        "spec.podMetricsEndpoints",
                    )
                elif declared:
                    listening = {listener.port for listener in group.listeners}
                    number = declared[0]
                    if listening and number not in listening and not group.headless and group.requester is None:
                        yield Found(
                            f"the monitor scrapes the port {name} ({number}), but {group.object} listens on "
                            f"{_shown(group)}",
                            deployment.with_key(
                                f"{group.role}.containers[0].ports", f"{group.role}.engine.ports", "engine.ports"
                            )
                            or key,
                            reference(monitor),
                            "declare the port that the engine listens on",
                            "spec.podMetricsEndpoints",
                        )


@rule(
    Severity.error,
    reason="The kubelet restarts a container whose probe finds nobody listening, or never sends it requests.",
    link=_PROBE_REFERENCE,
    failing="engine: {readinessProbe: {httpGet: {path: /v1/models, port: 8080}}}",
    passing="engine: {readinessProbe: {httpGet: {path: /v1/models, port: 8000}}}",
)
def probe_port(deployment: Deployment) -> Iterator[Found]:
    """A probe asks a port on which its container listens."""
    for group in deployment.servers:
        for container in group.containers:
            for name in _PROBES:
                action = _action(container.fields.get(name))
                port = action.get("port") if action else None
                if port is None:
                    continue
                key = _probe_key(deployment, group, container, name)
                if isinstance(port, str) and not port.isdigit():
                    if not any(item.get("name") == port for item in container.fields.get("ports") or []):
                        yield Found(
                            f"{name} asks the port {port}, which container {container.name} does not declare",
                            key,
                            group.object,
                            "name one of its ports, or write the number",
                            f"containers[].{name}",
                        )
                    continue
                listening = {listener.port for listener in group.listeners}
                known = group.engine_port is not None and group.command.flags_known and not group.requester
                if (
                    known
                    and container in (group.engine, group.proxy)
                    and int(port) not in listening
                    and not group.headless
                ):
                    yield Found(
                        f"{name} asks port {port}, but the pod listens on {_shown(group)}",
                        key,
                        group.object,
                        f"write {group.engine_port}",
                        f"containers[].{name}",
                    )


@rule(
    Severity.error,
    reason="The sidecar answers /health by itself, whether or not the engine runs. The probe passes before the model "
    "is loaded, and requests fail.",
    link="https://github.com/llm-d/llm-d-router/tree/main/pkg/sidecar/proxy",
    failing=Example("decode: {engine: {readinessProbe: {httpGet: {path: /health, port: 8000}}}}", base="pd"),
    passing=Example("decode: {engine: {readinessProbe: {httpGet: {path: /health, port: 8200}}}}", base="pd"),
)
def probe_proxy_health(deployment: Deployment) -> Iterator[Found]:
    """No probe of the engine asks the routing sidecar's own health endpoint."""
    for group in deployment.servers:
        for name in _PROBES:
            get = (group.engine.fields.get(name) or {}).get("httpGet") or {}
            at_proxy = group.proxy is not None and _number(group, get.get("port")) in group.proxy_ports
            if at_proxy and str(get.get("path", "/")).rstrip("/") in ("/health", ""):
                yield Found(
                    f"{name} of the engine asks {get.get('path')} of the routing sidecar, which answers by itself",
                    _probe_key(deployment, group, group.engine, name),
                    group.object,
                    f"ask the engine's port, {group.engine_port}, or /v1/models",
                    f"containers[].{name}",
                )


@rule(
    Severity.error,
    reason="A probe in the clear on a port that speaks TLS, or the reverse, always fails.",
    link=_PROBE_REFERENCE,
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
def probe_scheme(deployment: Deployment) -> Iterator[Found]:
    """A probe speaks TLS where the port does."""
    for group in deployment.servers:
        engine = group.command.has("ssl-certfile") or group.command.has("self-signed-certs")
        proxy = group.proxy_command is not None and group.proxy_command.value("secure-proxy") != "false"
        for name in _PROBES:
            get = (group.engine.fields.get(name) or {}).get("httpGet")
            port = _number(group, get.get("port")) if get else None
            if not get or port is None:
                continue
            secure = proxy if port in group.proxy_ports else engine if port in group.engine_ports else None
            if secure is not None and secure != (get.get("scheme") == "HTTPS"):
                yield Found(
                    f"{name} speaks {'plain HTTP' if secure else 'HTTPS'}, but port {port} "
                    f"{'needs TLS' if secure else 'has no TLS'}",
                    _probe_key(deployment, group, group.engine, name),
                    group.object,
                    f"write scheme: {'HTTPS' if secure else 'HTTP'}",
                    f"containers[].{name}",
                )


@rule(
    Severity.error,
    reason="A Service whose selector matches no pod, or whose target port nobody listens on, refuses every connection.",
    link="https://kubernetes.io/docs/concepts/services-networking/service/",
    failing="""\
extraObjects:
- apiVersion: v1
  kind: Service
  metadata: {name: qwen}
  spec: {selector: {llm-d.ai/model: qwen3-8b}, ports: [{port: 80, targetPort: 8080}]}
""",
    passing="""\
extraObjects:
- apiVersion: v1
  kind: Service
  metadata: {name: qwen}
  spec: {selector: {llm-d.ai/model: qwen3-8b}, ports: [{port: 80, targetPort: 8000}]}
""",
)
def service_target(deployment: Deployment) -> Iterator[Found]:
    """A Service selects pods that listen on its target port."""
    for service in deployment.kind("Service"):
        spec = service.get("spec") or {}
        selector = spec.get("selector") or {}
        if not selector or not deployment.groups or spec.get("publishNotReadyAddresses"):
            continue
        selected = [group for group in deployment.groups if selector.items() <= group.labels.items()]
        key = deployment.with_key("service", "extraObjects")
        if not selected:
            if "leaderworkerset.sigs.k8s.io/name" not in selector:
                yield Found(
                    f"the Service selects {_labels(selector)}, and no pod here has these labels",
                    key,
                    reference(service),
                    "write labels of the pods",
                    "spec.selector",
                    # A Service for pods that something else makes is no mistake in a stream of manifests.
                    Severity.error if deployment.sources else Severity.warning,
                )
            continue
        for port in spec.get("ports") or []:
            target = port.get("targetPort", port.get("port"))
            for group in selected:
                number = _number(group, target)
                listening = {listener.port for listener in group.listeners}
                unsure = group.requester is not None or not group.command.flags_known or not listening
                if number is None or (number not in listening and not unsure):
                    yield Found(
                        f"the Service sends port {port.get('port')} to {target}, but {group.object} listens on "
                        f"{_shown(group)}",
                        key,
                        reference(service),
                        "write targetPort for a port that is listened on",
                        "spec.ports",
                    )


@rule(
    Severity.error,
    reason="Names and numbers of the ports of a pod are how Services, monitors and probes find them; Kubernetes takes "
    "the first of two.",
    link="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ports",
    failing="engine: {ports: [{name: metrics, containerPort: 8000}, {name: metrics, containerPort: 9000}]}",
    passing="engine: {ports: [{name: metrics, containerPort: 8000}, {name: admin, containerPort: 9000}]}",
)
def port_name(deployment: Deployment) -> Iterator[Found]:
    """Port names are unique in a pod."""
    for group in deployment.groups:
        seen: dict[str, object] = {}
        for container in group.containers:
            for port in container.fields.get("ports") or []:
                name = port.get("name")
                if name and name in seen:
                    yield Found(
                        f"two ports of the pod are named {name}",
                        deployment.engine_key(group, "ports"),
                        group.object,
                        "name each differently",
                        "containers[].ports",
                    )
                seen[name] = port


@rule(
    Severity.warning,
    reason="The declared port is what Services, monitors and people go by; the engine listens elsewhere.",
    link="https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
    failing="engine: {ports: [{name: metrics, containerPort: 8001}]}",
    passing="engine: {ports: [{name: metrics, containerPort: 8000}]}",
)
def port_declared(deployment: Deployment) -> Iterator[Found]:
    """A declared port of the engine is one that it listens on."""
    for group in deployment.servers:
        ports = group.engine_ports
        declared = [port.get("containerPort") for port in group.engine.fields.get("ports") or []]
        if not group.command.flags_known or not ports or not declared or group.headless:
            continue
        if not set(declared) & set(ports):
            yield Found(
                f"the engine declares the port {declared[0]}, but listens on {ports[0]}",
                deployment.flag_key(group, "port") or deployment.engine_key(group, "ports"),
                group.object,
                f"declare {ports[0]}, or start the engine with --port {declared[0]}",
                "containers[].ports",
            )


def _action(probe: Any) -> Object | None:
    for kind in ("httpGet", "tcpSocket", "grpc"):
        if probe and probe.get(kind):
            action: Object = probe[kind]
            return action
    return None


def _number(group: PodGroup, port: Any) -> int | None:
    """A port number, by name where it is one; None for a name that no container has."""
    if isinstance(port, int) or (isinstance(port, str) and port.isdigit()):
        return int(port)
    named = group.port_named(str(port)) if port is not None else None
    return named[0] if named else None


def _probe_key(deployment: Deployment, group: PodGroup, container: Container, name: str) -> str | None:
    if container is group.engine:
        return deployment.engine_key(group, name)
    return deployment.with_key(f"{group.role}.containers")


def _shown(group: PodGroup) -> str:
    ports = [f"{listener.port} ({listener.purpose})" for listener in group.listeners]
    return ", ".join(ports[:4]) + (", ..." if len(ports) > 4 else "") if ports else "none that is known"


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items())
