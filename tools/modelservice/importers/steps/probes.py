"""The engine's probes as those that the chart derives, with the numbers that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS = ("startup", "readiness", "liveness")

_DEFAULTS = {
    "initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3,
}  # fmt: skip
"""What Kubernetes fills in."""

_DERIVED = {
    "startup": {"periodSeconds": 10, "timeoutSeconds": 5},
    "readiness": {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3},
    "liveness": {"periodSeconds": 30, "timeoutSeconds": 10, "failureThreshold": 3},
}
"""What the chart's ``_probes.tpl`` writes."""

_PATHS = {"ollama": ("/", "/"), "huggingface": ("/v2/health/ready", "/v2/health/live")}
"""Health checks of engines whose check is not ``/health``: until loaded, and alive."""

LONGEST = 86400
"""Most of ``probes.loadSeconds``."""


def take_probes(engine: dict[str, Any], port: int, kind: str) -> dict[str, Any] | None:
    """Leaves an engine's probes to the chart where it derives most of them.

    Args:
        engine: the container; its probes are replaced by what differs from the derived ones.
        port: port of the engine.
        kind: what the engine is, for the path of its check.

    Returns:
        ``probes`` of the role without ``enabled``; None where the container's own probes stay as they are.
    """
    own = {name: engine[f"{name}Probe"] for name in KINDS if f"{name}Probe" in engine}
    names = {item["name"]: item["containerPort"] for item in engine.get("ports", []) if "name" in item}
    paths = _PATHS.get(kind, ("/health", "/health"))
    derived = [name for name, probe in own.items() if _asks(probe, paths[name == "liveness"], port, names)]
    if len(derived) < 2 or ("liveness" in own and "startup" not in own):
        return None
    probes: dict[str, Any] = {name: False for name in KINDS if name not in own}
    for name, probe in own.items():
        full = {**_DEFAULTS, **{key: value for key, value in probe.items() if key != "httpGet" or name not in derived}}
        base = {**_DEFAULTS, **_DERIVED[name]}
        if name == "startup":
            seconds = full["periodSeconds"] * full["failureThreshold"]
            if seconds <= LONGEST:
                probes["loadSeconds"] = seconds
                base["failureThreshold"] = -(-seconds // 10)
            else:
                base["failureThreshold"] = 360
        rest = {key: value for key, value in full.items() if base.get(key) != value}
        if rest:
            engine[f"{name}Probe"] = rest
        else:
            del engine[f"{name}Probe"]
    return probes


def _asks(probe: Mapping[str, Any], path: str, port: int, names: Mapping[str, int]) -> bool:
    """Whether a probe asks what the chart's would."""
    action = dict(probe.get("httpGet", {}))
    asked = action.pop("port", None)
    scheme = action.pop("scheme", "HTTP")
    return action == {"path": path} and scheme == "HTTP" and (asked == port or names.get(str(asked)) == port)
