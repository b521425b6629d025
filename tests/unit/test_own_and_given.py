"""What the chart makes is read like what others make: pool, endpoint picker and routing sidecar."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.check.finding import Finding, Severity
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.model.deployment import Deployment
from modelservice.model.pool import pools_of
from modelservice.plan.model import plan
from modelservice.sources import Sources

PICKER = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"
BASE: dict[str, Any] = {
    "modelArtifacts": {"name": "Qwen/Qwen3-8B", "uri": "hf://Qwen/Qwen3-8B", "labels": {"llm-d.ai/model": "qwen"}},
    "engine": {
        "image": "vllm/vllm-openai:v0.32.0",
        "modelCommand": "vllmServe",
        "args": {"kv-transfer-config": {"kv_connector": "NixlConnector", "kv_role": "kv_both"}},
        "env": {"VLLM_NIXL_SIDE_CHANNEL_HOST": {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}},
    },
    "routing": {
        "proxy": {"image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"},
        "inferencePool": {"create": True},
        "epp": {"create": True, "image": PICKER},
    },
    "prefill": {"replicas": 1},
}
BROKEN = {
    "apiVersion": "inference.networking.x-k8s.io/v1alpha1",
    "kind": "EndpointPickerConfig",
    "plugins": [{"type": "queue-scorer"}],
    "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "no-such-plugin"}]}],
}


@pytest.fixture
def deploy(embedded: EmbeddedHelm, tmp_path: Path) -> Any:
    """``deploy(values)``: the deployment of the base with these values over it."""

    def _deploy(values: dict[str, Any]) -> Deployment:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(merge([BASE, values])))
        deployment, refused = load([str(file)], embedded, Release("x"))
        assert deployment is not None, refused
        return deployment

    return _deploy


def errors(deployment: Deployment) -> list[Finding]:
    return [finding for finding in run([deployment]) if finding.severity is Severity.error]


def test_a_correct_release_with_its_own_picker_has_no_errors(deploy: Any) -> None:
    assert errors(deploy({})) == []


def test_a_wrong_configuration_of_the_own_picker_is_found_where_it_is_written(deploy: Any) -> None:
    found = run([deploy({"routing": {"epp": {"pluginsConfig": BROKEN}}})])
    config = [item for item in found if item.rule == "epp-config"]
    assert {item.values for item in config} == {"routing.epp.pluginsConfig"}
    assert all(item.line for item in config)
    messages = " ".join(item.message for item in config)
    assert "no-such-plugin, which is not a declared plugin" in messages
    assert "reads llm-d.ai/v1alpha1" in messages


def test_an_own_picker_without_profiles_is_found_like_a_foreign_one(deploy: Any) -> None:
    config = {**BROKEN, "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "queue-scorer"}]}]}
    own = deploy({"routing": {"epp": {"pluginsConfig": config}}})
    assert {item.rule for item in errors(own)} == {"epp-profiles"}
    foreign = Deployment("x", own.objects, given_pools=list(pools_of(own.objects, "pool.yaml")))
    assert {item.rule for item in errors(foreign)} == {"epp-profiles"}


def test_a_pool_that_is_given_and_made_is_one(deploy: Any) -> None:
    own = deploy({})
    own.given_pools = list(pools_of(own.objects, "pool.yaml"))
    assert len(own.pools) == 1


def test_the_plan_draws_the_own_pool_like_a_given_one(deploy: Any) -> None:
    own = deploy({})
    calls = plan(own).calls
    others = [obj for obj in own.objects if obj["kind"] != "InferencePool"]
    given = Deployment("x", others, "default", own.sources, given_pools=list(pools_of(own.objects, "pool.yaml")))
    assert calls == plan(given).calls
    assert [(call.source, call.target) for call in calls[:3]] == [
        ("gateway", "pool"), ("gateway", "endpoint picker"), ("pool", "decode"),
    ]  # fmt: skip


NAMES = ("llm-d-routing-sidecar", "llm-d-router-disagg-sidecar", "pd-sidecar")
TAGS = (":latest", ":main", ":sha-123", "", "@sha256:" + "0" * 64)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tag", TAGS)
def test_a_sidecar_without_a_version_is_taken_for_the_one_that_the_chart_takes_it_for(
    deploy: Any, name: str, tag: str
) -> None:
    deployment = deploy({"routing": {"proxy": {"image": f"ghcr.io/llm-d/{name}{tag}"}}})
    assert deployment.role("decode")[0].proxy is not None
    assert errors(deployment) == []


VENDORS = ("amd", "intel-gaudi", "intel-xe", "intel-i915", "google")


@pytest.mark.parametrize("kind", VENDORS)
@pytest.mark.parametrize("dra", [False, True])
def test_an_image_for_another_vendor_is_found_whether_devices_are_claimed_or_not(
    deploy: Any, kind: str, dra: bool
) -> None:
    found = errors(deploy({"accelerator": {"type": kind, "dra": dra}}))
    assert "accelerator-image" in {item.rule for item in found}


@pytest.mark.parametrize("kind", ["spyre", "rebellions-atom"])
def test_an_image_for_another_vendor_is_found_for_vendors_without_device_classes(deploy: Any, kind: str) -> None:
    found = errors(deploy({"accelerator": {"type": kind}}))
    assert "accelerator-image" in {item.rule for item in found}


def test_an_engines_own_flags_mean_what_those_of_vllm_mean() -> None:
    args = ["org/model", "--tp_size", "2", "--port", "9000"]
    container = {
        "name": "e",
        "image": "nvcr.io/nvidia/tensorrt-llm/release:1.0.0",
        "command": ["trtllm-serve"],
        "args": args,
    }
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    sources = Sources([], {"decode": {"parallelism": {"tensor": 2}}})
    (group,) = Deployment("x", [pod], sources=sources).groups
    assert (group.ranks, group.engine_ports) == (2, [9000])
    place = group.engine.flag("tensor-parallel-size")
    assert place.key(sources) == "decode.parallelism.tensor"
    assert place.path == "spec.containers[e].args[--tp_size]"
