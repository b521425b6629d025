"""Scheduling: would the cluster take all pods?

Most of these rules need a cluster or an inventory (``--cluster``, ``--nodes``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.quantity import GIB
from modelservice.model.cluster import Inventory, Node, amounts
from modelservice.model.deployment import Deployment
from modelservice.model.devices import is_accelerator
from modelservice.model.pods import PodGroup
from modelservice.model.scheduling import Placed, admits, matches, place, untolerated

_NODES = """\
pools:
- name: h100
  count: 2
  labels: {nvidia.com/gpu.product: H100}
  resources: {cpu: "64", memory: 1Ti, nvidia.com/gpu: "8"}
"""


@rule(
    Severity.error,
    reason="A pod that requires a node label that no node has stays pending.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/",
    failing=Example(
        "decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [H200]}}", nodes=_NODES
    ),
    passing=Example(
        "decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [H100]}}", nodes=_NODES
    ),
)
def node_label(deployment: Deployment) -> Iterator[Violation]:
    """Nodes have the labels that the pods require."""
    cluster = deployment.cluster
    for group in deployment.groups if cluster and cluster.nodes else ():
        if cluster is None or group.replicas == 0 or any(matches(node, group.spec) for node in cluster.nodes):
            continue
        labels = sorted(group.required_labels)
        has = sorted({node.labels[label] for node in cluster.nodes for label in labels if label in node.labels})
        absent = [label for label in labels if not any(label in node.labels for node in cluster.nodes)]
        field = next((group.required_labels[label] for label in (*absent, *labels)), "spec.affinity")
        yield Violation(
            f"no node of {cluster.source} has the labels that the pods require ({', '.join(labels)})",
            group.at(field),
            f"set one of {', '.join(has)}" if has else "remove it, or label nodes",
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
def node_taint(deployment: Deployment) -> Iterator[Violation]:
    """Pods tolerate the taints of the nodes that they require."""
    for group in deployment.groups if deployment.cluster else ():
        nodes = deployment.cluster.nodes if deployment.cluster and group.replicas != 0 else []
        fitting = [node for node in nodes if matches(node, group.spec) and _has_room(node, group)]
        if fitting and not any(admits(node, group.spec) for node in fitting):
            taint = untolerated(fitting[0], group.spec)[0]
            yield Violation(
                f"all nodes that could take the pods have the taint {taint}, which they do not tolerate",
                group.at("spec.tolerations"),
                f"set {group.role}.tolerations: [{{key: {taint.partition('=')[0]}, operator: Exists}}]",
            )


def _has_room(node: Node, group: PodGroup) -> bool:
    """Return whether the pod fits on the node when nothing else runs there."""
    return all(node.allocatable[name] >= amount for name, amount in group.requests().items())


@rule(
    Severity.error,
    reason="The scheduler places whole pods: a pod that needs more than any node has left stays pending, and so does a "
    "group that lacks one of its pods.",
    link="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled",
    failing=Example("decode: {replicas: 3, parallelism: {tensor: 8}, sharedMemory: {enabled: true}}", nodes=_NODES),
    passing=Example("decode: {replicas: 2, parallelism: {tensor: 8}, sharedMemory: {enabled: true}}", nodes=_NODES),
)
def pod_does_not_fit(deployment: Deployment) -> Iterator[Violation]:
    """All pods fit on the nodes."""
    cluster = deployment.cluster
    placed = place([deployment], cluster) if cluster and cluster.nodes else []
    for workload in dict.fromkeys(item.group.object for item in placed if item.node is None):
        pods = [item for item in placed if item.group.object == workload]
        if cluster and (found := _without_room(pods, cluster)):
            yield found


def _without_room(pods: list[Placed], cluster: Inventory) -> Violation | None:
    """Return which pods of a workload fit on no node; None where another rule says why."""
    missed = [item for item in pods if item.node is None]
    group = missed[0].group
    candidates = [node for node in cluster.nodes if admits(node, group.spec)]
    if not candidates or any(cluster.lacks("DeviceClass", claim.device_class) for claim in group.claims):
        return None  # node-label, node-taint and device-class say more
    short = _short(group, candidates)
    if short:
        resource, most = short
        container = max(group.containers, key=lambda item: item.amounts[resource])
        needs = f"{_amount(resource, group.requests()[resource])} of {resource}, and no node has more than "
        needs += f"{_amount(resource, most)} of it left"
        at, fix = container.at("resources"), _fix(resource, most, deployment_wide=container is group.engine)
    else:
        devices = ", ".join(f"{count} {resource}" for resource, count in group.accelerators.items())
        replicas, fitting = group.workload_at("spec.replicas"), (len(pods) - len(missed)) // group.size
        number = "replicas" if group.least is None else "autoscaling.minReplicas"
        needs = devices or "resources that the others take"
        at = replicas.otherwise(*group.engine.at("resources").keys, *replicas.keys[-1:])
        at = at if group.least is None else at.preferring(f"{group.role}.{number}")
        fix = f"set {group.role}.{number}: {fitting}, or add nodes" if fitting else "request less per pod, or add nodes"
    return Violation(
        f"{len(missed)} of {len(pods)} pods fit on no node of {cluster.source}: each needs {needs}", at, fix
    )


def _short(group: PodGroup, nodes: list[Node]) -> tuple[str, int] | None:
    """Return the resource of which no node has enough, and the most that one has; None where each has a node."""
    for name, amount in group.requests().items():
        most = max(node.allocatable[name] for node in nodes)
        if amount > most:
            return name, most
    return None


def _fix(resource: str, most: int, *, deployment_wide: bool) -> str:
    """Return what to do about a resource of which no node has enough."""
    if is_accelerator(resource):
        return "use fewer accelerators per pod, or add nodes with more of them"
    where = f"engine.resources.requests.{resource}" if deployment_wide else f"its requests of {resource}"
    if most <= 0:
        return f"add nodes that have {resource}, or remove it from the requests"
    return f"set at most {_amount(resource, most)} in {where}, or add nodes with more"


def _amount(name: str, amount: int) -> str:
    if name == "cpu":
        return f"{amount / 1000:g}"
    return f"{amount / GIB:.0f}Gi" if name in ("memory", "ephemeral-storage") else str(amount)


@rule(
    Severity.error,
    reason="The API server rejects pods beyond the namespace's quota; a Deployment then waits without an error.",
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
def quota_exceeded(deployment: Deployment) -> Iterator[Violation]:
    """The namespace's quota allows all pods."""
    cluster = deployment.cluster
    for item in cluster.of("ResourceQuota") if cluster else ():
        if (item["metadata"].get("namespace") or deployment.namespace) != deployment.namespace:
            continue
        hard = amounts((item.get("spec") or {}).get("hard") or {})
        used = amounts((item.get("status") or {}).get("used") or {})
        for name, limit in hard.items():
            resource = name.removeprefix("requests.").removeprefix("limits.")
            wanted = Counter({group: _of_quota(resource, group) for group in deployment.groups})
            total, left = wanted.total(), limit - used[name]
            if total > left and total:
                largest = max(wanted, key=lambda group: wanted[group])
                yield Violation(
                    f"the pods request {_amount(resource, total)} of {name} in all, but the quota "
                    f"{item['metadata']['name']} leaves {_amount(resource, left)}",
                    largest.workload_at("spec.replicas"),
                    "run fewer replicas, or raise the quota",
                )


