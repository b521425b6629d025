"""StatefulSets with claims of each pod's own, and claims that the release owns."""

from typing import Any

import pytest

from support.render import VLLM, Render

CLAIM: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Gi"}}}


def stateful(**role: Any) -> dict[str, Any]:
    return {
        "engine": VLLM,
        "routing": {"proxy": {"enabled": False}},
        "decode": {"workload": "StatefulSet", **role},
        "prefill": {"create": False},
    }


def test_a_stateful_set_takes_the_deployments_place_and_has_its_service(render: Render) -> None:
    objects = render(stateful())
    assert objects.kinds() == {
        ("ServiceAccount", "test-llm-d-modelservice"),
        ("StatefulSet", "test-llm-d-modelservice-decode"),
        ("Service", "test-llm-d-modelservice-decode"),
    }
    spec, service = objects.workload()["spec"], objects.one("Service")
    assert spec["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == spec["selector"]["matchLabels"]


def test_a_role_may_be_stateful_beside_one_that_is_not(render: Render) -> None:
    objects = render({"decode": {"workload": "StatefulSet"}})
    assert {obj["kind"] for obj in objects.items} == {"ServiceAccount", "StatefulSet", "Service", "Deployment"}


def test_pods_start_together_unless_told_otherwise(render: Render) -> None:
    assert render(stateful()).workload()["spec"]["podManagementPolicy"] == "Parallel"
    ordered = render(stateful(podManagementPolicy="OrderedReady"))
    assert ordered.workload()["spec"]["podManagementPolicy"] == "OrderedReady"


def test_claim_templates_are_taken_as_they_are(render: Render) -> None:
    given = {"name": "data", "spec": CLAIM, "labels": {"a": "b"}, "annotations": {"c": "d"}, "mountPath": "/data"}
    objects = render(stateful(volumeClaimTemplates=[given]))
    (claim,) = objects.workload()["spec"]["volumeClaimTemplates"]
    assert claim["spec"] == CLAIM
    assert claim["metadata"] == {"name": "data", "labels": {"a": "b"}, "annotations": {"c": "d"}}
    assert {"name": "data", "mountPath": "/data"} in objects.engine()["volumeMounts"]


@pytest.mark.parametrize("name", ["model-storage", "engine-cache"])
def test_a_claim_replaces_the_volume_of_its_name(render: Render, name: str) -> None:
    objects = render({**stateful(volumeClaimTemplates=[{"name": name, "spec": CLAIM}]), "caches": {"enabled": True}})
    assert name in [mount["name"] for mount in objects.engine()["volumeMounts"]]
    assert name not in [volume["name"] for volume in objects.pod()["volumes"]]


def test_update_strategy_and_retention(render: Render) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    retention = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    spec = render(stateful(updateStrategy=strategy, persistentVolumeClaimRetentionPolicy=retention)).workload()["spec"]
    assert (spec["updateStrategy"], spec["persistentVolumeClaimRetentionPolicy"]) == (strategy, retention)


def test_replicas_and_autoscaling_hold_as_for_deployments(render: Render) -> None:
    assert render(stateful(replicas=3)).workload()["spec"]["replicas"] == 3
    assert "replicas" not in render(stateful(autoscaling={"enabled": True})).workload()["spec"]


def test_its_service_may_have_an_address_and_another_name(render: Render) -> None:
    objects = render(stateful(service={"type": "NodePort", "name": "model"}))
    service = objects.one("Service")
    assert (service["metadata"]["name"], service["spec"]["type"]) == ("model", "NodePort")
    assert "clusterIP" not in service["spec"]
    assert objects.workload()["spec"]["serviceName"] == "model"


def test_the_notes_wait_for_it(render: Render) -> None:
    notes = render(stateful()).notes
    assert "rollout status statefulset/test-llm-d-modelservice-decode" in notes
    assert "port-forward pod/test-llm-d-modelservice-decode-0 " in notes


def test_the_release_may_own_claims_that_its_pods_share(render: Render) -> None:
    claim = {"spec": CLAIM, "mountPath": "/data/", "labels": {"a": "b"}, "annotations": {"c": "d"}}
    objects = render({"volumeClaims": {"data": claim}})
    made = objects.one("PersistentVolumeClaim")
    assert (made["metadata"]["name"], made["spec"]) == ("test-llm-d-modelservice-data", CLAIM)
    assert made["metadata"]["annotations"] == {"c": "d"}
    assert made["metadata"]["labels"]["a"] == "b"
    for role in ("decode", "prefill"):
        source = {"persistentVolumeClaim": {"claimName": "test-llm-d-modelservice-data"}}
        assert {"name": "data", **source} in objects.pod(role)["volumes"]
        assert {"name": "data", "mountPath": "/data"} in objects.engine(role)["volumeMounts"]


def test_a_claim_may_outlive_the_release(render: Render) -> None:
    claim = render({"volumeClaims": {"data": {"spec": CLAIM, "retain": True}}}).one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize("name", ["model-storage", "engine-cache"])
def test_a_claim_of_the_release_replaces_the_volume_of_its_name(render: Render, name: str) -> None:
    objects = render({"volumeClaims": {name: {"spec": CLAIM}}, "caches": {"enabled": True}})
    (volume,) = [volume for volume in objects.pod()["volumes"] if volume["name"] == name]
    assert volume["persistentVolumeClaim"]["claimName"] == f"test-llm-d-modelservice-{name}"
