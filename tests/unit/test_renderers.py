"""The two renderers, and what they make of errors."""

import shutil
from pathlib import Path

import pytest
import yaml

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import EmbeddedHelm, HelmExecutable, Release, Rendered, renderer
from modelservice.inputs import read_values
from support.render import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("values-*.yaml"))


@pytest.mark.executable
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_both_renderers_give_the_same_objects(
    executable: HelmExecutable, embedded: EmbeddedHelm, example: Path
) -> None:
    values, release = read_values(str(example)), Release("same", "models")
    assert executable.render(values, release).objects == embedded.render(values, release).objects


@pytest.fixture
def platform(chart: Path, tmp_path: Path) -> Path:
    """A chart that installs this one twice, under two names."""
    shutil.copytree(chart, tmp_path / "charts" / chart.name)
    twice = [{"name": chart.name, "version": ">=0.0.0", "alias": alias} for alias in ("chat", "embed")]
    (tmp_path / "Chart.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "platform", "version": "0.1.0", "dependencies": twice})
    )
    (tmp_path / "values.yaml").write_text(
        yaml.safe_dump(
            {
                "global": {"imageRegistry": "mirror.example", "theirs": 1},
                "chat": {"engine": {"args": {"seed": 1}}, "prefill": {"create": False}},
                "embed": {"modelArtifacts": {"name": "m"}, "prefill": {"create": False}},
            }
        )
    )
    return tmp_path


@pytest.mark.executable
def test_a_parent_has_it_twice_under_names_of_its_own(executable: HelmExecutable, platform: Path) -> None:
    values = {"chat": {"engine": {"args": {"seed": None, "max-model-len": 8}}}, "embed": {"decode": {"replicas": 2}}}
    rendered = HelmExecutable(platform, executable.executable).render(values, Release("r")).objects
    assert rendered == EmbeddedHelm(platform).render(values, Release("r")).objects
    chat, embed = (obj for obj in rendered if obj["kind"] == "Deployment")
    assert (chat["metadata"]["name"], embed["metadata"]["name"]) == ("r-chat-decode", "r-embed-decode")
    assert (chat["spec"]["replicas"], embed["spec"]["replicas"]) == (1, 2)
    engines = [deployment["spec"]["template"]["spec"]["containers"][0] for deployment in (chat, embed)]
    assert [engine["image"].split("/")[0] for engine in engines] == ["mirror.example", "mirror.example"]
    assert "--max-model-len" in engines[0]["args"] and "--seed" not in engines[0]["args"]
    assert "--max-model-len" not in engines[1]["args"]


def test_a_missing_executable_is_a_usage_error(chart: Path) -> None:
    with pytest.raises(UsageError, match="no program no-such-helm"):
        renderer("no-such-helm", chart)


def test_a_directory_without_a_chart_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no chart"):
        renderer("embedded", tmp_path)


def test_the_kubernetes_version_and_apis_reach_the_templates(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: probe\nversion: 0.1.0\n")
    (tmp_path / "templates" / "probe.yaml").write_text(
        'kind: Probe\nmetadata: {name: "{{ .Capabilities.KubeVersion.Version }}"}\n'
        'has: {{ .Capabilities.APIVersions.Has "leaderworkerset.x-k8s.io/v1" }}\n'
    )
    (probe,) = (
        EmbeddedHelm(tmp_path)
        .render({}, Release(), kube_version="v1.33.1", api_versions=["leaderworkerset.x-k8s.io/v1"])
        .objects
    )
    assert probe["metadata"]["name"] == "v1.33.1"
    assert probe["has"] is True


def test_a_key_twice_in_a_rendered_object_is_found() -> None:
    with pytest.raises(ModelserviceError, match="key a twice"):
        _ = Rendered({"chart/templates/x.yaml": "a: 1\na: 2\n"}).objects


def test_objects_come_in_the_order_helm_installs_them(embedded: EmbeddedHelm) -> None:
    kinds = [obj["kind"] for obj in embedded.render({"multinode": True}, Release()).objects]
    assert kinds == ["ServiceAccount", "LeaderWorkerSet", "LeaderWorkerSet"]


@pytest.mark.parametrize(
    "values", sorted((ROOT / "charts/llm-d-modelservice/ci").glob("*-values.yaml")), ids=lambda p: p.stem
)
def test_helms_linter_is_content(embedded: EmbeddedHelm, values: Path) -> None:
    assert embedded.lint(read_values(str(values))) == []


@pytest.mark.executable
def test_the_executables_linter_is_content(executable: HelmExecutable) -> None:
    assert executable.lint({}) == []


def toy(folder: Path, template: str) -> Path:
    """A chart with one template."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: toy\nversion: 0.1.0\n")
    (folder / "templates" / "a.yaml").write_text(template)
    return folder


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("kind: A\nx: [1\n", "invalid YAML"),
        ("- 1\n", "no Kubernetes object"),
        ("hello\n", "no Kubernetes object"),
        ("kind: A\nmetadata: []\n", "no Kubernetes object"),
        ("metadata: {name: a}\n", "without a kind"),
    ],
)
def test_a_template_that_renders_no_object_is_named(tmp_path: Path, template: str, words: str) -> None:
    rendered = EmbeddedHelm(toy(tmp_path, template)).render({}, Release())
    with pytest.raises(ModelserviceError, match=f"^toy/templates/a.yaml: .*{words}"):
        _ = rendered.objects


@pytest.mark.parametrize("name", ["A B", "", "-a", "a.", "x" * 54])
def test_a_release_name_that_helm_refuses_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="no name for a release"):
        Release(name)


def test_a_program_that_is_not_helm_is_a_usage_error(chart: Path, tmp_path: Path) -> None:
    program = tmp_path / "helm"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match="is not Helm 3 or 4"):
        renderer(str(program), chart)


def test_a_helm_that_calls_itself_v4_3_is_taken(chart: Path, tmp_path: Path) -> None:
    program = tmp_path / "helm"
    program.write_text("#!/bin/sh\necho v4.3\n")
    program.chmod(0o755)
    assert isinstance(renderer(str(program), chart), HelmExecutable)


@pytest.mark.executable
def test_the_executable_refuses_a_wrong_kubernetes_version_as_wrong_usage(executable: HelmExecutable) -> None:
    with pytest.raises(UsageError, match="invalid kube version"):
        executable.render({}, Release(), kube_version="nonsense")
