"""What would run: a readable summary of a deployment, whoever rendered it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.pool import Pool
from modelservice.model.routes import matches, pools_behind
from modelservice.secrets import masked

WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet", "LeaderWorkerSet", "DisaggregatedSet")
"""Kinds whose pods run all the time."""


def summary(deployment: Deployment) -> RenderableType:
    """Return what rich prints: a table for each workload and pool, other objects, totals."""
    workloads = _running(deployment)
    parts: list[RenderableType] = [_workload(deployment, groups) for groups in workloads]
    parts += [_pool(pool) for pool in deployment.pools]
    parts += [_route(deployment, route) for route in deployment.kind("HTTPRoute")]
    others = _others(deployment)
    if others:
        parts.append(Text("also: " + ", ".join(f"{number} {kind}" for kind, number in sorted(others.items()))))
    pods, accelerators = totals([group for groups in workloads for group in groups])
    parts.append(Text(f"total: {counted(pods, 'pod')}, {_listed(accelerators)}", style="bold"))
    return Group(*parts)


def to_json(deployment: Deployment) -> dict[str, Any]:
    """Return the summary for programs."""
    workloads = _running(deployment)
    pods, accelerators = totals([group for groups in workloads for group in groups])
    return {
        "workloads": [_workload_json(deployment, groups) for groups in workloads],
        "pools": [
            {"name": pool.name, "ports": list(pool.ports), "selector": dict(pool.selector)} for pool in deployment.pools
        ],
        "others": dict(sorted(_others(deployment).items())),
        "pods": pods,
        "accelerators": dict(sorted(accelerators.items())),
    }


def _workload_json(deployment: Deployment, groups: Sequence[PodGroup]) -> dict[str, Any]:
    first = groups[0]
    scaler = deployment.autoscaler(first)
    kind, _, name = first.object.partition("/")
    return {
        "kind": kind,
        "name": name,
        "replicas": first.replicas,
        "autoscaled": (scaler.bounds if scaler else "") or first.replicas is None,
        "pods": [
            {
                "part": group.part,
                "perReplica": group.size,
                "image": group.engine.image,
                "accelerators": dict(sorted(group.accelerators.items())),
                "command": masked(group.engine.words),
                "ports": _ports(group),
                "model": deployment.model_source(group) if group.is_server else None,
                "labels": dict(group.labels),
            }
            for group in groups
        ],
    }


def _running(deployment: Deployment) -> list[Sequence[PodGroup]]:
    return [groups for groups in deployment.workloads if groups[0].kind in WORKLOADS]


def _others(deployment: Deployment) -> Counter[str]:
    """Return the numbers of other objects by kind."""
    shown = {*WORKLOADS, "InferencePool", "HTTPRoute"}
    return Counter(str(obj.get("kind")) for obj in deployment.objects if obj.get("kind") not in shown)


def totals(groups: Sequence[PodGroup]) -> tuple[int, Counter[str]]:
    """Return pods and accelerators of all replicas; an autoscaled workload is counted with its smallest number."""
    accelerators: Counter[str] = Counter()
    for group in groups:
        for name, number in group.accelerators.items():
            accelerators[name] += number * group.count
    return sum(group.count for group in groups), accelerators


def counted(number: int, noun: str) -> str:
    """Return ``1 pod``, ``2 pods``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(accelerators: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(accelerators.items())) or "no accelerators"


def _table(title: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False,
        padding=(0, 2, 0, 2),
    )  # fmt: skip
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _workload(deployment: Deployment, groups: Sequence[PodGroup]) -> Table:
    first = groups[0]
    table = _table(f"{first.object.replace('/', ' ', 1)} {first.role_of_set}".rstrip())
    unit, of = ("group", " of pods") if first.is_grouped else ("pod", "")
    if first.replicas is None:
        scaler = deployment.autoscaler(first)
        bounds = f", {scaler.bounds}" if scaler and scaler.bounds else ""
        table.add_row("replicas", f"autoscaled {unit}s{of}{bounds}")
    else:
        table.add_row("replicas", f"{counted(first.replicas, unit)}{of}")
    for group in groups:
        for label, value in _rows(deployment, group):
            table.add_row(label, value)
    return table


def _rows(deployment: Deployment, group: PodGroup) -> Iterator[tuple[str, str]]:
    number = f"{group.size} x " if group.size != 1 else ""
    yield group.part, f"{number}{group.engine.image or 'no image'}, {_listed(group.accelerators)}"
    words = group.engine.words
    yield "runs", shlex.join(masked(words)) if words else "the image's entry point"
    ports = _ports(group)
    if ports:
        yield "ports", ports
    if group.is_server:
        yield "model", deployment.model_source(group)
    labels = {key: value for key, value in group.labels.items() if not key.startswith("app.kubernetes.io/")}
    yield "labels", ", ".join(f"{key}={value}" for key, value in labels.items()) or "none of an InferencePool"


def _ports(group: PodGroup) -> str:
    if group.headless:
        return ""
    engine = _range(group.engine_ports)
    if group.proxy is not None:
        return f"{_range(group.proxy_ports)} ({group.proxy.name}) -> {engine or 'the engine'}"
    return engine or ", ".join(str(port.get("containerPort")) for port in group.engine.ports)


def _range(ports: Sequence[int]) -> str:
    if not ports:
        return ""
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"


def _pool(pool: Pool) -> Table:
    table = _table(f"InferencePool {pool.name}".strip())
    table.add_row("ports", ", ".join(map(str, pool.ports)) or "none")
    table.add_row("selects", ", ".join(f"{key}={value}" for key, value in pool.selector.items()) or "no pods")
    if pool.picker is not None:
        config = f", {pool.picker.config_file}" if pool.picker.config_file else ""
        table.add_row("picker", f"{pool.picker.image or 'no known image'}{config}")
    return table


def _route(deployment: Deployment, route: Mapping[str, Any]) -> Table:
    table = _table(f"HTTPRoute {route['metadata']['name']}")
    for match in matches([route], deployment.namespace):
        table.add_row("takes", match.description)
    table.add_row("sends to", ", ".join(sorted(pools_behind(route))) or "no InferencePool")
    return table
