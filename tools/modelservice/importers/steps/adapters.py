"""LoRA adapters of the engines."""

from __future__ import annotations

import json
import re
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.source.go_templates import escaped
from modelservice.importers.steps.downloads import take_variable
from modelservice.importers.steps.model import values_of
from modelservice.importers.values_builder import ValuesBuilder

_FLAGS = ("enable-lora", "lora-modules", "max-lora-rank", "max-loras", "max-cpu-loras")
_UPDATING = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"


def load_adapters(builder: ValuesBuilder) -> None:
    """Take the model's adapters, or vLLM's LoRA flags; give ``modelArtifacts.adapters`` and ``lora``."""
    adapters, lora = builder.model.adapters, builder.model.lora
    if not adapters and all(role.derived and role.engine.engine != "sglang" for role in builder.roles):
        found = [_lora(role.engine) for role in builder.roles]
        if found[0] is not None and all(item == found[0] for item in found):
            dynamic = take_variable(builder, _UPDATING, "True")
            if found[0][0] or dynamic:
                for role in builder.roles:
                    role.engine.take(*_FLAGS)
                adapters, sizes = found[0]
                lora = {**sizes, **({"dynamic": True} if dynamic else {})}
    artifacts = builder.section("modelArtifacts")
    if adapters:
        artifacts["adapters"] = escaped(adapters)
    if lora:
        artifacts["lora"] = lora


def _lora(engine: EngineCommand) -> tuple[list[dict[str, str]], dict[str, Any]] | None:
    """Return adapters and sizes of a command line; None where it has none or the chart would write others."""
    if not engine.has("enable-lora") or values_of(engine, "enable-lora"):
        return None
    adapters = []
    for text in values_of(engine, "lora-modules") or []:
        adapter = _adapter(text)
        if adapter is None:
            return None
        adapters.append(adapter)
    sizes: dict[str, int] = {}
    for name in ("max-lora-rank", "max-loras", "max-cpu-loras"):
        values = values_of(engine, name)
        if values is not None:
            if len(values) != 1 or not re.fullmatch(r"[1-9]\d{0,5}", values[0]):
                return None
            sizes[name] = int(values[0])
    batch = sizes.get("max-loras", 1)  # vLLM's default, where the chart's is the number of adapters
    lora: dict[str, Any] = {}
    if "max-lora-rank" in sizes:
        lora["maxRank"] = sizes["max-lora-rank"]
    if batch != max(1, len(adapters)):
        lora["maxLoras"] = batch
    if "max-cpu-loras" in sizes:
        if sizes["max-cpu-loras"] < batch:
            return None
        lora["maxCpuLoras"] = sizes["max-cpu-loras"]
    return adapters, lora


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
