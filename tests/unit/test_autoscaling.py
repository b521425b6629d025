"""Autoscalers of a role: a HorizontalPodAutoscaler, a KEDA ScaledObject, the variant autoscaler, or one made elsewhere."""

import re
import typing
from typing import Any

import pytest

from localcluster.binaries import module_file
from localcluster.definitions import definitions
from modelservice.check.rule import rules
from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm
from modelservice.values.autoscaling import Fallback, KedaAuthentication, KedaTrigger, ScalingModifiers
from support import findings as found_by
from support.render import VLLM, Objects, Render

PROMETHEUS = {"serverAddress": "http://prometheus.monitoring:9090"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
CRON = {
    "type": "cron",
    "metadata": {"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "2"},
}
ZERO_POOL = {"inferencePool": {"create": True}, "epp": {"create": True}}


def scaled(render: Render, scaling: dict[str, Any], **values: Any) -> Objects:
    """A release whose decode has an autoscaler."""
    decode = {**values.pop("decode", {}), "autoscaling": {"enabled": True, **scaling}}
    return render({"engine": VLLM, "prefill": {"create": False}, **values, "decode": decode}, namespace="models")


def hpa(render: Render, scaling: dict[str, Any], **values: Any) -> dict[str, Any]:
    return scaled(render, scaling, **values).one("HorizontalPodAutoscaler")


def keda(render: Render, scaling: dict[str, Any], **values: Any) -> dict[str, Any]:
    settings = {"type": "keda", "maxReplicas": 4, "prometheus": PROMETHEUS, **scaling}
    spec: dict[str, Any] = scaled(render, settings, **values).one("ScaledObject")["spec"]
    return spec


TYPES: dict[str, dict[str, Any]] = {
    "external": {},
    "hpa": {"type": "hpa", "maxReplicas": 4, "targetActiveRequests": 16},
    "keda": {"type": "keda", "maxReplicas": 4, "triggers": [CRON]},
    "wva": {"type": "wva", "maxReplicas": 4},
}
OBJECTS = {
    "external": set(),
    "hpa": {"HorizontalPodAutoscaler"},
    "keda": {"ScaledObject"},
    "wva": {"HorizontalPodAutoscaler"},
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("multinode", [False, True])
def test_replicas_are_never_printed_when_an_autoscaler_owns_them(render: Render, kind: str, multinode: bool) -> None:
    objects = scaled(render, TYPES[kind], multinode=multinode)
    assert "replicas" not in objects.workload()["spec"]
    assert {obj["kind"] for obj in objects.items} - {"Deployment", "LeaderWorkerSet", "ServiceAccount"} == OBJECTS[kind]


def test_the_notes_tell_between_which_numbers_and_what_it_needs(render: Render) -> None:
    notes = scaled(render, TYPES["hpa"]).notes
    assert "1 to 4 pod(s)" in notes
    assert "describe horizontalpodautoscaler test-llm-d-modelservice-decode" in notes
    assert "custom metrics" in notes
    assert "Set decode.monitoring.podmonitor.enabled: true." in notes
    watched = scaled(render, TYPES["hpa"], decode={"monitoring": {"podmonitor": {"enabled": True}}}).notes
    assert "podmonitor" not in watched
    assert "describe scaledobject test-llm-d-modelservice-decode" in scaled(render, TYPES["keda"]).notes
    assert "autoscaled pod(s)" in scaled(render, TYPES["external"]).notes


def test_metrics_are_those_of_pods_whose_names_kubernetes_cuts(render: Render) -> None:
    spec = render(
        {
            "engine": VLLM,
            "fullnameOverride": "a" * 55,
            "decode": {"autoscaling": {"enabled": True, "type": "keda", "maxReplicas": 4, "targetActiveRequests": 8,
                                       "prometheus": PROMETHEUS}},
        }
    ).one("ScaledObject")["spec"]  # fmt: skip
    assert f'pod=~"{"a" * 55}-de.+"' in spec["triggers"][0]["metadata"]["query"]


@pytest.mark.parametrize("kind", TYPES)
def test_settings_of_an_autoscaler_that_is_off_leave_no_trace(render: Render, kind: str) -> None:
    off = render({"decode": {"replicas": 3, "autoscaling": {**TYPES[kind], "enabled": False}}})
    assert off.items == render({"decode": {"replicas": 3}}).items


def test_a_role_that_is_not_created_has_no_autoscaler(render: Render) -> None:
    objects = render({"decode": {"create": False, "autoscaling": {"enabled": True, **TYPES["hpa"]}}})
    assert objects.all("HorizontalPodAutoscaler") == []


def test_each_role_has_its_own(render: Render) -> None:
    values = {
        "engine": VLLM,
        "decode": {"autoscaling": {"enabled": True, **TYPES["hpa"]}},
        "prefill": {"autoscaling": {"enabled": True, **TYPES["keda"]}},
    }
    objects = render(values)
    assert objects.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"].endswith("-decode")
    assert objects.one("ScaledObject")["spec"]["scaleTargetRef"]["name"].endswith("-prefill")


@pytest.mark.parametrize("kind", ["hpa", "keda", "wva"])
@pytest.mark.parametrize(
    "values", [{}, {"multinode": True}, {"requester": {"enable": True}}], ids=["pods", "groups", "dual"]
)
def test_the_target_is_the_roles_workload(render: Render, kind: str, values: dict[str, Any]) -> None:
    objects = scaled(render, TYPES[kind], **values)
    (name,) = OBJECTS[kind]
    workload = objects.workload()
    assert objects.one(name)["spec"]["scaleTargetRef"] == {
        "apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": workload["metadata"]["name"],
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------
# HorizontalPodAutoscaler
# ---------------------------------------------------------------------------------------------


def test_hpa_bounds_and_own_metrics(render: Render) -> None:
    spec = hpa(render, {"type": "hpa", "minReplicas": 2, "maxReplicas": 8, "metrics": [CPU]})["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"], spec["metrics"]) == (2, 8, [CPU])
    assert "behavior" not in spec


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        (VLLM, ["vllm:num_requests_running", "vllm:num_requests_waiting"]),
        ({"image": "lmsysorg/sglang:v0.5.3", "modelCommand": "sglangServe"}, ["sglang:num_running_reqs", "sglang:num_queue_reqs"]),
    ],
    ids=["vllm", "sglang"],
)  # fmt: skip
def test_active_requests_are_the_engines_own_metrics(render: Render, engine: dict[str, Any], names: list[str]) -> None:
    spec = hpa(render, {"type": "hpa", "maxReplicas": 8, "targetActiveRequests": 16, "metrics": [CPU]}, engine=engine)[
        "spec"
    ]
    assert spec["minReplicas"] == 1
    assert [metric["pods"]["metric"]["name"] for metric in spec["metrics"][:2]] == names
    assert {metric["pods"]["target"]["averageValue"] for metric in spec["metrics"][:2]} == {"16"}
    assert spec["metrics"][2] == CPU


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"scaleDownDelaySeconds": 0}, {"scaleDown": {"stabilizationWindowSeconds": 0}}),
        ({"behavior": {"scaleUp": {"selectPolicy": "Max"}}}, {"scaleUp": {"selectPolicy": "Max"}}),
        (
            {"scaleDownDelaySeconds": 600, "behavior": {"scaleDown": {"selectPolicy": "Min"}}},
            {"scaleDown": {"stabilizationWindowSeconds": 600, "selectPolicy": "Min"}},
        ),
        (
            {"scaleDownDelaySeconds": 600, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 30}}},
            {"scaleDown": {"stabilizationWindowSeconds": 30}},
        ),
    ],
)
@pytest.mark.parametrize("kind", ["hpa", "keda"])
def test_behavior_is_merged_over_the_delay(
    render: Render, kind: str, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    if kind == "hpa":
        found = hpa(render, {**TYPES["hpa"], **settings})["spec"]["behavior"]
    else:
        found = keda(render, {"targetActiveRequests": 16, **settings})["advanced"]["horizontalPodAutoscalerConfig"][
            "behavior"
        ]
    assert found == expected


@pytest.mark.parametrize(
    ("parallelism", "target", "average"),
    [
        ({"data": 16, "dataLocal": 8, "expert": True}, 64, "32"),
        ({"data": 24, "dataLocal": 8, "expert": True}, 64, "21333m"),
        ({"data": 16, "dataLocal": 8, "expert": True, "dataMode": "internal"}, 64, "64"),
        ({"tensor": 16, "data": 1, "workers": 2}, 64, "64"),
    ],
    ids=["two serve", "three serve", "the leader serves", "one engine"],
)
def test_the_leader_stands_for_its_share_of_a_groups_requests(
    render: Render, parallelism: dict[str, Any], target: int, average: str
) -> None:
    scaling = {"type": "hpa", "maxReplicas": 4, "targetActiveRequests": target}
    objects = scaled(render, scaling, multinode=True, decode={"parallelism": parallelism})
    metrics = objects.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert {metric["pods"]["target"]["averageValue"] for metric in metrics} == {average}


@pytest.mark.executable
def test_the_scale_of_a_leader_worker_set_selects_leaders() -> None:
    controller = module_file("lws", "sigs.k8s.io/lws", "pkg/controllers/leaderworkerset_controller.go")
    text = controller.read_text(encoding="utf-8")
    assert re.search(r"WorkerIndexLabelKey: +\"0\"[\s\S]{0,400}HPAPodSelector", text)


# ---------------------------------------------------------------------------------------------
# The variant autoscaler
# ---------------------------------------------------------------------------------------------


def test_the_variant_autoscaler_finds_and_steers_the_role(render: Render) -> None:
    found = hpa(
        render,
        {"type": "wva", "maxReplicas": 4, "variantCost": 30.5},
        modelArtifacts={"name": "org/model"},
        decode={"acceleratorTypes": {"labelKey": "nvidia.com/gpu.product", "labelValues": ["NVIDIA-H100-80GB-HBM3"]}},
    )
    annotations = found["metadata"]["annotations"]
    assert annotations["llm-d.ai/managed"] == "true"
    assert annotations["llm-d.ai/model-id"] == annotations["llm-d.ai/model"] == "org/model"
    assert annotations["llm-d.ai/variant-cost"] == "30.5"
    assert found["metadata"]["labels"]["inference.optimization/acceleratorName"] == "NVIDIA-H100-80GB-HBM3"
    (metric,) = found["spec"]["metrics"]
    assert metric["external"]["metric"] == {
        "name": "wva_desired_replicas",
        "selector": {"matchLabels": {"variant_name": "test-llm-d-modelservice-decode", "exported_namespace": "models"}},
    }
    assert metric["external"]["target"] == {"type": "AverageValue", "averageValue": "1"}


def test_the_accelerator_of_a_variant_without_products_is_its_type(render: Render) -> None:
    found = hpa(render, TYPES["wva"], accelerator={"type": "amd"})
    assert found["metadata"]["labels"]["inference.optimization/acceleratorName"] == "amd"
    assert "llm-d.ai/variant-cost" not in found["metadata"]["annotations"]


# ---------------------------------------------------------------------------------------------
# KEDA
# ---------------------------------------------------------------------------------------------


def test_keda_asks_prometheus_for_running_and_waiting_requests(render: Render) -> None:
    spec = keda(render, {"targetActiveRequests": 16})
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 4)
    assert not {"idleReplicaCount", "cooldownPeriod", "pollingInterval", "advanced"} & spec.keys()
    (trigger,) = spec["triggers"]
    pods = '{namespace="models",pod=~"test-llm-d-modelservice-decode-.+"}'
    assert trigger == {
        "type": "prometheus",
        "name": "active_requests",
        "metadata": {
            "serverAddress": "http://prometheus.monitoring:9090",
            "query": f"sum(vllm:num_requests_running{pods}) + sum(vllm:num_requests_waiting{pods}) or vector(0)",
            "threshold": "16",
        },
    }


