"""The schema, values.yaml and README tables come from the models, and Helm, jsonschema and pydantic agree."""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import pydantic
import pytest
import yaml

from modelservice.docs import outputs
from modelservice.docs.keys import leaves, models, plain
from modelservice.values import Values
from modelservice.values.scalars import WORDS
from support.render import ROOT

CHART = ROOT / "charts" / "llm-d-modelservice"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
OWN = {name: item for name, item in SCHEMA["definitions"].items() if "." not in name}
"""Definitions of the chart's own models; Kubernetes' have a dotted name."""

OPEN_OBJECTS = {"Global"}
"""Models that take unknown keys: other charts' globals. This set may only shrink."""

OPEN_FIELDS = {"common", "extraObjects", "Engine.args", "Epp.pluginsConfig"}
"""Fields whose content is anybody's. This set may only shrink."""


def test_generated_files_are_current() -> None:
    assert outputs.check(ROOT) == []


def test_the_schema_is_draft_7_and_needs_no_network() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    text = (CHART / "values.schema.json").read_text()
    references = set(re.findall(r'"\$ref":"([^"]*)"', text))
    assert {reference.removeprefix("#/definitions/") for reference in references} <= set(SCHEMA["definitions"])
    assert '"$id"' not in text


def test_every_definition_is_used() -> None:
    text = (CHART / "values.schema.json").read_text()
    used = {reference.removeprefix("#/definitions/") for reference in re.findall(r'"\$ref":"([^"]*)"', text)}
    assert set(SCHEMA["definitions"]) - used == set()


@pytest.mark.parametrize("name", [*OWN, "root"])
def test_every_object_is_closed(name: str) -> None:
    definition = SCHEMA if name == "root" else OWN[name]
    assert (definition.get("additionalProperties") is False) != (name in OPEN_OBJECTS)


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in {**OWN, "": SCHEMA}.items():
        for field, schema in definition["properties"].items():
            yield f"{name}.{field}".strip("."), schema


