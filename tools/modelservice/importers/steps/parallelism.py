"""Parallel sizes of the engines."""

from __future__ import annotations

from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.values_builder import ValuesBuilder

_SIZES = {
    "tensor-parallel-size": "tensor", "pipeline-parallel-size": "pipeline", "data-parallel-size": "data",
    "data-parallel-size-local": "dataLocal",
}  # fmt: skip
"""Flags of vLLM and SGLang by key of ``parallelism``."""

_EXPERT = "enable-expert-parallel"


def set_sizes(builder: ValuesBuilder) -> None:
    """Take the flags of parallel sizes, and sizes that the source states elsewhere; give ``parallelism``."""
    for role in builder.roles:
        sizes = {**(_take_sizes(role.engine) if role.derived else {}), **role.source.parallelism}
        if sizes:
            role.values["parallelism"] = sizes


def _take_sizes(engine: EngineCommand) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for flag, key in _SIZES.items():
        option = engine.get(flag)
        if option and len(option.values) == 1 and option.values[0].isdigit() and int(option.values[0]) > 0:
            engine.take(flag)
            if int(option.values[0]) > 1:
                sizes[key] = int(option.values[0])
    option = engine.get(_EXPERT)
    if option and tuple(option.tokens) == (f"--{_EXPERT}",):
        engine.take(_EXPERT)
        sizes["expert"] = True
    return sizes
