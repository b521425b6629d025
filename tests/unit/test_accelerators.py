"""Accelerators: one number for limits and requests, in the engine container, by device plugin or by claim."""

from typing import Any

import pytest

from support.render import Render


def values(decode: dict[str, Any] | None = None, accelerator: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "modelArtifacts": {"name": "org/model"},
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
        "accelerator": accelerator or {},
        "routing": {"proxy": {"enabled": False}},
        "decode": decode or {},
        "prefill": {"create": False},
    }


@pytest.mark.parametrize(
    ("accelerator_type", "resource"),
    [
        ("nvidia", "nvidia.com/gpu"),
        ("amd", "amd.com/gpu"),
        ("intel-gaudi", "habana.ai/gaudi"),
        ("intel-i915", "gpu.intel.com/i915"),
        ("intel-xe", "gpu.intel.com/xe"),
        ("google", "google.com/tpu"),
        ("rebellions-atom", "rebellions.ai/ATOM"),
    ],
)
def test_each_type_has_its_resource(render: Render, accelerator_type: str, resource: str) -> None:
    objects = render(values({"parallelism": {"tensor": 2}}, {"type": accelerator_type}))
    assert objects.engine()["resources"] == {"limits": {resource: "2"}, "requests": {resource: "2"}}


def test_a_new_vendor_needs_only_its_resource_name(render: Render) -> None:
    objects = render(values(None, {"type": "neuron", "resources": {"neuron": "aws.amazon.com/neuron"}}))
    assert objects.engine()["resources"]["limits"] == {"aws.amazon.com/neuron": "1"}


@pytest.mark.parametrize(
    "wanted",
    [
        values(None, {"type": "cpu"}),
        {**values(), "engine": {"image": "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2"}},
    ],
)
def test_cpu_and_the_simulator_have_no_accelerators(render: Render, wanted: dict[str, Any]) -> None:
    assert "resources" not in render(wanted).engine()


