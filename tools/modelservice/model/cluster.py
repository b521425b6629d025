"""What a cluster has: nodes, device classes and the objects a deployment refers to.

Read from a running cluster, from a stream of objects (``kubectl get nodes,deviceclasses,resourceslices -o yaml``), or
from a file of node pools as `modelservice cluster up` takes it. Of Secrets only the names and keys are kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelservice.documents import documents, is_object, objects_among, read_source
from modelservice.errors import ModelserviceError, UsageError
from modelservice.kubernetes.decode import readable
from modelservice.kubernetes.quantity import quantity
from modelservice.model.kubeconfig import connect

Object = Mapping[str, Any]
Selector = tuple[str, Mapping[str, str]]
"""Namespace and labels of pods."""


@dataclass(frozen=True)
class Node:
    """A node as the scheduler sees it."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    allocatable: Counter[str]
    """Resources; cpu in thousandths of a core, memory in bytes."""


@dataclass(frozen=True)
class Inventory:
    """The objects of a cluster by kind.

    Args:
        source: what messages call it.
        objects: everything that is known.
        kinds: kinds of which all objects are known; what is missing of another kind proves nothing.
    """

    source: str
    objects: tuple[Object, ...]
    kinds: frozenset[str]

    @property
    def nodes(self) -> list[Node]:
        """Nodes that accept new pods."""
        used = self._used()
        return [
            _node(obj, used.get(obj["metadata"]["name"], Counter()))
            for obj in self.of("Node")
            if not (obj.get("spec") or {}).get("unschedulable")
        ]

    def without(self, selectors: Sequence[Selector]) -> Inventory:
        """Return the cluster as it is without some pods: those that an upgrade of their release replaces.

        Args:
            selectors: namespaces and labels of the pods.
        """
        gone = [pod for pod in self.of("Pod") if any(_selects(selector, pod) for selector in selectors)]
        if not gone:
            return self
        ids = {id(pod) for pod in gone}
        kept = [obj for obj in self.objects if id(obj) not in ids]
        return replace(self, objects=tuple(_released(obj, gone) for obj in kept))

    def of(self, kind: str) -> list[Object]:
        """Return the objects of a kind."""
        return [obj for obj in self.objects if obj.get("kind") == kind]

    def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return an object by name, in any namespace when none is given or the object has none; None without one."""
        for obj in self.of(kind):
            metadata = obj.get("metadata") or {}
            where = metadata.get("namespace") or namespace
            if metadata.get("name") == name and (not namespace or where == namespace):
                return obj
        return None

    def lacks(self, kind: str, name: str, namespace: str = "") -> bool:
        """Return whether it is certain that there is no such object."""
        return kind in self.kinds and self.find(kind, name, namespace) is None

    def devices(self, device_class: str) -> Counter[str]:
        """Return the devices of a class on each node, as ResourceSlices publish them.

        A class stands for its driver where its selector compares the driver, as those of all vendors do.
        """
        found: Counter[str] = Counter()
        for spec in self._slices(device_class):
            found[spec["nodeName"]] += len(spec.get("devices") or [])
        return found

    def devices_of(self, device_class: str, node: str) -> list[Object]:
        """Return the devices of a class on a node, as ResourceSlices publish them."""
        return [
            device
            for spec in self._slices(device_class)
            if spec["nodeName"] == node
            for device in spec.get("devices") or []
        ]

    def free_devices(self, device_class: str, node: str) -> list[Object]:
        """Return the devices of a class on a node that no ResourceClaim has been allocated."""
        taken = {
            (result.get("driver"), result.get("pool"), result.get("device"))
            for claim in self.of("ResourceClaim")
            for result in _allocated(claim)
        }
        return [
            device
            for spec in self._slices(device_class)
            if spec["nodeName"] == node
            for device in spec.get("devices") or []
            if (spec.get("driver"), (spec.get("pool") or {}).get("name"), device.get("name")) not in taken
        ]

    def _slices(self, device_class: str) -> Iterator[Object]:
        """Yield the specs of the ResourceSlices of a class that belong to a node."""
        drivers = {device_class}
        for selector in ((self.find("DeviceClass", device_class) or {}).get("spec") or {}).get("selectors") or []:
            expression = str((selector.get("cel") or {}).get("expression", ""))
            drivers |= {word.strip("'\"") for word in expression.split() if word[:1] in "'\""}
        for obj in self.of("ResourceSlice"):
            spec = obj.get("spec") or {}
            if spec.get("driver") in drivers and spec.get("nodeName"):
                yield spec

    def _used(self) -> dict[str, Counter[str]]:
        """Return what running pods hold, by node."""
        used: dict[str, Counter[str]] = {}
        for pod in self.of("Pod"):
            spec = pod.get("spec") or {}
            if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or not spec.get("nodeName"):
                continue
            used.setdefault(spec["nodeName"], Counter()).update(_requests(pod))
        return used


def _allocated(claim: Object) -> Iterator[Mapping[str, Any]]:
    """Yield the devices that a ResourceClaim holds."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    yield from (allocation.get("devices") or {}).get("results") or []


def _selects(selector: Selector, pod: Object) -> bool:
    """Return whether pods of a namespace and with some labels include a pod."""
    namespace, labels = selector
    metadata = pod.get("metadata") or {}
    own = metadata.get("labels") or {}
    return metadata.get("namespace") == namespace and bool(labels) and labels.items() <= own.items()


