"""What ``diff`` says of an upgrade is what ``helm upgrade`` does: objects, pods, refusals and roll-outs without room."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.binaries import binary
from modelservice import facts
from modelservice.cli import main
from modelservice.rendered import Rendered
from support.cluster import Cluster, Helm, on, values

pytestmark = pytest.mark.usefixtures("fake_nodes")

Values = dict[str, Any]
Diff = Callable[..., dict[str, Any]]
RELEASE = "up"


def over(base: Any, change: Any) -> Any:
    """Values with others over them; None removes a key."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    merged = {key: over(base.get(key), change[key]) if key in change else value for key, value in base.items()}
    return {key: value for key, value in {**change, **merged}.items() if value is not None}


def decode(**fields: Any) -> Values:
    return {"decode": fields}


def cpu(**fields: Any) -> Values:
    """A release whose pods fit anywhere."""
    return values(accelerator={"type": "cpu"}, decode={"replicas": 2, **fields})


PLAIN = cpu()
GROUPS = values(multinode=True, decode={"replicas": 2, "parallelism": {"dataLocal": 8, "workers": 2}, **on("h100")})
OF_SET = facts.disaggregated_set().labels


def both(decode: Values | None = None, prefill: Values | None = None, **more: Any) -> Values:
    """A DisaggregatedSet with two groups of one pod in each role; the fields of a role are over those."""
    base = {"workload": "DisaggregatedSet", "accelerator": {"type": "cpu"}, "prefill": {"create": True, "replicas": 2}}
    merged: Values = over(
        values(**base, decode={"replicas": 2}), {"decode": decode or {}, "prefill": prefill or {}, **more}
    )
    return merged


