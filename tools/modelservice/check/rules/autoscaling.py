"""Autoscaling: does an autoscaler see the load that it scales by?

https://keda.sh/docs/latest/reference/scaledobject-spec/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.check.cures import offered, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.facts.versions import number
from modelservice.model.autoscaling import autoscalers
from modelservice.model.deployment import Deployment
from modelservice.model.picker import EndpointPicker
from modelservice.model.workloads import pod_groups

Object = Mapping[str, Any]

_FROM_ZERO = """\
decode:
  autoscaling:
    enabled: true
    type: keda
    minReplicas: 0
    maxReplicas: 4
    prometheus: {serverAddress: "http://prometheus:9090"}
routing:
  inferencePool: {create: true}
  epp:
    create: true
    monitoring: {servicemonitor: {enabled: %s}}
"""
_OWN_CONFIG = """\
    pluginsConfig:
      apiVersion: llm-d.ai/v1alpha1
      kind: EndpointPickerConfig
      plugins: [{type: queue-scorer}]
      featureGates: [flowControl]
"""
_SCALED = """\
decode:
  autoscaling:
    enabled: true
    type: keda
    maxReplicas: 4
    targetActiveRequests: 16
    prometheus:
      serverAddress: http://prometheus:9090
      authenticationRef: {name: prometheus}