def _of_quota(resource: str, group: PodGroup) -> int:
    """Return how much of a quota's resource all replicas request."""
    return (1 if resource == "pods" else group.requests()[resource]) * group.count


_QUEUED = """\
multinode: true
decode: {parallelism: {data: 16, dataLocal: 8}, labels: {kueue.x-k8s.io/queue-name: inference}}
fullnameOverride: %s
"""


@rule(
    Severity.warning,
    reason="Kueue makes names and labels of the name of a LeaderWorkerSet. With a longer one it admits no group.",
    link="https://kueue.sigs.k8s.io/docs/tasks/run/leaderworkerset/",
    failing=_QUEUED % "qwen3-235b-a22b-instruct-on-h200-production",
    passing=_QUEUED % "qwen3-235b",
)
def queue_name_length(deployment: Deployment) -> Iterator[Violation]:
    """The name of a LeaderWorkerSet in a Kueue queue is short enough for Kueue."""
    known = facts.kueue()
    for groups in deployment.workloads:
        group = groups[0]
        labels = (group.workload.get("metadata") or {}).get("labels") or {}
        length = len(group.name)
        if group.whole is not None:  # its LeaderWorkerSets are named <name>-<revision>-<role>
            length += facts.disaggregated_set().revision_length + len(group.role_of_set) + 2
        if group.is_grouped and known.queue_label in labels and length > known.longest_group_name:
            named = group.name if group.whole is None else f"{group.name}-<revision>-{group.role_of_set}"
            yield Violation(
                f"{named} has {length} characters, and Kueue takes LeaderWorkerSets with at most "
                f"{known.longest_group_name}",
                group.workload_at("metadata.name"),
                "choose a shorter release name or set fullnameOverride"
                if deployment.sources
                else "choose a shorter name",
            )


_ARM = """\
pools: [{name: grace, labels: {kubernetes.io/arch: arm64}, resources: {cpu: "64", memory: 1Ti, nvidia.com/gpu: "4"}}]
"""


@rule(
    Severity.error,
    reason="An image for one architecture has no program that a node of another one can run: the image is not pulled, "
    "or its container exits with an exec format error.",
    link="https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch",
    failing=Example("engine: {image: 'vllm/vllm-openai:v0.32.0-x86_64'}", nodes=_ARM),
    passing=Example("engine: {image: 'vllm/vllm-openai:v0.32.0-aarch64'}", nodes=_ARM),
)
def image_architecture(deployment: Deployment) -> Iterator[Violation]:
    """An image whose name has an architecture runs on nodes of that one."""
    for group in deployment.groups:
        nodes = _architectures(deployment, group)
        for container in group.all_containers if nodes and group.replicas != 0 else ():
            named = _named_architecture(container.image)
            if named and named not in nodes:
                others = " and ".join(sorted(nodes))
                yield Violation(
                    f"the image {container.image} is for {named}, but the nodes for it are {others}",
                    container.at("image"),
                    f"use the image for {min(nodes)}",
                )


def _named_architecture(image: str) -> str:
    """Return the architecture in an image's name or tag; empty without one, or with several."""
    name = image.partition("@")[0].rsplit("/", 1)[-1]
    words = facts.kubernetes().architectures.words
    found = [
        value
        for value, spellings in words.items()
        if re.search(rf"(^|[-_.:])({'|'.join(map(re.escape, spellings))})([-_.:]|$)", name)
    ]
    return found[0] if len(found) == 1 else ""


def _architectures(deployment: Deployment, group: PodGroup) -> set[str]:
    """Return the architectures of the nodes that pods may run on; empty where one is not known."""
    label = facts.kubernetes().architectures.label
    chosen = (group.spec.get("nodeSelector") or {}).get(label)
    if chosen:
        return {str(chosen)}
    needed = {name for name in group.accelerators if "/" in name}
    nodes = deployment.cluster.nodes if deployment.cluster else []
    fitting = [node for node in nodes if matches(node, group.spec) and needed <= set(node.allocatable)]
    found = {node.labels.get(label, "") for node in fitting}
    return set() if "" in found else found
