"""Memory of the accelerators that pods get, as a range of bytes.

What is stated nearest to the device counts: the memory of a shared or divided device in the pod's own resources, then
labels and ResourceSlices of the nodes that admit the pod, then the product that the pod's node selector names. Makers
state rounded numbers and drivers keep a part, so an answer is a range: a model that does not fit its upper end fits
nowhere, one that fits the lower end fits everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.facts.models import Accelerator
from modelservice.kubernetes.quantity import GIB, quantity
from modelservice.model import devices
from modelservice.model.cluster import Inventory, Node
from modelservice.model.pods import PodGroup
from modelservice.model.scheduling import matches

_MIB = 1024**2


@dataclass(frozen=True)
class DeviceMemory:
    """Memory of one accelerator.

    Args:
        least: bytes that an engine gets at the least.
        most: bytes that it gets at the most.
        source: what says so, for a sentence: ``label nvidia.com/gpu.memory of node a``.
        product: its product, where that is known.
    """

    least: int
    most: int
    source: str
    product: str = ""


def accelerator_memory(group: PodGroup, inventory: Inventory | None = None) -> DeviceMemory | None:
    """Return the memory of each accelerator of the pods; None where nothing tells.

    Args:
        group: the pods.
        inventory: the cluster; None where it is not known.
    """
    if own := _of_resources(group):
        return own
    whole = (_united(_of_nodes(group, inventory)) if inventory else None) or _united(_of_selector(group))
    return _percentage(group, whole) if whole else None


def product_memory(kind: Accelerator, product: str) -> DeviceMemory | None:
    """Return the memory of a product by the value of a node label, or by a word such as ``h100``; None if unknown."""
    if part := _partition(kind, product):
        return part
    for known in kind.products:
        if re.search(known.pattern, product, re.IGNORECASE):
            most = known.memory_mib * _MIB if known.memory_mib else known.memory_gb * GIB
            stated = (known.least_gb or known.memory_gb) * 1000**3
            least = (stated if known.least_gb or not known.memory_mib else most) - _reserved(kind)
            return DeviceMemory(least, most, f"product {product}", product)
    return None


def labelled_memory(kind: Accelerator, node: Node) -> DeviceMemory | None:
    """Return the memory of a node's devices by its labels: the memory itself, else the product; None if unknown."""
    labels = kind.node_labels
    if labels is None:
        return None
    products = [node.labels[label] for label in (labels.product, *labels.more_products) if label in node.labels]
    for label in (labels.memory, *labels.more_memory):
        value = node.labels.get(label, "")
        if label and value.isdigit():
            source = f"label {label} of node {node.name}"
            return _reported(kind, int(value) * _MIB, source, next(iter(products), ""))
    return next(filter(None, (product_memory(kind, product) for product in products)), None)


def _of_resources(group: PodGroup) -> DeviceMemory | None:
    """Memory by the pods' own resources: of a share, or of a partition."""
    limits = _limits(group)
    for kind in facts.accelerators().types:
        for share in kind.shares.values():
            number = quantity(limits.get(share.memory))
            if number is not None:
                size = int(number) * _MIB
                return DeviceMemory(size, size, f"resource {share.memory}")
    for name in group.accelerators:
        known = devices.kind_of(name)
        if known and (part := _partition(known, name)):
            return part
    return None


def _limits(group: PodGroup) -> dict[str, Any]:
    """Limits of the containers that ask for the accelerators."""
    found: dict[str, Any] = {}
    for container in (group.requester or group.spec).get("containers") or []:
        found |= (container.get("resources") or {}).get("limits") or {}
    return found


def _percentage(group: PodGroup, whole: DeviceMemory) -> DeviceMemory:
    """The part of a device that pods ask for as a percentage of its memory."""
    limits = _limits(group)
    for kind in facts.accelerators().types:
        for share in kind.shares.values():
            percent = quantity(limits.get(share.percentage))
            if percent is not None:
                part = float(percent) / 100
                return DeviceMemory(int(whole.least * part), int(whole.most * part), f"resource {share.percentage}")
    return whole


def _of_nodes(group: PodGroup, inventory: Inventory) -> Iterator[DeviceMemory]:
    """Memory of the devices of each node that admits the pods."""
    for node in inventory.nodes:
        if not matches(node, group.spec):
            continue
        for name in group.accelerators:
            kind = devices.kind_of(name)
            if devices.is_claimed(name):
                yield from _of_slices(inventory, node, name.removesuffix(" (claim)"))
            elif kind and name in node.allocatable:
                found = labelled_memory(kind, node)
                if found:
                    yield found


def _of_slices(inventory: Inventory, node: Node, device_class: str) -> Iterator[DeviceMemory]:
    """Memory of a node's devices by ResourceSlices."""
    kind = devices.kind_of(f"{device_class} (claim)")
    for device in inventory.devices_of(device_class, node.name):
        if found := published_memory(kind, device, node.name):
            yield found


def published_memory(kind: Accelerator | None, device: Mapping[str, Any], node: str) -> DeviceMemory | None:
    """Return the memory of a device of a ResourceSlice: its capacity, else that of its product; None if unknown.

    Args:
        kind: type of the device.
        device: the device, as its driver publishes it.
        node: name of its node.
    """
    fields = device.get("basic") or device  # resource.k8s.io/v1beta1
    product = str(_stated((fields.get("attributes") or {}).get("productName"), "string") or "")
    size = quantity(_stated((fields.get("capacity") or {}).get("memory"), "value"))
    if size:
        return _reported(kind, int(size), f"ResourceSlice of node {node}", product)
    return product_memory(kind, product) if kind and product else None


def _stated(value: Any, name: str) -> Any:
    """What a field of a device states, which older versions write without a name."""
    return value.get(name) if isinstance(value, Mapping) else value


def _of_selector(group: PodGroup) -> Iterator[DeviceMemory]:
    """Memory of the products that the pods' node selector or affinity allows."""
    for kind in facts.accelerators().types:
        labels = kind.node_labels
        known = {labels.product, *labels.more_products} - {""} if labels else set()
        if labels and any(devices.kind_of(name) is kind for name in group.accelerators):
            for label, value in group.allowed_node_labels:
                found = product_memory(kind, value) if label in known else None
                if found:
                    yield found


def _united(found: Iterable[DeviceMemory]) -> DeviceMemory | None:
    """The range of several devices; None without any."""
    listed = list(found)
    if not listed:
        return None
    sources = list(dict.fromkeys(item.source for item in listed))
    return DeviceMemory(
        min(item.least for item in listed),
        max(item.most for item in listed),
        sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more",
        listed[0].product if len({item.product for item in listed}) == 1 else "",
    )


def _reported(kind: Accelerator | None, size: int, source: str, product: str = "") -> DeviceMemory:
    """Memory that a driver reports, of which programs get a little less."""
    return DeviceMemory(size - _reserved(kind), size, source, product)


def _reserved(kind: Accelerator | None) -> int:
    return int(kind.reserved.gib * GIB) if kind and kind.reserved else 0


def _partition(kind: Accelerator, name: str) -> DeviceMemory | None:
    """Memory of a part of a device by its resource or product; None for a whole one."""
    known = kind.partitions
    match: Any = re.search(known.pattern, name) if known else None
    if known is None or match is None:
        return None
    size = int(match[1]) * GIB
    return DeviceMemory(int(size * known.least_share), size, f"partition {name}")
