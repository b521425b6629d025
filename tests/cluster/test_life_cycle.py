"""Releases live beside each other, change, and end without a trace."""

from typing import Any

import pytest

from support.cluster import Cluster, Helm, on, values

pytestmark = pytest.mark.usefixtures("fake_nodes")


@pytest.mark.parametrize("multinode", [False, True], ids=["Deployment", "LeaderWorkerSet"])
def test_an_upgrade_changes_labels_model_replicas_and_parallelism_and_rolls_back(
    cluster: Cluster, any_helm: Helm, namespace: str, multinode: bool
) -> None:
    one = values(multinode=multinode, decode=on("h100"))
    any_helm.install("life", one)
    cluster.wait_for_pods(namespace, 1)
    changed = values(
        multinode=multinode,
        modelArtifacts={"name": "other/model", "labels": {"llm-d.ai/model": "other"}},
        decode={"replicas": 2, "parallelism": {"tensor": 2}, **on("h100")},
    )
    any_helm.upgrade("life", changed)
    pods = cluster.wait_for_pods(namespace, 2, selector="llm-d.ai/model=other")
    assert len(cluster.wait_for_pods(namespace, 2)) == 2, "none of the old pods is left"
    for pod in pods:
        container = pod["spec"]["containers"][0]
        assert container["resources"]["limits"] == {"nvidia.com/gpu": "2"}
        assert container["args"][0] == "other/model"
    any_helm.run("rollback", "life", "1", "--wait")
    cluster.wait("the rollback is over", lambda: not cluster.pods(namespace, "llm-d.ai/model=other"))
    (pod,) = cluster.wait_for_pods(namespace, 1)
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_a_release_changes_its_kind_of_workload(cluster: Cluster, helm: Helm, namespace: str) -> None:
    """From one pod to a group over pods and back: the old workload goes."""
    single, group = values(decode=on("h100")), values(
        multinode=True, decode={"parallelism": {"dataLocal": 8, "workers": 2}, **on("h100")}
    )  # fmt: skip
    helm.install("kind", single)
    helm.upgrade("kind", group)
    cluster.wait_for_pods(namespace, 2)
    assert cluster.objects("apps/v1", "Deployment", namespace) == []
    helm.upgrade("kind", single)
    cluster.wait_for_pods(namespace, 1)
    assert cluster.objects("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", namespace) == []


LEFT_BY_KUBERNETES = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
"""What every namespace has; events tell what happened and expire."""


@pytest.mark.parametrize(
    "given",
    [
        values(accelerator={"dra": True}, decode={"monitoring": {"podmonitor": {"enabled": True}}, **on("h100")}),
        values(multinode=True, decode={"parallelism": {"dataLocal": 8, "workers": 2}, **on("h100")}),
    ],
    ids=["claims", "group"],
)
def test_uninstall_leaves_nothing(cluster: Cluster, any_helm: Helm, namespace: str, given: dict[str, Any]) -> None:
    any_helm.install("gone", given)
    assert cluster.everything(namespace) > LEFT_BY_KUBERNETES
    any_helm.run("uninstall", "gone", "--wait")
    cluster.wait(
        "the namespace is as before",
        lambda: cluster.everything(namespace) == LEFT_BY_KUBERNETES,
        60,
        lambda: f": {sorted(cluster.everything(namespace) - LEFT_BY_KUBERNETES)}",
    )


@pytest.mark.parametrize("labels", [{}, {"llm-d.ai/model": "same"}], ids=["own labels", "the same labels"])
def test_two_releases_in_a_namespace_keep_to_their_own_pods(
    cluster: Cluster, helm: Helm, namespace: str, labels: dict[str, str]
) -> None:
    """Also when both serve the same pool, so carry the same labels."""
    for release, replicas in (("one", 1), ("two", 2)):
        decode = {"replicas": replicas, "podLabels": {"team": "a"}, **on("h100")}
        helm.install(release, values(accelerator={"dra": True}, modelArtifacts={"labels": labels}, decode=decode))
    cluster.wait_for_pods(namespace, 3)
    for release, replicas in (("one", 1), ("two", 2)):
        (deployment,) = cluster.objects(
            "apps/v1", "Deployment", namespace, label_selector=f"app.kubernetes.io/instance={release}"
        )
        selector = ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items())
        owned = cluster.pods(namespace, selector)
        assert len(owned) == replicas
        assert {pod["metadata"]["labels"]["app.kubernetes.io/instance"] for pod in owned} == {release}
    helm.run("uninstall", "one", "--wait")
    (left,) = {pod["metadata"]["labels"]["app.kubernetes.io/instance"] for pod in cluster.wait_for_pods(namespace, 2)}
    assert left == "two"


@pytest.mark.parametrize(
    ("multinode", "api_version", "kind"),
    [(False, "apps/v1", "Deployment"), (True, "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")],
)
def test_an_autoscalers_replicas_survive_an_upgrade(
    cluster: Cluster, any_helm: Helm, namespace: str, multinode: bool, api_version: str, kind: str
) -> None:
    given = values(multinode=multinode, accelerator={"type": "cpu"}, decode={"autoscaling": {"enabled": True}})
    any_helm.install("auto", given, wait=False)
    cluster.scale(api_version, kind, "auto-llm-d-modelservice-decode", namespace, 3)
    cluster.wait_for_pods(namespace, 3)
    any_helm.upgrade("auto", {**given, "schedulerName": "default-scheduler"})
    (workload,) = cluster.objects(api_version, kind, namespace)
    assert workload["spec"]["replicas"] == 3
