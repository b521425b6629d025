"""Fake nodes: objects that kwok reports as ready, on the control plane of this package or lent to another cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kubernetes.client.exceptions import ApiException

from localcluster.binaries import binary, module_file
from localcluster.client import Client
from localcluster.process import Component
from modelservice.errors import ModelserviceError
from modelservice.model import node_pools

_STAGES = (
    "kustomize/stage/node/fast/node-initialize.yaml",
    "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "kustomize/stage/pod/fast/pod-ready.yaml",
    "kustomize/stage/pod/fast/pod-complete.yaml",
    "kustomize/stage/pod/fast/pod-delete.yaml",
)
_NOT_READY = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
"""Taints of nodes that are not ready."""


def kwok(kubeconfig: Path, lease: int = 40) -> list[str]:
    """Return the command line of kwok for the fake nodes of a cluster, and for no other node.

    Args:
        kubeconfig: of the cluster.
        lease: seconds after which a node's lease ends; it is renewed four times as often. A node without a lease is
            marked as failed after the controller manager's ``--node-monitor-grace-period``, by default 50 seconds.
    """
    stages = [f"--config={module_file('kwok', 'sigs.k8s.io/kwok', stage)}" for stage in _STAGES]
    return [
        str(binary("kwok")), f"--kubeconfig={kubeconfig}", "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={node_pools.KWOK_NODE}=fake",
        f"--node-lease-duration-seconds={lease}", *stages,
    ]  # fmt: skip


def taking_pods(client: Client) -> set[str]:
    """Return the names of the nodes that accept pods: they are ready and the taint of a new node is gone."""
    return {
        item["metadata"]["name"]
        for item in client.resource("v1", "Node").get().to_dict()["items"]
        if not any(taint["key"] in _NOT_READY for taint in item["spec"].get("taints") or [])
        and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in item["status"].get("conditions") or []
        )
    }


@contextmanager
def lent(client: Client, pools: Sequence[node_pools.NodePool]) -> Iterator[None]:
    """Add fake nodes to a running cluster; take its own nodes out of scheduling until they are removed again.

    Raises:
        ModelserviceError: the cluster has a node, device class or slice of the same name, or kwok fails.
    """
    objects = list(node_pools.objects(list(pools)))
    names = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Node"}
    for obj in objects:
        if _exists(client, obj):
            name = f"{obj['kind']} {obj['metadata']['name']}"
            raise ModelserviceError(f"the cluster has a {name} already, so no fake nodes are added to it")
    nodes = client.resource("v1", "Node")
    own = [item["metadata"]["name"] for item in nodes.get().to_dict()["items"] if not item["spec"].get("unschedulable")]
    with tempfile.TemporaryDirectory() as folder:
        component = Component("kwok", kwok(client.kubeconfig.resolve()), Path(folder))
        try:
            client.apply(objects)
            component.wait_until(lambda: taking_pods(client) >= names)
            _cordon(client, own, unschedulable=True)
            yield
        finally:
            _cordon(client, own, unschedulable=False)
            for obj in reversed(objects):
                if _exists(client, obj):
                    client.resource(obj["apiVersion"], obj["kind"]).delete(name=obj["metadata"]["name"])
            component.stop()


def _cordon(client: Client, names: Sequence[str], *, unschedulable: bool) -> None:
    for name in names:
        client.resource("v1", "Node").patch(
            name=name, body={"spec": {"unschedulable": unschedulable or None}},
            content_type="application/merge-patch+json",
        )  # fmt: skip


def _exists(client: Client, obj: dict[str, object]) -> bool:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101
    try:
        client.resource(str(obj["apiVersion"]), str(obj["kind"])).get(name=metadata["name"])
    except ApiException as error:
        if error.status == 404:
            return False
        raise
    return True
