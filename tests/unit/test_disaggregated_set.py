"""Both roles as one DisaggregatedSet."""

import re
from typing import Any

import pytest
import yaml

from localcluster.binaries import module_file
from localcluster.definitions import disaggregated_set
from modelservice import facts
from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from support.render import VLLM, Render

SET: dict[str, Any] = {"workload": "DisaggregatedSet", "engine": VLLM, "prefill": {"replicas": 1}}
KIND = "DisaggregatedSet"
TEST = Release("test")


def the_set(embedded: EmbeddedHelm, **values: Any) -> dict[str, Any]:
    """The DisaggregatedSet of values that need LeaderWorkerSet 0.10, whose definition is not there to validate with."""
    (found,) = [obj for obj in embedded.render({**SET, **values}, TEST).objects if obj["kind"] == KIND]
    return found


def test_one_object_takes_the_place_of_two(render: Render) -> None:
    assert render(SET).kinds() == {("ServiceAccount", "test-llm-d-modelservice"), (KIND, "test-llm-d-modelservice")}


@pytest.mark.parametrize(
    "decode",
    [
        {"replicas": 3, "parallelism": {"tensor": 4}},
        {"parallelism": {"dataLocal": 8, "workers": 2}},
        {"parallelism": {"tensor": 16, "data": 1, "workers": 2}},
        {
            "parallelism": {"workers": 4, "dataLocal": 2}, "subGroupPolicy": {"subGroupSize": 2},
            "subGroupExclusiveTopology": True, "restartPolicy": "None", "startupPolicy": "LeaderCreated",
            "networkConfig": {"subdomainPolicy": "Shared"}, "labels": {"kueue.x-k8s.io/queue-name": "q"},
            "rolloutStrategy": {"rollingUpdateConfiguration": {"maxSurge": 1}}, "annotations": {"a": "b"},
        },
    ],
    ids=["one pod", "data parallel", "one group over pods", "every field"],
)  # fmt: skip
def test_a_role_is_the_leader_worker_set_that_multinode_makes(render: Render, decode: dict[str, Any]) -> None:
    values = {"engine": VLLM, "decode": decode, "prefill": {"replicas": 2}}
    one, several = render({**values, "workload": KIND}), render({**values, "multinode": True})
    for role in ("decode", "prefill"):
        expected = several.workload(role)
        metadata = {name: value for name, value in expected["metadata"].items() if name != "name"}
        assert one.workload(role) == {"name": role, "metadata": metadata, "spec": expected["spec"]}


def test_a_suspended_set_has_no_pods_of_any_role(embedded: EmbeddedHelm) -> None:
    scaled = {"replicas": 0, "autoscaling": {"enabled": True}}
    roles = the_set(embedded, suspend=True, prefill=scaled)["spec"]["roles"]
    assert [(role["spec"]["replicas"], "scaling" in role) for role in roles] == [(0, False)] * 2


def test_slices_and_placement(embedded: EmbeddedHelm) -> None:
    placement = {"type": "ExclusiveSlice", "topology": "nvidia.com/gpu.clique"}
    spec = the_set(embedded, disaggregatedSet={"slices": 3, "placementPolicy": placement})["spec"]
    assert (spec["slices"], spec["placementPolicy"]) == (3, placement)


@pytest.mark.parametrize(
    ("kind", "scaling"),
    [("HorizontalPodAutoscaler", {"type": "hpa", "targetActiveRequests": 8}), ("ScaledObject", {"type": "keda"})],
)
def test_an_autoscaler_scales_a_role_through_its_scaler(
    embedded: EmbeddedHelm, kind: str, scaling: dict[str, Any]
) -> None:
    prometheus = {"prometheus": {"serverAddress": "http://prometheus:9090"}, "targetActiveRequests": 8}
    scaling = {"enabled": True, "maxReplicas": 4, **scaling, **(prometheus if kind == "ScaledObject" else {})}
    objects = embedded.render({**SET, "decode": {"autoscaling": scaling}}, TEST).objects
    (scaler,) = [obj for obj in objects if obj["kind"] == kind]
    known = facts.disaggregated_set()
    assert scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": known.api, "kind": known.scaler, "name": "test-llm-d-modelservice-decode",
    }  # fmt: skip
    (workload,) = [obj for obj in objects if obj["kind"] == KIND]
    decode, prefill = workload["spec"]["roles"]
    assert decode["scaling"] == {"mode": "External"}
    assert "replicas" not in decode["spec"]
    assert "scaling" not in prefill
    for trigger in scaler["spec"].get("triggers", []):
        assert known.infix in trigger["metadata"]["query"]


def test_budgets_and_network_policies_have_the_pods_that_do_not_serve_too(render: Render) -> None:
    decode = {"parallelism": {"tensor": 16, "data": 1, "workers": 2}, "podDisruptionBudget": {"enabled": True}}
    objects = render({**SET, "decode": decode, "networkPolicy": {"enabled": True}})
    known = facts.disaggregated_set().labels
    labels = {known.name: "test-llm-d-modelservice", known.role: "decode"}
    assert objects.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert objects.one("NetworkPolicy", "decode")["spec"]["podSelector"]["matchLabels"] == labels


