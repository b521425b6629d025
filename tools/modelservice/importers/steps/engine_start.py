"""How the engine of each role starts, in the chart's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder

PROGRAMS = {"vllmServe": ("vllm", "serve"), "sglangServe": ("python3", "-m", "sglang.launch_server")}
"""The words with which the chart starts an engine, by ``engine.modelCommand``."""

MORE_PORTS: dict[str, list[dict[str, Any]]] = {"huggingface": [{"containerPort": 8081, "name": "grpc"}]}
"""Ports that the chart declares for an engine in addition to the one that serves."""


def note_start(builder: ValuesBuilder) -> None:
    """Take nothing; note where the chart starts an engine with other words than the source."""
    for role in builder.roles:
        why = _difference(role)
        if why:
            where = f"{role.source.place}.containers[{role.container['name']}].command"
            builder.report.changed(where, why, values="engine.modelCommand")


def _difference(role: RoleBuilder) -> str:
    engine = role.engine
    if not role.derived or not engine.program:
        return ""
    if engine.script:
        return "the shell around the command is left out"
    program = PROGRAMS[_model_command(role)]
    return "" if engine.program == program else f"{' '.join(engine.program)} becomes {' '.join(program)}"


def state_type(builder: ValuesBuilder) -> None:
    """Take the container's ports where they are those that the chart derives; give ``engine.type`` or a command."""
    for role in builder.roles:
        serving = {"containerPort": builder.port(role), "name": "http"}
        ports = [without_protocol(port) for port in role.container.get("ports", [])]
        derives_ports = ports == [serving, *MORE_PORTS.get(role.type or "", [])]
        probes = role.values.get("probes")
        if role.type:
            role.engine_values["type"] = role.type
        elif not role.derived:
            continue
        elif _model_command(role) == "vllmServe" and probes is not None and derives_ports:
            role.engine_values["type"] = "vllm"
        else:
            role.engine_values["modelCommand"] = _model_command(role)
            if probes is not None:
                probes["enabled"] = True
        if "type" in role.engine_values and derives_ports:
            del role.container["ports"]


def _model_command(role: RoleBuilder) -> str:
    """Return the ``engine.modelCommand`` with which an engine is started as in the source."""
    if not role.engine.program:
        return "imageDefault"
    return "sglangServe" if role.engine.engine == "sglang" else "vllmServe"


def without_protocol(port: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's port without the default protocol."""
    return {key: value for key, value in port.items() if (key, value) != ("protocol", "TCP")}
