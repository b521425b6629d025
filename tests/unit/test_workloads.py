"""Workloads: which objects exist, their names, labels, replicas, strategies and pods."""

from typing import Any

import pytest

from support.render import VLLM, Render

SINGLE: dict[str, Any] = {"routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}}


def test_the_defaults_make_the_originals_objects(render: Render) -> None:
    objects = render()
    assert objects.kinds() == {
        ("ServiceAccount", "test-llm-d-modelservice"),
        ("Deployment", "test-llm-d-modelservice-decode"),
        ("Deployment", "test-llm-d-modelservice-prefill"),
    }
    assert objects.workload("decode")["spec"]["replicas"] == 1
    assert objects.workload("prefill")["spec"]["replicas"] == 0


@pytest.mark.parametrize(("decode", "prefill"), [(True, True), (True, False), (False, True), (False, False)])
def test_create_switches_each_role(render: Render, decode: bool, prefill: bool) -> None:
    objects = render({"decode": {"create": decode}, "prefill": {"create": prefill}})
    assert len(objects.all("Deployment")) == decode + prefill


def test_enabled_false_renders_nothing(render: Render) -> None:
    objects = render({"enabled": False, "extraObjects": [{"kind": "ConfigMap"}]})
    assert objects.items == []


def test_multinode_makes_leader_worker_sets(render: Render) -> None:
    objects = render({"multinode": True})
    assert objects.kinds() == {
        ("ServiceAccount", "test-llm-d-modelservice"),
        ("LeaderWorkerSet", "test-llm-d-modelservice-decode"),
        ("LeaderWorkerSet", "test-llm-d-modelservice-prefill"),
    }


def test_a_role_may_choose_its_own_workload(render: Render) -> None:
    objects = render({"decode": {"multinode": True}})
    assert [obj["metadata"]["name"][-6:] for obj in objects.all("LeaderWorkerSet")] == ["decode"]
    assert len(objects.all("Deployment")) == 1


@pytest.mark.parametrize("multinode", [True, False])
def test_an_autoscaler_owns_the_replicas_of_both_kinds(render: Render, multinode: bool) -> None:
    wanted = {**SINGLE, "multinode": multinode, "decode": {"replicas": 3, "autoscaling": {"enabled": True}}}
    assert "replicas" not in render(wanted).workload()["spec"]


@pytest.mark.parametrize("multinode", [True, False])
@pytest.mark.parametrize("replicas", [0, 1, 5])
def test_replicas(render: Render, multinode: bool, replicas: int) -> None:
    wanted = {**SINGLE, "multinode": multinode, "decode": {"replicas": replicas}}
    assert render(wanted).workload()["spec"]["replicas"] == replicas


@pytest.mark.parametrize(
    ("values", "release", "expected"),
    [
        ({}, "test", "test-llm-d-modelservice"),
        ({}, "my-llm-d-modelservice", "my-llm-d-modelservice"),
        ({"fullnameOverride": "short"}, "test", "short"),
        ({"nameOverride": "ms"}, "test", "test-ms"),
        ({}, "r" * 53, "r" * 53 + "-l"),
    ],
)
def test_names(render: Render, values: dict[str, Any], release: str, expected: str) -> None:
    names = {name for _, name in render(values, name=release).kinds()}
    assert names == {expected, f"{expected}-decode", f"{expected}-prefill"}


def test_null_removes_a_node_label_of_a_lower_layer(render: Render) -> None:
    pod = render({"decode": {"nodeSelector": {"gone": None, "stays": "x"}}}).pod()
    assert pod["nodeSelector"] == {"stays": "x"}


def test_selectors_hold_no_user_labels(render: Render) -> None:
    objects = render({"modelArtifacts": {"labels": {"team": "x"}}})
    assert objects.workload()["spec"]["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "llm-d-modelservice",
        "app.kubernetes.io/instance": "test",
        "llm-d.ai/role": "decode",
    }


def test_pods_carry_the_pools_labels_and_the_role(render: Render) -> None:
    labels = render({"modelArtifacts": {"labels": {"team": "x"}}}).template()["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/name": "llm-d-modelservice",
        "app.kubernetes.io/instance": "test",
        "llm-d.ai/inference-serving": "true",
        "llm-d.ai/role": "decode",
        "team": "x",
    }


def test_pod_labels_never_reach_the_selector(render: Render) -> None:
    objects = render({**SINGLE, "decode": {"podLabels": {"range": "short"}}})
    assert objects.template()["metadata"]["labels"]["range"] == "short"
    assert "range" not in objects.workload()["spec"]["selector"]["matchLabels"]


def test_annotations_of_workload_and_pods(render: Render) -> None:
    objects = render({**SINGLE, "decode": {"annotations": {"a": "1"}, "podAnnotations": {"b": "2"}}})
    assert objects.workload()["metadata"]["annotations"] == {"a": "1"}
    assert objects.template()["metadata"]["annotations"] == {"b": "2"}


def test_strategies(render: Render) -> None:
    deployment = render({**SINGLE, "decode": {"strategy": {"type": "Recreate"}}})
    assert deployment.workload()["spec"]["strategy"] == {"type": "Recreate"}
    rollout = {"rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 1}}
    lws = render({**SINGLE, "multinode": True, "decode": {"rolloutStrategy": rollout}})
    assert lws.workload()["spec"]["rolloutStrategy"] == {"type": "RollingUpdate", **rollout}


@pytest.mark.parametrize("key", ["subGroupExclusiveTopology", "subGroupExclusiveToplogy"])
@pytest.mark.parametrize(
    ("value", "topology"), [(True, "kubernetes.io/hostname"), ("example.com/rack", "example.com/rack")]
)
def test_subgroups_may_have_a_topology_of_their_own(render: Render, key: str, value: object, topology: str) -> None:
    decode = {"subGroupPolicy": {"subGroupSize": 2}, key: value, "parallelism": {"workers": 4}}
    objects = render({**SINGLE, "multinode": True, "engine": VLLM, "decode": decode})
    annotation = {"leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology": topology}
    assert objects.workload()["metadata"]["annotations"] == annotation
    assert objects.template()["metadata"]["annotations"] == annotation
    assert objects.workload()["spec"]["leaderWorkerTemplate"]["subGroupPolicy"] == {"subGroupSize": 2}


@pytest.mark.parametrize("multinode", [True, False])
def test_pod_fields_reach_both_kinds(render: Render, multinode: bool) -> None:
    fields = {
        "nodeSelector": {"disk": "nvme"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "schedulerName": "kueue",
        "priorityClassName": "high",
        "hostIPC": True,
        "hostPID": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 75,
        "imagePullSecrets": [{"name": "regcred"}],
    }
    pod = render({**SINGLE, "multinode": multinode, "decode": fields}).pod()
    assert {name: pod[name] for name in fields} == fields


def test_the_roles_scheduler_wins_over_the_top_level_one(render: Render) -> None:
    objects = render({"schedulerName": "all", "decode": {"schedulerName": "own"}})
    assert (objects.pod("decode")["schedulerName"], objects.pod("prefill")["schedulerName"]) == ("own", "all")


@pytest.mark.parametrize("name", ["", "none", "None"])
def test_no_priority_class(render: Render, name: str) -> None:
    assert "priorityClassName" not in render({"decode": {"priorityClassName": name}}).pod()


def test_pod_security_context(render: Render) -> None:
    context = {"runAsNonRoot": True, "fsGroup": 2000}
    assert render({"decode": {"podSecurityContext": context}}).pod()["securityContext"] == context


def test_pull_secrets_of_all_levels_are_joined(render: Render) -> None:
    pod = render(
        {
            "global": {"imagePullSecrets": [{"name": "a"}]},
            "imagePullSecrets": [{"name": "b"}],
            "decode": {"imagePullSecrets": [{"name": "c"}, {"name": "a"}]},
        }
    ).pod()
    assert pod["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]


EXPRESSION = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["H100", "H200"]}
TYPES = {"labelKey": "nvidia.com/gpu.product", "labelValues": ["H100", "H200"]}


def terms(pod: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    return found


def test_accelerator_types_are_a_required_node_affinity(render: Render) -> None:
    pod = render({"decode": {"acceleratorTypes": TYPES}}).pod()
    assert terms(pod) == [{"matchExpressions": [EXPRESSION]}]


def test_one_accelerator_value_is_enough(render: Render) -> None:
    pod = render({"decode": {"acceleratorTypes": {"labelKey": "gpu", "labelValue": "H100"}}}).pod()
    assert terms(pod)[0]["matchExpressions"][0]["values"] == ["H100"]


@pytest.mark.parametrize("place", ["affinity", "extraConfig"])
def test_accelerator_types_hold_beside_the_users_affinity(render: Render, place: str) -> None:
    zone = {"key": "zone", "operator": "In", "values": ["a"]}
    rack = {"key": "rack", "operator": "Exists"}
    spread = {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}
    ]}  # fmt: skip
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [zone]}, {"matchExpressions": [rack]}]
            }
        },
        "podAntiAffinity": spread,
    }
    decode = {"acceleratorTypes": TYPES, place: affinity if place == "affinity" else {"affinity": affinity}}
    pod = render({"decode": decode}).pod()
    assert terms(pod) == [{"matchExpressions": [zone, EXPRESSION]}, {"matchExpressions": [rack, EXPRESSION]}]
    assert pod["affinity"]["podAntiAffinity"] == spread


