"""Updates: can a new version of the pods replace the old one?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.rollouts import scaled, section_at

_GROUPS = """\
multinode: true
decode:
  replicas: 3
  parallelism: {data: 16, dataLocal: 8}
  rolloutStrategy: {rollingUpdateConfiguration: {maxUnavailable: %s}}
"""


@rule(
    Severity.error,
    reason="An update replaces as many pods as may be unavailable, or starts as many more as may surge. If both are 0 "
    "it could not begin, so the API server rejects the workload. For groups of pods, a percentage of few groups is 0.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment",
    failing=_GROUPS % "20%",
    passing=_GROUPS % "40%",
)
def update_stuck(deployment: Deployment) -> Iterator[Violation]:
    """An update may replace at least one pod or group at a time."""
    for groups in deployment.workloads:
        group = groups[0]
        limits = _LIMITS.get(group.kind)
        stuck = limits(group) if limits else None
        if stuck:
            path, message = stuck
            yield Violation(message, group.workload_at(f"spec.{path}"), "set one of them to 1")


def _deployment(group: PodGroup) -> tuple[str, str] | None:
    update = section_at(group.workload, "spec.strategy.rollingUpdate")
    if _is_zero(update.get("maxSurge")) and _is_zero(update.get("maxUnavailable")):
        return "strategy", "maxSurge and maxUnavailable are both 0, so no update can begin"
    return None


def _leader_worker_set(group: PodGroup) -> tuple[str, str] | None:
    """https://github.com/kubernetes-sigs/lws/blob/v0.9.0/pkg/webhooks/leaderworkerset_webhook.go"""
    update = section_at(group.workload, "spec.rolloutStrategy.rollingUpdateConfiguration")
    replicas = 1 if group.replicas is None else group.replicas // group.slices
    unavailable = scaled(update.get("maxUnavailable", 1), replicas, math.floor)
    surge = scaled(update.get("maxSurge", 0), replicas, math.ceil)
    if replicas == 0 or unavailable != 0 or surge != 0:
        return None
    given = update.get("maxUnavailable")
    share = f" ({given} of {replicas} groups, rounded down)" if isinstance(given, str) and not _is_zero(given) else ""
    return "rolloutStrategy", f"maxSurge is 0 and maxUnavailable 0{share}, so no update can begin"


_LIMITS = {"Deployment": _deployment, "LeaderWorkerSet": _leader_worker_set, "DisaggregatedSet": _leader_worker_set}
"""Kinds with such limits. Kubernetes ignores maxUnavailable of a StatefulSet unless a feature gate is on."""


def _is_zero(amount: object) -> bool:
    return str(amount) in ("0", "0%")
