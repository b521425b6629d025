"""The autoscaler that KServe makes for a workload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEDA = {
    "triggers": "triggers", "pollingInterval": "pollingInterval", "idleReplicaCount": "idleReplicas",
    "cooldownPeriod": "scaleDownDelaySeconds", "fallback": "fallback", "initialCooldownPeriod": "initialCooldownPeriod",
}  # fmt: skip
"""Fields of KEDA's ScaledObject by the chart's key."""


def autoscaling(scaling: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``autoscaling`` of a role: KEDA's triggers, else llm-d's variant autoscaler."""
    variant = scaling.get("wva", {})
    keda = scaling.get("keda") or variant.get("keda") or {}
    by_keda = bool(keda.get("triggers"))
    values: dict[str, Any] = {"enabled": True, "type": "keda" if by_keda else "wva"}
    values |= {key: scaling[key] for key in ("minReplicas", "maxReplicas") if key in scaling}
    values.setdefault("maxReplicas", 1)
    if by_keda:
        behavior = keda.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior")
        values |= {name: keda[key] for key, name in _KEDA.items() if key in keda}
        if keda.get("advanced", {}).get("scalingModifiers"):
            values["scalingModifiers"] = keda["advanced"]["scalingModifiers"]
    else:
        behavior = variant.get("hpa", {}).get("behavior")
        values["minReplicas"] = max(1, values.get("minReplicas", 1))
    if behavior:
        values["behavior"] = behavior
    if "variantCost" in variant:
        cost = str(variant["variantCost"])
        values["variantCost"] = float(cost) if "." in cost else int(cost)
    return values
