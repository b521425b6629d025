"""Fields: does the API server accept their values? Types are checked by the schema of the chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.cures import certain, put_field
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.kubernetes.requirements import Path, Unmet, items, unmet, unmet_by_annotations
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place

_FIELDS = {
    "Deployment": {"strategy": "apps.v1.DeploymentStrategy"},
    "HorizontalPodAutoscaler": {
        "behavior": "autoscaling.v2.HorizontalPodAutoscalerBehavior",
        "metrics": "autoscaling.v2.MetricSpec",
    },
    "NetworkPolicy": {
        "egress": "networking.v1.NetworkPolicyEgressRule",
        "ingress": "networking.v1.NetworkPolicyIngressRule",
    },
    "StatefulSet": {
        "persistentVolumeClaimRetentionPolicy": "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
        "updateStrategy": "apps.v1.StatefulSetUpdateStrategy",
    },
    "Service": {"": "core.v1.ServiceSpec.partial"},
    "PersistentVolumeClaim": {"": "core.v1.PersistentVolumeClaimSpec"},
}
"""Types of the fields in an object's spec, or of their items, without the pods'; an empty name is the spec itself."""


@rule(
    Severity.error,
    reason="The API server rejects the object, and the installation fails half-way.",
    link="https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run",
    failing="decode: {extraConfig: {dnsPolicy: clusterFirst}}",
    passing="decode: {extraConfig: {dnsPolicy: ClusterFirst}}",
)
def field_rejected(deployment: Deployment) -> Iterator[Violation]:
    """The API server accepts the value of every field."""
    for group in deployment.groups:
        for found in (
            *unmet("core.v1.PodSpec.partial", group.spec, ("spec",)),
            *unmet_by_annotations(group.metadata, _METADATA),
        ):
            yield _violation(found, _at(deployment, group, found))
    for obj in deployment.objects:
        for found in (*_unmet_in(obj), *unmet_by_annotations(obj.get("metadata"), _METADATA)):
            yield _violation(found, deployment.at(obj, found.address()))


_METADATA = ("metadata",)


def _unmet_in(obj: Mapping[str, Any]) -> Iterator[Unmet]:
    spec = obj.get("spec") or {}
    for field, kind in _FIELDS.get(str(obj.get("kind")), {}).items():
        at: Path = ("spec", field) if field else ("spec",)
        for place, item in items(spec.get(field) if field else spec, at):
            yield from unmet(kind, item, place)
    if obj.get("kind") == "StatefulSet":
        for item in spec.get("volumeClaimTemplates") or []:
            name = (item.get("metadata") or {}).get("name", "")
            at = ("spec", "volumeClaimTemplates", f"[{name}]", "spec")
            yield from unmet("core.v1.PersistentVolumeClaimSpec", item.get("spec"), at)


def _at(deployment: Deployment, group: PodGroup, found: Unmet) -> Place:
    """Return the place of a field of the pods."""
    if not group.is_server:
        return deployment.at(group.workload, group.path(found.address()))
    for container in group.all_containers:
        if found.path[1:3] == (container.listed, f"[{container.name}]"):
            return container.at(found.address(3))
    return group.at(found.address())


def _violation(found: Unmet, at: Place) -> Violation:
    message = f"{found.address()}: {found.message}, and the API server rejects it"
    cures = certain(put_field(at, found.path[-1], found.meant)) if found.meant else ()
    return Violation(message, at, found.fix, cures=cures)
