"""What clients need to know of a deployment: addresses, paths and names.

The chart works it out, for its notes and for the ConfigMap of ``endpoints.create``; here it is read from that
ConfigMap and shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.helm import Release, Renderer
from modelservice.inputs import merge
from modelservice.model.routes import Match, matches

FILE = "endpoints.json"
"""Name of the file in the ConfigMap."""


@dataclass(frozen=True)
class Role:
    """Where the pods of a role are."""

    role: str
    engine: str
    scheme: str
    """``http`` or ``https``."""
    ports: tuple[int, ...]
    """Ports of each pod."""
    addresses: tuple[str, ...]
    """URLs without a path that do not depend on one pod, best first."""


@dataclass(frozen=True)
class Endpoints:
    """What clients need to know."""

    model: str
    """Name to write as ``model``."""
    models: tuple[str, ...]
    """All names of the model."""
    adapters: tuple[str, ...]
    """Names of its LoRA adapters, to write as ``model`` too."""
    features: tuple[str, ...]
    engine: str
    base_url: str | None
    """For an OpenAI client; None where pods can only be reached one by one."""
    paths: Mapping[str, str]
    """Path of each API by its name: ``chat``, ``embeddings``, ``health``, …"""
    roles: tuple[Role, ...]
    routes: tuple[Match, ...]
    """What the release's HTTPRoutes take, at which Gateway."""
    data: Mapping[str, Any]
    """All of it as the chart gives it, and the routes."""


def endpoints(values: Mapping[str, Any], release: Release, renderer: Renderer) -> Endpoints:
    """What clients will need to know of a release.

    Raises:
        ValuesError: the chart refuses the values, also because nothing in them serves.
        ModelserviceError: the chart does not render, or is not one that knows its endpoints.
    """
    rendered = renderer.render(merge([values, {"endpoints": {"create": True}}]), release)
    found = [obj["data"][FILE] for obj in rendered.objects if obj["kind"] == "ConfigMap" and FILE in obj["data"]]
    if not found:
        raise ModelserviceError(
            "the chart made no ConfigMap of endpoints", fix="use this project's chart, with enabled: true"
        )
    data = json.loads(found[0])
    roles = [
        Role(
            role["role"], role["engine"], role["scheme"], tuple(role["ports"]),
            tuple(address["url"] for address in role["addresses"]),
        )
        for role in data["roles"]
    ]  # fmt: skip
    routes = tuple(matches(rendered.objects, release.namespace))
    data["routes"] = [
        {"gateway": route.gateway, "path": route.path, "headers": route.headers, "hosts": sorted(route.hosts)}
        for route in routes
    ]
    return Endpoints(
        data["model"], tuple(data["models"]), tuple(data["adapters"]), tuple(data["features"]), data["engine"],
        data["baseUrl"], data["endpoints"], tuple(roles), routes, data,
    )  # fmt: skip


def text(found: Endpoints) -> str:
    """The endpoints as lines for people."""
    first = found.roles[0]
    root = first.addresses[0] if first.addresses else ""
    rows = [
        ("base URL", found.base_url or _without_url(found)),
        *(("route", route.description) for route in found.routes if found.base_url or len(found.routes) > 1),
        ("model", ", ".join(found.models)),
        *([("adapters", ", ".join(found.adapters))] if found.adapters else []),
        ("engine", f"{found.engine} ({', '.join(found.features)})"),
        ("", ""),
        *((name, f"{root}{path}") for name, path in found.paths.items()),
        ("", ""),
    ]
    for role in found.roles:
        ports = ", ".join(str(port) for port in role.ports)
        rows.append((role.role, f"{role.engine}, {role.scheme} on port {ports} of each pod"))
        rows += [("", address) for address in role.addresses]
    needed = found.data.get("picker", {})
    rows += [("picker flag", flag) for flag in needed.get("flags", ())]
    rows += [("picker plugin", json.dumps(plugin)) for plugin in needed.get("plugins", ())]
    width = max(len(name) for name, _ in rows) + 2
    return "".join(f"{name.ljust(width)}{value}".rstrip() + "\n" for name, value in rows)


def _without_url(found: Endpoints) -> str:
    """Return how clients reach a deployment whose address the chart does not know."""
    if not found.routes:
        return "none: no Service or route is created, pods are reached one by one"
    space, _, name = found.routes[0].gateway.partition(",")[0].partition("/")
    address = f"kubectl get gateway {name} -n {space} -o jsonpath='{{.status.addresses[0].value}}'"
    return f"through Gateway {space}/{name}, path {found.routes[0].path}; its address: {address}"
