"""The engine's probes, as those that the chart derives with the numbers that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder

KINDS = ("startup", "readiness", "liveness")

_KUBERNETES = {
    "initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3,
}  # fmt: skip
"""Numbers that Kubernetes fills in."""

_DERIVED = {
    "startup": {"periodSeconds": 10, "timeoutSeconds": 5},
    "readiness": {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3},
    "liveness": {"periodSeconds": 30, "timeoutSeconds": 10, "failureThreshold": 3},
}
"""Numbers that the chart's ``_probes.tpl`` writes."""

LONGEST = 86400
"""Most of ``probes.loadSeconds``."""


def derive_probes(builder: ValuesBuilder) -> None:
    """Take the engine's probes where the chart derives most of them; give ``probes``."""
    for role in builder.roles:
        probes = _take(role, builder.port(role)) if role.derived or role.type else None
        if probes is not None:
            role.values["probes"] = probes
        elif role.type:
            role.values["probes"] = {"enabled": False}


def _take(role: RoleBuilder, port: int) -> dict[str, Any] | None:
    """Take the probes of an engine but for the numbers that differ from the chart's.

    Returns:
        ``probes`` of the role without ``enabled``; None where the container's own probes stay as they are.
    """
    engine = role.container
    own = {name: engine[f"{name}Probe"] for name in KINDS if f"{name}Probe" in engine}
    names = {item["name"]: item["containerPort"] for item in engine.get("ports", []) if "name" in item}
    health = role.facts.health if role.facts else None
    if health is None:
        return None
    paths = {"startup": health.ready, "readiness": health.ready, "liveness": health.live}
    derived = [name for name, probe in own.items() if _asks(probe, paths[name], port, names)]
    if len(derived) < 2 or ("liveness" in own and "startup" not in own):
        return None
    probes: dict[str, Any] = {name: False for name in KINDS if name not in own}
    for name, probe in own.items():
        given = {key: value for key, value in probe.items() if key != "httpGet" or name not in derived}
        full = {**_KUBERNETES, **given}
        base = {**_KUBERNETES, **_DERIVED[name]}
        if name == "startup":
            seconds = full["periodSeconds"] * full["failureThreshold"]
            if seconds <= LONGEST:
                probes["loadSeconds"] = seconds
                base["failureThreshold"] = -(-seconds // 10)
            else:
                base["failureThreshold"] = 360
        different = {key: value for key, value in full.items() if base.get(key) != value}
        if different:
            engine[f"{name}Probe"] = different
        else:
            del engine[f"{name}Probe"]
    return probes


def _asks(probe: Mapping[str, Any], path: str, port: int, names: Mapping[str, int]) -> bool:
    """Return whether a probe requests what the chart's would."""
    action = dict(probe.get("httpGet", {}))
    asked = action.pop("port", None)
    scheme = action.pop("scheme", "HTTP")
    return action == {"path": path} and scheme == "HTTP" and (asked == port or names.get(str(asked)) == port)
