"""Preset layers compose: every hardware with every topology that makes sense."""

from itertools import product
from typing import Any

import pytest

from modelservice.inputs import merge, read_values
from rendered import ROOT, Objects, Render

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


def layers(*names: str) -> dict[str, Any]:
    return merge([MODEL, *(read_values(str(PRESETS / f"{name}.yaml")) for name in names)])


def sensible() -> list[list[str]]:
    """Layer combinations in the documented order: topology, hardware, engine."""
    combinations = []
    for topology, hardware in product(TOPOLOGIES, [*ACCELERATED, *WITHOUT]):
        if hardware in WITHOUT and topology not in (["single"], ["pd"]):
            continue
        base = [*(f"topology/{name}" for name in topology), f"hardware/{hardware}"]
        combinations.append(base if hardware == "simulator" else [*base, "engine/vllm"])
    return combinations


def test_every_preset_is_in_some_combination() -> None:
    others = {"engine/sglang", "engine/sglang-pd", "monitoring/prometheus-operator"}
    used = {name for combination in sensible() for name in combination} | others
    assert used == {str(path.relative_to(PRESETS).with_suffix("")) for path in PRESETS.rglob("*.yaml")}


def check(objects: Objects, names: list[str]) -> None:
    """What must hold for every combination."""
    hardware = next(name.split("/")[1] for name in names if name.startswith("hardware/"))
    roles = ["decode", *(["prefill"] if "topology/pd" in names else [])]
    kinds = {obj["kind"] for obj in objects.items}
    multinode = any("wide-ep" in name or "multinode" in name for name in names)
    assert ("LeaderWorkerSet" in kinds) == multinode
    assert ("ResourceClaimTemplate" in kinds) == ("topology/dra" in names)
    for role in roles:
        engine = objects.engine(role)
        limits = engine.get("resources", {}).get("limits", {})
        accelerators = {name: count for name, count in limits.items() if "/" in name}
        if hardware in ACCELERATED and "topology/dra" not in names:
            assert accelerators == {ACCELERATED[hardware]: "8" if multinode else "1"}
        else:
            assert accelerators == {}
        flags = [argument for argument in engine.get("args", []) if argument.startswith("--")]
        assert len(flags) == len(set(flags)), flags
    pool_labels = objects.template(
        "decode", "leaderTemplate" if "topology/multinode-tensor" in names else "workerTemplate"
    )
    assert pool_labels["metadata"]["labels"]["llm-d.ai/model"] == "m"


@pytest.mark.parametrize("names", sensible(), ids=lambda names: "+".join(name.split("/")[1] for name in names))
def test_layers_compose(render: Render, names: list[str]) -> None:
    check(render(layers(*names)), names)


@pytest.mark.parametrize("topology", [["single"], ["pd"], ["multinode-tensor"]])
@pytest.mark.parametrize("hardware", ["nvidia", "amd"])
def test_sglang_composes(render: Render, topology: list[str], hardware: str) -> None:
    names = [*(f"topology/{name}" for name in topology), f"hardware/{hardware}", "engine/sglang"]
    names += ["engine/sglang-pd"] if topology == ["pd"] else []
    objects = render(layers(*names))
    check(objects, names)
    args = objects.engine(part="leaderTemplate" if topology == ["multinode-tensor"] else "workerTemplate")["args"]
    assert "--kv-transfer-config" not in args
    assert "--model-path" in args


def test_the_order_of_hardware_and_topology_does_not_matter_for_accelerators(render: Render) -> None:
    one = render(layers("topology/pd", "hardware/amd", "engine/vllm"))
    other = render(layers("engine/vllm", "hardware/amd", "topology/pd"))
    assert one.items == other.items


def test_the_simulator_gets_no_flag_that_it_does_not_know(render: Render) -> None:
    args = render(layers("topology/pd", "hardware/simulator")).engine()["args"]
    assert "--kv-transfer-config" not in args
    assert args[:2] == ["--model", "org/model"]


@pytest.mark.parametrize("topology", TOPOLOGIES, ids="+".join)
def test_monitoring_joins_every_topology(render: Render, topology: list[str]) -> None:
    names = [*(f"topology/{name}" for name in topology), "hardware/nvidia", "engine/vllm"]
    plain = render(layers(*names))
    objects = render(layers(*names, "monitoring/prometheus-operator"))
    added = sorted(kind for kind, _ in objects.kinds() - plain.kinds())
    roles = 2 if "pd" in topology else 1
    assert added == sorted(["ConfigMap", "ConfigMap", "Pod", "PrometheusRule", *["PodMonitor", "Service"] * roles])
