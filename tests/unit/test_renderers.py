"""The two renderers, and what they make of errors."""

import itertools
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from modelservice.cli import main
from modelservice.errors import ModelserviceError, UsageError, ValuesError
from modelservice.helm import EmbeddedHelm, Release, renderer
from modelservice.helm_executable import HelmExecutable
from modelservice.inputs import read_defaults, read_values
from modelservice.paths import chart_dir
from modelservice.rendered import Rendered
from support.render import ROOT
from unit.test_bad_input import CASES as REFUSED
from unit.test_schema import CORPUS as SCHEMA_CORPUS

EXAMPLES = sorted((ROOT / "examples").glob("values-*.yaml"))


@pytest.mark.executable
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_both_renderers_give_the_same_objects(
    executable: HelmExecutable, embedded: EmbeddedHelm, example: Path
) -> None:
    values, release = read_values(str(example)), Release("same", "models")
    assert executable.render(values, release).objects == embedded.render(values, release).objects


class ByHelm(EmbeddedHelm):
    """Lets Helm validate in each render."""

    def _chart_for(self, values: Mapping[str, Any]) -> helm_python.Chart:
        return self._chart


CI = sorted((ROOT / "charts/llm-d-modelservice/ci").glob("*-values.yaml"))


def outcome(renderer: EmbeddedHelm, values: Mapping[str, Any]) -> object:
    """What a chart renders to, or all that the error says."""
    try:
        return renderer.render(values, Release("same")).templates
    except ModelserviceError as error:
        return error.to_json()


@pytest.fixture(scope="module")
def validators(chart: Path) -> tuple[EmbeddedHelm, EmbeddedHelm]:
    """A renderer that compiled the schema, and one that lets Helm validate."""
    compiled = EmbeddedHelm(chart)
    compiled.render({}, Release())  # the first render is Helm's alone
    return compiled, ByHelm(chart)


@pytest.mark.slow
@pytest.mark.parametrize(
    "corpus",
    [
        [values for values, _ in SCHEMA_CORPUS],
        [values for values, _ in list(REFUSED.values())[::5]],
        [read_values(str(path)) for path in (*EXAMPLES, *CI)],
        [
            {"decode": None},
            {"engine": {"args": None}},
            {"decode": {"replicas": None}},
            {"global": {"x": 1}},
            {"x": None},
        ],
    ],
    ids=["schema", "refused", "examples", "null"],
)
def test_the_compiled_schema_and_helms_validator_agree(
    validators: tuple[EmbeddedHelm, EmbeddedHelm], corpus: list[dict[str, Any]]
) -> None:
    compiled, by_helm = validators
    for values in corpus:
        assert outcome(compiled, values) == outcome(by_helm, values), values


def test_a_render_after_the_first_does_not_leave_validation_to_helm(
    embedded: EmbeddedHelm, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.render({}, Release())
    assert embedded._chart_for({}).schema is None
    assert embedded._chart_for({"decod": 1}).schema is not None


def test_ignored_files_are_not_in_the_chart_without_its_schema(tmp_path: Path) -> None:
    chart = toy(tmp_path / "toy", "kind: A\nmetadata: {name: a}\n")
    (chart / "templates" / "a.yaml.orig").write_text("kind: B\nmetadata: {name: b}\n")
    (chart / ".helmignore").write_text("*.orig\n")
    (chart / "values.schema.json").write_text("{}")
    renderer = EmbeddedHelm(chart)
    first, second = (renderer.render({}, Release()) for _ in range(2))
    assert first == second
    assert [obj["kind"] for obj in second.objects] == ["A"]


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
    with pytest.raises(UsageError, match="not a chart"):
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
        ("- 1\n", "not a Kubernetes object"),
        ("hello\n", "not a Kubernetes object"),
        ("kind: A\nmetadata: []\n", "not a Kubernetes object"),
        ("metadata: {name: a}\n", "without a kind"),
    ],
)
def test_a_template_that_renders_no_object_is_named(tmp_path: Path, template: str, words: str) -> None:
    rendered = EmbeddedHelm(toy(tmp_path, template)).render({}, Release())
    with pytest.raises(ModelserviceError, match=f"^toy/templates/a.yaml: .*{words}"):
        _ = rendered.objects


@pytest.mark.parametrize("name", ["A B", "", "-a", "a.", "x" * 54])
def test_a_release_name_that_helm_refuses_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="not a release name"):
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


def sections(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The keys of all sections of values."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"{above}{key}"
            yield from sections(value, f"{above}{key}.")


@pytest.mark.slow
def test_helms_own_log_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    keys = list(sections(read_defaults(chart_dir())))
    assert len(keys) > 50
    for key, given in zip(keys, itertools.cycle(["[1]", '"text"', "7"]), strict=False):
        with pytest.raises(SystemExit):
            main(["render", "--set-json", f"{key}={given}"])
        lines = capfd.readouterr().err.splitlines()
        assert lines and all(line.startswith(("error: ", "warning: ")) for line in lines), key
        assert any(key in line for line in lines) and not any("map[" in line for line in lines), key


@pytest.mark.executable
def test_the_log_of_a_helm_executable_is_not_in_front_of_its_error(executable: HelmExecutable) -> None:
    with pytest.raises(ValuesError) as error:
        executable.render({"engine": {"args": ["--a"]}}, Release())
    assert str(error.value) == "engine.args: got array, want object; use a map"


def test_a_section_that_no_schema_guards_is_warned_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: other, version: 1.0.0}\n")
    (tmp_path / "values.yaml").write_text("section: {below: {key: 1}}\n")
    (tmp_path / "templates" / "a.yaml").write_text("{kind: ConfigMap, apiVersion: v1, metadata: {name: a}}\n")
    with pytest.raises(SystemExit):
        main(["render", "--chart", str(tmp_path), "--set-json", "section.below=[1]"])
    assert capfd.readouterr().err.startswith("warning: section.below: a section of the chart's values meets another")
