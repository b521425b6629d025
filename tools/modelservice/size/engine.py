"""The engine that runs on a type of accelerator: that of its hardware preset."""

from __future__ import annotations

import functools
from typing import Any

from modelservice.documents import read_source
from modelservice.engines.version import vllm_version
from modelservice.inputs import parse_values
from modelservice.models.engine_settings import EngineSettings, default_utilization
from modelservice.presets import presets


@functools.cache
def hardware_preset(type_: str) -> dict[str, Any]:
    """Return the values of the preset of a type of accelerator."""
    for name, found in presets().items():
        if name.startswith("hardware/"):
            values, _ = parse_values(read_source(str(found.file)))
            if values.get("accelerator", {}).get("type") == type_:
                return dict(values)
    raise LookupError(type_)


def engine_settings(type_: str) -> EngineSettings:
    """Return the settings that decide on memory of the engine on a type of accelerator."""
    engine = hardware_preset(type_)["engine"]
    version = vllm_version(engine["image"])
    return EngineSettings(
        version=version,
        utilization=default_utilization(version),
        block_tokens=engine.get("args", {}).get("block-size"),
    )
