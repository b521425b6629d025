"""The chart passes the field's own checks: chart-testing and kubeconform."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from localcluster.binaries import binary
from support.cluster import Cluster
from support.kubernetes_schemas import SUPPORTED_VERSIONS, custom_schemas, kubernetes_schema
from support.render import ROOT


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with the programs that chart-testing calls."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, program in (("helm", "helm4"), ("kubectl", "kubectl")):
        (programs / name).symlink_to(binary(program))
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.usefixtures("fake_nodes")
def test_ct_installs_the_chart_with_each_of_its_values_files(cluster: Cluster, path: str) -> None:
    done = subprocess.run(
        [str(binary("chart-testing")), "install", "--config", "ct.yaml", "--all", "--helm-extra-args", "--timeout 60s"],
        cwd=ROOT, env=cluster.environment | {"PATH": path}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for file in sorted((ROOT / "charts/llm-d-modelservice/ci").glob("*-values.yaml")):
        assert f"ci/{file.name}" in said
    left = [
        namespace["metadata"]["name"]
        for namespace in cluster.client.resource("v1", "Namespace").get().to_dict()["items"]
        if namespace["metadata"]["name"].startswith("llm-d-modelservice-")
        and not namespace["metadata"].get("deletionTimestamp")
    ]
    assert left == []


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_kubeconform_takes_every_output(tmp_path: Path, version: str) -> None:
    """Against the same schemas as the unit tests, but read by a program that platform teams know."""
    files = sorted((ROOT / "examples" / "output").glob("*.yaml"))
    objects = [obj for file in files for obj in yaml.safe_load_all(file.read_text()) if obj]
    known = {(api, kind): schema for api, kind, schema in custom_schemas()}
    for api, kind in {(obj["apiVersion"], obj["kind"]) for obj in objects}:
        schema = known.get((api, kind)) or kubernetes_schema(version, api, kind)
        if schema is not None:
            group, version_of_group = api.split("/") if "/" in api else (api, api)  # as kubeconform splits it
            (tmp_path / f"{kind.lower()}-{group}-{version_of_group}.json").write_text(json.dumps(schema))
        else:  # a kind that this version does not serve yet
            assert api == "resource.k8s.io/v1" and version < "1.34", (api, kind)
    skipped = "ResourceClaimTemplate,DeviceClass" if version < "1.34" else ""
    done = subprocess.run(
        [
            str(binary("kubeconform")), "-strict", "-summary", "-output", "json", "-skip", skipped,
            "-schema-location", f"{tmp_path}/{{{{.ResourceKind}}}}-{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}.json",
            *map(str, files),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["resources"] == []
    assert result["summary"]["valid"] + result["summary"]["skipped"] == len(objects)
    assert result["summary"]["skipped"] == sum(obj["kind"] in skipped for obj in objects)