@pytest.mark.parametrize(("name", "field"), list(fields()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_leaf_is_described_typed_and_bounded(name: str, field: dict[str, Any]) -> None:
    assert field.get("description", "").strip(), "no description"
    if "$ref" in field:
        return
    for part in [field, *field.get("anyOf", [])]:
        types = part.get("type", [])
        if "integer" in ([types] if isinstance(types, str) else types):
            assert "minimum" in part and "maximum" in part, "a number without bounds"
        if "object" in ([types] if isinstance(types, str) else types) and name not in OPEN_FIELDS:
            assert "properties" in part or part.get("additionalProperties") not in (None, True), "an open object"
        if "array" in ([types] if isinstance(types, str) else types) and name not in OPEN_FIELDS:
            assert part.get("items"), "an open list"


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(item)


def test_defaults_are_those_of_the_models() -> None:
    for model in models(Values):
        definition = SCHEMA if model is Values else OWN.get(model.__name__, {"properties": {}})
        for name, field in model.model_fields.items():
            schema = definition["properties"].get(field.alias or name, {})
            assert schema.get("default", plain(field.default)) == plain(field.default), f"{model.__name__}.{name}"


def test_no_default_is_null_or_has_a_map_in_a_list() -> None:
    """Editors would insert the word null, and ``[object Object]``."""
    defaults = [part["default"] for part in parts(SCHEMA) if "description" in part and "default" in part]
    assert defaults
    assert [default for default in defaults if re.search(r"\[\{|null", json.dumps(default))] == []


def test_every_pattern_has_a_message_in_words() -> None:
    patterns = [part for part in parts(SCHEMA) if isinstance(part.get("pattern"), str)]
    assert patterns
    assert [part["pattern"] for part in patterns if WORDS[part["pattern"]] not in part["patternErrorMessage"]] == []


def test_descriptions_are_one_paragraph_each() -> None:
    assert not [part for part in parts(SCHEMA) if "\n" in str(part.get("description"))]


def test_deprecated_fields_say_what_to_do_instead() -> None:
    deprecated = [part for part in parts(SCHEMA) if part.get("deprecated") is True]
    assert deprecated
    assert all(part["deprecationMessage"] for part in deprecated)


def test_defaults_and_examples_are_valid() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert list(validator.iter_errors(yaml.safe_load((CHART / "values.yaml").read_text()))) == []
    for name, field in fields():
        for example in field.get("examples", []):
            inner = jsonschema.Draft7Validator({**field, "definitions": SCHEMA["definitions"]})
            assert list(inner.iter_errors(example)) == [], name


def keys(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{prefix}{key}"
            yield from keys(item, f"{prefix}{key}.")


def test_values_and_models_name_the_same_keys() -> None:
    given = set(keys(yaml.safe_load((CHART / "values.yaml").read_text())))
    known = {leaf.path for leaf in leaves(Values) if "[]" not in leaf.path and ".*" not in leaf.path}
    unset = ("engine.resources.", "engine.ollama.", "engine.huggingface.", "modelArtifacts.download.resources.")
    optional = {path for path in known if path.startswith((*unset, "decode.", "prefill.", "routing."))}
    assert known - given <= optional
    unknown = {key for key in given if not any(key == leaf or leaf.startswith(f"{key}.") for leaf in known)}
    maps = (
        "modelArtifacts.labels.", "routing.epp.", "accelerator.", "routing.proxy.securityContext.", "monitoring.dashboard.labels.",
        "test.securityContext.", "test.resources.",
    )  # fmt: skip
    assert {key for key in unknown if not key.startswith(maps)} == set()


def test_values_yaml_passes_the_linter() -> None:
    command = [
        sys.executable,
        "-m",
        "yamllint",
        "--strict",
        "--config-file",
        str(ROOT / ".github/ct/lintconf.yaml"),
        str(CHART / "values.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_message_word_belongs_to_a_pattern_of_the_schema() -> None:
    text = (CHART / "values.schema.json").read_text()
    unused = [pattern for pattern in WORDS if json.dumps(pattern)[1:-1] not in text]
    assert unused == []


CORPUS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"decode": {"replicas": 0}}, True),
    ({"decode": {"replicas": "1"}}, False),
    ({"decode": {"replicas": 1.5}}, False),
    ({"decode": {"replicas": True}}, False),
    ({"decode": {"replicas": -1}}, False),
    ({"decode": {"parallelism": {"tensor": None}}}, True),
    ({"decode": {"parallelism": {"dataMode": "hybrid"}}}, True),
    ({"decode": {"parallelism": {"dataMode": "both"}}}, False),
    ({"decod": {}}, False),
    ({"engine": {"args": {"a": 1, "b": None, "c": [1], "d": {"x": 1}, "e": True, "f": 0.5}}}, True),
    ({"engine": {"args": {"A": 1}}}, False),
    ({"engine": {"env": {"A": 1, "B": {"valueFrom": {"fieldRef": {"fieldPath": "x"}}}, "C": None}}}, True),
    ({"engine": {"env": {"A": {"valueFrm": {}}}}}, False),
    ({"engine": {"env": {"A": ["x"]}}}, False),
    ({"engine": {"resources": {"limits": {"cpu": 1, "memory": "1Gi", "nvidia.com/gpu": "1"}}}}, True),
    ({"engine": {"resources": {"limits": {"gpu": 1}}}}, False),
    ({"engine": {"resources": {"limits": {"cpu": "one"}}}}, False),
    ({"engine": {"resources": {"limits": {"cpu": -1}}}}, False),
    ({"engine": {"livenessProbe": {"httpGet": {"port": 8000}}}}, True),
    ({"engine": {"livenessProbe": {"httpGet": {"port": "http"}}}}, True),
    ({"engine": {"livenessProbe": {"httpGet": {}}}}, False),
    ({"engine": {"livenessProbe": {"http": {}}}}, False),
    ({"decode": {"containers": [{"ports": [{"containerPort": "{{ .Values.x }}"}]}]}}, True),
    ({"decode": {"containers": [{"ports": [{"containerPort": "http"}]}]}}, False),
    ({"decode": {"containers": [{"ports": [{"containerPort": 0}]}]}}, False),
    ({"decode": {"containers": [{"volumeMounts": None, "env": None}]}}, True),
    ({"decode": {"containers": [{"env": [{"name": "A", "value": "1"}]}]}}, True),
    ({"decode": {"containers": [{"env": [{"value": "1"}]}]}}, False),
    ({"decode": {"containers": {}}}, False),
    ({"decode": {"extraConfig": {"hostNetwork": True}}}, True),
    ({"decode": {"extraConfig": {"hostNetwrk": True}}}, False),
    ({"decode": {"affinity": {"nodeAffinity": {}}}}, True),
    ({"decode": {"affinity": {"nodeAfinity": {}}}}, False),
    ({"decode": {"tolerations": [{"key": "a", "tolerationSeconds": "1"}]}}, False),
    ({"decode": {"volumes": [{"name": "a", "emptyDir": {"sizeLimit": "1Gi"}}]}}, True),
    ({"decode": {"volumes": [{"emptyDir": {}}]}}, False),
    ({"decode": {"subGroupExclusiveTopology": True}}, True),
    ({"decode": {"subGroupExclusiveTopology": "a/b"}}, True),
    ({"decode": {"subGroupExclusiveTopology": 1}}, False),
    ({"decode": {"rolloutStrategy": {"rollingUpdateConfiguration": {"maxUnavailable": "25%"}}}}, True),
    ({"decode": {"rolloutStrategy": {"rollingUpdateConfiguration": {"maxUnavailable": "x"}}}}, False),
    ({"decode": {"acceleratorTypes": {"labelKey": ""}}}, True),
    ({"routing": {"servicePort": 99999}}, False),
    ({"routing": {"proxy": {"zapLogLevel": 4}}}, True),
    ({"routing": {"proxy": {"zapLogLevel": "debug"}}}, True),
    ({"routing": {"proxy": {"zapLogLevel": "loud"}}}, False),
    ({"routing": {"proxy": {"connector": "pigeon"}}}, False),
    ({"routing": {"proxy": {"version": "0.10"}}}, True),
    ({"routing": {"proxy": {"version": "latest"}}}, False),
    ({"routing": {"epp": {"create": False, "anything": 1}}}, False),
    ({"routing": {"inferenceModel": {"create": False}}}, True),
    ({"routing": {"httpRoute": {"matches": [{"headers": [{"name": "x-model", "value": "m"}]}]}}}, True),
    ({"routing": {"httpRoute": {"matches": [{"header": []}]}}}, False),
    ({"routing": {"httpRoute": {"timeouts": {"request": None}}}}, True),
    ({"routing": {"httpRoute": {"timeouts": {"request": "10"}}}}, False),
    ({"routing": {"loadBalancing": {"strategy": "RoundRobin"}}}, False),
    ({"routing": {"epp": {"pluginsConfig": {"plugins": [{"type": "x", "parameters": {"a": [1]}}]}}}}, True),
    ({"decode": {"autoscaling": {"type": "keda", "triggers": [{"type": "cron", "metadata": {"a": "b"}}]}}}, True),
    ({"decode": {"autoscaling": {"triggers": [{"type": "cron"}]}}}, False),
    ({"decode": {"autoscaling": {"idleReplicas": 1}}}, False),
    (
        {
            "decode": {
                "autoscaling": {
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                        }
                    ]
                }
            }
        },
        True,
    ),
    ({"decode": {"autoscaling": {"metrics": [{"type": "Resource", "resourc": {}}]}}}, False),
    ({"decode": {"autoscaling": {"behavior": {"scaleDown": {"stabilizationWindowSecond": 1}}}}}, False),
    ({"modelArtifacts": {"labels": {"a": "b"}}}, True),
    ({"modelArtifacts": {"labels": {"a": 1}}}, False),
    ({"modelArtifacts": {"labels": {"a": "b c"}}}, False),
    ({"modelArtifacts": {"size": 1000}}, True),
    ({"modelArtifacts": {"authSecretName": "A"}}, False),
    ({"accelerator": {"resources": {"spyre": "ibm.com/spyre_vf"}}}, True),
    ({"accelerator": {"resources": {"spyre": "spyre"}}}, False),
    ({"accelerator": {"resourceClaimTemplates": {"nvidia": {"class": "x", "count": 33}}}}, False),
    ({"accelerator": {"resourceClaimTemplates": {"nvidia": {"selectors": [{"cel": {"expression": "x"}}]}}}}, True),
    ({"accelerator": {"resourceClaimTemplates": {"nvidia": {"selectors": [{"cel": {}}]}}}}, False),
    ({"global": {"imageRegistry": "x", "other": {"chart": 1}}}, True),
    ({"global": {"imageRegistry": 1}}, False),
    ({"common": {"anything": [1]}}, True),
    ({"extraObjects": ["text", {"kind": "ConfigMap"}]}, True),
    ({"extraObjects": [1]}, False),
    ({"fullnameOverride": "UPPER"}, False),
]


