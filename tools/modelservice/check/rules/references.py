"""References: does everything exist that the pods refer to, in the release and in the cluster?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.decode import is_built_in
from modelservice.model.cluster import Inventory
from modelservice.model.deployment import Deployment
from modelservice.model.devices import DeviceRequest
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place

Object = Mapping[str, Any]


def _waiting(deployment: Deployment) -> list[PodGroup]:
    return [group for group in deployment.groups if group.replicas != 0]


@rule(
    Severity.error,
    reason="The API server rejects a mount of a volume that the pod does not have.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/",
    failing="engine: {volumeMounts: [{name: cache, mountPath: /root/.cache}]}",
    passing="""\
engine: {volumeMounts: [{name: cache, mountPath: /root/.cache}]}
decode: {volumes: [{name: cache, emptyDir: {}}]}
""",
)
def volume_missing(deployment: Deployment) -> Iterator[Violation]:
    """Every mounted volume is one of the pod."""
    for group in deployment.groups:
        volumes = _volumes(group)
        for container in group.all_containers if group.requester is None else ():
            for mount in container.mounts:
                name = mount.get("name")
                if name not in volumes:
                    own = ", ".join(sorted(map(str, volumes))) or "none"
                    yield Violation(
                        f"container {container.name} mounts the volume {name}, which the pod does not have",
                        container.at(f"volumeMounts[{name}]").otherwise(*container.at("volumeMounts").keys),
                        f"add it to {group.role}.volumes, or mount one of {own}",
                    )


def _volumes(group: PodGroup) -> set[str]:
    """Return the names of the volumes that a pod gets, those of claim templates too."""
    spec = group.workload.get("spec") or {}
    claims = [
        *(spec.get("volumeClaimTemplates") or []),
        *((spec.get("leaderWorkerTemplate") or {}).get("volumeClaimTemplates") or []),
    ]
    names = [volume.get("name") for volume in group.spec.get("volumes") or []]
    return {*names, *((claim.get("metadata") or {}).get("name") for claim in claims)}


@rule(
    Severity.error,
    reason="A claim for a device class that the cluster does not have is never allocated.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
    failing=Example(
        "accelerator: {dra: true, resourceClaimTemplates: {nvidia: {class: gpu.nvidia.io}}}",
        nodes="pools: [{name: h100, devices: [{driver: gpu.nvidia.com, count: 8}]}]",
    ),
    passing=Example(
        "accelerator: {dra: true}", nodes="pools: [{name: h100, devices: [{driver: gpu.nvidia.com, count: 8}]}]"
    ),
)
def device_class(deployment: Deployment) -> Iterator[Violation]:
    """The cluster has the device classes of the claims."""
    cluster = deployment.cluster
    for group in _waiting(deployment) if cluster else ():
        at = group.at("spec.resourceClaims").preferring("accelerator.resourceClaimTemplates")
        for claim in group.claims:
            problem = _claim_problem(claim, group, cluster) if cluster else None
            if problem:
                yield Violation(problem[0], at, problem[1])


def _claim_problem(claim: DeviceRequest, group: PodGroup, cluster: Inventory) -> tuple[str, str] | None:
    """Return why the cluster cannot allocate a request of a claim as the engine needs it, and the fix."""
    if cluster.lacks("DeviceClass", claim.device_class):
        known = ", ".join(sorted(str(obj["metadata"]["name"]) for obj in cluster.of("DeviceClass"))) or "none"
        return (
            f"the cluster has no device class {claim.device_class}",
            f"set one of {known}, or install the driver",
        )
    counts, ranks = cluster.devices(claim.device_class), group.ranks
    if claim.all and counts and ranks and ranks not in counts.values():
        return (
            f"allocationMode All takes {max(counts.values())} devices of a node, but the engine runs {ranks} ranks",
            f"set count: {ranks}, or parallelism for the whole node",
        )
    return None


@rule(
    Severity.error,
    reason="An object of a kind that the cluster does not know makes the installation fail half-way.",
    link="https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/",
    failing=Example(
        "{multinode: true, decode: {parallelism: {tensor: 8, pipeline: 2, workers: 2}, sharedMemory: {enabled: true}}}",
        nodes="{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: "
        "httproutes.gateway.networking.k8s.io}, spec: {versions: [{name: v1, served: true}]}}",
    ),
    passing=Example(
        "{multinode: true, decode: {parallelism: {tensor: 8, pipeline: 2, workers: 2}, sharedMemory: {enabled: true}}}",
        nodes="{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: "
        "leaderworkersets.leaderworkerset.x-k8s.io}, spec: {versions: [{name: v1, served: true}]}}",
    ),
)
def kind_missing(deployment: Deployment) -> Iterator[Violation]:
    """The cluster knows the kinds and versions of all objects."""
    cluster = deployment.cluster
    if cluster is None or "CustomResourceDefinition" not in cluster.kinds:
        return
    defined = {_defines(item): item for item in cluster.of("CustomResourceDefinition")}
    own = {_defines(item) for item in deployment.kind("CustomResourceDefinition")}
    first = {(obj.get("apiVersion"), obj.get("kind")): obj for obj in reversed(deployment.objects)}
    for (version, kind), obj in sorted(first.items(), key=lambda item: str(item[0][1])):
        group, _, number = str(version).rpartition("/")
        if is_built_in(obj) or (group, kind) in own:
            continue
        name = f"{str(kind).lower()}s.{group}"  # of a definition that does not spell its kind
        definition = defined.get((group, str(kind))) or cluster.find("CustomResourceDefinition", name)
        versions = ((definition or {}).get("spec") or {}).get("versions") or []
        served = [str(item.get("name")) for item in versions if item.get("served")]
        if number not in served:
            yield Violation(
                f"the cluster does not know {kind} {version}" + (f", only {', '.join(served)}" if served else ""),
                deployment.at(obj, "apiVersion"),
                f"install {group}, or do without {kind}",
            )


def _defines(definition: Object) -> tuple[str, str]:
    """Return the API group and the kind that a definition adds."""
    spec = definition.get("spec") or {}
    return str(spec.get("group")), str((spec.get("names") or {}).get("kind"))


@rule(
    Severity.error,
    reason="A pod that refers to a claim, Secret, class or account that does not exist never starts.",
    link="https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/",
    failing=Example(
        "modelArtifacts: {uri: 'pvc://models/qwen3'}",
        nodes="{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: model-pvc, namespace: default}}",
    ),
    passing=Example(
        "modelArtifacts: {uri: 'pvc://models/qwen3'}",
        nodes="{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: models, namespace: default}}",
    ),
)
def reference_missing(deployment: Deployment) -> Iterator[Violation]:
    """Everything that the pods refer to exists."""
    cluster = deployment.cluster
    made = {(obj.get("kind"), (obj.get("metadata") or {}).get("name")) for obj in deployment.objects}
    for group in _waiting(deployment) if cluster else ():
        for kind, name, at, part in _references(group):
            if cluster is None or (kind, name) in made:
                continue
            namespace = "" if kind in ("PriorityClass", "RuntimeClass") else deployment.namespace
            if cluster.lacks(kind, name, namespace):
                near = ", ".join(_alternatives(cluster, kind, part))
                message = f"the pods use {kind} {name}, which the cluster does not have"
                yield Violation(message, at, f"create it, or set one of {near}" if near else "create it")
                continue
            found = cluster.find(kind, name, namespace) if part else None
            if found and part not in (found.get("data") or {}):
                has = ", ".join(found.get("data") or {}) or "none"
                yield Violation(f"the {kind} {name} has no key {part}", at, f"add the key {part}; it has {has}")


def _alternatives(cluster: Inventory, kind: str, part: str) -> list[str]:
    """Return objects of a kind that may be meant, those with the same key where one is needed; none of Helm's own."""
    usable = [obj for obj in cluster.of(kind) if not part or part in (obj.get("data") or {})]
    names = sorted(str(obj["metadata"]["name"]) for obj in usable)
    return [name for name in names if not name.startswith("sh.helm.release.")][:6]


