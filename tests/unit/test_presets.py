"""Preset layers compose: every hardware with every topology that makes sense."""

import pytest

from modelservice import facts
from modelservice.inputs import merge, read_values
from support.presets import ACCELERATED, HARDWARE, PRESETS, TOPOLOGIES, layers, sensible
from support.render import Objects, Render

ADDITIONS = [
    "hardware/vgpu-hami",
    "hardware/vgpu-volcano",
    "network/rdma-infiniband",
    "network/rdma-roce",
    "practice/production",
    "security/restricted",
]
"""Layers that go on top of a combination; test_workload_presets.py says what they do."""

BESIDE = {
    "routing/gateway": {"HTTPRoute", "InferencePool", "Role", "RoleBinding", "ConfigMap", "Service"},
    "autoscaling/hpa": {"HorizontalPodAutoscaler"},
    "autoscaling/keda": {"ScaledObject"},
    "autoscaling/wva": {"HorizontalPodAutoscaler"},
}
"""Layers that go beside all others: the objects they add."""


ALONE = [
    path.stem
    for path in sorted((PRESETS / "engine").glob("*.yaml"))
    if (engine := facts.engine(str(read_values(str(path)).get("engine", {}).get("type")))) and not engine.disaggregates
]
"""Engines that bring what they need of a topology."""


def test_every_preset_is_in_some_combination() -> None:
    others = {"engine/sglang", "engine/sglang-pd", "engine/vllm-speech", "engine/vllm-pooling"}
    others |= {f"engine/{name}" for name in ALONE} | {
        "model/shared-claim",
        "model/object-store",
        "monitoring/prometheus-operator",
    }
    used = {name for combination in sensible() for name in combination} | others | set(ADDITIONS) | BESIDE.keys()
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


@pytest.mark.parametrize("hardware", ["nvidia", "amd", "cpu"])
@pytest.mark.parametrize("engine", ALONE)
def test_an_engine_that_stands_alone_composes(render: Render, hardware: str, engine: str) -> None:
    """Hardware first: its image is vLLM's."""
    known = facts.engine(read_values(str(PRESETS / f"engine/{engine}.yaml"))["engine"]["type"])
    if known and known.runs_on and HARDWARE[hardware].type not in known.runs_on:
        pytest.skip(f"{known.title} does not run on it")
    objects = render(layers(f"hardware/{hardware}", f"engine/{engine}"))
    container = objects.engine()
    assert container["image"] == read_values(str(PRESETS / f"engine/{engine}.yaml"))["engine"]["image"]
    wanted = {ACCELERATED[hardware]: "1"} if hardware in ACCELERATED else {}
    limits = container.get("resources", {}).get("limits", {})
    assert {name: count for name, count in limits.items() if "/" in name} == wanted
    assert objects.template()["metadata"]["labels"]["llm-d.ai/model"] == "m"


@pytest.mark.parametrize(("variant", "runner"), [("vllm-speech", []), ("vllm-pooling", ["pooling"])])
def test_variants_of_vllm(render: Render, variant: str, runner: list[str]) -> None:
    args = render(layers("topology/single", "hardware/nvidia", f"engine/{variant}")).engine()["args"]
    assert args[args.index("--runner") + 1 :][:1] == runner if "--runner" in args else runner == []


@pytest.mark.parametrize("topology", ["single", "pd"])
def test_a_shared_claim_composes(render: Render, topology: str) -> None:
    objects = render(layers(f"topology/{topology}", "hardware/nvidia", "engine/vllm", "model/shared-claim"))
    names = {"decode", *(["prefill"] if topology == "pd" else [])}
    assert {obj["kind"] for obj in objects.items} >= {"Job", "PersistentVolumeClaim"}
    for role in names:
        assert objects.pod(role)["initContainers"][0]["name"] == "wait-for-model"


def test_credentials_compose_with_any_source(render: Render) -> None:
    """The layer serves whatever the model's URI turns out to be."""
    values = layers("topology/single", "hardware/nvidia", "engine/vllm", "model/object-store")
    without = layers("topology/single", "hardware/nvidia", "engine/vllm")
    assert render(values).items == render(without).items
    values["modelArtifacts"]["uri"] = "s3://bucket/model"
    assert render(values).env()["AWS_ACCESS_KEY_ID"]["secretKeyRef"]["name"] == "aws-credentials"


def test_the_order_of_hardware_and_topology_does_not_matter_for_accelerators(render: Render) -> None:
    one = render(layers("topology/pd", "hardware/amd", "engine/vllm"))
    other = render(layers("engine/vllm", "hardware/amd", "topology/pd"))
    assert one.items == other.items


def test_the_simulator_gets_no_flag_that_it_does_not_know(render: Render) -> None:
    args = render(layers("topology/pd", "hardware/simulator")).engine()["args"]
    assert "--kv-transfer-config" not in args
    assert args[:2] == ["--model", "org/model"]


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("topology", [["single"], ["pd"], ["wide-ep"], ["pd", "wide-ep-pd"], ["multinode-tensor"]])
def test_layers_beside_every_topology(render: Render, topology: list[str], beside: str) -> None:
    names = [*(f"topology/{name}" for name in topology), "hardware/nvidia", "engine/vllm"]
    gateway = {"routing": {"parentRefs": [{"name": "gateway"}]}}
    without = render(merge([layers(*names), gateway]))
    objects = render(merge([layers(*names, beside), gateway]))
    check(objects, names)
    kinds = {obj["kind"] for obj in objects.items} - {obj["kind"] for obj in without.items}
    assert kinds - {"Deployment"} == BESIDE[beside]


@pytest.mark.parametrize("topology", TOPOLOGIES, ids="+".join)
def test_monitoring_joins_every_topology(render: Render, topology: list[str]) -> None:
    names = [*(f"topology/{name}" for name in topology), "hardware/nvidia", "engine/vllm"]
    plain = render(layers(*names))
    objects = render(layers(*names, "monitoring/prometheus-operator"))
    added = sorted(kind for kind, _ in objects.kinds() - plain.kinds())
    roles = 2 if "pd" in topology else 1
    assert added == sorted(["ConfigMap", "ConfigMap", "Pod", "PrometheusRule", *["PodMonitor", "Service"] * roles])