def test_triggers_of_the_users_come_after(render: Render) -> None:
    spec = keda(render, {"targetActiveRequests": 16, "triggers": [{**CRON, "authenticationRef": None}]})
    assert [trigger["type"] for trigger in spec["triggers"]] == ["prometheus", "cron"]
    assert spec["triggers"][1] == CRON


def test_credentials_of_prometheus(render: Render) -> None:
    prometheus = {**PROMETHEUS, "authModes": "bearer", "authenticationRef": {"name": "prometheus", "kind": None}}
    (trigger,) = keda(render, {"targetActiveRequests": 16, "prometheus": prometheus})["triggers"]
    assert trigger["metadata"]["authModes"] == "bearer"
    assert trigger["authenticationRef"] == {"name": "prometheus"}


@pytest.mark.parametrize(
    ("image", "metric"),
    [
        ("ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0", "llm_d_epp_flow_control_queue_size"),
        ("ghcr.io/llm-d/llm-d-inference-scheduler:v0.7.1", "inference_extension_flow_control_queue_size"),
    ],
)
def test_from_zero_the_queue_of_the_picker_starts_the_first_pod(render: Render, image: str, metric: str) -> None:
    routing = {"inferencePool": {"create": True}, "epp": {"create": True, "image": image}}
    spec = keda(render, {"minReplicas": 0, "scaleDownDelaySeconds": 600, "pollingInterval": 5}, routing=routing)
    assert (spec["minReplicaCount"], spec["cooldownPeriod"], spec["pollingInterval"]) == (0, 600, 5)
    (trigger,) = spec["triggers"]
    pool = '{namespace="models",inference_pool="test-llm-d-modelservice"}'
    assert trigger["metadata"]["query"] == f"sum({metric}{pool}) or vector(0)"
    assert trigger["metadata"]["threshold"] == "1"