def test_init_containers_follow_the_proxy(render: Render) -> None:
    init = {"name": "fetch", "image": "busybox", "command": ["true"]}
    names = [c["name"] for c in render({"decode": {"initContainers": [init]}}).pod()["initContainers"]]
    assert names == ["routing-proxy", "fetch"]


def test_volumes_of_the_user_replace_the_default(render: Render) -> None:
    volumes = [{"name": "cache", "hostPath": {"path": "/mnt"}}]
    assert render({**SINGLE, "decode": {"volumes": volumes}}).pod()["volumes"][0] == volumes[0]


def test_extra_config_of_a_pod_is_merged_and_wins(render: Render) -> None:
    decode = {
        "nodeSelector": {"a": "1"},
        "tolerations": [{"key": "x", "operator": "Exists"}],
        "schedulerName": "one",
        "extraConfig": {
            "nodeSelector": {"b": "{{ .Release.Name }}"},
            "tolerations": [{"key": "y", "operator": "Exists"}],
            "volumes": [{"name": "metrics-volume", "emptyDir": {"medium": "Memory"}}, {"name": "new", "emptyDir": {}}],
            "schedulerName": "two",
            "serviceAccountName": "mine",
            "hostNetwork": True,
        },
    }
    pod = render({**SINGLE, "decode": decode}).pod()
    assert pod["nodeSelector"] == {"a": "1", "b": "test"}
    assert [toleration["key"] for toleration in pod["tolerations"]] == ["x", "y"]
    assert pod["volumes"][0] == {"name": "metrics-volume", "emptyDir": {"medium": "Memory"}}
    assert pod["volumes"][-1] == {"name": "new", "emptyDir": {}}
    assert (pod["schedulerName"], pod["serviceAccountName"], pod["hostNetwork"]) == ("two", "mine", True)


