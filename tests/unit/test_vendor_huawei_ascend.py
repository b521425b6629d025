"""Huawei Ascend: its resources by device plugin, and what check knows of them."""

from typing import Any

import pytest

from modelservice.helm import EmbeddedHelm
from modelservice.inputs import merge
from support.engines import IMAGES, single
from support.findings import findings, rules
from support.presets import presets
from support.refusal import assert_refused
from support.render import Render

MIND_CLUSTER, CCE = "huawei.com/Ascend910", "huawei.com/ascend-1980"


def values(**more: Any) -> dict[str, Any]:
    return merge([single("vllm", uri="hf://org/model"), presets("hardware/huawei-ascend"), more])


def shared(**decode: Any) -> dict[str, Any]:
    return {"sharedMemory": {"enabled": True}, **decode}


def test_each_rank_has_a_device(render: Render) -> None:
    objects = render(values(decode={"parallelism": {"tensor": 4}}))
    assert objects.engine()["resources"]["limits"] == {MIND_CLUSTER: "4"}


def test_the_image_gets_a_command_because_it_has_no_entry_point(render: Render) -> None:
    assert render(values()).engine()["command"] == ["vllm", "serve"]


@pytest.mark.parametrize("resource", [CCE, "huawei.com/Ascend310P"])
def test_the_resource_of_another_device_plugin(embedded: EmbeddedHelm, render: Render, resource: str) -> None:
    other = values(accelerator={"resources": {"huawei-ascend": resource}}, decode=shared(parallelism={"tensor": 2}))
    assert render(other).engine()["resources"]["limits"] == {resource: "2"}
    assert rules(embedded, other) == set()


def test_a_resource_that_is_not_the_types_is_rejected(embedded: EmbeddedHelm) -> None:
    given = values(engine={"resources": {"limits": {CCE: 1}}})
    assert_refused(embedded, given, ["engine.resources", CCE, f"accelerator.resources.huawei-ascend: {CCE}"])


def test_a_number_that_contradicts_the_ranks_is_rejected(embedded: EmbeddedHelm) -> None:
    given = values(engine={"resources": {"limits": {MIND_CLUSTER: 2}}}, decode={"parallelism": {"tensor": 4}})
    assert_refused(embedded, given, ["engine.resources", "4 ranks", "decode.accelerator.count: 2"])


def test_a_claim_needs_the_class_of_its_devices(embedded: EmbeddedHelm) -> None:
    claimed = values(accelerator={"dra": True})
    assert_refused(embedded, claimed, ["accelerator.resourceClaimTemplates.huawei-ascend", "class"])


def test_check_has_no_objections(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(decode=shared(parallelism={"tensor": 4}))) == set()


def test_the_tag_of_the_image_tells_the_version_of_vllm(embedded: EmbeddedHelm) -> None:
    found, *_ = findings(embedded, values(engine={"args": {"no-such-flag": 1}}))
    assert found.rule == "engine-flag-unknown"
    assert "vLLM 0.23.0" in found.message


@pytest.mark.parametrize("suffix", ["-a3", "-310p", "-openeuler"])
def test_images_of_its_products_are_known(embedded: EmbeddedHelm, suffix: str) -> None:
    image = f"quay.io/ascend/vllm-ascend:v0.23.0{suffix}"
    assert rules(embedded, values(engine={"image": image}, decode=shared(parallelism={"tensor": 2}))) == set()


def test_an_image_of_another_vendor_is_found(embedded: EmbeddedHelm) -> None:
    (found,) = findings(embedded, values(engine={"image": IMAGES["vllm"]}))
    assert (found.rule, found.values) == ("accelerator-image", "engine.image")


def test_its_image_on_other_accelerators_is_found(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(accelerator={"type": "nvidia"})) == {"accelerator-image"}


def test_nodes_of_another_vendor_are_found(embedded: EmbeddedHelm) -> None:
    nodes = {"labelKey": "amd.com/gpu.product-name", "labelValues": ["AMD_Instinct_MI300X"]}
    assert rules(embedded, values(decode={"acceleratorTypes": nodes})) == {"accelerator-node-label"}


@pytest.mark.parametrize("variable", ["ASCEND_RT_VISIBLE_DEVICES", "ASCEND_VISIBLE_DEVICES"])
def test_a_variable_that_hides_devices_is_found(embedded: EmbeddedHelm, variable: str) -> None:
    (found,) = findings(embedded, values(engine={"env": {variable: "0"}}, decode=shared(parallelism={"tensor": 2})))
    assert found.values == f"engine.env.{variable}"
