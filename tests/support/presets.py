"""The preset layers and which combinations of them make sense."""

from itertools import product
from typing import Any

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
ACCELERATED = {
    "nvidia": "nvidia.com/gpu",
    "amd": "amd.com/gpu",
    "gaudi": "habana.ai/gaudi",
    "intel-xpu": "gpu.intel.com/xe",
    "tpu": "google.com/tpu",
}
WITHOUT = ["cpu", "simulator"]
"""Hardware without accelerators: a claim or a group over nodes makes no sense for it."""


def presets(*names: str) -> dict[str, Any]:
    """Preset layers by name, merged."""
    return merge([{}, *(read_values(str(PRESETS / f"{name}.yaml")) for name in names)])


def layers(*names: str) -> dict[str, Any]:
    """Preset layers over a model."""
    return merge([MODEL, presets(*names)])


def sensible() -> list[list[str]]:
    """Layer combinations in the documented order: topology, hardware, engine."""
    combinations = []
    for topology, hardware in product(TOPOLOGIES, [*ACCELERATED, *WITHOUT]):
        if hardware in WITHOUT and topology not in (["single"], ["pd"]):
            continue
        base = [*(f"topology/{name}" for name in topology), f"hardware/{hardware}"]
        combinations.append(base if hardware == "simulator" else [*base, "engine/vllm"])
    return combinations
