"""Volume claims: can all pods mount them, and can they be provisioned?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.cluster import amounts
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place

Object = Mapping[str, Any]

_CLAIM = """\
modelArtifacts: {uri: 'pvc://models/qwen3'}
decode: {replicas: 2}
extraObjects:
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: models}
  spec: {accessModes: [%s], resources: {requests: {storage: 100Gi}}}
"""
_PROVISIONED = """\
modelArtifacts: {uri: 'pvc://models/qwen3'}
extraObjects:
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: models}
  spec: {accessModes: [ReadWriteMany], storageClassName: %s, resources: {requests: {storage: 100Gi}}}
"""
_CLASSES = """\
apiVersion: v1
kind: List
items:
- {apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: filestore}, provisioner: file.example.com}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: disk}, spec: {storageClassName: manual}}
"""


@rule(
    Severity.warning,
    reason="A ReadWriteOnce volume is attached to one node, and pods on other nodes wait for it without end; a "
    "ReadWriteOncePod volume is for one pod.",
    link="https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes",
    failing=_CLAIM % "ReadWriteOnce",
    passing=_CLAIM % "ReadWriteMany",
)
def claim_of_one_node(deployment: Deployment) -> Iterator[Violation]:
    """A claim that several pods mount allows several nodes."""
    for name, users in _users(deployment).items():
        claim = _claim(deployment, name)
        modes = set((claim.get("spec") or {}).get("accessModes") or []) if claim else set()
        pods = sum(_most(deployment, group) for group in users)
        if claim is None or not modes or not modes <= {"ReadWriteOnce", "ReadWriteOncePod"} or pods < 2:
            continue
        certain = modes == {"ReadWriteOncePod"} or _need_nodes(deployment, users)
        yield Violation(
            f"{pods} pods mount the claim {name}, which is {' and '.join(sorted(modes))}",
            _place(deployment, claim, users[0]),
            "set accessModes: [ReadWriteMany], or [ReadOnlyMany], with a storage class that can do that",
            Severity.error if certain else None,
        )


def _users(deployment: Deployment) -> dict[str, list[PodGroup]]:
    """Return the model servers that mount each claim."""
    found: dict[str, list[PodGroup]] = {}
    for group in deployment.servers:
        named = ((volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in _volumes(group))
        for name in dict.fromkeys(item for item in named if item):
            found.setdefault(str(name), []).append(group)
    return found


def _volumes(group: PodGroup) -> list[Object]:
    return group.spec.get("volumes") or []


def _claim(deployment: Deployment, name: str) -> Object | None:
    """Return a claim of the release, else one of the cluster."""
    own = (obj for obj in deployment.kind("PersistentVolumeClaim") if obj["metadata"].get("name") == name)
    cluster = deployment.cluster
    there = cluster.find("PersistentVolumeClaim", name, deployment.namespace) if cluster else None
    return next(own, there)


def _most(deployment: Deployment, group: PodGroup) -> int:
    """Return how many of the pods there are at most."""
    scaler = deployment.autoscaler(group)
    most = scaler.maximum if scaler and group.replicas is None else None
    return group.size * max(most or 0, group.replicas or 0, 0 if group.replicas == 0 else 1)


def _need_nodes(deployment: Deployment, users: list[PodGroup]) -> bool:
    """Return whether no node of the cluster has the accelerators for any two of the pods."""
    cluster = deployment.cluster
    pods = [group.accelerators for group in users for _ in range(min(_most(deployment, group), 2))]
    common = set.intersection(*({name for name in pod if "/" in name} for pod in pods))
    if cluster is None or not cluster.nodes or not common:
        return False
    nodes = [amounts((node.get("status") or {}).get("allocatable") or {}) for node in cluster.of("Node")]
    return any(all(node[name] < sum(sorted(pod[name] for pod in pods)[:2]) for node in nodes) for name in common)


def _place(deployment: Deployment, claim: Object, group: PodGroup) -> Place:
    if any(claim is obj for obj in deployment.objects):
        return deployment.at(claim, "spec.accessModes")
    return group.at("spec.volumes")


@rule(
    Severity.error,
    reason="A claim of a storage class that does not exist, and of which there is no volume, is never bound, and its "
    "pods stay pending.",
    link="https://kubernetes.io/docs/concepts/storage/storage-classes/",
    failing=Example(_PROVISIONED % "lustre", nodes=_CLASSES),
    passing=Example(_PROVISIONED % "filestore", nodes=_CLASSES),
)
def storage_class_missing(deployment: Deployment) -> Iterator[Violation]:
    """The cluster has the storage classes of the claims."""
    cluster = deployment.cluster
    own = {obj["metadata"].get("name") for obj in deployment.kind("StorageClass")}
    for name, place in _classes(deployment) if cluster else ():
        if cluster is None or name in own or not cluster.lacks("StorageClass", name):
            continue
        volumes = [*cluster.of("PersistentVolume"), *deployment.kind("PersistentVolume")]
        if any((volume.get("spec") or {}).get("storageClassName") == name for volume in volumes):
            continue
        known = ", ".join(sorted(str(obj["metadata"]["name"]) for obj in cluster.of("StorageClass"))) or "none"
        yield Violation(
            f"the cluster has no storage class {name}",
            place,
            f"set one of {known}",
            None if "PersistentVolume" in cluster.kinds else Severity.warning,
        )


def _classes(deployment: Deployment) -> Iterator[tuple[str, Place]]:
    """Yield the storage classes of all claims that the release makes: objects, of workloads, and of pods."""
    for obj in deployment.kind("PersistentVolumeClaim"):
        if name := (obj.get("spec") or {}).get("storageClassName"):
            yield str(name), deployment.at(obj, "spec.storageClassName")
    for group in deployment.groups:
        spec = group.workload.get("spec") or {}
        shared = spec.get("leaderWorkerTemplate") or {}
        made = [*(spec.get("volumeClaimTemplates") or []), *(shared.get("volumeClaimTemplates") or [])]
        inside = [(volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {} for volume in _volumes(group)]
        for template in (*made, *inside):
            if name := (template.get("spec") or {}).get("storageClassName"):
                yield str(name), group.at("spec.volumes")