def test_the_roles_services_and_monitors_keep_their_names(render: Render) -> None:
    role = {"service": {"create": True}, "monitoring": {"podmonitor": {"enabled": True}}}
    objects = render({**SET, "decode": role})
    service = objects.one("Service")
    assert service["metadata"]["name"] == "test-llm-d-modelservice-decode"
    assert objects.one("PodMonitor")["spec"]["selector"] == {"matchLabels": service["spec"]["selector"]}
    assert service["spec"]["selector"].items() <= objects.template()["metadata"]["labels"].items()


PODS = ("test-llm-d-modelservice-3f2a9c01-decode-0", "test-llm-d-modelservice-1-3f2a9c01-decode-0-1")
"""Names of pods with LeaderWorkerSet 0.9 and 0.10."""


def test_alerts_and_dashboard_find_its_pods(render: Render) -> None:
    watched = {"prometheusrule": {"enabled": True}, "dashboard": {"enabled": True}}
    objects = render({**SET, "monitoring": watched})
    for pattern in re.findall(r'pod=~"([^"]+)"', yaml.safe_dump(objects.one("PrometheusRule"), width=10000)):
        role = "decode" if "decode" in pattern else "prefill"
        assert all(re.fullmatch(pattern, pod.replace("decode", role)) for pod in PODS), pattern
    (dashboard,) = objects.one("ConfigMap")["data"].values()
    patterns = set(re.findall(r'pod=~\\"([^"]+)\\"', dashboard))
    assert len(patterns) > 2
    for pattern in patterns:
        concrete = pattern.replace("$release", "test-llm-d-modelservice").replace("$role", "decode")
        assert all(re.fullmatch(concrete, pod) for pod in PODS), pattern


def test_the_notes_wait_for_what_its_controller_makes(render: Render) -> None:
    notes = render(SET).notes
    assert "decode   DisaggregatedSet test-llm-d-modelservice\n" in notes
    selector = "disaggregatedset.x-k8s.io/name=test-llm-d-modelservice,disaggregatedset.x-k8s.io/role=prefill"
    assert f"wait --for=condition=Available leaderworkerset --selector {selector} " in notes
    assert "port-forward $(kubectl --namespace default get pod --selector " in notes


@pytest.mark.parametrize(("slices", "room"), [(1, 31), (10, 31), (11, 30)])
def test_the_longest_name_leaves_room_for_what_controllers_add(embedded: EmbeddedHelm, slices: int, room: int) -> None:
    settings = {"disaggregatedSet": {"slices": slices}}
    assert the_set(embedded, fullnameOverride="n" * room, **settings)["metadata"]["name"] == "n" * room
    with pytest.raises(ValuesError, match=f"leave room for {room}"):
        the_set(embedded, fullnameOverride="n" * (room + 1), **settings)


OLD = [f"{facts.disaggregated_set().api}/{KIND}"]
NEW = [*OLD, f"{facts.disaggregated_set().api}/{facts.disaggregated_set().scaler}"]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("decode.autoscaling.enabled", {"decode": {"autoscaling": {"enabled": True}}}),
        ("disaggregatedSet.slices", {"disaggregatedSet": {"slices": 2}}),
        ("disaggregatedSet.placementPolicy", {"disaggregatedSet": {"placementPolicy": {"type": "None"}}}),
    ],
)
def test_an_older_controller_in_the_cluster_is_named(embedded: EmbeddedHelm, key: str, values: dict[str, Any]) -> None:
    assert embedded.render({**SET, **values}, TEST, api_versions=NEW).objects
    assert embedded.render({**SET, **values}, TEST).objects
    with pytest.raises(ValuesError, match=rf"{re.escape(key)}: .*LeaderWorkerSet 0\.10"):
        embedded.render({**SET, **values}, TEST, api_versions=OLD)


def test_the_facts_are_those_of_the_pinned_controller() -> None:
    known = facts.disaggregated_set()
    names = disaggregated_set()["spec"]
    assert f"{names['group']}/{names['versions'][0]['name']}" == known.api
    assert names["names"]["kind"] == known.kind
    types = module_file("lws", "sigs.k8s.io/lws", "api/disaggregatedset/v1/disaggregatedset_types.go").read_text()
    made = dict(re.findall(r'(\w+)LabelKey string = "([^"]+)"', types))
    assert made["SetName"] == known.labels.name
    assert made["Role"] == known.labels.role
    source = module_file("lws", "sigs.k8s.io/lws", "pkg/utils/disaggregatedset/utils.go").read_text()
    labels = source.partition("func GenerateLabels")[2].partition("\n}")[0]
    given = {made[key] for key in re.findall(r"(\w+)LabelKey:", labels)} | set(re.findall(r'"([a-z]+)":', labels))
    assert given <= set(known.own_labels)
    assert 'Sprintf("%s-%s-%s", baseName, revision, role)' in source
    assert int(re.findall(r"const revisionLength = (\d+)", source)[0]) == known.revision_length
