"""Upgrades from some objects to others, and objects for them."""

import copy
from pathlib import Path
from typing import Any

import yaml

from modelservice.diff.problems import problems
from modelservice.diff.side import Side
from modelservice.diff.upgrade import Upgrade, upgrade
from modelservice.model.cluster import read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.node_pools import NodePool, objects

Object = dict[str, Any]


def compared(before: list[Object], after: list[Object], nodes: str | None = None) -> Upgrade:
    """An upgrade from some objects to others."""
    sides = [Side(Deployment(name, found), name) for name, found in (("old", before), ("new", after))]
    return upgrade(sides[0], sides[1], None, read_inventory(nodes) if nodes else None)


def told(found: Upgrade) -> list[str]:
    """Problems with their severity."""
    return [f"{item.severity}: {item.object}: {item.message}" for item in problems(found)]


def changed(obj: Object, **fields: Any) -> Object:
    """An object with other fields, each at a path with ``__`` between names."""
    result = copy.deepcopy(obj)
    for path, value in fields.items():
        *above, last = path.split("__")
        node = result
        for name in above:
            node = node.setdefault(name, {})
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    return result


def of_kind(kind: str, api: str = "v1", **fields: Any) -> Object:
    return changed({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}}, **fields)


def container(**fields: Any) -> Object:
    return {
        "name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "command": ["vllm", "serve", "m"],
        "resources": {"limits": {"nvidia.com/gpu": "1"}}, **fields,
    }  # fmt: skip


def workload(kind: str = "Deployment", name: str = "decode", **fields: Any) -> Object:
    """A workload of one engine; fields as for :func:`changed`."""
    labels = {"llm-d.ai/role": "prefill" if "prefill" in name else "decode", "app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    spec: Object = {"replicas": 2}
    if kind == "LeaderWorkerSet":
        spec["leaderWorkerTemplate"] = {"size": 2, "workerTemplate": template}
    else:
        spec |= {"selector": {"matchLabels": {"app": name}}, "template": template}
    api = "leaderworkerset.x-k8s.io/v1" if kind == "LeaderWorkerSet" else "apps/v1"
    return changed({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}, **fields)


def with_container(obj: Object, **fields: Any) -> Object:
    """A workload whose engine has other fields."""
    result = copy.deepcopy(obj)
    spec = result["spec"]
    template = spec["leaderWorkerTemplate"]["workerTemplate"] if "leaderWorkerTemplate" in spec else spec["template"]
    template["spec"]["containers"][0] |= fields
    return result


def nodes(folder: Path, count: int, accelerators: int) -> str:
    """A cluster of equal nodes."""
    pool = NodePool(
        name="gpu", count=count, resources={"cpu": "64", "memory": "1Ti", "nvidia.com/gpu": str(accelerators)}
    )
    file = folder / "nodes.yaml"
    file.write_text(yaml.safe_dump_all(list(objects([pool]))))
    return str(file)
