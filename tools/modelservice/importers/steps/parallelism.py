"""Parallel sizes of the engines."""

from __future__ import annotations

from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.engines.grammar import grammar
from modelservice.facts.models import Parallelism
from modelservice.importers.values_builder import ValuesBuilder


def set_sizes(builder: ValuesBuilder) -> None:
    """Take the flags of parallel sizes, and sizes that the source states elsewhere; give ``parallelism``."""
    for role in builder.roles:
        flags = role.facts.parallelism if role.derived and role.facts else None
        sizes = {**(_take_sizes(role.engine, flags) if flags else {}), **role.source.parallelism}
        if sizes:
            role.values["parallelism"] = sizes


def _take_sizes(engine: EngineCommand, flags: Parallelism) -> dict[str, Any]:
    canonical = grammar(engine.engine, engine.version).canonical
    sizes: dict[str, Any] = {}
    for key, flag in (
        ("tensor", flags.tensor), ("pipeline", flags.pipeline), ("data", flags.data), ("dataLocal", flags.data_local),
    ):  # fmt: skip
        name = canonical(flag)
        option = engine.get(name) if flag else None
        if option and len(option.values) == 1 and option.values[0].isdigit() and int(option.values[0]) > 0:
            engine.take(name)
            if int(option.values[0]) > 1:
                sizes[key] = int(option.values[0])
    expert = engine.get(flags.expert) if flags.expert and flags.expert_value == "switch" else None
    if expert and expert.tokens == (f"--{flags.expert}",):
        engine.take(flags.expert)
        sizes["expert"] = True
    return sizes
