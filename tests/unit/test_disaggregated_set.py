"""Both roles as one DisaggregatedSet."""

import re
from typing import Any

import pytest
import yaml

from localcluster.binaries import module_file
from localcluster.definitions import disaggregated_set
from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.rule import Example, rules
from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.importers import import_files
from modelservice.inputs import read_values
from modelservice.model.deployment import Deployment
from modelservice.plan.model import plan
from modelservice.summary import to_json
from support import findings as found_by
from support.equivalence import installed
from support.render import ROOT, VLLM, Render

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


# --- what the tool reads of it -------------------------------------------------------------------


def deployed(embedded: EmbeddedHelm, values: dict[str, Any]) -> Deployment:
    return Deployment("test", embedded.render({**SET, **values}, TEST).objects)


def test_pods_of_all_roles_and_slices_are_counted(embedded: EmbeddedHelm) -> None:
    decode = {"replicas": 2, "parallelism": {"dataLocal": 8, "workers": 2}}
    found = deployed(embedded, {"decode": decode, "disaggregatedSet": {"slices": 3}})
    assert [(group.role, group.size, group.replicas) for group in found.groups] == [("decode", 2, 6), ("prefill", 1, 3)]
    summary = to_json(found)
    assert [(item["kind"], item["replicas"]) for item in summary["workloads"]] == [(KIND, 6), (KIND, 3)]
    assert (summary["pods"], summary["accelerators"]) == (15, {"nvidia.com/gpu": 99})
    roles = plan(found).roles
    assert [(role.role, role.object, len(role.replicas)) for role in roles] == [
        ("decode", f"{KIND}/test-llm-d-modelservice", 6), ("prefill", f"{KIND}/test-llm-d-modelservice", 3),
    ]  # fmt: skip


def test_a_role_has_its_autoscaler(embedded: EmbeddedHelm) -> None:
    scaling = {"enabled": True, "type": "hpa", "minReplicas": 2, "maxReplicas": 4, "targetActiveRequests": 8}
    found = deployed(embedded, {"decode": {"autoscaling": scaling}})
    decode, prefill = found.groups
    assert (decode.replicas, decode.placed_replicas, prefill.replicas) == (None, 2, 1)
    scaler = found.autoscaler(decode)
    assert scaler is not None
    assert scaler.bounds == "2 to 4"
    assert found.autoscaler(prefill) is None
    assert "autoscaler-target" not in found_by.rules(embedded, {**SET, "decode": {"autoscaling": scaling}})


def test_budgets_and_services_by_the_controllers_labels_are_no_mistake(embedded: EmbeddedHelm) -> None:
    budgets = {role: {"podDisruptionBudget": {"enabled": True}, "replicas": 2} for role in ("decode", "prefill")}
    known = facts.disaggregated_set().labels
    selector = {known.name: "x-llm-d-modelservice", known.role: "decode"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": selector}}
    revision = {**service, "spec": {"selector": {**selector, "disaggregatedset.x-k8s.io/revision": "3f2a9c01"}}}
    found = found_by.findings(embedded, {**SET, **budgets, "extraObjects": [service, revision]})
    assert not {"service-target", "disruption-budget", "disruption-budget-blocks"} & {item.rule for item in found}
    group = {"engine": VLLM, "multinode": True, "prefill": {"create": False}, "decode": budgets["decode"]}
    assert "disruption-budget-blocks" not in {item.rule for item in found_by.findings(embedded, group)}


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "begins"),
    [(3, 0, 0, False), (3, "20%", 0, False), (3, 0, 1, True), (5, "20%", 0, True)],
)
def test_an_update_that_cannot_begin_is_found_in_a_role(
    embedded: EmbeddedHelm, replicas: int, unavailable: Any, surge: Any, begins: bool
) -> None:
    limits = {"rollingUpdateConfiguration": {"maxUnavailable": unavailable, "maxSurge": surge}}
    prefill = {"replicas": replicas, "rolloutStrategy": limits}
    values = {**SET, "prefill": prefill, "disaggregatedSet": {"slices": 2}}
    found = [item for item in found_by.findings(embedded, values) if item.rule == "update-stuck"]
    assert (found == []) is begins
    assert all(item.values == "prefill.rolloutStrategy" for item in found)


def test_a_kueue_queue_limits_the_name_that_the_controller_makes(embedded: EmbeddedHelm) -> None:
    queued = {"labels": {facts.kueue().queue_label: "q"}}
    for length, fits in ((22, True), (23, False)):
        values = {**SET, "fullnameOverride": "n" * length, "prefill": {"replicas": 1, **queued}}
        assert ("queue-name-length" not in found_by.rules(embedded, values)) is fits


def test_roles_are_known_by_the_set_where_pods_have_no_label(embedded: EmbeddedHelm) -> None:
    (found,) = [obj for obj in embedded.render(SET, TEST).objects if obj["kind"] == KIND]
    for role in found["spec"]["roles"]:
        del role["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"]
    assert [group.role for group in Deployment("x", [found]).groups] == ["decode", "prefill"]


