"""The autoscaler that KServe makes for a predictor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.report import ConversionReport
from modelservice.importers.workload import RoleSource


def scale(role: RoleSource, predictor: Mapping[str, Any], report: ConversionReport) -> None:
    """Set the autoscaling of a predictor: by resources with a HorizontalPodAutoscaler, by Prometheus with KEDA."""
    least, most = predictor.get("minReplicas", 1), predictor.get("maxReplicas", 0)
    given = predictor.get("autoScaling", {}).get("metrics", [])
    if most <= least and not given:
        return
    metric = predictor.get("scaleMetric", "cpu")
    resources = [item["resource"] for item in given if item.get("type") == "Resource" and "resource" in item]
    if not given and metric in ("cpu", "memory"):
        target = {"type": "Utilization", "averageUtilization": predictor.get("scaleTarget", 80)}
        resources = [{"name": metric, "target": target}]
    triggers = [trigger for item in given if (trigger := _trigger(item))]
    if not triggers and not resources:
        report.lost(
            "spec.predictor.scaleMetric",
            f"{metric} is measured by Knative; {least} replicas are kept. Scale on vllm:num_requests_running with KEDA "
            "instead",
        )
        return
    behavior = predictor.get("autoScaling", {}).get("behavior")
    role.autoscaled = True
    role.settings["autoscaling"] = {
        "enabled": True,
        "type": "keda" if triggers else "hpa",
        "minReplicas": least if triggers else max(1, least),
        "maxReplicas": max(most, least, 1),
        **({"triggers": triggers} if triggers else {"metrics": [_resource_metric(item) for item in resources]}),
        **({"behavior": behavior} if behavior else {}),
    }


def _resource_metric(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": resource.get("name", "cpu"), "target": resource.get("target", {})}}


def _trigger(metric: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a KEDA trigger for an external metric that Prometheus answers; None for any other."""
    external = metric.get("external", {})
    question = external.get("metric", {})
    value = external.get("target", {}).get("value") or external.get("target", {}).get("averageValue")
    if metric.get("type") != "External" or question.get("backend") != "prometheus" or value is None:
        return None
    return {
        "type": "prometheus",
        "metadata": {
            "serverAddress": question.get("serverAddress", ""),
            "query": question.get("query", ""),
            "threshold": str(value),
        },
    }
