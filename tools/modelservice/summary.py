"""What would run: a readable summary of rendered objects, whoever rendered them."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

Object = Mapping[str, Any]

WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet", "LeaderWorkerSet")
NOT_ACCELERATORS = (
    "rdma/", "hugepages", "nvidia.com/gpumem", "nvidia.com/gpucores", "volcano.sh/vgpu-memory", "volcano.sh/vgpu-cores",
)  # fmt: skip
"""Extended resources that are network interfaces, or amounts of memory and cores of virtual GPUs."""


@dataclass(frozen=True)
class PodGroup:
    """Equal pods of a workload."""

    title: str
    """``pod``, ``leader`` or ``worker``."""
    count: int
    """How many of them one replica has."""
    spec: Object
    labels: Mapping[str, str]
    accelerators: Mapping[str, int]
    """Accelerators of one pod, by extended resource or ``<device class> (claim)``."""


@dataclass(frozen=True)
class Workload:
    """A workload and its pods."""

    kind: str
    name: str
    replicas: int | None
    """None when an autoscaler owns the number."""
    groups: Sequence[PodGroup]

    @property
    def pods(self) -> int:
        """Pods of all replicas; of an autoscaled workload those of one replica."""
        return sum(group.count for group in self.groups) * self._factor

    @property
    def accelerators(self) -> Counter[str]:
        """Accelerators of all replicas; of an autoscaled workload those of one replica."""
        total: Counter[str] = Counter()
        for group in self.groups:
            for name, number in group.accelerators.items():
                total[name] += number * group.count * self._factor
        return total

    @property
    def _factor(self) -> int:
        return 1 if self.replicas is None else self.replicas


def workloads(objects: Sequence[Object]) -> Iterator[Workload]:
    """The workloads among rendered objects."""
    claims = {
        obj["metadata"]["name"]: _claimed(obj["spec"]["spec"]["devices"]["requests"])
        for obj in objects
        if obj["kind"] == "ResourceClaimTemplate"
    }
    for obj in objects:
        if obj["kind"] in WORKLOADS and "spec" in obj:
            spec = obj["spec"]
            # Replicas left out mean an autoscaler: the chart prints the number whenever it owns it.
            groups = [_group(*item, claims) for item in _templates(spec)]
            yield Workload(obj["kind"], obj["metadata"]["name"], spec.get("replicas"), groups)


def _templates(spec: Object) -> Iterator[tuple[str, int, Object]]:
    if "leaderWorkerTemplate" not in spec:
        yield "pod", 1, spec["template"]
        return
    group = spec["leaderWorkerTemplate"]
    size = group.get("size", 1)
    if "leaderTemplate" in group:
        yield "leader", 1, group["leaderTemplate"]
        yield "worker", size - 1, group["workerTemplate"]
    else:
        yield "pod", size, group["workerTemplate"]


def _group(title: str, count: int, template: Object, claims: Mapping[str, Counter[str]]) -> PodGroup:
    spec = template["spec"]
    found: Counter[str] = Counter()
    for container in spec.get("containers") or []:
        resources = container.get("resources") or {}
        for name, number in ({**(resources.get("requests") or {}), **(resources.get("limits") or {})}).items():
            if "/" in name and not name.startswith(NOT_ACCELERATORS):
                found[name] += int(number)
    for claim in spec.get("resourceClaims", []):
        found += claims.get(claim.get("resourceClaimTemplateName", ""), Counter())
    return PodGroup(title, count, spec, template.get("metadata", {}).get("labels", {}), dict(found))


def _claimed(requests: Sequence[Object]) -> Counter[str]:
    found: Counter[str] = Counter()
    for request in requests:
        # resource.k8s.io/v1beta1 has the fields of `exactly` in the request itself.
        choice = request.get("exactly") or next(iter(request.get("firstAvailable", [])), request)
        found[f"{choice['deviceClassName']} (claim)"] += choice.get("count", 1)
    return found


def summary(objects: Sequence[Object]) -> RenderableType:
    """The summary as something rich prints: a table for each workload, other objects, totals."""
    found = list(workloads(objects))
    parts: list[RenderableType] = [_table(workload) for workload in found]
    others = Counter(obj["kind"] for obj in objects if obj["kind"] not in WORKLOADS)
    if others:
        parts.append(Text("beside them: " + ", ".join(f"{number} {kind}" for kind, number in sorted(others.items()))))
    total: Counter[str] = Counter()
    for workload in found:
        total += workload.accelerators
    pods = sum(workload.pods for workload in found)
    hardware = ", ".join(f"{number} {name}" for name, number in sorted(total.items())) or "no accelerators"
    parts.append(Text(f"total: {counted(pods, 'pod')}, {hardware}", style="bold"))
    return Group(*parts)


def counted(number: int, noun: str) -> str:
    """``1 pod``, ``2 pods``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(workload: Workload) -> Table:
    table = Table(
        title=f"{workload.kind} {workload.name}", title_justify="left", title_style="bold", show_header=False, box=None,
        pad_edge=False, padding=(0, 2, 0, 2),
    )  # fmt: skip
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    unit, of = ("group", " of pods") if workload.kind == "LeaderWorkerSet" else ("pod", "")
    scale = f"autoscaled {unit}s" if workload.replicas is None else counted(workload.replicas, unit)
    table.add_row("replicas", f"{scale}{of}")
    for group in workload.groups:
        for label, value in _rows(group):
            table.add_row(label, value)
    return table


def _rows(group: PodGroup) -> Iterator[tuple[str, str]]:
    spec, engine = group.spec, _engine(group.spec)
    number = f"{group.count} x " if group.count != 1 else ""
    hardware = ", ".join(f"{count} {name}" for name, count in group.accelerators.items()) or "no accelerators"
    yield group.title, f"{number}{engine.get('image', 'no image')}, {hardware}"
    command = [str(word) for word in (*(engine.get("command") or []), *(engine.get("args") or []))]
    yield "runs", shlex.join(command) if command else "the image's entry point"
    ports = _ports(spec)
    if ports and "--headless" not in command:
        yield "ports", ports
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    if "model-storage" in volumes:
        source = next(key for key in volumes["model-storage"] if key != "name")
        yield "model", f"{source} {_detail(volumes['model-storage'][source])}".strip()
    labels = {key: value for key, value in group.labels.items() if not key.startswith("app.kubernetes.io/")}
    yield "labels", ", ".join(f"{key}={value}" for key, value in labels.items()) or "none of an InferencePool"


def _detail(source: Object) -> str:
    return " ".join(
        str(value) for key, value in source.items() if key in ("claimName", "sizeLimit", "reference", "path")
    )


def _ports(spec: Object) -> str:
    engine = _flag(_engine(spec).get("args") or [], "port")
    for container in spec.get("initContainers", []):
        if container.get("restartPolicy") == "Always" and container.get("ports"):
            ports = [str(port["containerPort"]) for port in container["ports"]]
            shown = ports[0] if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"
            return f"{shown} ({container['name']}) -> {engine or 'the engine'}"
    return engine or ", ".join(str(port["containerPort"]) for port in _engine(spec).get("ports") or [])


def _engine(spec: Object) -> Object:
    """The first container; empty where a pod of another chart has none."""
    containers: Sequence[Object] = spec.get("containers") or [{}]
    return containers[0]


def _flag(args: Sequence[str], name: str) -> str:
    text = shlex.join(str(word) for word in args)
    match = re.search(rf"--{name}[= ](\S+)", text)
    return match[1] if match else ""


def print_summary(objects: Sequence[Object], console: Console) -> None:
    """Prints the summary of rendered objects."""
    console.print(summary(objects))
