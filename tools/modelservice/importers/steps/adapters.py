"""LoRA adapters of the engines."""

from __future__ import annotations

import json
import re
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.facts.models import AdapterFlags
from modelservice.importers.source.go_templates import escaped
from modelservice.importers.steps.downloads import take_variable
from modelservice.importers.steps.model import values_of
from modelservice.importers.values_builder import ValuesBuilder

Loaded = tuple[list[dict[str, str]], dict[str, Any]]
"""``modelArtifacts.adapters`` and ``lora``."""


def load_adapters(builder: ValuesBuilder) -> None:
    """Take the model's adapters, or the engines' LoRA flags; give ``modelArtifacts.adapters`` and ``lora``."""
    adapters, lora = (builder.model.adapters, builder.model.lora)
    if not adapters:
        adapters, lora = _take_flags(builder) or (adapters, lora)
    artifacts = builder.section("modelArtifacts")
    if adapters:
        artifacts["adapters"] = escaped(adapters)
    if lora:
        artifacts["lora"] = lora


def _take_flags(builder: ValuesBuilder) -> Loaded | None:
    """Take the flags of adapters where all roles load the same ones."""
    first, *others = [role.facts.adapters if role.derived and role.facts else None for role in builder.roles]
    if first is None or not first.flags.enable or first.flags.form != "json" or any(o is not first for o in others):
        return None
    found, *more = [_loaded(role.engine, first.flags) for role in builder.roles]
    if found is None or any(item != found for item in more):
        return None
    adapters, lora = found
    variables = first.dynamic_env.items()
    dynamic = bool(variables) and all(take_variable(builder, name, value) for name, value in variables)
    if not adapters and not dynamic:
        return None
    for role in builder.roles:
        role.engine.take(*_names(first.flags))
    return adapters, {**lora, **({"dynamic": True} if dynamic else {})}


def _names(flags: AdapterFlags) -> tuple[str, ...]:
    return (flags.enable, flags.list, flags.max_rank, flags.max_active, flags.max_loaded)


def _loaded(engine: EngineCommand, flags: AdapterFlags) -> Loaded | None:
    """Return adapters and sizes of a command line; None where it has none, or the chart would print others."""
    if not engine.has(flags.enable) or values_of(engine, flags.enable):
        return None
    adapters = [_adapter(text) for text in values_of(engine, flags.list) or []]
    known = [adapter for adapter in adapters if adapter is not None]
    sizes = {name: _size(engine, name) for name in (flags.max_rank, flags.max_active, flags.max_loaded)}
    if len(known) < len(adapters) or any(engine.has(name) and size is None for name, size in sizes.items()):
        return None
    batch = sizes[flags.max_active] or 1  # the engine's default, where the chart's is the number of adapters
    lora: dict[str, Any] = {}
    if sizes[flags.max_rank]:
        lora["maxRank"] = sizes[flags.max_rank]
    if batch != max(1, len(known)):
        lora["maxLoras"] = batch
    loaded = sizes[flags.max_loaded]
    if loaded:
        if loaded < batch:
            return None
        lora["maxCpuLoras"] = loaded
    return known, lora


def _size(engine: EngineCommand, name: str) -> int | None:
    values = values_of(engine, name)
    return int(values[0]) if values and len(values) == 1 and re.fullmatch(r"[1-9]\d{0,5}", values[0]) else None


def _adapter(text: str) -> dict[str, str] | None:
    """Return one value of --lora-modules, ``name=path`` or JSON, as an adapter of the chart."""
    if text.startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            return None
        if set(given) != {"name", "path"}:
            return None
        name, path = str(given["name"]), str(given["path"])
    else:
        name, _, path = text.partition("=")
    if not name or "$(" in text:
        return None
    if path.startswith("/"):
        return {"name": name, "uri": f"file://{path}"}
    return {"name": name, "uri": f"hf://{path}"} if re.fullmatch(r"[\w.-]+/[\w.-]+", path) else None
