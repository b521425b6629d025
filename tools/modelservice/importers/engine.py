"""Which of a pod's containers serves, and how it starts its engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.report import ConversionReport
from modelservice.importers.workload import Pod
from modelservice.kubernetes.variables import NO_CONFIG_MAPS, ConfigMaps


def find_engine(
    pod: Pod,
    place: str,
    report: ConversionReport,
    name: str | None = None,
    config_maps: ConfigMaps = NO_CONFIG_MAPS,
) -> EngineCommand:
    """Move the container that serves to the first place, and return how it starts its engine.

    Args:
        pod: the pod; changed in place.
        place: its path in the source.
        report: gets a note where the container is moved.
        name: name of the container; recognised by its command where None or missing.
        config_maps: ConfigMaps of the source, from which containers may have variables.
    """
    containers = pod["containers"]
    commands = [engine_of(container, config_maps=config_maps) for container in containers]
    tests = (
        lambda index: containers[index]["name"] == name,
        lambda index: commands[index].derived,
        lambda index: commands[index].engine is not None,
        lambda index: True,
    )
    index = next(index for test in tests for index in range(len(containers)) if test(index))
    if index:
        chosen = containers[index]
        pod["containers"] = [chosen, *(container for container in containers if container is not chosen)]
        why = f"{chosen['name']} is the first container: the chart gives it the model, the port and the accelerators"
        report.changed(f"{place}.containers", why)
    return commands[index]


def engine_of(
    container: dict[str, Any], image_runs: str | None = None, config_maps: ConfigMaps = NO_CONFIG_MAPS
) -> EngineCommand:
    """Return how a container starts an engine whose flags are known; any other one is a custom command.

    Args:
        container: the container.
        image_runs: the engine that the image starts by itself, whatever its name.
        config_maps: ConfigMaps of the source, from which containers may have variables.
    """
    command = EngineCommand.parse(container, config_maps=config_maps)
    if command.flags_known:
        return command
    if image_runs and not container.get("command"):
        return EngineCommand.of(container.get("args") or [], engine=image_runs)
    return replace(command, engine=None, start="custom")
