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


def place(deployments: Sequence[Deployment], inventory: Inventory) -> list[Placed]:
    """Place all pods of deployments on the nodes of a cluster, the largest first."""
    nodes = {node.name: node for node in inventory.nodes}
    free = {name: Counter(node.allocatable) for name, node in nodes.items()}
    devices: dict[str, Counter[str]] = {}
    wanted = [
        (group, replica, index)
        for deployment in deployments
        for group in deployment.groups
        for replica in range(group.placed_replicas)
        for index in range(group.size)
    ]
    wanted.sort(key=lambda item: -_size(item[0]))
    placed = []
    for group, replica, index in wanted:
        for claim in group.claims:
            devices.setdefault(claim.device_class, inventory.devices(claim.device_class))
        needed = group.requests()
        needed["pods"] = 1
        fits = None
        for name, node in nodes.items():
            room = all(free[name][resource] >= amount for resource, amount in needed.items() if amount)
            counts = [(devices[claim.device_class], claim.count, claim.all) for claim in group.claims]
            has = all(left[name] >= max(count, 1 if everything else count) for left, count, everything in counts)
            if room and has and admits(node, group.spec):
                fits = name
                free[name].subtract(needed)
                for left, count, everything in counts:
                    left[name] = 0 if everything else left[name] - count
                break
        placed.append(Placed(group, replica, index, fits))
    return placed


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


def _size(group: PodGroup) -> int:
    return sum(sum(item.accelerators.values()) for item in group.main_containers) + sum(
        claim.count for claim in group.claims
    )
