"""Dynamo's frontend, its endpoint picker and its planner, as the routing of the chart."""

from __future__ import annotations

from typing import Any

from modelservice import facts
from modelservice.engines.command import EngineCommand
from modelservice.importers.systems.dynamo.command import Started
from modelservice.importers.systems.dynamo.graph import Component
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import ServedModel

MODE = "router-mode"
"""Option, and by its variable ``DYN_ROUTER_MODE``, of how the frontend chooses a worker."""

_CACHE_AWARE = "kv"


def leave_out(conversion: Conversion, component: Component, why: str, *, lost: bool) -> None:
    """Note that a component does not run, in place of the notes on its fields."""
    report, place = conversion.report, component.place
    report.notes = [note for note in report.notes if note.unknown or not _within(note.path, place)]
    (report.lost if lost else report.changed)(component.path, why, document=conversion.document)


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}[", f"{place}:"))


def router_mode(conversion: Conversion, component: Component, start: Started) -> str:
    """Return how the frontend chooses a worker, and note what else it is told."""
    report, container = conversion.report, component.main
    line = EngineCommand.of(list(start.words))
    place = f"{component.place}: {start.module}"
    mode = line.take(MODE) or ""
    if line.value("http-port") == str(facts.dynamo().frontend.port):
        line.take("http-port")
    for option in line.flags:
        report.lost(f"{place} --{option.name}", "an option of Dynamo's frontend, which does not run")
    for item in container.get("env", []):
        if item["name"] == "DYN_ROUTER_MODE":
            mode = mode or str(item.get("value", ""))
        elif item["name"].startswith(facts.dynamo().variables):
            report.lost(f"{place} env[{item['name']}]", "a setting of Dynamo's frontend, which does not run")
    return mode


def route(served: ServedModel, conversion: Conversion, mode: str, *, picked: bool) -> None:
    """Set how requests reach the workers: by a picker, or by the Service that clients know.

    Args:
        served: the model.
        conversion: the conversion.
        mode: how the frontend chose a worker; empty for its default.
        picked: an endpoint picker is needed whatever the mode.
    """
    routing: dict[str, Any] = {}
    frontend = facts.dynamo().frontend
    name = f"{conversion.document.name}-{frontend.suffix}"
    if picked or mode == _CACHE_AWARE:
        routing = {"inferencePool": {"create": True}, "epp": {"create": True}}
        why = (
            f"an endpoint picker chooses the pods; clients of the Service {name} need a Gateway with a route to the "
            "release's InferencePool"
        )
        conversion.report.changed("the frontend's Service", why, values="routing.inferencePool")
    else:
        served.settings["service"] = {"enabled": True, "name": name}
        if mode not in ("", "round-robin", "random"):
            why = f"the Service {name} spreads connections; set routing.epp.create for a picker that knows the load"
            conversion.report.changed(f"--{MODE} {mode}", why, values="service")
    if routing:
        served.settings["routing"] = routing
