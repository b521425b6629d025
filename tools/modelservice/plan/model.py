"""The plan of deployments as data: roles, replicas, pods, ranks, accelerators, nodes, ports and calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.model.deployment import Deployment
from modelservice.model.pods import Listener, PodGroup
from modelservice.model.scheduling import Placed, place

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
    replicas: tuple[Replica, ...]
    accelerators: Mapping[str, int]
    """Of one pod."""
    ports: tuple[Listener, ...]
    model: str
    """Where the model's files are."""
    probes: tuple[str, ...]

    @property
    def pods(self) -> int:
        """Pods in all."""
        return sum(len(replica.pods) for replica in self.replicas)

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
            for name, count in role.accelerators.items():
                total[name] += count * role.pods
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
                    "acceleratorsPerPod": dict(role.accelerators),
                    "model": role.model,
                    "probes": list(role.probes),
                    "ports": [
                        {"port": item.port, "container": item.container, "purpose": item.purpose} for item in role.ports
                    ],
                    "replicas": [
                        [{"pod": pod.title, "node": pod.node, "ranks": list(pod.ranks)} for pod in replica.pods]
                        for replica in role.replicas
                    ],
                }
                for role in self.roles
            ],
            "calls": [{"from": call.source, "to": call.target, "label": call.label} for call in self.calls],
        }


def plan(deployment: Deployment) -> Plan:
    """Return the plan of a deployment, with nodes where it has a cluster."""
    cluster = deployment.cluster
    placed = place([deployment], cluster) if cluster else []
    servers = [[group for group in groups if group.is_server] for groups in deployment.workloads]
    roles = tuple(_role(deployment, parts, placed, cluster is not None) for parts in servers if parts)
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


def _role(deployment: Deployment, parts: Sequence[PodGroup], placed: Sequence[Placed], known: bool) -> Role:
    first = parts[0]
    nodes = {(id(item.group), item.replica, item.index): item.node for item in placed}
    local, tensor, pipeline = first.local_ranks or 1, first.tensor or 1, first.pipeline or 1
    data = first.command.number("data-parallel-size", 1) or 1
    devices = first.accelerators
    number = sum(devices.values())
    replicas = []
    for replica in range(1 if first.replicas is None else first.replicas):
        pods: list[Pod] = []
        for part in parts:
            for index in range(part.size):
                position = len(pods)
                ranks = tuple(
                    position * local + item * local // number
                    if data > 1
                    else (position * number + item) % (tensor * pipeline)
                    for item in range(number)
                )
                node = nodes.get((id(part), replica, index))
                title = {"leader": "leader", "worker": f"worker {position}"}.get(part.part, f"pod {position}")
                if part.size == 1 and len(parts) == 1:
                    title = f"pod {replica}"
                pods.append(Pod(title, node, known and node is None, ranks, not part.headless))
        replicas.append(Replica(replica, tuple(pods)))
    probes = tuple(name for field, name in _PROBES.items() if first.engine.fields.get(field))
    return Role(
        first.role,
        first.object,
        str(first.engine.fields.get("image", "")),
        first.command.engine or "other",
        tensor,
        pipeline,
        data,
        first.command.has("enable-expert-parallel"),
        first.replicas is None,
        tuple(replicas),
        devices,
        tuple(first.listeners),
        deployment.model_source(first),
        probes,
    )


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
    """Yield the way from the gateway through the first pool."""
    routes = [obj for obj in (*deployment.objects, *deployment.neighbours) if obj.get("kind") == "HTTPRoute"]
    gateways = [str(item.get("name")) for obj in routes for item in (obj.get("spec") or {}).get("parentRefs") or []]
    for pool in deployment.pools[:1]:
        ports = ("port " if len(pool.ports) == 1 else "ports ") + ", ".join(str(port) for port in pool.ports)
        entry = f"gateway {gateways[0]}" if gateways else "gateway"
        yield Call(entry, "pool", f"{pool.name or 'InferencePool'}, {ports}")
        yield Call("pool", "endpoint picker", f"ext-proc {facts.endpoint_picker().ports.ext_proc}")
        yield Call("endpoint picker", "decode", f"picks a pod, {ports}")


def _transfers(deployment: Deployment) -> Iterator[Call]:
    """Yield the hand-over of the KV cache."""
    prefill = deployment.role("prefill")
    connectors = [name for group in prefill for name in group.kv_connectors]
    if connectors:
        side = prefill[0].engine.env.get("VLLM_NIXL_SIDE_CHANNEL_PORT")
        port = f", side channel {side}" if isinstance(side, str) else ""
        yield Call("prefill", "decode engine", f"KV cache by {connectors[0]}{port}")
