"""What clients need to know of a deployment: addresses, paths and names.

The chart works it out, for its notes and for the ConfigMap of ``endpoints.create``; here it is read from that
ConfigMap and shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelservice.errors import ModelserviceError
from modelservice.helm import Release, Renderer
from modelservice.inputs import merge

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
    data: Mapping[str, Any]
    """All of it as the chart gives it."""


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
    return Endpoints(
        data["model"], tuple(data["models"]), tuple(data["adapters"]), tuple(data["features"]), data["engine"],
        data["baseUrl"], data["endpoints"], tuple(roles), data,
    )  # fmt: skip


def text(found: Endpoints) -> RenderableType:
    """The endpoints as something rich prints."""
    names = _table()
    names.add_row("base URL", found.base_url or "none: no Service or route is created, pods are reached one by one")
    names.add_row("model", ", ".join(found.models))
    if found.adapters:
        names.add_row("adapters", ", ".join(found.adapters))
    names.add_row("engine", f"{found.engine} ({', '.join(found.features)})")
    first = found.roles[0]
    root = first.addresses[0] if first.addresses else ""
    paths = _table()
    for name, path in found.paths.items():
        paths.add_row(name, f"{root}{path}")
    roles = _table()
    for role in found.roles:
        ports = ", ".join(str(port) for port in role.ports)
        roles.add_row(role.role, f"{role.engine}, {role.scheme} on port {ports} of each pod")
        for address in role.addresses:
            roles.add_row("", address)
    return Group(names, Text(), paths, Text(), roles)


def _table() -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table