def test_idle_replicas_take_all_pods_away_and_wait_for_the_queue(render: Render) -> None:
    spec = keda(render, {"minReplicas": 2, "idleReplicas": 0, "targetActiveRequests": 16}, routing=ZERO_POOL)
    assert (spec["idleReplicaCount"], spec["minReplicaCount"]) == (0, 2)
    assert [trigger["name"] for trigger in spec["triggers"]] == ["active_requests", "queued_requests"]


def test_from_zero_by_a_trigger_of_the_users(render: Render) -> None:
    spec = keda(render, {"minReplicas": 0, "triggers": [CRON], "prometheus": None})
    assert spec["triggers"] == [CRON]


MODIFIERS = {"formula": "active_requests + queued_requests", "target": "16", "activationTarget": "1"}


def test_fallback_modifiers_and_first_cooldown(render: Render) -> None:
    fallback = {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"}
    settings = {"fallback": fallback, "scalingModifiers": MODIFIERS, "initialCooldownPeriod": 300}
    scaling = {"minReplicas": 0, "targetActiveRequests": 16, "scaleDownDelaySeconds": 60}
    spec = keda(render, {**scaling, **settings}, routing=ZERO_POOL)
    assert (spec["fallback"], spec["initialCooldownPeriod"]) == (fallback, 300)
    assert spec["advanced"]["scalingModifiers"] == MODIFIERS
    assert (
        spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 60
    )
    # Names in a formula are identifiers: a dash would subtract.
    assert all(trigger["name"].isidentifier() for trigger in spec["triggers"])


def scaled_object() -> dict[str, Any]:
    """Properties of a ScaledObject's spec, by KEDA's own definition."""
    (found,) = [item for item in definitions() if item["spec"]["names"]["kind"] == "ScaledObject"]
    schema: dict[str, Any] = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return dict(schema["properties"])


@pytest.mark.executable
@pytest.mark.parametrize(
    ("model", "path"),
    [
        (KedaTrigger, "triggers/items"),
        (KedaAuthentication, "triggers/items/properties/authenticationRef"),
        (Fallback, "fallback"),
        (ScalingModifiers, "advanced/properties/scalingModifiers"),
    ],
    ids=lambda item: getattr(item, "__name__", item),
)
def test_values_have_the_fields_of_kedas_definition(model: Any, path: str) -> None:
    node: Any = scaled_object()
    for part in path.split("/"):
        node = node[part]
    assert set(model.model_fields) == set(node["properties"])
    for name, field in model.model_fields.items():
        choices = {item for part in typing.get_args(field.annotation) for item in typing.get_args(part)}
        stated = node["properties"][name].get("enum")
        assert not (stated and choices) or choices == set(stated), name


@pytest.mark.executable
def test_every_field_of_a_scaled_object_can_be_set(render: Render) -> None:
    fallback = {"failureThreshold": 3, "replicas": 2}
    settings = {"idleReplicas": 0, "minReplicas": 2, "pollingInterval": 5, "initialCooldownPeriod": 0}
    modifiers = {"scalingModifiers": MODIFIERS, "fallback": fallback, "scaleDownDelaySeconds": 60}
    spec = keda(render, {"targetActiveRequests": 16, **settings, **modifiers}, routing=ZERO_POOL)
    assert set(spec) == set(scaled_object())


@pytest.mark.executable
def test_authentication_modes_are_kedas(embedded: EmbeddedHelm) -> None:
    source = "pkg/scalers/authentication/authentication_types.go"
    text = module_file("definitions", "github.com/kedacore/keda/v2", source).read_text(encoding="utf-8")
    (modes,) = re.findall(r"name=authModes[^`\"]*enum=([\w;]+)", text)
    for mode in [*modes.split(";"), "bearer,tls"]:
        assert found_by.findings(embedded, credentials(mode)) is not None
    with pytest.raises(ValuesError, match="authModes"):
        found_by.findings(embedded, credentials("token"))


def credentials(mode: str | None) -> dict[str, Any]:
    """Values with credentials of Prometheus."""
    prometheus = {**PROMETHEUS, "authenticationRef": {"name": "p"}, **({"authModes": mode} if mode else {})}
    scaling = {"enabled": True, "type": "keda", "maxReplicas": 4, "targetActiveRequests": 16, "prometheus": prometheus}
    return {"engine": VLLM, "prefill": {"create": False}, "decode": {"autoscaling": scaling}}


def test_credentials_without_a_mode_are_found(embedded: EmbeddedHelm) -> None:
    assert "scaler-credentials" in rules()
    assert "scaler-credentials" in found_by.rules(embedded, credentials(None))
    assert "scaler-credentials" not in found_by.rules(embedded, credentials("bearer"))
