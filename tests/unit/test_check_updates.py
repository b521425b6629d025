"""Updates that cannot begin, for every kind of workload, and limits of controllers of groups."""

import re
from typing import Any

import pytest
import yaml

from localcluster.binaries import module_file
from localcluster.definitions import leader_worker_set
from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.finding import Severity
from modelservice.check.rule import Example, rules
from modelservice.helm import EmbeddedHelm
from modelservice.values.role import Role
from support.go_modules import source
from support.render import VLLM, Render
from support.updates import STUCK, workload

LWS = "sigs.k8s.io/lws"


@pytest.mark.parametrize(("kind", "replicas", "unavailable", "surge", "begins"), STUCK)
def test_an_update_that_cannot_begin_is_found(
    embedded: EmbeddedHelm, kind: str, replicas: int | None, unavailable: Any, surge: Any, begins: bool
) -> None:
    given = {"maxUnavailable": unavailable, "maxSurge": surge}
    limits = {name: value for name, value in given.items() if value is not None}
    manifests = yaml.safe_dump(workload(kind, replicas, limits))
    assert (findings(rules()["update-stuck"], Example(manifests=manifests), embedded) == []) is begins


@pytest.mark.executable
def test_leader_worker_set_has_the_defaults_that_are_assumed() -> None:
    text = module_file("lws", LWS, "pkg/webhooks/leaderworkerset_webhook.go").read_text(encoding="utf-8")
    assert re.search(r"MaxUnavailable: +intstr.FromInt32\(1\)", text)
    assert re.search(r"MaxSurge: +intstr.FromInt32\(0\)", text)
    assert "GetScaledValueFromIntOrPercent(&maxUnavailable, int(*lws.Spec.Replicas), false)" in text
    assert "GetScaledValueFromIntOrPercent(&maxSurge, int(*lws.Spec.Replicas), true)" in text
    spec = leader_worker_set()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert spec["replicas"]["default"] == 1


def choices(field: str) -> set[str]:
    """The values that a key of a role may have."""
    text = str(Role.model_fields[field].annotation)
    return set(re.findall(r"'(\w+)'", text))


@pytest.mark.executable
@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("restartPolicy", ["leaderWorkerTemplate", "properties", "restartPolicy"]),
        ("startupPolicy", ["startupPolicy"]),
    ],
)
def test_policies_are_those_of_the_newest_definition(field: str, path: list[str]) -> None:
    file = source(LWS, "v0.9.0") / "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml"
    newest = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for definition, compare in ((newest, set.__eq__), (leader_worker_set(), set.__ge__)):
        node = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for part in path:
            node = node[part]
        assert compare(choices(field), set(node["enum"]) - {"Default"})


def groups(**decode: Any) -> dict[str, Any]:
    decode = {"parallelism": {"data": 16, "dataLocal": 8}, **decode}
    return {"engine": VLLM, "multinode": True, "prefill": {"create": False}, "decode": decode}


def test_policies_and_network_of_groups(render: Render) -> None:
    network = {"subdomainPolicy": "UniquePerReplica"}
    values = groups(restartPolicy="None", startupPolicy="LeaderReady", networkConfig=network)
    spec = render(values).workload()["spec"]
    assert spec["leaderWorkerTemplate"]["restartPolicy"] == "None"
    assert (spec["startupPolicy"], spec["networkConfig"]) == ("LeaderReady", network)
    usual = render(groups()).workload()["spec"]
    assert not {"startupPolicy", "networkConfig"} & usual.keys()
    assert "restartPolicy" not in usual["leaderWorkerTemplate"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"decode": {"workload": "StatefulSet"}},
        {"multinode": True},
        {"requester": {"enable": True}},
    ],
    ids=["Deployment", "StatefulSet", "LeaderWorkerSet", "ReplicaSet"],
)
def test_labels_of_the_workload_are_not_those_of_its_pods(render: Render, values: dict[str, Any]) -> None:
    own = {"kueue.x-k8s.io/queue-name": "inference", "app.kubernetes.io/name": "mine"}
    decode = {**values.get("decode", {}), "labels": own}
    objects = render({"engine": VLLM, "prefill": {"create": False}, **values, "decode": decode})
    labels = objects.workload()["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "inference"
    assert labels["app.kubernetes.io/name"] == "llm-d-modelservice"
    assert "kueue.x-k8s.io/queue-name" not in objects.template()["metadata"]["labels"]


@pytest.mark.parametrize(("length", "queue", "expected"), [(39, True, 0), (40, True, 1), (40, False, 0)])
def test_a_name_that_kueue_could_not_take(embedded: EmbeddedHelm, length: int, queue: bool, expected: int) -> None:
    obj = workload("LeaderWorkerSet", 1, {})
    obj["metadata"] = {"name": "n" * length, "labels": {facts.kueue().queue_label: "q"} if queue else {}}
    found = findings(rules()["queue-name-length"], Example(manifests=yaml.safe_dump(obj)), embedded)
    assert [finding.severity for finding in found] == [Severity.warning] * expected


@pytest.mark.executable
def test_the_label_of_queues_is_kueues() -> None:
    text = (source("sigs.k8s.io/kueue", "v0.17.0") / "pkg/controller/constants/constants.go").read_text(
        encoding="utf-8"
    )
    assert f'QueueLabel = "{facts.kueue().queue_label}"' in text
