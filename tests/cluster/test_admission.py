"""The API server takes every object that the chart renders, under server-side apply."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

from modelservice.check.examples import BASES
from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import InputWarning, merge, read_values
from support.cluster import Cluster
from support.rejected_fields import ACCEPTED, REJECTED
from support.render import ROOT, SHARED, shared
from support.updates import STUCK, workload

FILES = [
    *sorted((ROOT / "examples").glob("values-*.yaml")),
    *sorted((ROOT / "charts/llm-d-modelservice/ci").glob("*.yaml")),
]

BASE = yaml.safe_load(BASES["single"])


def admit(cluster: Cluster, embedded: EmbeddedHelm, values: dict[str, Any]) -> None:
    """Applies everything without keeping it."""
    cluster.client.apply(embedded.render(values, Release("admission")).objects, dry_run=True)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_examples_and_ci_values_are_admitted(cluster: Cluster, embedded: EmbeddedHelm, file: Path) -> None:
    admit(cluster, embedded, read_values(str(file)))


@pytest.mark.parametrize("topology", ["single", "pd", "wide-ep", "multinode-tensor"])
@pytest.mark.parametrize("hardware", ["nvidia", "amd", "gaudi", "intel-xpu", "tpu"])
@pytest.mark.parametrize("dra", [False, True], ids=["plugin", "dra"])
def test_preset_combinations_are_admitted(
    cluster: Cluster, embedded: EmbeddedHelm, topology: str, hardware: str, dra: bool
) -> None:
    names = [f"topology/{topology}", *(["topology/dra"] if dra else []), f"hardware/{hardware}", "engine/vllm"]
    presets = ROOT / "examples" / "presets"
    admit(cluster, embedded, merge(read_values(str(presets / f"{name}.yaml")) for name in names))


@pytest.mark.filterwarnings(f"ignore::{InputWarning.__module__}.{InputWarning.__qualname__}")
def test_every_real_values_file_that_renders_is_admitted(cluster: Cluster, embedded: EmbeddedHelm) -> None:
    shared("upstream/real-values")
    admitted = 0
    for path in sorted((SHARED / "upstream" / "real-values").rglob("*.yaml")):
        if "gaie" in path.parts or path.parent.name == "pvc":
            continue
        try:
            values = read_values(str(path))
            embedded.render(values, Release("admission"))
        except ModelserviceError:
            continue  # the refusals are listed in unit/test_upstream.py
        admit(cluster, embedded, values)
        admitted += 1
    assert admitted >= 30


@pytest.mark.parametrize("values", [values for _, values in REJECTED])
def test_what_check_rejects_the_api_server_rejects(cluster: Cluster, embedded: EmbeddedHelm, values: str) -> None:
    with pytest.raises(ApiException) as rejected:
        admit(cluster, embedded, merge([BASE, yaml.safe_load(values)]))
    answer = json.loads(rejected.value.body or "")
    if "details" not in answer:  # what is no quantity is not even read
        assert "quantities must match the regular expression" in answer["message"]
        return
    causes = answer["details"]["causes"]
    # The control plane of the tests allows no privileged containers at all.
    assert [cause for cause in causes if "cluster policy" not in cause["message"]]


@pytest.mark.parametrize("values", ACCEPTED)
def test_what_check_accepts_the_api_server_accepts(cluster: Cluster, embedded: EmbeddedHelm, values: str) -> None:
    admit(cluster, embedded, merge([BASE, yaml.safe_load(values)]))


@pytest.mark.parametrize(("kind", "replicas", "unavailable", "surge", "begins"), STUCK)
def test_an_update_that_cannot_begin_is_rejected(
    cluster: Cluster, kind: str, replicas: int | None, unavailable: Any, surge: Any, begins: bool
) -> None:
    """The same table as that of check's rule, which must be right about the real webhooks."""
    given = {"maxUnavailable": unavailable, "maxSurge": surge}
    limits = {name: value for name, value in given.items() if value is not None}
    obj = workload(kind, replicas, limits)
    if begins:
        cluster.client.apply([obj], dry_run=True)
    else:
        with pytest.raises(ApiException, match=r"(?i)maxUnavailable"):
            cluster.client.apply([obj], dry_run=True)
