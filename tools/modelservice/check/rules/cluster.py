"""Cluster: would the scheduler find room, and does everything exist that the pods refer to?

These rules speak only with a cluster or an inventory (``--cluster``, ``--nodes``), and only of kinds that are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule
from modelservice.model.cluster import Node, amounts
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.scheduling import admits, matches, place, untolerated

_NODES = """\
pools:
- name: h100
  count: 2
  labels: {nvidia.com/gpu.product: H100}
  resources: {cpu: "64", memory: 1Ti, nvidia.com/gpu: "8"}
"""
_SCHEDULING = "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/"


def _waiting(deployment: Deployment) -> list[PodGroup]:
    return [group for group in deployment.groups if group.replicas != 0]


@rule(
    Severity.error,
    reason="A pod that asks for a node label that no node has stays pending for ever.",
    link=_SCHEDULING,
    failing=Example(
        "decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [H200]}}", nodes=_NODES
    ),
    passing=Example(
        "decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [H100]}}", nodes=_NODES
    ),
)
def node_label(deployment: Deployment) -> Iterator[Found]:
    """Nodes have the labels that the pods ask for."""
    cluster = deployment.cluster
    if cluster is None:
        return
    for group in _waiting(deployment):
        if cluster.nodes and not any(matches(node, group.spec) for node in cluster.nodes):
            labels = sorted(group.required_labels)
            has = sorted({node.labels[label] for node in cluster.nodes for label in labels if label in node.labels})
            yield Found(
                f"no node of {cluster.source} has the labels that the pods ask for ({', '.join(labels)})",
                deployment.with_key(
                    f"{group.role}.acceleratorTypes", f"{group.role}.nodeSelector", f"{group.role}.affinity"
                ),
                group.object,
                f"write one of {', '.join(has)}" if has else "remove it, or label nodes",
                "spec.template.spec.affinity",
            )


@rule(
    Severity.error,
    reason="Nodes with accelerators are often tainted so that nothing else runs there; pods without the toleration "
    "stay pending.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
    failing=Example(nodes=_NODES + "  taints: [{key: nvidia.com/gpu, effect: NoSchedule}]\n"),
    passing=Example(
        "decode: {tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]}",
        nodes=_NODES + "  taints: [{key: nvidia.com/gpu, effect: NoSchedule}]\n",
    ),
)
def node_taint(deployment: Deployment) -> Iterator[Found]:
    """Pods tolerate the taints of the nodes that they ask for."""
    cluster = deployment.cluster
    if cluster is None:
        return
    for group in _waiting(deployment):
        fitting = [node for node in cluster.nodes if matches(node, group.spec) and _has_room(node, group)]
        if fitting and not any(admits(node, group.spec) for node in fitting):
            taint = untolerated(fitting[0], group.spec)[0]
            key = taint.partition("=")[0]
            yield Found(
                f"all nodes that could take the pods have the taint {taint}, which they do not tolerate",
                deployment.with_key(f"{group.role}.tolerations", group.role),
                group.object,
                f"write {group.role}.tolerations: [{{key: {key}, operator: Exists}}]",
                "spec.template.spec.tolerations",
            )


def _has_room(node: Node, group: PodGroup) -> bool:
    return all(node.allocatable[name] >= amount for name, amount in group.requests().items())


@rule(
    Severity.error,
    reason="The scheduler places pods whole: a pod that needs more than any node has left stays pending, and so does a "
    "group that misses one of its pods.",
    link="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled",
    failing=Example("decode: {replicas: 3, parallelism: {tensor: 8}, sharedMemory: {enabled: true}}", nodes=_NODES),
    passing=Example("decode: {replicas: 2, parallelism: {tensor: 8}, sharedMemory: {enabled: true}}", nodes=_NODES),
)
def pods_fit(deployment: Deployment) -> Iterator[Found]:
    """All pods find room on the nodes."""
    cluster = deployment.cluster
    if cluster is None or not cluster.nodes:
        return
    missed = [item for item in place([deployment], cluster) if item.node is None]
    total = Counter(item.group.object for item in place([deployment], cluster))
    for name, number in Counter(item.group.object for item in missed).items():
        group = next(item.group for item in missed if item.group.object == name)
        candidates = [node for node in cluster.nodes if admits(node, group.spec)]
        if not candidates or any(cluster.lacks("DeviceClass", claim.device_class) for claim in group.claims):
            continue  # node-label, node-taint and device-class say more
        needed = ", ".join(f"{count} {resource}" for resource, count in group.accelerators.items())
        lacking = _lacking(group, candidates) or needed or "resources"
        yield Found(
            f"{number} of {total[name]} pods fit on no node of {cluster.source}: each needs {lacking}",
            deployment.with_key(f"{group.role}.replicas", f"{group.role}.parallelism", group.role),
            group.object,
            f"write {group.role}.replicas: {(total[name] - number) // group.size}, fewer accelerators a pod, "
            "or add nodes",
            "spec.replicas",
        )


def _lacking(group: PodGroup, nodes: list[Node]) -> str:
    """The resource of which no node has enough even when empty."""
    for name, amount in group.requests().items():
        most = max(node.allocatable[name] for node in nodes)
        if amount > most:
            return f"{_amount(name, amount)} of {name}, and a node has {_amount(name, most)}"
    return ""


def _amount(name: str, amount: int) -> str:
    if name == "cpu":
        return f"{amount / 1000:g}"
    return f"{amount / 1024**3:.0f}Gi" if name in ("memory", "ephemeral-storage") else str(amount)


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
def device_class(deployment: Deployment) -> Iterator[Found]:
    """The cluster has the device classes of the claims."""
    cluster = deployment.cluster
    if cluster is None:
        return
    for group in _waiting(deployment):
        for claim in group.claims:
            if cluster.lacks("DeviceClass", claim.device_class):
                known = ", ".join(sorted(str(obj["metadata"]["name"]) for obj in cluster.of("DeviceClass"))) or "none"
                yield Found(
                    f"the cluster has no device class {claim.device_class}",
                    deployment.with_key("accelerator.resourceClaimTemplates", "accelerator.dra"),
                    group.object,
                    f"write one of {known}, or install the driver",
                    "spec.template.spec.resourceClaims",
                )
            elif claim.all:
                counts = cluster.devices(claim.device_class)
                ranks = group.ranks
                if counts and ranks and ranks not in counts.values():
                    yield Found(
                        f"allocationMode All takes {max(counts.values())} devices of a node, but the engine runs "
                        f"{ranks} ranks",
                        deployment.with_key("accelerator.resourceClaimTemplates"),
                        group.object,
                        f"write count: {ranks}, or parallelism for the whole node",
                        "spec.template.spec.resourceClaims",
                    )


_DEFINED = {
    "LeaderWorkerSet": ("leaderworkersets.leaderworkerset.x-k8s.io", "v1"),
    "PodMonitor": ("podmonitors.monitoring.coreos.com", "v1"),
    "ServiceMonitor": ("servicemonitors.monitoring.coreos.com", "v1"),
    "InferencePool": ("inferencepools.inference.networking.k8s.io", "v1"),
    "HTTPRoute": ("httproutes.gateway.networking.k8s.io", "v1"),
    "ScaledObject": ("scaledobjects.keda.sh", "v1alpha1"),
}


@rule(
    Severity.error,
    reason="An object of a kind that the cluster does not know stops the installation half-way.",
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
def kind_missing(deployment: Deployment) -> Iterator[Found]:
    """The cluster knows the kinds and versions of all objects."""
    cluster = deployment.cluster
    if cluster is None or "CustomResourceDefinition" not in cluster.kinds:
        return
    for kind in sorted({str(obj.get("kind")) for obj in deployment.objects} & set(_DEFINED)):
        name, _ = _DEFINED[kind]
        obj = next(item for item in deployment.objects if item.get("kind") == kind)
        version = str(obj.get("apiVersion", "")).rpartition("/")[2]
        definition = cluster.find("CustomResourceDefinition", name)
        served = [
            item.get("name")
            for item in ((definition or {}).get("spec") or {}).get("versions") or []
            if item.get("served")
        ]
        if definition is None or version not in served:
            yield Found(
                f"the cluster does not know {kind}"
                + (f" {version}, only {', '.join(map(str, served))}" if definition else ""),
                deployment.with_key("multinode")
                if kind == "LeaderWorkerSet"
                else deployment.with_key("decode.monitoring.podmonitor.enabled")
                if kind == "PodMonitor"
                else None,
                f"{kind}/{obj['metadata']['name']}",
                f"install {name.partition('.')[2]}, or do without {kind}",
                "apiVersion",
            )


@rule(
    Severity.error,
    reason="A pod that names a claim, Secret, class or account that does not exist is never started.",
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
def reference_missing(deployment: Deployment) -> Iterator[Found]:
    """Everything that the pods name exists."""
    cluster = deployment.cluster
    if cluster is None:
        return
    made = {(obj.get("kind"), (obj.get("metadata") or {}).get("name")) for obj in deployment.objects}
    for group in _waiting(deployment):
        for kind, name, key, part in _references(deployment, group):
            namespace = "" if kind in ("PriorityClass", "RuntimeClass") else deployment.namespace
            if not cluster.lacks(kind, name, namespace) or (kind, name) in made:
                secret = cluster.find(kind, name, namespace) if part else None
                if secret and part not in (secret.get("data") or {}):
                    yield Found(
                        f"the Secret {name} has no key {part}",
                        key,
                        group.object,
                        f"add the key {part}; it has {', '.join(secret.get('data') or {}) or 'none'}",
                        "containers[].env",
                    )
                continue
            there = ", ".join(sorted(str(obj["metadata"]["name"]) for obj in cluster.of(kind))[:6])
            yield Found(
                f"the pods use {kind} {name}, which the cluster does not have",
                key,
                group.object,
                f"create it, or write one of {there}" if there else "create it",
                "spec.template.spec",
            )


def _references(deployment: Deployment, group: PodGroup) -> Iterator[tuple[str, str, str | None, str]]:
    spec = group.spec
    for volume in spec.get("volumes") or []:
        if claim := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
            yield "PersistentVolumeClaim", claim, deployment.with_key("modelArtifacts.uri", f"{group.role}.volumes"), ""
        if (volume.get("secret") or {}).get("secretName") and not volume["secret"].get("optional"):
            yield "Secret", volume["secret"]["secretName"], deployment.with_key(f"{group.role}.volumes"), ""
        if (volume.get("configMap") or {}).get("name") and not volume["configMap"].get("optional"):
            yield "ConfigMap", volume["configMap"]["name"], deployment.with_key(f"{group.role}.volumes"), ""
    for container in group.containers:
        for variable in container.fields.get("env") or []:
            secret = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if secret and not secret.get("optional"):
                key = deployment.env_key(group, variable["name"])
                if deployment.sources and key and not deployment.sources.has(key):
                    key = "modelArtifacts.authSecretName"
                yield "Secret", str(secret.get("name", "")), key, str(secret.get("key", ""))
    if name := spec.get("priorityClassName"):
        yield "PriorityClass", name, deployment.with_key(f"{group.role}.priorityClassName"), ""
    if name := spec.get("runtimeClassName"):
        yield "RuntimeClass", name, deployment.with_key(f"{group.role}.extraConfig.runtimeClassName"), ""
    if name := spec.get("serviceAccountName"):
        yield "ServiceAccount", name, deployment.with_key("serviceAccountOverride"), ""
    for item in spec.get("imagePullSecrets") or []:
        yield (
            "Secret",
            str(item.get("name", "")),
            deployment.with_key("imagePullSecrets", f"{group.role}.imagePullSecrets"),
            "",
        )
    for claim in spec.get("resourceClaims") or []:
        if name := claim.get("resourceClaimName"):
            yield "ResourceClaim", name, deployment.with_key(f"{group.role}.resourceClaims"), ""


@rule(
    Severity.error,
    reason="The API server refuses pods that would pass the namespace's quota; a Deployment then waits in silence.",
    link="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
    failing=Example(
        "decode: {replicas: 4, parallelism: {tensor: 2}, sharedMemory: {enabled: true}}",
        nodes="{apiVersion: v1, kind: ResourceQuota, metadata: {name: gpus, namespace: default}, "
        "spec: {hard: {requests.nvidia.com/gpu: '4'}}}",
    ),
    passing=Example(
        "decode: {replicas: 2, parallelism: {tensor: 2}, sharedMemory: {enabled: true}}",
        nodes="{apiVersion: v1, kind: ResourceQuota, metadata: {name: gpus, namespace: default}, "
        "spec: {hard: {requests.nvidia.com/gpu: '4'}}}",
    ),
)
def quota(deployment: Deployment) -> Iterator[Found]:
    """The namespace's quota allows all pods."""
    cluster = deployment.cluster
    for item in cluster.of("ResourceQuota") if cluster else ():
        if (item["metadata"].get("namespace") or deployment.namespace) != deployment.namespace:
            continue
        hard = amounts((item.get("spec") or {}).get("hard") or {})
        used = amounts((item.get("status") or {}).get("used") or {})
        for name, limit in hard.items():
            resource = name.removeprefix("requests.").removeprefix("limits.")
            wanted = sum(
                (1 if resource == "pods" else group.requests()[resource]) * group.count
                for group in _waiting(deployment)
            )

            if wanted > limit - used[name]:
                yield Found(
                    f"the pods ask for {_amount(resource, wanted)} of {name} in all, but the quota "
                    f"{item['metadata']['name']} leaves {_amount(resource, limit - used[name])}",
                    deployment.with_key("decode.replicas", "decode"),
                    f"ResourceQuota/{item['metadata']['name']}",
                    "run fewer replicas, or raise the quota",
                    "spec.hard",
                )
