"""The plan of deployments as data: roles, replicas, pods, ranks, accelerators, nodes, ports and calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.model.autoscaling import Autoscaler
from modelservice.model.deployment import Deployment
from modelservice.model.listeners import Listener
from modelservice.model.pods import PodGroup
from modelservice.model.routes import gateways, pools_behind
from modelservice.model.scheduling import Placed, place
from modelservice.plan.memory import Memory, memory_of
from modelservice.summary import counted

_PROBES = {"startupProbe": "startup", "livenessProbe": "liveness", "readinessProbe": "readiness"}


@dataclass(frozen=True)
class Pod:
    """One pod."""

    title: str
    """``pod 1``, ``leader`` or ``worker 2``."""
    node: str | None
    """The node it would go to; None where none is known or it fits nowhere."""
    unplaced: bool
    """There is an inventory, and no node takes it."""
    ranks: tuple[int, ...]
    """A number for each accelerator: the data parallel rank, or without several of them the tensor rank."""
    serves: bool
    accelerators: Mapping[str, int]


@dataclass(frozen=True)
class Replica:
    """A pod of a Deployment, or a group of a LeaderWorkerSet."""

    index: int
    pods: tuple[Pod, ...]


@dataclass(frozen=True)
class Role:
    """One workload."""

    role: str
    object: str
    image: str
    engine: str
    """Type of the engine, or ``other``."""
    tensor: int
    pipeline: int
    data: int
    expert: bool
    autoscaled: bool
    scaler: Autoscaler | None
    """The autoscaler, where it is one of the objects."""
    replicas: tuple[Replica, ...]
    """With an autoscaler, as few as it allows, but at least one."""
    accelerators: Mapping[str, int]
    """Of the first pod, which is the engine's."""
    product: str
    """What the nodes or the pods call the accelerators, e.g. ``NVIDIA-H200``; empty where nothing says so."""
    ports: tuple[Listener, ...]
    model: str
    """Where the model's files are."""
    probes: tuple[str, ...]
    memory: Memory

    @property
    def pods(self) -> int:
        """Pods in all."""
        return sum(len(replica.pods) for replica in self.replicas)

    @property
    def scale(self) -> str:
        """How many there are, for people: ``2 groups``, or with an autoscaler ``2 to 6 pods``."""
        unit = "group" if any(len(replica.pods) > 1 for replica in self.replicas) else "pod"
        if not self.autoscaled:
            return counted(len(self.replicas), unit)
        return f"{(self.scaler and self.scaler.bounds) or 'autoscaled'} {unit}s"

    def port(self, purpose: str) -> str:
        """Return the ports of a purpose: ``8000``, ``8000-8007``, or nothing."""
        numbers = sorted(listener.port for listener in self.ports if listener.purpose == purpose)
        if not numbers:
            return ""
        return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"


@dataclass(frozen=True)
class Call:
    """Who calls whom."""

    source: str
    target: str
    label: str


@dataclass(frozen=True)
class Plan:
    """Everything together."""

    name: str
    model: str
    roles: tuple[Role, ...]
    calls: tuple[Call, ...]
    placed: bool
    """Nodes are known."""

    @property
    def accelerators(self) -> Counter[str]:
        """Accelerators in all."""
        total: Counter[str] = Counter()
        for role in self.roles:
            for replica in role.replicas:
                for pod in replica.pods:
                    total.update(pod.accelerators)
        return total

    @property
    def pods(self) -> int:
        """Pods in all."""
        return sum(role.pods for role in self.roles)

    def to_json(self) -> dict[str, Any]:
        """Return the plan for machines."""
        return {
            "name": self.name,
            "model": self.model,
            "pods": self.pods,
            "accelerators": dict(self.accelerators),
            "roles": [
                {
                    "role": role.role,
                    "object": role.object,
                    "image": role.image,
                    "tensor": role.tensor,
                    "pipeline": role.pipeline,
                    "data": role.data,
                    "expert": role.expert,
                    "autoscaled": role.autoscaled,
                    "minReplicas": role.scaler.minimum if role.scaler else None,
                    "maxReplicas": role.scaler.maximum if role.scaler else None,
                    "product": role.product or None,
                    "acceleratorsPerPod": dict(role.accelerators),
                    "model": role.model,
                    "probes": list(role.probes),
                    "ports": [
                        {"port": item.port, "container": item.container, "purpose": item.purpose} for item in role.ports
                    ],
                    "memory": role.memory.to_json(),
                    "replicas": [
                        [{"pod": pod.title, "node": pod.node, "ranks": list(pod.ranks)} for pod in replica.pods]
                        for replica in role.replicas
                    ],
                }
                for role in self.roles
            ],
            "calls": [{"from": call.source, "to": call.target, "label": call.label} for call in self.calls],
        }


def plan(deployment: Deployment, request: int | None = None) -> Plan:
    """Return the plan of a deployment, with nodes where it has a cluster.

    Args:
        deployment: the deployment.
        request: tokens of a request, to count how many run at once; None for the longest that the engine accepts.
    """
    cluster = deployment.cluster
    placed = place([deployment], cluster) if cluster else []
    servers = [groups for groups in deployment.workloads if any(group.is_server for group in groups)]
    roles = tuple(_role(deployment, parts, placed, request) for parts in servers)
    served = next(
        (
            name
            for group in deployment.servers
            for flag in group.command.all("served-model-name")
            for name in flag.values[:1]
        ),
        "",
    )
    model = str(deployment.value("modelArtifacts.name") or served)
    return Plan(deployment.name, model, roles, tuple(_calls(deployment, roles)), cluster is not None)


