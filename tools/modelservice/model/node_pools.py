"""Pools of nodes that exist only as objects: kwok reports them ready and their pods running."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelservice.documents import Source, read_source
from modelservice.errors import ModelserviceError
from modelservice.inputs import parse_values

KWOK_NODE = "kwok.x-k8s.io/node"
"""Annotation of the nodes that kwok manages."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, populate_by_name=True)


class Devices(_Closed):
    """Devices of each node for Dynamic Resource Allocation, as a driver would publish them."""

    driver: str
    """Name of the driver; also of the DeviceClass that selects all its devices."""
    count: Annotated[int, Field(ge=1, le=128)]
    """Devices of a node."""
    attributes: dict[str, Any] = {}
    """Attributes of each device, for instance `{productName: {string: NVIDIA H100}}`."""
    capacity: dict[str, Any] = {}
    """Capacities of each device, for instance `{memory: {value: 80Gi}}`."""


class NodePool(_Closed):
    """Equal nodes."""

    name: str
    """Prefix of the nodes' names, and their `pool` label."""
    count: Annotated[int, Field(ge=1, le=5000)] = 1
    """How many nodes."""
    labels: dict[str, str] = {}
    """Labels, for instance `nvidia.com/gpu.product`."""
    taints: list[dict[str, str]] = []
    """Taints."""
    resources: dict[str, str] = {"cpu": "192", "memory": "2Ti"}
    """Capacity of a node: processors, memory and what device plugins would report."""
    devices: list[Devices] = []
    """Devices by claim."""


def _pool(name: str, resource: str, product: str, driver: str) -> NodePool:
    label, _, value = product.partition("=")
    return NodePool(
        name=name,
        count=2,
        labels={label: value},
        resources={"cpu": "192", "memory": "2Ti", resource: "8", "rdma/ib": "8"},
        devices=[Devices(driver=driver, count=8, capacity={"memory": {"value": "80Gi"}})],
    )


POOLS = {
    "h100": _pool("h100", "nvidia.com/gpu", "nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3", "gpu.nvidia.com"),
    "mi300x": _pool("mi300x", "amd.com/gpu", "amd.com/gpu.product-name=AMD_Instinct_MI300X", "gpu.amd.com"),
    "gaudi": _pool("gaudi", "habana.ai/gaudi", "habana.ai/gaudi.product=gaudi3", "gaudi.intel.com"),
    "tpu": _pool("tpu", "google.com/tpu", "cloud.google.com/gke-tpu-accelerator=tpu-v6e-slice", "tpu.google.com"),
    "cpu": NodePool(name="cpu", count=2),
}
"""Ready-made pools of two nodes each, by name."""


def read_pools(path: str) -> list[NodePool]:
    """The pools in a file: ``pools: [{name: h100, count: 4, ...}]``.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it does not describe pools.
    """
    return pools_in(read_source(path))


def pools_in(source: Source) -> list[NodePool]:
    """The pools in a text.

    Raises:
        ModelserviceError: it does not describe pools.
    """
    try:
        return _PoolFile.model_validate(parse_values(source)[0]).pools
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelserviceError(first["msg"], file=source.name, key=place) from None


class _PoolFile(_Closed):
    pools: list[NodePool]


def objects(pools: list[NodePool]) -> Iterator[dict[str, Any]]:
    """Nodes, ResourceSlices and DeviceClasses of the pools."""
    drivers = sorted({devices.driver for pool in pools for devices in pool.devices})
    for driver in drivers:
        yield {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceClass",
            "metadata": {"name": driver},
            "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{driver}'"}}]},
        }
    for pool in pools:
        for index in range(pool.count):
            name = f"{pool.name}-{index}"
            yield _node(pool, name)
            for devices in pool.devices:
                yield _slice(devices, name)


def _node(pool: NodePool, name: str) -> dict[str, Any]:
    capacity = {"pods": "110", **pool.resources}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "pool": pool.name, **pool.labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {KWOK_NODE: "fake"}},
        "spec": {"taints": pool.taints},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _slice(devices: Devices, node: str) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node}-{devices.driver}"},
        "spec": {
            "driver": devices.driver,
            "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": [
                {"name": f"device-{index}", "attributes": devices.attributes, "capacity": devices.capacity}
                for index in range(devices.count)
            ],
        },
    }
