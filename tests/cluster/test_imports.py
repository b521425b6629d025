"""The API server takes what every imported sample installs."""

from pathlib import Path

from modelservice.helm import EmbeddedHelm, Release
from modelservice.importers import import_files
from modelservice.importers.source.documents import read_documents
from modelservice.importers.systems import SYSTEMS
from support.cluster import Cluster
from support.render import SHARED, shared

KNOWN = {
    "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "LeaderWorkerSet", "PersistentVolumeClaim", "ResourceClaimTemplate",
    "RoleBinding", "Service", "ServiceAccount",
}  # fmt: skip
"""Kinds that the control plane has; the CRDs of gateways and autoscalers are not installed."""


def test_every_imported_sample_is_admitted(cluster: Cluster, embedded: EmbeddedHelm) -> None:
    shared("samples")
    root = SHARED / "samples"
    companions = [root / "kubeai/system-values.yaml", root / "kserve-isvc/runtime--kserve-huggingfaceserver.yaml"]
    bases = {"simple-model": "simple-model/simple-baseconfig.yaml", "test": "test/baseconfig.yaml"}
    admitted = 0
    for path in sorted(root.rglob("*.yaml")):
        if "generate-golden" in path.parts or path.name.startswith("crd-"):
            continue
        if not any(system.recognises(item) for system in SYSTEMS.values() for item in read_documents([str(path)])):
            continue
        files = [path, *_belonging(path, root, companions, bases)]
        for found in import_files(None, [str(file) for file in files]):
            objects = embedded.render(found.values, Release("admission")).objects
            assert {item["kind"] for item in objects} & KNOWN
            cluster.client.apply([item for item in objects if item["kind"] in KNOWN], dry_run=True)
            admitted += 1
    assert admitted >= 30


def _belonging(path: Path, root: Path, companions: list[Path], bases: dict[str, str]) -> list[Path]:
    """The files that a sample refers to."""
    folder = path.relative_to(root).parts[0]
    if folder == "llm-d-operator":
        return [root / folder / bases[path.parent.name]]
    return [item for item in companions if item.parent.name == folder]


def test_labels_of_the_selector_win_over_the_users(cluster: Cluster, embedded: EmbeddedHelm) -> None:
    values = {"modelArtifacts": {"labels": {"app.kubernetes.io/name": "mine", "app": "x"}}}
    cluster.client.apply(embedded.render(values, Release("admission")).objects, dry_run=True)
