"""Which value made a line, found by rendering."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from modelservice.cli import main
from modelservice.errors import UsageError
from modelservice.explain.address import Address, at, parse
from modelservice.explain.batch import REFUSAL, Batch
from modelservice.explain.changes import Changeable
from modelservice.explain.line import Line
from modelservice.explain.screen import Screen
from modelservice.explain.trace import explain
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import read_values
from modelservice.kubernetes.dotted import MISSING
from modelservice.model.pods import reference
from modelservice.paths import chart_dir
from modelservice.sources import Path as KeyPath
from modelservice.sources import Sources, dotted, read_layers
from support.render import ROOT

pytestmark = pytest.mark.slow

PD = """\
modelArtifacts: {name: m, uri: hf://m/m, size: 1Gi}
engine: {image: 'vllm/vllm-openai:v0.32.0', modelCommand: vllmServe}
decode:
  replicas: 2
  parallelism:
    tensor: 2
prefill: {create: false}
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["explain", *arguments])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def values(tmp_path: Path) -> Path:
    file = tmp_path / "values.yaml"
    file.write_text(PD)
    return file


def test_a_line_is_traced_to_the_keys_with_their_lines(values: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(
        capsys, "-f", str(values), "Deployment/decode.spec.template.spec.containers[vllm].resources", "--format=json"
    )
    found = json.loads(output)
    keys = {item["key"]: item["places"] for item in found["values"]}
    assert found["value"] == {"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}}
    assert found["template"] == "llm-d-modelservice/templates/deployment.yaml"
    assert keys["decode.parallelism.tensor"] == [f"{values}:6"]
    assert keys["accelerator.type"] == []  # the chart's default
    assert "decode.replicas" not in keys
    assert "modelArtifacts.size" not in keys


def test_every_layer_that_wrote_the_key_is_shown(
    values: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = tmp_path / "layer.yaml"
    layer.write_text("decode:\n  replicas: 5\n")
    output = run(capsys, "-f", str(values), "-f", str(layer), "Deployment/decode.spec.replicas", "--format", "json")
    keys = {item["key"]: item for item in json.loads(output)["values"]}
    assert keys["decode.replicas"]["value"] == 5
    assert keys["decode.replicas"]["places"] == [f"{values}:4", f"{layer}:2"]
    assert keys["decode.autoscaling.enabled"]["places"] == []


def test_what_if_shows_only_what_would_change(values: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "-f", str(values), "--what-if", "decode.replicas=3")
    changed = [line for line in output.splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == ["-  replicas: 2", "+  replicas: 3"]


@pytest.mark.parametrize(
    ("example", "line"),
    [
        ("values-pd", "Deployment/prefill.spec.replicas"),
        ("values-production", "PodDisruptionBudget/decode.spec"),
        ("values-dra", "ResourceClaimTemplate/nvidia-claim-template-decode.spec.spec.devices"),
    ],
)
def test_the_quick_way_finds_what_changing_every_value_in_the_whole_chart_finds(
    monkeypatch: pytest.MonkeyPatch, example: str, line: str
) -> None:
    """Compare the keys that the line depends on and some of the many others."""
    sources = Sources(read_layers([str(ROOT / "examples" / f"{example}.yaml")]))
    quick = explain(line, sources, chart_dir(), EmbeddedHelm, Release("x"))
    found = {item.key for item in quick.dependencies}

    def some(every: Callable[[Changeable], list[KeyPath]]) -> property:
        return property(
            lambda self: [path for i, path in enumerate(every(self)) if dotted(path) in found or i % 60 == 0]
        )

    for name in ("given", "defaults"):
        monkeypatch.setattr(Changeable, name, some(getattr(Changeable, name).func))
    assert found
    assert quick == explain(line, sources, chart_dir(), EmbeddedHelm, Release("x"), thorough=True)


def test_what_the_user_wrote_comes_first_in_the_order_of_the_file(
    values: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values.write_text(f"accelerator: {{type: amd}}\n{PD}")
    line = "Deployment/decode.spec.template.spec.containers[vllm].resources"
    shown = run(capsys, "-f", str(values), line).splitlines()
    start = shown.index("depends on")
    keys = [row.split()[0] for row in shown[start + 1 : -1]]
    assert keys == ["accelerator.type", "decode.parallelism.tensor"]
    assert f"({values}:7)" in shown[-2]
    assert shown[-1].startswith("defaults that may matter too (--all lists them): ")
    assert " accelerator.dra," in shown[-1]


def test_all_lists_the_defaults_with_their_values(values: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "-f", str(values), "Deployment/decode.spec.replicas", "--all")
    assert "  decode.autoscaling.enabled = false  (default)" in shown.partition("and on defaults")[2].splitlines()


def test_a_value_of_set_is_no_default(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "--set", "decode.replicas=3", "Deployment/decode.spec.replicas")
    assert "  decode.replicas = 3  (--set)" in shown.splitlines()


def test_every_refusal_of_the_chart_is_spelt_so_that_it_can_be_switched_off() -> None:
    for template in (chart_dir() / "templates").rglob("*.*"):
        text = re.sub(r"\{\{-? ?/\*.*?\*/ ?-?\}\}", "", template.read_text(), flags=re.DOTALL)
        code = "".join(re.findall(r"\{\{(.*?)\}\}", re.sub(r'"(?:\\.|[^"\\])*"|`[^`]*`', '""', text), re.DOTALL))
        assert len(re.findall(r"\bfail\b", code)) == len(REFUSAL.findall(text)), template.name


@pytest.mark.parametrize("values", ["values-complete.yaml", "values-multinode.yaml", "values-dra.yaml"])
def test_every_template_can_be_rendered_in_a_batch(tmp_path: Path, embedded: EmbeddedHelm, values: str) -> None:
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"a": "b"}}
    given = {**read_values(str(ROOT / "examples" / values)), "extraObjects": [extra]}
    rendered = embedded.render(given, Release("x"))
    changeable = Changeable(given, chart_dir(), [])
    objects = {rendered.template_of(obj): obj for obj in rendered.objects}
    for number, (template, obj) in enumerate(objects.items()):
        line = Line.of(Address(reference(obj), "metadata.name"), obj, rendered)
        batch = Batch(chart_dir(), template, tmp_path / str(number), EmbeddedHelm, Release("x"))
        assert Screen(line, changeable, batch).usable, template


OBJECTS = [{"kind": "Deployment", "metadata": {"name": "a.b-decode"}, "spec": {"list": [{"name": "x", "port": 1}]}}]


@pytest.mark.parametrize("text", ["Deployment/a.b-decode.spec.list[x].port", "deployment/decode.spec.list[0].port"])
def test_names_may_have_dots_and_be_shortened(text: str) -> None:
    address, obj = parse(text, OBJECTS)
    assert str(address) == f"Deployment/a.b-decode.spec.list[{'x' if '[x]' in text else '0'}].port"
    assert at(obj, address.path) == 1
    assert at(obj, "spec.nothing") is MISSING


@pytest.mark.parametrize("text", ["Deployment.spec.list[x].port", "deployment.spec.labels.a.b/c"])
def test_the_only_object_of_a_kind_needs_no_name(text: str) -> None:
    objects = [{**OBJECTS[0], "spec": {"list": [{"name": "x", "port": 1}], "labels": {"a": {"b/c": 1}}}}]
    address, obj = parse(text, objects)
    assert address.object == "Deployment/a.b-decode" and at(obj, address.path) == 1
    with pytest.raises(
        UsageError, match=r"several objects of this kind; use one of Deployment/a\.b-decode, Deployment/b"
    ):
        parse(text, [*objects, {"kind": "Deployment", "metadata": {"name": "b"}}])


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("Service/x", "Deployment/a.b-decode"),
        ("Deployment/other", "Deployment/a.b-decode"),
        ("Deployment/decode.spec.lst", "list"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(text: str, fix: str) -> None:
    with pytest.raises(UsageError, match=fix):
        parse(text, OBJECTS)


def test_a_file_without_values_is_explained_by_the_charts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.yaml").touch()
    shown = run(capsys, "-f", str(tmp_path / "empty.yaml"), "Deployment/decode.spec.replicas", "--all")
    assert "depends on nothing that was set" in shown
    assert "decode.replicas = 1  (default)" in shown


def test_a_revision_depends_on_what_both_roles_have_in_common(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("routing: {revisionGating: {enabled: true}}\n")
    given = ("-f", str(ROOT / "examples/values-pd.yaml"), "-f", str(file))
    label = "Deployment/decode.spec.template.metadata.labels[llm-d.ai/pd-revision]"
    found = run(capsys, *given, label)
    assert {"engine.image", "modelArtifacts.uri", "routing.revisionGating.enabled"} <= set(
        re.findall(r"^  (\S+) = ", found, flags=re.MULTILINE)
    )
    assert "replicas" not in found.partition("defaults")[0]