def test_a_role_may_have_its_own_type(render: Render) -> None:
    wanted = values({"accelerator": {"type": "amd"}})
    wanted["prefill"] = {"create": True, "replicas": 1}
    objects = render(wanted)
    assert objects.engine("decode")["resources"]["limits"] == {"amd.com/gpu": "1"}
    assert objects.engine("prefill")["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_a_types_environment_reaches_the_engine(render: Render) -> None:
    assert render(values(None, {"type": "intel-xe"})).env()["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"


@pytest.mark.parametrize("given", [{"limits": {"nvidia.com/gpu": 2}}, {"requests": {"nvidia.com/gpu": "2"}}])
def test_requests_equal_limits_when_the_user_sets_one(render: Render, given: dict[str, Any]) -> None:
    wanted = values({"parallelism": {"tensor": 2}})
    wanted["engine"]["resources"] = given
    assert render(wanted).engine()["resources"] == {
        "limits": {"nvidia.com/gpu": "2"},
        "requests": {"nvidia.com/gpu": "2"},
    }


def test_other_extended_resources_are_equal_too(render: Render) -> None:
    wanted = values()
    wanted["engine"]["resources"] = {"limits": {"rdma/ib": 1}, "requests": {"cpu": 8}}
    assert render(wanted).engine()["resources"] == {
        "limits": {"rdma/ib": "1", "nvidia.com/gpu": "1"},
        "requests": {"cpu": 8, "rdma/ib": "1", "nvidia.com/gpu": "1"},
    }


def test_a_tpu_count_may_differ_from_the_ranks(render: Render) -> None:
    wanted = values({"parallelism": {"tensor": 8}}, {"type": "google"})
    wanted["engine"]["resources"] = {"limits": {"google.com/tpu": "4"}}
    assert render(wanted).engine()["resources"]["requests"] == {"google.com/tpu": "4"}


def test_a_declared_count_may_differ_from_the_ranks(render: Render) -> None:
    wanted = values({"parallelism": {"tensor": 8}, "accelerator": {"count": 4}})
    assert render(wanted).engine()["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_a_custom_command_without_parallelism_keeps_its_count(render: Render) -> None:
    wanted = values()
    wanted["engine"] |= {"modelCommand": "custom", "command": ["serve"], "resources": {"limits": {"nvidia.com/gpu": 4}}}
    assert render(wanted).engine()["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_a_custom_command_may_ask_for_none(render: Render) -> None:
    wanted = values({"parallelism": {"tensor": 1}})
    wanted["engine"] |= {"modelCommand": "custom", "command": ["serve"], "resources": {"limits": {"nvidia.com/gpu": 0}}}
    assert render(wanted).engine()["resources"]["limits"] == {"nvidia.com/gpu": "0"}


def test_a_sidecar_has_no_accelerators(render: Render) -> None:
    wanted = values({"containers": [{"name": "vllm"}, {"name": "log", "image": "busybox"}]})
    assert "resources" not in render(wanted).pod()["containers"][1]


def claim_devices(render: Render, wanted: dict[str, Any]) -> dict[str, Any]:
    devices: dict[str, Any] = render(wanted).one("ResourceClaimTemplate")["spec"]["spec"]["devices"]
    return devices


def test_dra_asks_for_the_same_count_by_claim(render: Render) -> None:
    wanted = values({"parallelism": {"tensor": 2, "dataLocal": 2}}, {"dra": True})
    objects = render(wanted)
    template = objects.one("ResourceClaimTemplate")
    assert template["metadata"]["name"] == "test-llm-d-modelservice-nvidia-claim-template-decode"
    assert template["spec"]["spec"]["devices"]["requests"] == [
        {"name": "nvidia", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": 4}}
    ]
    assert objects.pod()["resourceClaims"] == [
        {"name": "nvidia-decode-claim", "resourceClaimTemplateName": template["metadata"]["name"]}
    ]
    assert objects.engine()["resources"] == {"claims": [{"name": "nvidia-decode-claim"}]}


def test_dra_can_be_switched_per_role(render: Render) -> None:
    wanted = values({"accelerator": {"dra": False}}, {"dra": True})
    wanted["prefill"] = {"create": True, "replicas": 1}
    objects = render(wanted)
    assert "resourceClaims" not in objects.pod("decode")
    assert [claim["name"] for claim in objects.pod("prefill")["resourceClaims"]] == ["nvidia-prefill-claim"]


def test_two_releases_do_not_share_claim_templates(render: Render) -> None:
    wanted = values(None, {"dra": True})
    names = {render(wanted, name=name).one("ResourceClaimTemplate")["metadata"]["name"] for name in ("a", "b")}
    assert len(names) == 2


def test_an_explicit_claim_count_wins(render: Render) -> None:
    wanted = values({"parallelism": {"tensor": 8}}, {"dra": True, "resourceClaimTemplates": {"nvidia": {"count": 4}}})
    assert claim_devices(render, wanted)["requests"][0]["exactly"]["count"] == 4


def test_allocation_mode_all_has_no_count(render: Render) -> None:
    wanted = values(
        None, {"type": "google", "dra": True, "resourceClaimTemplates": {"google": {"allocationMode": "All"}}}
    )
    assert claim_devices(render, wanted)["requests"] == [
        {"name": "google", "exactly": {"deviceClassName": "tpu.google.com", "allocationMode": "All"}}
    ]


def test_first_available_is_a_list_of_named_choices(render: Render) -> None:
    choices = [{"name": "h200", "class": "h200.example.com"}, {"name": "h100", "class": "h100.example.com", "count": 4}]
    template = {"match": "firstAvailable", "firstAvailable": choices}
    wanted = values({"parallelism": {"tensor": 2}}, {"dra": True, "resourceClaimTemplates": {"nvidia": template}})
    assert claim_devices(render, wanted)["requests"] == [
        {
            "name": "nvidia",
            "firstAvailable": [
                {"name": "h200", "deviceClassName": "h200.example.com", "count": 2},
                {"name": "h100", "deviceClassName": "h100.example.com", "count": 4},
            ],
        }
    ]


def test_first_available_without_choices_is_the_entry_itself(render: Render) -> None:
    wanted = values(None, {"dra": True, "resourceClaimTemplates": {"nvidia": {"match": "firstAvailable"}}})
    assert claim_devices(render, wanted)["requests"] == [
        {"name": "nvidia", "firstAvailable": [{"name": "nvidia", "deviceClassName": "gpu.nvidia.com", "count": 1}]}
    ]


def test_selectors_tolerations_constraints_config_and_further_requests(render: Render) -> None:
    selectors = [{"cel": {"expression": "device.driver == 'gpu.nvidia.com'"}}]
    tolerations = [{"key": "gpu", "operator": "Exists"}]
    constraints = [{"requests": ["nvidia", "rdma"], "matchAttribute": "resource.kubernetes.io/pcieRoot"}]
    config = [{"requests": ["nvidia"], "opaque": {"driver": "gpu.nvidia.com", "parameters": {"sharing": "x"}}}]
    template = {
        "selectors": selectors,
        "tolerations": tolerations,
        "requests": {"rdma": {"class": "rdma.example.com"}},
        "constraints": constraints,
        "config": config,
    }
    devices = claim_devices(render, values(None, {"dra": True, "resourceClaimTemplates": {"nvidia": template}}))
    assert devices["constraints"] == constraints
    assert devices["config"] == config
    assert devices["requests"] == [
        {
            "name": "nvidia",
            "exactly": {
                "deviceClassName": "gpu.nvidia.com",
                "count": 1,
                "selectors": selectors,
                "tolerations": tolerations,
            },
        },
        {"name": "rdma", "exactly": {"deviceClassName": "rdma.example.com", "count": 1}},
    ]


def test_existing_templates_and_claims_are_attached(render: Render) -> None:
    claims = [
        {"name": "imex", "resourceClaimTemplateName": "imex-channel"},
        {"name": "shared", "resourceClaimName": "shared-device"},
    ]
    objects = render(values({"resourceClaims": claims}))
    assert objects.pod()["resourceClaims"] == claims
    assert objects.engine()["resources"]["claims"] == [{"name": "imex"}, {"name": "shared"}]


def test_a_container_lists_the_claims_it_uses(render: Render) -> None:
    wanted = values({"resourceClaims": [{"name": "nic", "resourceClaimName": "nic"}]})
    wanted["decode"]["containers"] = [
        {"name": "vllm", "resources": {"claims": [{"name": "nic", "request": "one"}]}},
        {"name": "side", "image": "busybox", "resources": {"claims": [{"name": "nic"}]}},
        {"name": "other", "image": "busybox"},
    ]
    vllm, side, other = render(wanted).pod()["containers"]
    assert vllm["resources"]["claims"] == [{"name": "nic", "request": "one"}]
    assert side["resources"]["claims"] == [{"name": "nic"}]
    assert "resources" not in other
