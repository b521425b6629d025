"""How the engine of each role starts, in the chart's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice import facts
from modelservice.facts.models import Engine
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder


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
    program = _started_like(role).start.command
    if engine.program == program:
        return ""
    return f"{' '.join(engine.program)} becomes {' '.join(program) or 'what the entry point of the image starts'}"


def state_type(builder: ValuesBuilder) -> None:
    """Take the container's ports where they are those that the chart derives; give ``engine.type`` or a command."""
    for role in builder.roles:
        derives_ports = _derives_ports(role, builder.port(role))
        probes = role.values.get("probes")
        if role.type:
            role.engine_values["type"] = role.type
        elif not role.derived:
            continue
        elif role.engine.program and probes is not None and derives_ports:
            role.engine_values["type"] = _started_like(role).type
        else:
            start = _started_like(role).start
            role.engine_values["modelCommand"] = start.model_command if role.engine.program else "imageDefault"
            if probes is not None:
                probes["enabled"] = True
        if "type" in role.engine_values and derives_ports:
            del role.container["ports"]


def _derives_ports(role: RoleBuilder, port: int) -> bool:
    """Return whether a container has the ports that the chart derives for its engine."""
    engine = role.facts
    if engine is None:
        return False
    derived = [{"containerPort": port, "name": "http"}]
    derived += [{"containerPort": more.container_port, "name": more.name} for more in engine.port.more]
    return [without_protocol(item) for item in role.container.get("ports", [])] == derived


def _started_like(role: RoleBuilder) -> Engine:
    """Return the engine with whose words and flags the chart starts that of a role."""
    engine = role.facts
    assert engine is not None  # noqa: S101  # the flags of no other engine are known
    return facts.engine(engine.start.flags_like) or engine


def without_protocol(port: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's port without the default protocol."""
    return {key: value for key, value in port.items() if (key, value) != ("protocol", "TCP")}