def _references(group: PodGroup) -> Iterator[tuple[str, str, Place, str]]:
    """Yield what the pods refer to: kind, name, place and, of a Secret's variable, the key."""
    yield from _of_volumes(group)
    for container in group.containers:
        for variable in container.fields.get("env") or []:
            secret = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if secret and not secret.get("optional"):
                at = container.at(f"env[{variable['name']}]")
                yield "Secret", str(secret.get("name", "")), at, str(secret.get("key", ""))
    for field, kind in _NAMED.items():
        if name := group.spec.get(field):
            yield kind, str(name), group.at(f"spec.{field}"), ""
    for item in group.spec.get("imagePullSecrets") or []:
        yield "Secret", str(item.get("name", "")), group.at("spec.imagePullSecrets"), ""
    for claim in group.spec.get("resourceClaims") or []:
        if name := claim.get("resourceClaimName"):
            yield "ResourceClaim", name, group.at(f"spec.resourceClaims[{claim.get('name')}]"), ""


_NAMED = {
    "priorityClassName": "PriorityClass",
    "runtimeClassName": "RuntimeClass",
    "serviceAccountName": "ServiceAccount",
}


def _of_volumes(group: PodGroup) -> Iterator[tuple[str, str, Place, str]]:
    sources = {
        "PersistentVolumeClaim": ("persistentVolumeClaim", "claimName"),
        "Secret": ("secret", "secretName"),
        "ConfigMap": ("configMap", "name"),
    }
    for volume in group.spec.get("volumes") or []:
        for kind, (source, field) in sources.items():
            reference = volume.get(source) or {}
            if reference.get(field) and not reference.get("optional"):
                yield kind, str(reference[field]), group.at(f"spec.volumes[{volume.get('name')}]"), ""
