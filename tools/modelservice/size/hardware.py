"""The accelerators that a model may run on: products by name, or those of nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelservice import facts
from modelservice.errors import ModelserviceError, UsageError
from modelservice.facts.models import Accelerator, Product
from modelservice.model.cluster import Inventory, Node, amounts
from modelservice.models.accelerator_memory import (
    DeviceMemory,
    labelled_memory,
    product_memory,
    published_memory,
)
from modelservice.suggest import nearest

Labels = tuple[tuple[str, str], ...]
_REPELLING = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Hardware:
    """Equal accelerators on equal nodes.

    Args:
        name: what the table calls them.
        type: value of ``accelerator.type``.
        memory: memory of one.
        per_node: how many of them a node has.
        selector: label of their nodes; empty where there is none.
        free: accelerators that each node has free; None for as many nodes as needed.
        taints: keys of the nodes' taints for accelerators, which pods have to tolerate.
        claimed: whether they are requested by a claim in place of an extended resource.
    """

    name: str
    type: str
    memory: DeviceMemory
    per_node: int
    selector: Labels = ()
    free: tuple[int, ...] | None = None
    taints: tuple[str, ...] = ()
    claimed: bool = False

    @property
    def expression(self) -> str:
        """CEL expression by which a claim finds them; empty where a label of the nodes does."""
        kind = facts.accelerator(self.type)
        if not kind or not self.claimed or self.selector or not self.memory.product:
            return ""
        driver, product = json.dumps(kind.device_class), json.dumps(self.memory.product)
        return f"device.attributes[{driver}].productName == {product}"

    def groups(self, devices: int, nodes: int) -> int | None:
        """Return how many groups there is room for; None without a limit.

        Args:
            devices: accelerators of a group on each of its nodes.
            nodes: nodes of a group.
        """
        if self.free is None:
            return None
        return sum(free // devices for free in self.free) // nodes


def product_names() -> list[str]:
    """Return the names of the products that a model can be sized for."""
    return [product.name for _, product in _products()]


def named(words: Iterable[str]) -> list[Hardware]:
    """Return accelerators by their names, such as ``h100``, or by the product labels of their nodes.

    Raises:
        UsageError: one is not known.
    """
    return list(dict.fromkeys(_named(word.strip()) for word in words))


def on_nodes(inventory: Inventory) -> list[Hardware]:
    """Return the accelerators of a cluster's nodes, as device plugins or else ResourceSlices report them.

    Raises:
        ModelserviceError: there are none, or their memory is not known.
    """
    found: dict[tuple[Any, ...], list[_Offer]] = {}
    unknown: list[str] = []
    for node in inventory.nodes:
        taints = set(_repelling(node))
        for kind in facts.accelerators().types:
            if taints - {kind.resource}:
                continue
            for offer in (*_of_plugin(kind, node), *_of_slices(kind, node, inventory)):
                if offer.memory is None:
                    unknown.append(node.name)
                else:
                    found.setdefault((offer.kind, offer.selector, offer.claimed, offer.product), []).append(offer)
    if not found:
        raise _unusable(inventory, unknown)
    return [_on_equal_nodes(offers) for offers in found.values()]


@dataclass(frozen=True)
class _Offer:
    """Equal accelerators that one node offers."""

    kind: str
    free: int
    memory: DeviceMemory | None
    selector: Labels
    taints: tuple[str, ...]
    claimed: bool = False

    @property
    def product(self) -> str:
        """What tells claimed devices apart, where no label of their nodes does."""
        return self.memory.product if self.memory and self.claimed and not self.selector else ""


def _of_plugin(kind: Accelerator, node: Node) -> Iterator[_Offer]:
    free = node.allocatable.get(kind.resource, 0) if kind.resource else 0
    if free > 0:
        memory = None if kind.counts_cores else labelled_memory(kind, node)
        yield _Offer(kind.type, free, memory, _selector(kind, node), _repelling(node))


def _of_slices(kind: Accelerator, node: Node, inventory: Inventory) -> Iterator[_Offer]:
    """What a node offers by claims only; a device plugin next to the driver counts the same devices."""
    status = (inventory.find("Node", node.name) or {}).get("status") or {}
    if not kind.device_class or not kind.per_node or amounts(status.get("allocatable") or {}).get(kind.resource):
        return
    selector = _selector(kind, node)
    label = next((value for _, value in selector), "")
    products: dict[str, list[DeviceMemory | None]] = {}
    for device in inventory.free_devices(kind.device_class, node.name):
        memory = published_memory(kind, device, node.name) or labelled_memory(kind, node)
        memory = replace(memory, product=memory.product or label) if memory else None
        products.setdefault(memory.product if memory else "", []).append(memory)
    for memories in products.values():
        least = min((each for each in memories if each), key=lambda each: each.least, default=None)
        yield _Offer(kind.type, len(memories), least, selector, _repelling(node), claimed=True)


def _repelling(node: Node) -> tuple[str, ...]:
    return tuple(str(taint.get("key")) for taint in node.taints if taint.get("effect") in _REPELLING)


def _on_equal_nodes(offers: Sequence[_Offer]) -> Hardware:
    """The accelerators of nodes with the same label: with the memory of the smallest."""
    first, memory = offers[0], min((offer.memory for offer in offers if offer.memory), key=lambda item: item.least)
    product = next((item.name for _, item in _products() if re.search(item.pattern, memory.product, re.I)), "")
    free = tuple(offer.free for offer in offers)
    taints = tuple(dict.fromkeys(key for offer in offers for key in offer.taints))
    name = product or memory.product or first.kind
    return Hardware(name, first.kind, memory, max(free), first.selector, free, taints, first.claimed)


def _unusable(inventory: Inventory, unknown: Sequence[str]) -> ModelserviceError:
    """Why a model cannot be sized for nodes."""
    if unknown:
        return ModelserviceError(
            f"the memory of the accelerators of {', '.join(unknown[:3])} is not known",
            file=inventory.source,
            fix="label the nodes with their product, e.g. nvidia.com/gpu.product: NVIDIA-H200",
        )
    return ModelserviceError("no node has free accelerators", file=inventory.source, fix="name some with --accelerator")


def _selector(kind: Accelerator, node: Node) -> Labels:
    """The label of a node that says its product; empty without."""
    labels = kind.node_labels
    known = (labels.product, *labels.more_products) if labels else ()
    return next((((label, node.labels[label]),) for label in known if label in node.labels), ())


def _products() -> Iterator[tuple[Accelerator, Product]]:
    for kind in facts.accelerators().types:
        for product in kind.products:
            if product.name:
                yield kind, product


def _named(word: str) -> Hardware:
    for kind, product in _products():
        if word.lower() == product.name and (memory := product_memory(kind, product.label)):
            return Hardware(
                word.lower(), kind.type, memory, product.per_node or kind.per_node, _labelled(kind, product.label)
            )
    for kind in facts.accelerators().types:
        for known in kind.products:
            # A label is as long as the product's whole name; a shorter word may stand for several products.
            full = len(word) > len("h100-80gb") and re.search(known.pattern, word, re.IGNORECASE)
            if full and kind.per_node and (memory := product_memory(kind, word)):
                return Hardware(word, kind.type, memory, known.per_node or kind.per_node, _labelled(kind, word))
    near = nearest(word.lower(), product_names())
    several = [name for name in product_names() if word and name.startswith(word.lower())]
    meant = f"did you mean {' or '.join(several or [near or ''])}? " if several or near else ""
    raise UsageError(
        f"--accelerator {word}: not known",
        fix=f"{meant}use {', '.join(product_names())}, the product label of its nodes, or --nodes FILE",
    )


def _labelled(kind: Accelerator, product: str) -> Labels:
    return ((kind.node_labels.product, product),) if kind.node_labels and kind.node_labels.product else ()