@pytest.fixture(scope="module")
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


@pytest.mark.parametrize(("values", "valid"), CORPUS, ids=lambda value: json.dumps(value)[:70])
def test_helm_jsonschema_and_pydantic_agree(chart: helm_python.Chart, values: dict[str, Any], valid: bool) -> None:
    verdicts = {"jsonschema": jsonschema.Draft7Validator(SCHEMA).is_valid(values)}
    try:
        chart.validate_schema(values)
        verdicts["helm"] = True
    except helm_python.HelmValuesError:
        verdicts["helm"] = False
    try:
        Values.model_validate(values)
        verdicts["pydantic"] = True
    except pydantic.ValidationError:
        verdicts["pydantic"] = False
    assert verdicts == dict.fromkeys(verdicts, valid)


def test_the_packaged_chart_still_refuses(tmp_path: Path) -> None:
    archive = Path(helm_python.package(CHART, destination=tmp_path))
    with tarfile.open(archive) as contents:
        names = contents.getnames()
    assert "llm-d-modelservice/values.schema.json" in names
    assert not [name for name in names if name.startswith("llm-d-modelservice/ci/")]
    with pytest.raises(helm_python.HelmValuesError, match="decod"):
        helm_python.Chart.load(archive).render({"decod": {}}, name="test", namespace="default")


def test_it_works_as_a_subchart(tmp_path: Path) -> None:
    """Helm gives a subchart the parent's globals, and the parent's condition key."""
    parent = tmp_path / "parent"
    (parent / "charts").mkdir(parents=True)
    (parent / "Chart.yaml").write_text("apiVersion: v2\nname: parent\nversion: 0.1.0\n")
    (parent / "values.yaml").write_text("global: {imageRegistry: mirror.example.com, theirs: 1}\n")
    (parent / "charts" / CHART.name).symlink_to(CHART)
    rendered = helm_python.Chart.load(parent).render({}, name="test", namespace="default")
    assert "mirror.example.com/llm-d/llm-d-inference-sim" in "".join(rendered.values())