def test_an_existing_service_account_is_used(render: Render) -> None:
    objects = render({"serviceAccountOverride": "existing"})
    assert objects.all("ServiceAccount") == []
    assert objects.pod()["serviceAccountName"] == "existing"


def test_the_service_account_takes_annotations_and_its_token_switch(render: Render) -> None:
    account = render({"serviceAccount": {"annotations": {"iam": "x"}, "automountServiceAccountToken": False}}).one(
        "ServiceAccount"
    )
    assert account["metadata"]["annotations"] == {"iam": "x"}
    assert account["automountServiceAccountToken"] is False


def test_extra_objects_are_taken_as_they_are_and_strings_as_templates(render: Render) -> None:
    literal = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "alerts"},
        "data": {"rule": "{{ $labels.pod }}"},
    }
    templated = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-extra\n"
    maps = {obj["metadata"]["name"]: obj for obj in render({"extraObjects": [literal, templated]}).all("ConfigMap")}
    assert maps["alerts"] == literal
    assert "test-extra" in maps


def test_every_object_has_the_recommended_labels(render: Render) -> None:
    values = {"accelerator": {"dra": True}, "engine": {"image": "vllm/vllm-openai:v0.32.0"}}
    values["decode"] = {"monitoring": {"podmonitor": {"enabled": True}}}
    for obj in render(values).items:
        labels = obj["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "llm-d-modelservice"
        assert labels["app.kubernetes.io/instance"] == "test"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("llm-d-modelservice-")