def _requests(pod: Object) -> Counter[str]:
    """Return what a running pod requests."""
    total: Counter[str] = Counter()
    for container in (pod.get("spec") or {}).get("containers") or []:
        total.update(amounts((container.get("resources") or {}).get("requests") or {}))
    return total


def _released(obj: Object, gone: Sequence[Object]) -> Object:
    """Return a quota without what some pods use of it; any other object as it is."""
    status = obj.get("status") or {}
    if obj.get("kind") != "ResourceQuota" or not status.get("used"):
        return obj
    pods = [pod for pod in gone if pod["metadata"].get("namespace") == obj["metadata"].get("namespace")]
    freed = Counter({"pods": len(pods)})
    for pod in pods:
        freed.update(_requests(pod))
    used = {
        name: _written(resource, amounts({resource: text})[resource] - freed[resource])
        for name, text in status["used"].items()
        for resource in [name.removeprefix("requests.").removeprefix("limits.")]
    }
    return {**obj, "status": {**status, "used": used}}


def _written(resource: str, amount: int) -> str:
    """Return an amount of :func:`amounts` as Kubernetes writes it."""
    return f"{amount}m" if resource == "cpu" else str(amount)


def amounts(resources: Mapping[str, Any]) -> Counter[str]:
    """Return quantities by resource as integers: cpu in thousandths of a core, memory in bytes."""
    found: Counter[str] = Counter()
    for name, text in resources.items():
        number = quantity(text)
        if number is not None:
            found[name] = int(number * 1000) if name == "cpu" else int(number)
    return found


def read_inventory(path: str) -> Inventory:
    """Return the inventory in a file: objects, or ``pools:``.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it holds neither.
    """
    source = read_source(path)
    found = documents(source)
    if len(found) == 1 and isinstance(found[0], dict) and "pools" in found[0]:
        from modelservice.model.node_pools import objects, pools_in

        made = tuple(objects(pools_in(source)))
        return Inventory(source.name, made, frozenset({"Node", "DeviceClass", "ResourceSlice"}))
    if not found or not all(map(is_object, found)):
        raise ModelserviceError("neither node pools nor objects of a cluster", file=source.name, fix="set pools: [...]")
    listed = tuple(map(_harmless, readable(objects_among(found, source.name), source.name)))
    return Inventory(source.name, listed, frozenset(str(obj.get("kind")) for obj in listed))


_LISTED = {
    "Node": ("v1", False), "Pod": ("v1", False), "PersistentVolumeClaim": ("v1", True), "Secret": ("v1", True),
    "ConfigMap": ("v1", True), "ServiceAccount": ("v1", True), "ResourceQuota": ("v1", True),
    "PriorityClass": ("scheduling.k8s.io/v1", False), "RuntimeClass": ("node.k8s.io/v1", False),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", False), "DeviceClass": ("resource.k8s.io/v1", False),
    "ResourceSlice": ("resource.k8s.io/v1", False), "ResourceClaimTemplate": ("resource.k8s.io/v1", True),
    "ResourceClaim": ("resource.k8s.io/v1", True), "Deployment": ("apps/v1", True), "ReplicaSet": ("apps/v1", True),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", False),
    "Namespace": ("v1", False), "StorageClass": ("storage.k8s.io/v1", False), "PersistentVolume": ("v1", False),
    "StatefulSet": ("apps/v1", True), "RoleBinding": ("rbac.authorization.k8s.io/v1", True),
}  # fmt: skip
"""Kinds that rules look up: their API, and whether only the release's namespace matters."""


def read_cluster(namespace: str) -> Inventory:
    """Return the cluster of the kubeconfig, see :func:`modelservice.model.kubeconfig.connect`.

    Kinds that must not be listed are left out, so rules do not check them.

    Raises:
        UsageError: the client is not installed, or the cluster cannot be reached.
    """
    api = connect()
    from kubernetes.client.exceptions import ApiException
    from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
    from urllib3.exceptions import HTTPError

    found: list[Object] = []
    kinds = set()
    for kind, (version, namespaced) in _LISTED.items():
        try:
            resource = api.resources.get(api_version=version, kind=kind)
            listed = resource.get(namespace=namespace) if namespaced else resource.get()
        except (ApiException, ResourceNotFoundError, DynamicApiError, HTTPError):
            continue
        found += [_harmless({**item.to_dict(), "kind": kind}) for item in listed.items]
        kinds.add(kind)
    if "Node" not in kinds:
        raise UsageError("the cluster does not list its nodes", fix="get permission to list nodes")
    return Inventory(f"the cluster {api.configuration.host}", tuple(found), frozenset(kinds))


def _harmless(obj: Object) -> Object:
    """Return an object without secret values."""
    if obj.get("kind") != "Secret":
        return obj
    keys = dict.fromkeys((*(obj.get("data") or {}), *(obj.get("stringData") or {})), "")
    return json.loads(json.dumps({"kind": "Secret", "metadata": obj.get("metadata"), "data": keys}))  # type: ignore[no-any-return]


def _node(obj: Object, used: Counter[str]) -> Node:
    metadata, status = obj.get("metadata") or {}, obj.get("status") or {}
    free = amounts(status.get("allocatable") or status.get("capacity") or {})
    free.subtract(used)
    return Node(
        str(metadata.get("name")),
        metadata.get("labels") or {},
        tuple((obj.get("spec") or {}).get("taints") or ()),
        free,
    )


def names(objects: Iterable[Object]) -> str:
    """Return the names of objects, for messages."""
    return ", ".join(sorted(str((obj.get("metadata") or {}).get("name")) for obj in objects)) or "none"