@pytest.mark.parametrize(
    "roles", [None, 7, [7], [{"name": "decode", "spec": 7}], [{"spec": {"leaderWorkerTemplate": []}}]]
)
def test_damaged_sets_are_named(embedded: EmbeddedHelm, roles: Any) -> None:
    obj = {
        "apiVersion": facts.disaggregated_set().api,
        "kind": KIND,
        "metadata": {"name": "m"},
        "spec": {"roles": roles},
    }
    assert isinstance(findings(rules()["kind-unchecked"], Example(manifests=yaml.safe_dump(obj)), embedded), list)


# --- import --------------------------------------------------------------------------------------


def imported(tmp_path: Any, *documents: dict[str, Any]) -> dict[str, Any]:
    """Values of the only import of documents."""
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    (found,) = import_files(None, [str(file)])
    return dict(found.values)


def test_an_import_makes_the_set_again(embedded: EmbeddedHelm, tmp_path: Any) -> None:
    pd = read_values(str(ROOT / "examples" / "values-pd.yaml"))
    placement = {"type": "ExclusiveSlice", "topology": "nvidia.com/gpu.clique"}
    settings = {
        "workload": KIND, "fullnameOverride": "llama",
        "disaggregatedSet": {"slices": 2, "placementPolicy": placement},
    }  # fmt: skip
    roles = {
        "decode": {**pd["decode"], "podDisruptionBudget": {"enabled": True}},
        "prefill": {**pd["prefill"], "rolloutStrategy": {"rollingUpdateConfiguration": {"maxSurge": 1}}},
    }
    objects = embedded.render({**pd, **settings, **roles}, Release("llama")).objects
    values = imported(tmp_path, *objects)
    assert (values["workload"], values["disaggregatedSet"]) == (KIND, settings["disaggregatedSet"])
    assert "multinode" not in values
    again = embedded.render(values, Release("llama")).objects
    (before,), (after,) = ([obj for obj in item if obj["kind"] == KIND] for item in (objects, again))
    assert after["metadata"]["name"] == before["metadata"]["name"]
    for one, other in zip(after["spec"]["roles"], before["spec"]["roles"], strict=True):
        for key in ("replicas", "rolloutStrategy"):
            assert one["spec"].get(key) == other["spec"].get(key)
        engines = [
            role["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0] for role in (one, other)
        ]
        assert engines[0]["args"] == engines[1]["args"]
        assert engines[0]["resources"] == engines[1]["resources"]
    (budget,) = [obj for obj in again if obj["kind"] == "PodDisruptionBudget"]
    assert budget["spec"] == next(obj for obj in objects if obj["kind"] == "PodDisruptionBudget")["spec"]


def role(name: str, labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A role of vLLM as other people write it."""
    engine = {
        "name": "server", "image": "vllm/vllm-openai:v0.32.0", "command": ["vllm", "serve", "o/m"],
        "args": ["--kv-transfer-config", '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": {"containers": [engine]}}
    return {"name": name, "spec": {"leaderWorkerTemplate": {"size": 1, "workerTemplate": template}, **spec}}


def foreign(*roles: dict[str, Any], name: str = "pd", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": facts.disaggregated_set().api,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"roles": roles, **spec},
    }


@pytest.mark.parametrize("labels", [{"llm-d.ai/inference-serving": "true"}, {}], ids=["labelled", "bare"])
def test_a_set_of_other_people_becomes_one(tmp_path: Any, labels: dict[str, str]) -> None:
    roles = [role("prefill", labels, replicas=2, groupIdentity="Hash"), role("decode", labels)]
    values = imported(tmp_path, foreign(*roles, slices=1))
    assert (values["workload"], values["fullnameOverride"]) == (KIND, "pd")
    assert "disaggregatedSet" not in values, "LeaderWorkerSet 0.9 does not know the default either"
    decode, prefill = installed(values).one(KIND)["spec"]["roles"]
    assert (decode["spec"]["replicas"], prefill["spec"]["replicas"]) == (1, 2)


def test_a_role_that_the_chart_does_not_have_stays_outside(tmp_path: Any) -> None:
    values = imported(tmp_path, foreign(role("encode", {}), role("prefill", {}), role("decode", {})))
    assert values["workload"] == KIND


def test_a_long_name_is_cut_to_what_a_set_may_have(tmp_path: Any) -> None:
    values = imported(tmp_path, foreign(role("prefill", {}), role("decode", {}), name="n" * 40))
    assert len(values["fullnameOverride"]) <= 28
    assert installed(values).one(KIND)


def test_a_role_scaled_from_outside_keeps_its_autoscaler(tmp_path: Any) -> None:
    scaled = {**role("decode", {}), "scaling": {"mode": "External"}}
    target = {
        "apiVersion": facts.disaggregated_set().api,
        "kind": facts.disaggregated_set().scaler,
        "name": "pd-decode",
    }
    scaler = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "pd-decode"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 4},
    }  # fmt: skip
    values = imported(tmp_path, foreign(role("prefill", {}), scaled), scaler)
    assert values["decode"]["autoscaling"]["enabled"] is True
