"""The containers of a role, in the chart's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.source.go_templates import escaped
from modelservice.importers.steps.engine_start import without_protocol
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder

_KEYS = (
    "image",
    "imagePullPolicy",
    "ports",
    "resources",
    "volumeMounts",
    "securityContext",
    "startupProbe",
    "livenessProbe",
    "readinessProbe",
    "lifecycle",
    "workingDir",
    "stdin",
    "tty",
)
"""Fields of a container with a key of the same name."""


def list_containers(builder: ValuesBuilder) -> None:
    """Take the containers; give ``containers``, the engine first, and ``initContainers`` without secrets."""
    for role in builder.roles:
        place = role.place
        engine, *others = role.pod.pop("containers")
        first = _engine(builder, role, engine, place)
        role.values["containers"] = [first, *(container_values(other) for other in others)]


def _engine(builder: ValuesBuilder, role: RoleBuilder, container: dict[str, Any], place: str) -> dict[str, Any]:
    command, args = container.pop("command", []), container.pop("args", [])
    engine = container_values(container)
    head: dict[str, Any] = {"name": engine.pop("name"), "image": engine.pop("image", "")}
    if role.derived or role.type or command:
        if not role.derived and not role.type:
            head |= {"modelCommand": "custom", "command": command}
        if args:
            head["args"] = args
    else:
        head["modelCommand"] = "imageDefault"
        engine["extraConfig"] = {**engine.get("extraConfig", {}), "args": escaped(args) or None}
        builder.report.changed(
            f"{place}.args",
            "the chart does not know this engine, so its arguments replace the ones that the chart derives",
            values="engine.extraConfig.args",
        )
    if "env" in engine:
        head["env"] = engine.pop("env")
    values = head | engine | role.engine_values
    if "type" in values:
        values.setdefault("mountModelVolume", False)
    return values


def container_values(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container in the chart's form."""
    rest = dict(container)
    result: dict[str, Any] = {"name": rest.pop("name")}
    for key in _KEYS:
        if rest.get(key) not in (None, {}, []):
            result[key] = rest[key]
        rest.pop(key, None)
    if "ports" in result:
        result["ports"] = [without_protocol(port) for port in result["ports"]]
    env = rest.pop("env", None)
    if env:
        result["env"] = escaped(env)
    for key in ("command", "args"):
        if rest.get(key):
            result[key] = rest[key]
        rest.pop(key, None)
    if rest:
        result["extraConfig"] = escaped(rest)
    return result