SET = both()
STORED = {
    "name": "data", "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
}  # fmt: skip
STATEFUL = cpu(workload="StatefulSet")
SURGE, ROOM_FIRST = ({"maxSurge": 1, "maxUnavailable": 0}, {"maxSurge": 0, "maxUnavailable": 1})
NEWER: Values = {"engine": {"image": "i:2"}}
AT_ONCE = decode(strategy={"type": "Recreate", "rollingUpdate": None})
ON_DELETE = decode(updateStrategy={"type": "OnDelete", "rollingUpdate": None})
WRITTEN = cpu(strategy={"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
"""What the API server would fill in, which Helm may remove because it wrote it."""


@pytest.fixture
def diff(
    cluster: Cluster,
    namespace: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Diff:
    """The report on an upgrade of the release in the cluster."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.client.kubeconfig))

    def report(before: Values, after: Values, *options: str) -> dict[str, Any]:
        for name, given in (("old.yaml", before), ("new.yaml", after)):
            (tmp_path / name).write_text(yaml.safe_dump(given))
        files = ["-f", str(tmp_path / "old.yaml"), "--to", str(tmp_path / "new.yaml")]
        with pytest.raises(SystemExit) as end:
            main(["diff", *files, "--name", RELEASE, "--namespace", namespace, "--format=json", *options])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert end.value.code == (found["verdict"] != "safe")
        return found

    return report


def installed(cluster: Cluster, helm: Helm, namespace: str) -> dict[str, dict[str, Any]]:
    """Objects of the release as the API server has them, without what it and its controllers add."""
    manifest = helm.run("get", "manifest", RELEASE)
    found = {}
    for obj in Rendered({"manifest": manifest}).objects:
        resource = cluster.client.resource(obj["apiVersion"], obj["kind"])
        live = resource.get(name=obj["metadata"]["name"], namespace=namespace).to_dict()
        live.pop("status", None)
        for field in ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"):
            live["metadata"].pop(field, None)
        live["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
        found[f"{obj['kind']}/{obj['metadata']['name']}"] = live
    return found


def pods_of(cluster: Cluster, namespace: str, workload: str) -> set[str]:
    """Pods of a workload, ``Kind/name``, that nobody has deleted, by their unique identifiers."""
    return {
        str(pod["metadata"]["uid"])
        for pod in cluster.pods(namespace)
        if not pod["metadata"].get("deletionTimestamp") and owner(pod) == workload
    }


def owner(pod: dict[str, Any]) -> str:
    """The workload that a pod belongs to."""
    labels, (reference,) = pod["metadata"]["labels"], pod["metadata"]["ownerReferences"]
    if OF_SET.name in labels:
        return f"DisaggregatedSet/{labels[OF_SET.name]} ({labels[OF_SET.role]})"
    if "leaderworkerset.sigs.k8s.io/name" in labels:
        return f"LeaderWorkerSet/{labels['leaderworkerset.sigs.k8s.io/name']}"
    if reference["kind"] == "ReplicaSet":
        return f"Deployment/{reference['name'].rpartition('-')[0]}"
    return f"{reference['kind']}/{reference['name']}"


UPGRADES: dict[str, tuple[Values, Values]] = {
    # Deployments.
    "image": (PLAIN, {"engine": {"image": "vllm/vllm-openai:v0.33.0"}}),
    "flag": (PLAIN, {"engine": {"args": {"max-model-len": 4096}}}),
    "variable": (PLAIN, decode(engine={"env": {"A": "b"}})),
    "variable gone": (over(PLAIN, decode(engine={"env": {"A": "b"}})), {"decode": {"engine": None}}),
    "label of pods": (PLAIN, decode(podLabels={"team": "a"})),
    "annotation of the workload": (PLAIN, decode(annotations={"a.b/c": "d"})),
    "more replicas": (PLAIN, decode(replicas=3)),
    "fewer replicas": (PLAIN, decode(replicas=1)),
    "no replicas": (PLAIN, decode(replicas=0)),
    "strategy": (WRITTEN, AT_ONCE),
    "strategy and image": (WRITTEN, {**NEWER, **AT_ONCE}),
    "pull policy that is the default": (PLAIN, {"engine": {"imagePullPolicy": "IfNotPresent"}}),
    "pull policy": (PLAIN, {"engine": {"imagePullPolicy": "Always"}}),
    "another form of a quantity": (
        over(PLAIN, decode(engine={"resources": {"requests": {"cpu": "1"}}})),
        decode(engine={"resources": {"requests": {"cpu": "1000m"}}}),
    ),
    "scheduler that is the default": (PLAIN, {"schedulerName": "default-scheduler"}),
    "a file that is mounted": (
        over(PLAIN, {"files": {"/etc/a.txt": "1"}}), {"files": {"/etc/a.txt": "2"}},
    ),
    "disruption budget": (PLAIN, decode(podDisruptionBudget={"enabled": True})),
    "monitor gone": (
        over(PLAIN, decode(monitoring={"podmonitor": {"enabled": True}})), decode(monitoring=None),
    ),
    "model name": (PLAIN, {"modelArtifacts": {"name": "other/model"}}),
    "autoscaler": (PLAIN, decode(replicas=None, autoscaling={"enabled": True})),
    "prefill": (PLAIN, {"prefill": {"create": True, "replicas": 1}}),
    "other name": (PLAIN, {"fullnameOverride": "elsewhere"}),
    "other kind": (PLAIN, decode(workload="StatefulSet")),
    # StatefulSets.
    "image of a StatefulSet": (STATEFUL, {"engine": {"image": "i:2"}}),
    "image of a StatefulSet on delete": (
        over(STATEFUL, decode(updateStrategy={"rollingUpdate": {"partition": 0}})), {**NEWER, **ON_DELETE},
    ),
    # LeaderWorkerSets.
    "image of groups": (GROUPS, {"engine": {"image": "i:2"}}),
    "default in groups": (GROUPS, decode(extraConfig={"dnsPolicy": "ClusterFirst"})),
    "replicas of groups": (GROUPS, decode(replicas=1)),
    "surge of groups": (
        GROUPS, decode(rolloutStrategy={"rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0}}),
    ),
    "startup of groups": (GROUPS, decode(startupPolicy="LeaderReady")),
    "restart of groups": (GROUPS, decode(restartPolicy="None")),
    # DisaggregatedSets.
    "image of a set": (SET, NEWER),
    "flag of one role of a set": (SET, {"prefill": {"engine": {"args": {"max-num-seqs": 4}}}}),
    "default in a set": (SET, decode(extraConfig={"dnsPolicy": "ClusterFirst"})),
    "replicas of a set": (SET, {**decode(replicas=3), "prefill": {"replicas": 1}}),
    "image and replicas of a set": (SET, {**NEWER, **decode(replicas=1), "prefill": {"replicas": 3}}),
    "surge of a set": (SET, decode(rolloutStrategy={"rollingUpdateConfiguration": {"maxSurge": 2}})),
    "room first in a set": (
        both({"rolloutStrategy": {"rollingUpdateConfiguration": ROOM_FIRST}}), {"engine": {"image": "i:2"}},
    ),
    "network of a set": (SET, decode(networkConfig={"subdomainPolicy": "UniquePerReplica"})),
    "label of the workload in a set": (SET, decode(labels={"team": "a"})),
    "no groups in a set": (SET, {**decode(replicas=0), "prefill": {"replicas": 0}}),
    "Deployments become a set": (over(SET, {"workload": None}), {"workload": "DisaggregatedSet"}),
    "a set becomes Deployments": (SET, {"workload": None}),
    "groups become a set": (
        over(SET, {"workload": None, "multinode": True}), {"workload": "DisaggregatedSet", "multinode": None},
    ),
    "a set becomes groups": (SET, {"workload": None, "multinode": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", UPGRADES)
def test_objects_change_and_pods_restart_as_predicted(
    cluster: Cluster, helm: Helm, namespace: str, diff: Diff, case: str
) -> None:
    before, change = UPGRADES[case]
    after = over(before, change)
    report = diff(before, after)
    effects = report["pods"]
    helm.install(RELEASE, before, wait=False)
    cluster.wait_for_pods(namespace, number_of_pods(effects, "before", before))
    old_objects = installed(cluster, helm, namespace)
    old_pods = {item["object"]: pods_of(cluster, namespace, item["object"]) for item in effects}
    helm.upgrade(RELEASE, after, wait=False)
    new_objects = installed(cluster, helm, namespace)

    both = new_objects.keys() & old_objects.keys()
    assert {(item["object"], item["action"]) for item in report["objects"]} == {
        *((name, "added") for name in new_objects.keys() - both),
        *((name, "removed") for name in old_objects.keys() - both),
        *((name, "changed") for name in both if old_objects[name] != new_objects[name]),
    }
    for item in effects:
        if item["effect"] in ("restart", "end"):
            await_end(cluster, namespace, item["object"], old_pods[item["object"]])
    cluster.wait_for_pods(namespace, number_of_pods(effects, "after", before))
    await_controllers(cluster, namespace, new_objects)
    for item in effects:
        left = pods_of(cluster, namespace, item["object"]) & old_pods[item["object"]]
        least = min(item["replicas"].values()) * size_of(item, before)
        assert len(left) == (0 if item["effect"] in ("restart", "end", "start") else least), item


def await_end(cluster: Cluster, namespace: str, workload: str, old: set[str]) -> None:
    """Waits until none of some pods is left."""
    cluster.wait(f"no old pod of {workload} is left", lambda: not pods_of(cluster, namespace, workload) & old)


def size_of(item: dict[str, Any], given: Values) -> int:
    """Pods of one replica."""
    return int(given[item["role"]].get("parallelism", {}).get("workers", 1))


def number_of_pods(effects: list[dict[str, Any]], side: str, given: Values) -> int:
    return sum(item["replicas"][side] * size_of(item, given) for item in effects)


def await_controllers(cluster: Cluster, namespace: str, objects: dict[str, dict[str, Any]]) -> None:
    """Waits until the controllers have seen the last change, so that pods that are left stay."""

    def holds() -> bool:
        for name in objects:
            kind, _, short = name.partition("/")
            if kind in ("Deployment", "StatefulSet"):
                live = cluster.client.resource("apps/v1", kind).get(name=short, namespace=namespace).to_dict()
                if live["status"].get("observedGeneration", 0) < live["metadata"]["generation"]:
                    return False
        return True

    cluster.wait("the controllers have seen the change", holds)
    if any(name.startswith(("LeaderWorkerSet/", "DisaggregatedSet/")) for name in objects):
        time.sleep(1)  # its status has no generation


EXTRA: dict[str, dict[str, Any]] = {
    "Job": {
        "apiVersion": "batch/v1",
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}},
    },
    "PersistentVolumeClaim": {"apiVersion": "v1", "spec": STORED["spec"]},
    "ConfigMap": {"apiVersion": "v1", "immutable": True, "data": {"a": "1"}},
    "Secret": {"apiVersion": "v1", "immutable": True, "stringData": {"a": "1"}},
    "Service": {"apiVersion": "v1", "spec": {"ports": [{"port": 80}]}},
    "RoleBinding": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
    },
    "ResourceClaimTemplate": {
        "apiVersion": "resource.k8s.io/v1",
        "spec": {"spec": {"devices": {"requests": [{"name": "g", "exactly": {"deviceClassName": "a.example.com"}}]}}},
    },
}  # fmt: skip


def extra(kind: str, **change: Any) -> Values:
    """A release without pods and with one more object."""
    obj = {"kind": kind, "metadata": {"name": "extra"}, **EXTRA[kind]}
    return {**cpu(), **decode(replicas=0), "extraObjects": [over(obj, change)]}


def container(image: str) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}


def stored(size: str) -> dict[str, Any]:
    claim: dict[str, Any] = over(STORED, {"spec": {"resources": {"requests": {"storage": size}}}})
    return claim


EMPTY = over(STATEFUL, decode(replicas=0, volumeClaimTemplates=[STORED]))
NO_GROUPS = over(GROUPS, decode(replicas=0))
SUBGROUPS = over(NO_GROUPS, decode(subGroupPolicy={"subGroupSize": 2}))
REFUSED: dict[str, tuple[Values, Values, str | None]] = {
    # before, after, the field that is refused
    "selector": (over(PLAIN, decode(replicas=0)), {"deploymentSelector": "model"}, "spec.selector"),
    "name in a selector": (
        over(PLAIN, {"fullnameOverride": "same", **decode(replicas=0)}), {"nameOverride": "other"}, "spec.selector",
    ),
    "strategy": (over(PLAIN, decode(replicas=0)), AT_ONCE, "spec.strategy.rollingUpdate"),
    "update of a StatefulSet": (EMPTY, ON_DELETE, "spec.updateStrategy.rollingUpdate"),
    "pod management": (EMPTY, decode(podManagementPolicy="OrderedReady"), "spec.podManagementPolicy"),
    "size of a claim": (EMPTY, decode(volumeClaimTemplates=[stored("2Gi")]), "spec.volumeClaimTemplates"),
    "size of a claim in another form": (EMPTY, decode(volumeClaimTemplates=[stored("1024Mi")]), None),
    "no claim": (EMPTY, decode(volumeClaimTemplates=None), "spec.volumeClaimTemplates"),
    "retention of claims": (EMPTY, decode(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"}), None),
    "new subgroups": (
        NO_GROUPS, decode(subGroupPolicy={"subGroupSize": 2}), "spec.leaderWorkerTemplate.subGroupPolicy.subGroupSize",
    ),
    "other subgroups": (
        SUBGROUPS, decode(subGroupPolicy={"subGroupSize": 1}), "spec.leaderWorkerTemplate.subGroupPolicy.subGroupSize",
    ),
    "no subgroups": (
        SUBGROUPS, decode(subGroupPolicy=None), "spec.leaderWorkerTemplate.subGroupPolicy.subGroupSize",
    ),
    "job": (extra("Job"), extra("Job", spec=container("i:2")), "spec.template"),
    "time of a job": (extra("Job"), extra("Job", spec={"ttlSecondsAfterFinished": 900}), None),
    "access of a claim": (
        extra("PersistentVolumeClaim"), extra("PersistentVolumeClaim", spec={"accessModes": ["ReadWriteMany"]}),
        "spec.accessModes",
    ),
    "immutable file": (extra("ConfigMap"), extra("ConfigMap", data={"a": "2"}), "data"),
    "no immutable file any more": (extra("ConfigMap"), extra("ConfigMap", immutable=None), "immutable"),
    "label of an immutable file": (extra("ConfigMap"), extra("ConfigMap", metadata={"labels": {"a": "b"}}), None),
    "immutable secret": (extra("Secret"), extra("Secret", stringData={"a": "2"}), "stringData"),
    "type of a secret": (extra("Secret", immutable=None), extra("Secret", immutable=None, type="a/b"), "type"),
    "headless": (extra("Service"), extra("Service", spec={"clusterIP": "None"}), "spec.clusterIP"),
    "not headless": (extra("Service", spec={"clusterIP": "None"}), extra("Service"), None),
    "role": (extra("RoleBinding"), extra("RoleBinding", roleRef={"name": "b"}), "roleRef"),
    "claims": (
        extra("ResourceClaimTemplate"),
        extra("ResourceClaimTemplate", spec={"spec": {"devices": {"requests": [
            {"name": "g", "exactly": {"deviceClassName": "a.example.com", "count": 2}}
        ]}}}), "spec",
    ),
    "a default in claims": (
        extra("ResourceClaimTemplate"),
        extra("ResourceClaimTemplate", spec={"spec": {"devices": {"requests": [
            {"name": "g", "exactly": {"deviceClassName": "a.example.com", "allocationMode": "ExactCount"}}
        ]}}}), None,
    ),
}  # fmt: skip

_REJECTED = re.compile(r"is invalid|denied the request|cannot change roleRef|is immutable")


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_api_server_rejects_is_predicted(helm: Helm, namespace: str, diff: Diff, case: str) -> None:
    before, change, path = REFUSED[case]
    after = over(before, change)
    refused = diff(before, after)["refused"]
    assert [item["path"] for item in refused] == ([path] if path else [])
    helm.install(RELEASE, before, wait=False)
    if not refused:
        helm.upgrade(RELEASE, after, wait=False)
        return
    with pytest.raises(AssertionError, match=_REJECTED) as rejected:
        helm.upgrade(RELEASE, after, wait=False)
    assert refused[0]["object"].partition("/")[2] in str(rejected.value)


FULL = values(decode={"replicas": 2, "parallelism": {"tensor": 4}, **on("exact")})
"""Pods that need all accelerators of the pool's two nodes."""
FULL_GROUPS = values(
    multinode=True, decode={"replicas": 2, "parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}, **on("h100")}
)
"""Groups that need all accelerators of the pool's four nodes."""


def of_exact(replicas: int, tensor: int, update: Values | None = None, prefill: Values | None = None) -> Values:
    """A set with as many groups in each role, of a number of accelerators each, on the pool's two nodes with four."""
    fields = {"replicas": replicas, "parallelism": {"tensor": tensor}, **on("exact")}
    updates = [
        {"rolloutStrategy": {"rollingUpdateConfiguration": item}} if item else {}
        for item in (update, prefill or update)
    ]
    return both({**fields, **updates[0]}, {**fields, **updates[1]}, accelerator={"type": "nvidia"})


STALLS: dict[str, tuple[Values, Values, bool]] = {
    # before, after, whether the roll-out waits for room that does not come
    "surge": (FULL, NEWER, True),
    "room first": (FULL, over(NEWER, decode(strategy={"rollingUpdate": ROOM_FIRST})), False),
    "all at once": (over(FULL, decode(strategy=WRITTEN["decode"]["strategy"])), {**NEWER, **AT_ONCE}, False),
    "one pod too many": (FULL, decode(replicas=3), True),
    "surge of groups": (
        FULL_GROUPS, over(NEWER, decode(rolloutStrategy={"rollingUpdateConfiguration": SURGE})), True,
    ),
    "groups, room first": (FULL_GROUPS, NEWER, False),
    "surge of a set": (of_exact(2, 2), NEWER, True),
    "surge of a set with room": (of_exact(1, 2), NEWER, False),
    "a set, room first": (of_exact(2, 2, ROOM_FIRST), NEWER, False),
    # Decode may have three groups more, but goes in step with prefill, which may have one.
    "a set in proportion": (of_exact(3, 1, {"maxSurge": 3, "maxUnavailable": 0}, SURGE), NEWER, False),
    "a set whose roles make room in turn": (of_exact(2, 2, ROOM_FIRST, SURGE), NEWER, True),
}  # fmt: skip


def test_the_only_group_is_replaced_by_a_surge_group(cluster: Cluster, helm: Helm, namespace: str, diff: Diff) -> None:
    """With the pinned LeaderWorkerSet 0.9. Which one a cluster has is not known, so the report has the risk."""
    before = over(GROUPS, decode(replicas=1, rolloutStrategy={"rollingUpdateConfiguration": SURGE}))
    after = over(before, NEWER)
    helm.install(RELEASE, before)
    report = diff(before, after, "--cluster")
    assert [item["severity"] for item in report["problems"]] == ["risk"]
    assert "before LeaderWorkerSet 0.9 its roll-out never begins" in report["problems"][0]["message"]
    (item,) = report["pods"]
    old = pods_of(cluster, namespace, item["object"])
    helm.upgrade(RELEASE, after, wait=False)

    def replaced() -> bool:
        now = pods_of(cluster, namespace, item["object"])
        return len(now) == len(old) and not now & old

    cluster.wait("all pods of the group are new", replaced)


@pytest.mark.parametrize("case", STALLS)
def test_a_roll_out_stalls_as_predicted(cluster: Cluster, helm: Helm, namespace: str, diff: Diff, case: str) -> None:
    before, change, stalls = STALLS[case]
    after = over(before, change)
    helm.install(RELEASE, before)
    report = diff(before, after, "--cluster")
    assert {item["certain"] for item in report["stalls"]} == ({True} if stalls else set())
    cluster.wait_for_pods(namespace, number_of_pods(report["pods"], "before", before))
    old = {item["object"]: pods_of(cluster, namespace, item["object"]) for item in report["pods"]}
    helm.upgrade(RELEASE, after, wait=False)
    if not stalls:
        for item in report["pods"]:
            await_end(cluster, namespace, item["object"], old[item["object"]])
        cluster.wait_for_pods(namespace, number_of_pods(report["pods"], "after", before))
        return

    def waits() -> bool:
        return any(is_unschedulable(pod) for pod in cluster.pods(namespace))

    cluster.wait("a new pod has no node", waits)
    time.sleep(2)
    assert waits()
    for item in report["stalls"]:
        assert pods_of(cluster, namespace, item["object"]) >= old[item["object"]]


def is_unschedulable(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(item["type"] == "PodScheduled" and item.get("reason") == "Unschedulable" for item in conditions)


COMPARED = {
    "Deployment": over(
        PLAIN, decode(podDisruptionBudget={"enabled": True}, monitoring={"podmonitor": {"enabled": True}})
    ),
    "StatefulSet": EMPTY,
    "LeaderWorkerSet": NO_GROUPS,
    "claims": over(NO_GROUPS, {"accelerator": {"dra": True}}),
    "autoscaler": cpu(replicas=None, autoscaling={"enabled": True}),
}


@pytest.mark.parametrize("case", COMPARED)
def test_what_is_installed_is_what_its_values_render_to(
    cluster: Cluster, helm: Helm, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, case: str,
) -> None:  # fmt: skip
    """As Helm has it, and as the API server has it with everything that it fills in."""
    given = COMPARED[case]
    helm.install(RELEASE, given, wait=False)
    file, objects = tmp_path / "values.yaml", tmp_path / "objects.json"
    file.write_text(yaml.safe_dump(given))
    listed = []
    for obj in Rendered({"manifest": helm.run("get", "manifest", RELEASE)}).objects:
        resource = cluster.client.resource(obj["apiVersion"], obj["kind"])
        listed.append(resource.get(name=obj["metadata"]["name"], namespace=namespace).to_dict())
    objects.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": listed}))
    monkeypatch.setenv("KUBECONFIG", str(cluster.client.kubeconfig))
    for old in (["--from-manifests", str(objects), "--name", RELEASE], ["--from-release", RELEASE]):
        arguments = ["diff", *old, "--to", str(file), "--namespace", namespace, "--format=json"]
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--helm", str(binary("helm4"))])
        found = json.loads(capsys.readouterr().out)
        changed = [(item["object"], field["path"]) for item in found["objects"] for field in item["fields"]]
        assert (changed, found["objects"], end.value.code) == ([], [], 0), old


def test_a_release_that_is_not_there_is_wrong_usage(
    cluster: Cluster, namespace: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.client.kubeconfig))
    arguments = ["diff", "--from-release", "none", "--set", "decode.replicas=2", "--namespace", namespace]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--helm", str(binary("helm4"))])
    assert end.value.code == 2
    assert "release: not found" in capsys.readouterr().err


def test_the_table_is_long_enough() -> None:
    assert len(UPGRADES) + len(REFUSED) + len(STALLS) >= 30
