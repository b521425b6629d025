"""docs/gitops.md: its files are written next to the chart, its commands run, its manifests validated."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from localcluster.binaries import binary, generated_definitions
from modelservice.check.finding import Severity
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.values import Values
from support.go_modules import source
from support.kubernetes_schemas import strict_schemas
from support.pages import files
from support.render import ROOT

PAGE = (ROOT / "docs" / "gitops.md").read_text(encoding="utf-8")
FILES = files(PAGE)
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
MODELS = ["qwen.yaml", "llama.yaml"]
ARGO = ("github.com/argoproj/argo-cd/v3", "v3.1.0")
FLUX = {
    "github.com/fluxcd/helm-controller/api/v2": "helm.toolkit.fluxcd.io_helmreleases.yaml",
    "github.com/fluxcd/source-controller/api/v1": "source.toolkit.fluxcd.io_gitrepositories.yaml",
}


@pytest.fixture(scope="module", params=["helm3", "helm4"])
def folder(chart: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The files of the page next to the chart, and a ``bin`` with a Helm of either version under the usual name."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(chart, folder / "charts" / chart.name)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "bin").mkdir()
    for name, program in {"helm": request.param, "kubectl": "kubectl"}.items():
        (folder / "bin" / name).symlink_to(binary(program))
    (folder / "bin" / "modelservice").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelservice "$@"\n')
    (folder / "bin" / "modelservice").chmod(0o755)
    return folder


def output(folder: Path, command: str) -> tuple[int, str]:
    """What a command prints in the folder, and its exit code."""
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    places = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT / "tools"), "COLUMNS": "200"}
    words = shlex.split(command)
    done = subprocess.run(
        [str(folder / "bin" / words[0]), *words[1:]], cwd=folder, env=places, capture_output=True, text=True, check=False
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr * bool(done.returncode)


def test_every_kind_of_deployment_has_its_files_and_commands() -> None:
    assert FILES.keys() == {
        *MODELS, "platform/Chart.yaml", "platform/values.yaml", "argocd/qwen.yaml", "flux/qwen.yaml",
        "kustomization.yaml", "helmfile.yaml",
    }  # fmt: skip
    assert {command.split()[0] for command in COMMANDS} == {"modelservice", "helm", "kubectl"}


@pytest.mark.executable
def test_the_commands_of_the_page_succeed(folder: Path) -> None:
    for command in COMMANDS:
        code, text = output(folder, command)
        assert code == 0, f"{command}: {text}"
        if command.startswith(("helm template", "kubectl kustomize")):
            objects = [item for item in yaml.safe_load_all(text) if item]
            workloads = {item["metadata"]["name"] for item in objects if item["kind"] == "Deployment"}
            decode = {name for name in workloads if name.endswith("-decode")}
            assert len(decode) == 2 and all("qwen" in name or "llama" in name for name in decode)


@pytest.mark.parametrize("file", MODELS)
def test_the_values_files_have_no_errors(embedded: EmbeddedHelm, tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text(FILES[file])
    deployment, refused = load([str(tmp_path / file)], embedded, Release(file.removesuffix(".yaml")))
    assert deployment is not None and refused == []
    assert [item for item in run([deployment]) if item.severity is Severity.error] == []


def test_models_with_one_match_are_found(embedded: EmbeddedHelm, tmp_path: Path) -> None:
    loaded = []
    for file in MODELS:
        (tmp_path / file).write_text(re.sub(r", pathPrefix: /\w+", "", FILES[file]))
        loaded.append(load([str(tmp_path / file)], embedded, Release(file.removesuffix(".yaml")))[0])
    found = run([item for item in loaded if item], together=True)
    assert "shared-route" in {item.rule for item in found if item.severity is Severity.error}


def problems(definition: Path, obj: dict[str, Any]) -> Iterator[str]:
    """What a CustomResourceDefinition, made strict, refuses in an object."""
    for api_version, kind, schema in strict_schemas(yaml.safe_load(definition.read_text(encoding="utf-8"))):
        if (api_version, kind) == (obj["apiVersion"], obj["kind"]):
            yield from map(str, jsonschema_rs.Draft7Validator(schema).iter_errors(json.loads(json.dumps(obj))))
            return
    yield f"no definition of {obj['apiVersion']} {obj['kind']}"


@pytest.mark.executable
def test_argo_cd_knows_the_application() -> None:
    application = yaml.safe_load(FILES["argocd/qwen.yaml"])
    assert list(problems(source(*ARGO) / "manifests/crds/application-crd.yaml", application)) == []
    application["spec"]["sources"][0]["helm"]["values_files"] = []
    assert list(problems(source(*ARGO) / "manifests/crds/application-crd.yaml", application)) != []


@pytest.mark.executable
@pytest.mark.executable
def test_flux_knows_the_release_and_its_source(embedded: EmbeddedHelm) -> None:
    repository, release = yaml.safe_load_all(FILES["flux/qwen.yaml"])
    files = {package: generated_definitions(package, "flux") / name for package, name in FLUX.items()}
    of_release, of_source = files.values()
    assert list(problems(of_release, release)) == []
    assert list(problems(of_source, repository)) == []
    Values.model_validate(release["spec"]["values"])
    assert embedded.render(release["spec"]["values"], Release("qwen")).objects
    release["spec"]["value"] = {}
    assert list(problems(of_release, release)) != []
