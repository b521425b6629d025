"""AWS Neuron: NeuronCores and devices, claims, and what check knows of them."""

from typing import Any

from modelservice.helm import EmbeddedHelm
from modelservice.inputs import merge
from support.engines import IMAGES, single
from support.findings import findings, rules
from support.presets import presets
from support.refusal import assert_refused
from support.render import Render

CORE, DEVICE = "aws.amazon.com/neuroncore", "aws.amazon.com/neuron"


def values(**more: Any) -> dict[str, Any]:
    return merge([single("vllm", uri="hf://org/model"), presets("hardware/aws-neuron"), more])


def shared(**decode: Any) -> dict[str, Any]:
    return {"sharedMemory": {"enabled": True}, **decode}


def test_each_rank_has_a_core(render: Render) -> None:
    objects = render(values(decode={"parallelism": {"tensor": 8}}))
    assert objects.engine()["resources"]["limits"] == {CORE: "8"}


def test_the_cores_of_a_device_may_be_counted_otherwise(render: Render) -> None:
    given = values(engine={"resources": {"limits": {CORE: 16}}}, decode={"parallelism": {"tensor": 8}})
    assert render(given).engine()["resources"]["limits"] == {CORE: "16"}


def test_whole_devices_replace_cores(render: Render) -> None:
    devices = values(
        accelerator={"resources": {"aws-neuron": DEVICE}, "count": 2}, decode={"parallelism": {"tensor": 8}}
    )
    assert render(devices).engine()["resources"]["limits"] == {DEVICE: "2"}


def test_a_device_that_is_not_the_types_is_rejected(embedded: EmbeddedHelm) -> None:
    given = values(engine={"resources": {"limits": {DEVICE: 2}}})
    assert_refused(
        embedded, given, ["engine.resources", DEVICE, "aws-neuron", f"accelerator.resources.aws-neuron: {DEVICE}"]
    )


def test_devices_of_a_claim_are_of_the_vendors_class(render: Render) -> None:
    claimed = values(accelerator={"dra": True, "count": 4}, decode={"parallelism": {"tensor": 16}})
    (template,) = render(claimed).all("ResourceClaimTemplate")
    (request,) = template["spec"]["spec"]["devices"]["requests"]
    assert request["exactly"] == {"deviceClassName": "neuron.aws.com", "count": 4}


def test_the_layer_starts_without_efa(render: Render) -> None:
    assert render(values()).env()["NEURON_SKIP_EFA_AFFINITY"] == "1"


def test_check_has_no_objections(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(decode=shared(parallelism={"tensor": 8}))) == set()


def test_the_tag_of_the_image_tells_the_version_of_vllm(embedded: EmbeddedHelm) -> None:
    found, *_ = findings(embedded, values(engine={"args": {"no-such-flag": 1}}))
    assert found.rule == "engine-flag-unknown"
    assert "vLLM 0.24.0" in found.message


def test_an_image_of_another_vendor_is_found(embedded: EmbeddedHelm) -> None:
    (found,) = findings(embedded, values(engine={"image": IMAGES["vllm"]}))
    assert (found.rule, found.values) == ("accelerator-image", "engine.image")


def test_its_image_on_other_accelerators_is_found(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(accelerator={"type": "nvidia"})) == {"accelerator-image"}


def test_nodes_of_another_vendor_are_found(embedded: EmbeddedHelm) -> None:
    nodes = {"labelKey": "nvidia.com/gpu.product", "labelValues": ["NVIDIA-H100-80GB-HBM3"]}
    assert rules(embedded, values(decode={"acceleratorTypes": nodes})) == {"accelerator-node-label"}


def test_ranks_in_several_processes_share_memory(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(decode={"parallelism": {"tensor": 8}})) == {"shared-memory"}