"""


@rule(
    Severity.warning,
    reason="Without authModes KEDA sends no credentials to Prometheus, unless the TriggerAuthentication states the "
    "modes itself or is a pod identity. The queries are then rejected, and nothing is scaled.",
    link="https://keda.sh/docs/latest/scalers/prometheus/#authentication-parameters",
    failing=_SCALED,
    passing=_SCALED + "      authModes: bearer\n",
)
def scaler_credentials(deployment: Deployment) -> Iterator[Violation]:
    """A trigger with credentials says how KEDA sends them."""
    for scaler in deployment.kind("ScaledObject"):
        for trigger in _triggers(scaler):
            modes = (trigger.get("metadata") or {}).get("authModes")
            if trigger.get("type") == "prometheus" and trigger.get("authenticationRef") and not modes:
                yield Violation(
                    f"trigger {trigger.get('name') or trigger['type']} has an authenticationRef without authModes, so "
                    "KEDA sends no credentials",
                    deployment.at(scaler, "spec.triggers"),
                    "set authModes, e.g. bearer, unless it is a pod identity",
                )


@rule(
    Severity.warning,
    reason="A workload of 0 replicas starts when the endpoint picker's queue grows in Prometheus, which has the queue "
    "only if it scrapes the picker.",
    link="https://github.com/llm-d/llm-d/tree/main/guides/workload-autoscaling",
    failing=_FROM_ZERO % "false",
    passing=_FROM_ZERO % "true",
)
def queue_not_scraped(deployment: Deployment) -> Iterator[Violation]:
    """Prometheus scrapes the endpoint picker whose queue starts the first pod."""
    for scaler in _from_zero(deployment):
        for picker in deployment.pickers:
            workload = next((obj for obj in deployment.objects if _is_named(obj, picker.at.object)), None)
            if workload is not None and workload["kind"] == "Deployment" and not _scraped(deployment, workload):
                yield Violation(
                    f"the autoscaler asks Prometheus for the queue of {picker.at.object}, but no monitor scrapes it, "
                    "so the workload may never leave 0 replicas",
                    deployment.at(scaler, "spec.triggers"),
                    "set routing.epp.monitoring.servicemonitor.enabled: true"
                    if deployment.sources
                    else "add a ServiceMonitor, or make sure that Prometheus scrapes it in another way",
                    cures=offered(put("routing.epp.monitoring.servicemonitor.enabled", True)),
                )


@rule(
    Severity.warning,
    reason="Requests wait in the endpoint picker's flow control while no pod runs. Without it they fail at once; from "
    "0.10 on the picker answers them with 503 after a minute unless defaultRequestTTL is longer.",
    link="https://github.com/llm-d/llm-d-router/blob/v0.10.0/pkg/epp/flowcontrol/README.md",
    failing=_FROM_ZERO % "true" + _OWN_CONFIG,
    passing=_FROM_ZERO % "true" + _OWN_CONFIG + "      flowControl: {defaultRequestTTL: 1800s}\n",
)
def queue_timeout(deployment: Deployment) -> Iterator[Violation]:
    """Requests wait in the endpoint picker until the first pod is ready."""
    since = number(facts.endpoint_picker().features["queueTimeout"].since)
    if not any(_from_zero(deployment)):
        return
    for picker in deployment.pickers:
        if picker.config is None or picker.release is None:
            continue
        if not _has_flow_control(picker):
            yield Violation(
                f"{picker.config_file} does not enable flow control, so requests fail while no pod runs, and no queue "
                "starts one",
                picker.config_at,
                "set featureGates: [flowControl]",
                Severity.error,
            )
        elif picker.release >= since and "defaultRequestTTL" not in (picker.config.get("flowControl") or {}):
            yield Violation(
                f"{picker.config_file} has no defaultRequestTTL, so requests that wait for the first pod fail after a "
                "minute",
                picker.config_at,
                "set flowControl.defaultRequestTTL to the time in which the model loads, e.g. 1800s; 0s for no limit",
            )


@rule(
    Severity.info,
    reason="llm-d has deprecated the workload variant autoscaler since 0.9; its guides scale with KEDA.",
    link="https://github.com/llm-d/llm-d/tree/main/guides/workload-autoscaling",
    failing="decode: {autoscaling: {enabled: true, type: wva, maxReplicas: 4}}",
    passing=_SCALED,
)
def scaler_deprecated(deployment: Deployment) -> Iterator[Violation]:
    """The autoscaler is one that llm-d maintains."""
    for scaler in autoscalers(deployment.objects):
        names = [
            ((metric.get("external") or {}).get("metric") or {}).get("name")
            for metric in (scaler.object.get("spec") or {}).get("metrics") or []
        ]
        if scaler.object["kind"] == "VariantAutoscaling" or "wva_desired_replicas" in names:
            yield Violation(
                "the workload variant autoscaler is deprecated",
                deployment.at(scaler.object, "spec"),
                "use KEDA (autoscaling.type: keda)" if deployment.sources else "use KEDA",
            )


def _triggers(scaler: Object) -> list[Object]:
    return list((scaler.get("spec") or {}).get("triggers") or [])


def _from_zero(deployment: Deployment) -> Iterator[Object]:
    """Yield the ScaledObjects without a minimum that ask for the queue of an endpoint picker."""
    metrics = [item.value for item in facts.endpoint_picker().queue_metric]
    for scaler in deployment.kind("ScaledObject"):
        spec = scaler.get("spec") or {}
        queries = " ".join(str((trigger.get("metadata") or {}).get("query")) for trigger in _triggers(scaler))
        least = (spec.get("minReplicaCount", 0), spec.get("idleReplicaCount"))
        if 0 in least and any(metric in queries for metric in metrics):
            yield scaler


def _has_flow_control(picker: EndpointPicker) -> bool:
    gates = [str(gate).partition("=") for gate in (picker.config or {}).get("featureGates") or []]
    return any(name == "flowControl" and value.lower() not in ("false", "f", "0") for name, _, value in gates)


def _is_named(obj: Object, reference: str) -> bool:
    return f"{obj.get('kind')}/{(obj.get('metadata') or {}).get('name')}" == reference


def _scraped(deployment: Deployment, workload: Object) -> bool:
    """Return whether a monitor, or the annotation of Prometheus' own discovery, covers the pods of a workload."""
    group = next(pod_groups(workload))
    services = [
        service
        for service in deployment.kind("Service")
        if (selector := (service.get("spec") or {}).get("selector") or {}) and selector.items() <= group.labels.items()
    ]
    labels = {
        "PodMonitor": [group.labels],
        "ServiceMonitor": [(service.get("metadata") or {}).get("labels") or {} for service in services],
    }
    found = any(
        (((monitor.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}).items() <= each.items()
        for kind, candidates in labels.items()
        for monitor in deployment.kind(kind)
        for each in candidates
    )
    annotated = [group.annotations, *((service.get("metadata") or {}).get("annotations") or {} for service in services)]
    return found or any(str(each.get("prometheus.io/scrape")).lower() == "true" for each in annotated)
