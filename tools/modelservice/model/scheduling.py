"""Placement of pods on nodes, as the scheduler counts: labels, affinity, taints, resources and devices.

Pods are placed first fit by size, so no room is claimed that is not there; spreading and preferences are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.model.cluster import Inventory, Node
from modelservice.model.deployment import Deployment
from modelservice.model.devices import DeviceRequest
from modelservice.model.pods import PodGroup

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Placed:
    """One pod and its node."""

    group: PodGroup
    replica: int
    index: int
    """Position of the pod among the equal pods of its replica."""
    node: str | None
    """None where it fits nowhere."""


class Room:
    """What is free on the nodes of a cluster while pods come and go.

    Args:
        inventory: the cluster.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._nodes = {node.name: node for node in inventory.nodes}
        self._free = {name: Counter(node.allocatable) for name, node in self._nodes.items()}
        self._devices: dict[str, Counter[str]] = {}

    def take(self, group: PodGroup) -> str | None:
        """Place a pod on the first node that has room for it; return its name, None where no node has."""
        needed = _needed(group)
        for name, node in self._nodes.items():
            room = all(self._free[name][resource] >= amount for resource, amount in needed.items() if amount)
            has = all(
                self._left(claim)[name] >= max(claim.count, 1 if claim.all else claim.count) for claim in group.claims
            )
            if room and has and admits(node, group.spec):
                self._free[name].subtract(needed)
                for claim in group.claims:
                    left = self._left(claim)
                    left[name] = 0 if claim.all else left[name] - claim.count
                return name
        return None

    def give_back(self, group: PodGroup, name: str) -> None:
        """Take a pod off its node."""
        self._free[name].update(_needed(group))
        for claim in group.claims:
            all_of_node = self._inventory.devices(claim.device_class)[name]
            self._left(claim)[name] = all_of_node if claim.all else self._left(claim)[name] + claim.count

    def lacks(self, groups: Sequence[PodGroup]) -> bool:
        """Return whether no other placement would make room for the pods of a replica: all nodes together lack it."""
        wanted: Counter[str] = Counter()
        devices: Counter[str] = Counter()
        for group in groups:
            requests = group.requests()
            for name in group.accelerators:
                wanted[name] += requests[name] * group.size
            for claim in group.claims:
                devices[claim.device_class] += claim.count * group.size
        nodes = [name for name, node in self._nodes.items() if any(admits(node, group.spec) for group in groups)]
        free = {item: sum(max(self._free[name][item], 0) for name in nodes) for item in wanted}
        left = {claim.device_class: self._left(claim) for group in groups for claim in group.claims}
        return any(free[item] < amount for item, amount in wanted.items()) or any(
            sum(left[item][name] for name in nodes) < amount for item, amount in devices.items()
        )

    def _left(self, claim: DeviceRequest) -> Counter[str]:
        if claim.device_class not in self._devices:
            self._devices[claim.device_class] = self._inventory.devices(claim.device_class)
        return self._devices[claim.device_class]


def place(deployments: Sequence[Deployment], inventory: Inventory) -> list[Placed]:
    """Place all pods of deployments on the nodes of a cluster, the largest first."""
    room = Room(inventory)
    wanted = [
        (group, replica, index)
        for deployment in deployments
        for group in deployment.groups
        for replica in range(group.placed_replicas)
        for index in range(group.size)
    ]
    wanted.sort(key=lambda item: -size_of(item[0]))
    return [Placed(group, replica, index, room.take(group)) for group, replica, index in wanted]


def _needed(group: PodGroup) -> Counter[str]:
    needed = group.requests()
    needed["pods"] = 1
    return needed


def admits(node: Node, spec: Object) -> bool:
    """Return whether a node accepts the pod at all: labels match and taints are tolerated."""
    return matches(node, spec) and not untolerated(node, spec)


def matches(node: Node, spec: Object) -> bool:
    """Return whether a node has the labels that a pod requires."""
    if any(node.labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    terms = required.get("nodeSelectorTerms") or []
    return not terms or any(
        all(_holds(node, item) for item in term.get("matchExpressions") or []) and not term.get("matchFields")
        for term in terms
    )


def untolerated(node: Node, spec: Object) -> list[str]:
    """Return the taints of a node that repel the pod."""
    return [
        f"{taint.get('key')}={taint.get('value', '')}:{taint.get('effect')}"
        for taint in node.taints
        if taint.get("effect") in ("NoSchedule", "NoExecute")
        and not any(_tolerates(item, taint) for item in spec.get("tolerations") or [])
    ]


def _tolerates(toleration: Object, taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint.get("key"):
        return False
    return toleration.get("operator") == "Exists" or bool((toleration.get("value") or "") == (taint.get("value") or ""))


def _holds(node: Node, expression: Object) -> bool:
    key, operator = expression.get("key"), expression.get("operator")
    value, values = node.labels.get(str(key)), expression.get("values") or []
    if operator == "In":
        return bool(value in values)
    if operator == "NotIn":
        return bool(value not in values)
    if operator in ("Exists", "DoesNotExist"):
        return bool((value is not None) == (operator == "Exists"))
    if value is None or not values or not value.lstrip("-").isdigit():
        return False
    difference: int = int(value) - int(values[0])
    return difference > 0 if operator == "Gt" else difference < 0


def size_of(group: PodGroup) -> int:
    """Return the number of accelerators of a pod, by which pods are placed: the largest first."""
    return sum(sum(item.accelerators.values()) for item in group.main_containers) + sum(
        claim.count for claim in group.claims
    )
