"""Ports that objects next to the pods name, where the chart's routing sidecar has no names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder
from modelservice.model.routing_proxy import is_proxy

_NAMED = {
    "Service": ("spec.ports[]", "targetPort", "targetPort"),
    "NetworkPolicy": ("spec.ingress[].ports[]", "port", "port"),
    "PodMonitor": ("spec.podMetricsEndpoints[]", "port", "portNumber"),
}
"""By kind, where entries name ports of pods, the field with the name, and that with a number."""


def number_ports(builder: ValuesBuilder) -> None:
    """Take nothing; give numbers in further objects in place of the names of the routing sidecar's ports."""
    numbers: dict[str, int] = {}
    kept: set[str] = set()
    for role in builder.roles:
        for container, name, number in _ports(role):
            if role.name == "decode" and is_proxy(container):
                numbers[name] = number
            else:
                kept.add(name)
    for item in builder.objects:
        if item.get("kind") not in _NAMED:
            continue
        place, field, number_field = _NAMED[item["kind"]]
        for entry in _entries(item, place.split(".")):
            port: Any = entry.get(field)
            if isinstance(port, str) and port in numbers and port not in kept:
                del entry[field]
                entry[number_field] = numbers[port]
                why = f"port {port} is {numbers[port]}: the chart's routing sidecar has no names of ports"
                builder.report.changed(f"{item['kind']} {item['metadata']['name']}", why)


def _ports(role: RoleBuilder) -> Iterator[tuple[Mapping[str, Any], str, int]]:
    """Yield the named ports of a role's containers in the source."""
    for kind in ("containers", "initContainers"):
        for container in role.source.pod.get(kind, []):
            for port in container.get("ports", []):
                if "name" in port:
                    yield container, port["name"], port["containerPort"]


def _entries(value: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the maps at a path; ``name[]`` is every item of a list."""
    if not path:
        if isinstance(value, dict):
            yield value
        return
    first, *rest = path
    below = value.get(first.removesuffix("[]")) if isinstance(value, dict) else None
    for item in below if first.endswith("[]") and isinstance(below, list) else [below]:
        yield from _entries(item, rest)
