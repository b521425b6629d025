"""Volumes and downloads on a real control plane: claims are bound, kept and shared, Jobs run and are replaced."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.cluster import Cluster, Helm

pytestmark = pytest.mark.usefixtures("fake_nodes")

MODEL = {"name": "org/model", "uri": "hf://org/model", "size": "1Gi"}
CLAIM = {"enabled": True, "accessModes": ["ReadWriteMany"], "storageClassName": ""}


def values(**artifacts: Any) -> dict[str, Any]:
    return {
        "engine": {"type": "vllm", "image": "vllm/vllm-openai:v0.32.0"},
        "routing": {"proxy": {"enabled": False}},
        "prefill": {"create": False},
        "decode": {"replicas": 2, "nodeSelector": {"pool": "h100"}},
        "modelArtifacts": {**MODEL, **artifacts},
    }


@pytest.fixture
def volume(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A volume that several nodes can mount, for one claim."""
    name = f"shared-{namespace}"
    cluster.client.apply([
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
         "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteMany"], "hostPath": {"path": "/models"}}}
    ])  # fmt: skip
    yield name
    cluster.client.resource("v1", "PersistentVolume").delete(name=name)


def jobs(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    return cluster.objects("batch/v1", "Job", namespace)


def claims(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    return cluster.objects("v1", "PersistentVolumeClaim", namespace)


def test_a_job_fills_the_claim_that_pods_share(cluster: Cluster, helm: Helm, namespace: str, volume: str) -> None:
    shared = {"download": {"job": True}, "persistence": {**CLAIM, "volumeName": volume, "retain": True}}
    helm.install("shared", values(**shared), wait=False)
    cluster.wait_for_pods(namespace, 2, selector="llm-d.ai/role=decode")
    (claim,) = claims(cluster, namespace)
    assert claim["status"]["phase"] == "Bound"
    cluster.wait("the job is done", lambda: bool(jobs(cluster, namespace)[0].get("status", {}).get("succeeded")))

    (first,) = jobs(cluster, namespace)
    helm.upgrade("shared", values(**shared, revision="v2"))
    cluster.wait("another model is another job", lambda: first["metadata"]["name"] not in {
        job["metadata"]["name"] for job in jobs(cluster, namespace)
    })  # fmt: skip
    assert len(jobs(cluster, namespace)) == 1

    helm.run("uninstall", "shared", "--wait")
    assert jobs(cluster, namespace) == []
    assert [claim["metadata"]["name"] for claim in claims(cluster, namespace)] == ["shared-llm-d-modelservice-model"]


def test_a_claim_ends_with_its_release(cluster: Cluster, helm: Helm, namespace: str, volume: str) -> None:
    helm.install("kept", values(persistence={**CLAIM, "volumeName": volume}), wait=False)
    cluster.wait_for_pods(namespace, 2)
    helm.run("uninstall", "kept", "--wait")
    cluster.wait("the claim is gone", lambda: claims(cluster, namespace) == [])


def test_an_ephemeral_volume_is_a_claim_of_each_pod(cluster: Cluster, helm: Helm, namespace: str) -> None:
    helm.install("own", values(volume={"type": "ephemeral"}), wait=False)
    cluster.wait("two claims of two pods", lambda: len(claims(cluster, namespace)) == 2)
    owners = {claim["metadata"]["ownerReferences"][0]["kind"] for claim in claims(cluster, namespace)}
    assert owners == {"Pod"}


@pytest.mark.parametrize(
    ("engine", "image", "artifacts"),
    [
        ("ollama", "ollama/ollama:0.12.6", {"uri": "ollama://qwen3:0.6b"}),
        ("infinity", "michaelf34/infinity:0.0.77", {"uri": "s3://bucket/model"}),
        ("fasterWhisper", "fedirz/faster-whisper-server:0.6.0-rc.3-cpu", {}),
        ("huggingface", "kserve/huggingfaceserver:v0.16.0", {"revision": "v1"}),
    ],
)
def test_every_engine_is_scheduled(
    cluster: Cluster, helm: Helm, namespace: str, engine: str, image: str, artifacts: dict[str, Any]
) -> None:
    wanted = {**values(**artifacts), "engine": {"type": engine, "image": image}}
    helm.install("engine", wanted)
    pods = cluster.wait_for_pods(namespace, 2)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {image}
