"""The preset layers and which combinations of them make sense."""

from itertools import product
from typing import Any

from modelservice import facts
from modelservice.facts.models import Accelerator
from modelservice.inputs import merge, read_values
from support.render import ROOT

PRESETS = ROOT / "examples" / "presets"
MODEL: dict[str, Any] = {"modelArtifacts": {"name": "org/model", "labels": {"llm-d.ai/model": "m"}}}

TOPOLOGIES = [
    ["single"],
    ["single", "dra"],
    ["pd"],
    ["pd", "dra"],
    ["wide-ep"],
    ["pd", "wide-ep-pd"],
    ["pd", "wide-ep-pd", "dra"],
    ["multinode-tensor"],
    ["multinode-tensor", "dra"],
]


def presets(*names: str) -> dict[str, Any]:
    """Preset layers by name, merged."""
    return merge([{}, *(read_values(str(PRESETS / f"{name}.yaml")) for name in names)])


def _hardware() -> dict[str, Accelerator]:
    """The kinds of accelerators by the layers that set one."""
    names = [path.stem for path in sorted((PRESETS / "hardware").glob("*.yaml"))]
    kinds = {name: facts.accelerator(presets(f"hardware/{name}")["accelerator"].get("type", "")) for name in names}
    return {name: kind for name, kind in kinds.items() if kind}


HARDWARE = _hardware()
ACCELERATED = {name: kind.resource for name, kind in HARDWARE.items() if kind.resource}
WITHOUT = [name for name, kind in HARDWARE.items() if not kind.resource]
"""Hardware without accelerators: a claim or a group over nodes makes no sense for it."""


def layers(*names: str) -> dict[str, Any]:
    """Preset layers over a model."""
    return merge([MODEL, presets(*names)])


def sensible() -> list[list[str]]:
    """Layer combinations in the documented order: topology, hardware, engine."""
    combinations = []
    for topology, hardware in product(TOPOLOGIES, [*ACCELERATED, *WITHOUT]):
        if hardware in WITHOUT and topology not in (["single"], ["pd"]):
            continue
        if "dra" in topology and not HARDWARE[hardware].device_class:
            continue
        base = [*(f"topology/{name}" for name in topology), f"hardware/{hardware}"]
        combinations.append(base if hardware == "simulator" else [*base, "engine/vllm"])
    return combinations
