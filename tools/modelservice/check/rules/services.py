"""Services and monitors: do they select pods that listen on the ports that they name?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup, only_controllers_know

Object = Mapping[str, Any]

_SERVICE = """\
extraObjects:
- apiVersion: v1
  kind: Service
  metadata: {name: qwen}
  spec: {selector: {llm-d.ai/model: qwen3-8b}, ports: [{port: 80, targetPort: 8080}]}
"""
_NAMED = """\
extraObjects:
- apiVersion: v1
  kind: Service
  metadata: {name: vllm}
  spec: {selector: {llm-d.ai/role: decode}, ports: [{port: 8000}]}
"""


def _selects(group: PodGroup, selector: Object) -> bool:
    """Return whether a label selector with expressions selects pods; an empty one selects nothing here."""
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
    link="https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMetricsEndpoint",
    failing="""\
decode:
  monitoring: {podmonitor: {enabled: true, portName: metrics}}
  engine: {extraConfig: {ports: [{name: http, containerPort: 8000}]}}
  extraConfig: {containers: [{name: vllm, ports: null}]}
""",
    passing="decode: {monitoring: {podmonitor: {enabled: true, portName: metrics}}}",
)
def monitor_target(deployment: Deployment) -> Iterator[Violation]:
    """A PodMonitor selects pods that declare the port it names."""
    for monitor in deployment.kind("PodMonitor"):
        spec = monitor.get("spec") or {}
        selected = [group for group in deployment.groups if _selects(group, spec.get("selector") or {})]
        if not selected and deployment.groups:
            at = deployment.at(monitor, "spec.selector")
            yield Violation("the monitor selects no pod of this deployment", at, "set labels that the pods have")
        at = deployment.at(monitor, "spec.podMetricsEndpoints")
        for endpoint in spec.get("podMetricsEndpoints") or []:
            name = endpoint.get("port")
            for group in selected if name else ():
                declared = group.port_named(name)
                if declared is None:
                    yield Violation(
                        f"the monitor scrapes the port {name}, which no container of {group.object} declares",
                        at,
                        f"name a container port {name}",
                    )
                    continue
                number, container = declared
                known = group.listeners and not group.headless and group.requester is None
                if known and not group.may_listen(number):
                    yield Violation(
                        f"the monitor scrapes the port {name} ({number}), but {group.object} listens on "
                        f"{group.listening}",
                        container.at("ports"),
                        "declare the port that the engine listens on",
                    )


@rule(
    Severity.error,
    reason="A Service whose selector matches no pod, or with no listener on its target port, refuses every connection.",
    link="https://kubernetes.io/docs/concepts/services-networking/service/",
    failing=_SERVICE,
    passing=_SERVICE.replace("8080", "8000"),
)
def service_target(deployment: Deployment) -> Iterator[Violation]:
    """A Service selects pods that listen on its target port."""
    for service in deployment.kind("Service"):
        spec = service.get("spec") or {}
        selector = spec.get("selector") or {}
        if not selector or not deployment.groups or spec.get("publishNotReadyAddresses"):
            continue
        selected = deployment.pods.of(selector)
        if not selected and not only_controllers_know(selector):
            labels = ", ".join(f"{key}={value}" for key, value in selector.items())
            yield Violation(
                f"the Service selects {labels}, and no pod here has these labels",
                deployment.at(service, "spec.selector"),
                "set labels of the pods",
                # In a stream of manifests the pods may be made by something else.
                None if deployment.sources else Severity.warning,
            )
        for port in spec.get("ports") or []:
            target = port.get("targetPort", port.get("port"))
            for group in selected:
                number = group.number_of(target)
                unsure = group.requester is not None or group.facts is None or not group.listeners
                if number is None or not (unsure or group.may_listen(number)):
                    yield Violation(
                        f"the Service sends port {port.get('port')} to {target}, but {group.object} listens on "
                        f"{group.listening}",
                        deployment.at(service, "spec.ports"),
                        "set targetPort to a port that the pods listen on",
                    )


@rule(
    Severity.error,
    reason="Kubernetes gives pods variables for each Service of their namespace. Those of a Service named vllm begin "
    "with VLLM_; vLLM reads VLLM_PORT, finds an address, and exits.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing=_NAMED,
    passing=_NAMED.replace("name: vllm", "name: qwen"),
)
def service_name(deployment: Deployment) -> Iterator[Violation]:
    """No Service next to vLLM is named vllm."""
    for service in deployment.kind("Service"):
        metadata = service["metadata"]
        if metadata.get("name") != "vllm" or (service.get("spec") or {}).get("clusterIP") == "None":
            continue
        exposed = [
            group
            for group in deployment.servers
            if group.command.engine == "vllm"
            and group.namespace == str(metadata.get("namespace") or "")
            and group.spec.get("enableServiceLinks") is not False
            and "VLLM_PORT" not in group.engine.env
        ]
        if exposed:
            yield Violation(
                "vLLM reads the Service's variable VLLM_PORT, an address, as its own",
                deployment.at(service, "metadata.name"),
                f"give the Service another name, or set {exposed[0].role}.enableServiceLinks: false",
            )