def _role(deployment: Deployment, parts: Sequence[PodGroup], placed: Sequence[Placed], request: int | None) -> Role:
    first = next(group for group in parts if group.is_server)
    own = [item for item in placed if item.group in parts]
    replicas = []
    for replica in range(first.placed_replicas):
        nodes = {(item.group, item.index): item.node for item in own if item.replica == replica}
        replicas.append(Replica(replica, tuple(_pods(replica, first, parts, nodes if deployment.cluster else None))))
    return Role(
        first.role,
        first.object,
        str(first.engine.fields.get("image", "")),
        first.command.engine or "other",
        first.tensor or 1,
        first.pipeline or 1,
        first.command.number("data-parallel-size", 1) or 1,
        first.command.has("enable-expert-parallel"),
        first.replicas is None,
        deployment.autoscaler(first) if first.replicas is None else None,
        tuple(replicas),
        first.accelerators,
        _product(deployment, parts, {item.node for item in own}),
        tuple(first.listeners),
        deployment.model_source(first),
        tuple(name for field, name in _PROBES.items() if first.engine.fields.get(field)),
        memory_of(deployment, first, [item.node for item in own], request),
    )


def _pods(
    number: int, first: PodGroup, parts: Sequence[PodGroup], nodes: Mapping[tuple[PodGroup, int], str | None] | None
) -> Iterator[Pod]:
    """Yield the pods of one replica.

    Args:
        number: number of the replica.
        first: the pods with the engine.
        parts: all pods of a replica, leaders first.
        nodes: nodes by pod group and position in it; None where they are not known.
    """
    position = 0
    for part in parts:
        for index in range(part.size):
            title = {"leader": "leader", "worker": f"worker {position}"}.get(part.part, f"pod {position}")
            if part.size == 1 and len(parts) == 1:
                title = f"pod {number}"
            node = (nodes or {}).get((part, index))
            ranks = tuple(_ranks(first, position, sum(part.accelerators.values())))
            serves = part.is_server and not part.headless
            yield Pod(title, node, nodes is not None and node is None, ranks, serves, part.accelerators)
            position += 1


def _ranks(first: PodGroup, position: int, number: int) -> Iterator[int]:
    """Yield a rank for each accelerator of a pod: data parallel, or with one data parallel rank within the engine.

    Args:
        first: the pods with the engine.
        position: position of the pod in its replica.
        number: accelerators of the pod.
    """
    local, within = first.local_ranks or 1, (first.tensor or 1) * (first.pipeline or 1)
    several = (first.command.number("data-parallel-size", 1) or 1) > 1
    for item in range(number):
        yield position * local + item * local // number if several else (position * number + item) % within


def _product(deployment: Deployment, parts: Sequence[PodGroup], nodes: Collection[str | None]) -> str:
    """Return what the nodes of pods, or else the node labels that they require, call the accelerators."""
    if not any(part.accelerators for part in parts):
        return ""
    known = {kind.node_labels.product for kind in facts.accelerators().types if kind.node_labels}
    of_nodes = [node.labels for node in deployment.cluster.nodes if node.name in nodes] if deployment.cluster else []
    found = {value for labels in of_nodes for label, value in labels.items() if label in known}
    wanted = {value for part in parts for label, value in part.allowed_node_labels if label in known}
    return ", ".join(sorted(found or wanted))


def _calls(deployment: Deployment, roles: Sequence[Role]) -> list[Call]:
    decode = [role for role in roles if role.role == "decode"]
    prefill = [role for role in roles if role.role == "prefill" and role.replicas]
    calls = [*_calls_of_pool(deployment)]
    for role in decode:
        if not deployment.pools:
            calls.append(Call("clients", "decode", f"port {role.port('proxy') or role.port('engine')}"))
        if role.port("proxy"):
            calls.append(Call("decode proxy", "decode engine", f"{role.port('proxy')} to {role.port('engine')}"))
            for other in prefill:
                calls.append(Call("decode proxy", "prefill", f"prompts, port {other.port('engine')}"))
                calls += _transfers(deployment)
    return list(dict.fromkeys(calls))


def _calls_of_pool(deployment: Deployment) -> Iterator[Call]:
    """Yield the way of a request through the first pool, and that the gateway asks its endpoint picker for a pod."""
    routes = [obj for obj in (*deployment.objects, *deployment.neighbours) if obj.get("kind") == "HTTPRoute"]
    for pool in deployment.pools[:1]:
        to_pool = [route for route in routes if pool.name in pools_behind(route)] or routes
        named = [gateway for route in to_pool for gateway in gateways(route)]
        entry = f"gateway {named[0]}" if named else "gateway"
        ports = ("port " if len(pool.ports) == 1 else "ports ") + ", ".join(str(port) for port in pool.ports)
        yield Call(entry, "pool", pool.name or "name of its release")
        yield Call(entry, "endpoint picker", f"asked for a pod, ext-proc {facts.endpoint_picker().ports.ext_proc}")
        yield Call("pool", "decode", ports)


def _transfers(deployment: Deployment) -> Iterator[Call]:
    """Yield the hand-over of the KV cache."""
    prefill = deployment.role("prefill")
    connectors = [name for group in prefill for name in group.kv_connectors]
    if connectors:
        side = next((item.port for item in prefill[0].listeners if item.purpose == "side channel"), None)
        port = f", side channel {side}" if side else ""
        yield Call("prefill", "decode engine", f"KV cache by {connectors[0]}{port}")
