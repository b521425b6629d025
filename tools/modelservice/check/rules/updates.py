"""Updates: can a new version of the pods replace the old one?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.facts.models import DefinedValue
from modelservice.kubernetes.dotted import value_at
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.rollouts import limits, scaled, section_at

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
        stuck_by = _STUCK_BY.get(group.kind)
        stuck = stuck_by(group) if stuck_by else None
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


_STUCK_BY = {"Deployment": _deployment, "LeaderWorkerSet": _leader_worker_set, "DisaggregatedSet": _leader_worker_set}
"""Kinds with such limits. Kubernetes ignores maxUnavailable of a StatefulSet unless a feature gate is on."""


_ONLY_GROUP = """\
multinode: true
decode:
  replicas: 1
  parallelism: {data: 16, dataLocal: 8}
  rolloutStrategy: {rollingUpdateConfiguration: {maxSurge: 1, maxUnavailable: 0}}
"""
_DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: leaderworkersets.leaderworkerset.x-k8s.io}
spec:
  names: {kind: LeaderWorkerSet}
  group: leaderworkerset.x-k8s.io
  versions:
  - name: v1
    schema: {openAPIV3Schema: {properties: {spec: {properties: {leaderWorkerTemplate: {properties: {
      restartPolicy: {enum: [None, RecreateGroupOnPodRestart%s]}}}}}}}}
"""


@rule(
    Severity.error,
    reason="Before LeaderWorkerSet 0.9 the controller starts no surge group for the only one. If that must not be "
    "unavailable either, an update never begins, and the old version keeps serving.",
    link="https://lws.sigs.k8s.io/docs/concepts/rollout-strategy/",
    failing=Example(_ONLY_GROUP, nodes=_DEFINITION % ""),
    passing=Example(_ONLY_GROUP, nodes=_DEFINITION % ", RecreateGroupAfterStart"),
)
def only_group_stuck(deployment: Deployment) -> Iterator[Violation]:
    """The cluster's LeaderWorkerSet can replace the only group of a workload."""
    for groups in deployment.workloads:
        group = groups[0]
        known = facts.kubernetes().rollouts.get(group.kind)
        found = limits(group.workload, group.placed_replicas)
        if known is None or known.surges_for_one_with is None or found is None or group.replicas != 1:
            continue
        since = known.surges_for_one_since
        if found.surge and not found.unavailable and _is_older(deployment, known.surges_for_one_with):
            yield Violation(
                f"the cluster's {group.kind} is older than {since} and starts no surge group for the only one, so no "
                "update can begin",
                group.workload_at("spec.rolloutStrategy"),
                f"install {group.kind} {since}, or set maxUnavailable: 1 or 2 replicas",
            )


def _is_older(deployment: Deployment, known: DefinedValue) -> bool:
    """Return whether the cluster has a definition, and that lacks a value of a field."""
    found = deployment.cluster.find("CustomResourceDefinition", known.definition) if deployment.cluster else None
    path = ".properties.".join(("schema.openAPIV3Schema", *known.field.split("."))) + ".enum"
    listed = [value_at(version, path) for version in value_at(found, "spec.versions") or []]
    return any(listed) and not any(known.value in (values or []) for values in listed)


def _is_zero(amount: object) -> bool:
    return str(amount) in ("0", "0%")
