"""The generators over a small model: what a shape of field becomes in the schema, in values.yaml and in the tables.

``test_schema.py`` holds the chart's own schema to its promises; here each rule of the generation is shown alone.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import helm_python
import jsonschema
import pydantic
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from modelservice.docs import outputs
from modelservice.docs.keys import leaves
from modelservice.docs.schema import json_schema
from modelservice.docs.values import values_table, values_yaml
from modelservice.errors import ModelserviceError
from modelservice.kubernetes.types import Kubernetes
from modelservice.paths import CHART
from support.render import ROOT

pytestmark = pytest.mark.slow

PodFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSpec", partial=True)]
Probe = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Probe")]
Toleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Toleration")]
Volume = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Volume")]


class Closed(BaseModel):
    """The settings of the chart's own models."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, populate_by_name=True)


class Parent(Closed):
    """Reached through an alias."""

    registry: str = ""
    """Registry of all images."""


class Disk(Closed):
    """Reached through a list."""

    name: str
    """Name of the disk."""
    gigabytes: Annotated[int, Field(ge=1, le=64)] | None = None
    """Its size."""


class Job(Closed):
    """Used twice."""

    replicas: Annotated[int, Field(ge=0, le=9)] = 1
    """Number of pods."""
    policy: Literal["Always", "Never"] | None = None
    """When it is pulled, `Always` | `Never`."""
    label: Annotated[str, Field(pattern="^[a-z]+$")] | None = None
    """A label."""
    target: Annotated[int, Field(ge=1, le=65535)] | str | None = None
    """A port or its name."""
    disks: list[Disk] | None = None
    """Disks."""
    tolerations: list[Toleration] = []
    """Tolerations."""
    volumes: list[Volume] | None = None
    """Volumes."""
    probe: Probe | None = None
    """A probe."""
    fragment: PodFragment | None = None
    """Any other field of the pod."""


LONG = " ".join(["Words that have to be wrapped because no reader scrolls sideways."] * 3)


class Toy(Closed):
    """Every shape of field that a values model has."""

    global_: Parent = Field(default=Parent(), alias="global")
    """What a parent chart hands down."""
    long: Annotated[str, Field(description=LONG)] = "text"
    labels: dict[str, str] = {}
    """Labels."""
    first: Job = Job()
    """One job."""
    second: Job = Job(replicas=0)
    """Another job."""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema(Toy)


@pytest.fixture(scope="module")
def job(schema: dict[str, Any]) -> dict[str, Any]:
    """Properties of the model that is used twice."""
    properties: dict[str, Any] = schema["definitions"]["Job"]["properties"]
    return properties


def followed(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    """The definition a field refers to."""
    definition: dict[str, Any] = schema["definitions"][field["$ref"].removeprefix("#/definitions/")]
    return definition


def words(node: Any) -> set[str]:
    """All keywords and property names in a schema."""
    if isinstance(node, dict):
        return set(node) | {word for item in node.values() for word in words(item)}
    return {word for item in node for word in words(item)} if isinstance(node, list) else set()


# ---------------------------------------------------------------------------------------------
# Schema
# ---------------------------------------------------------------------------------------------


def test_generation_is_repeatable() -> None:
    assert json.dumps(json_schema(Toy)) == json.dumps(json_schema(Toy))
    assert values_yaml(Toy) == values_yaml(Toy)


def test_the_schema_is_valid_draft_7_and_refers_only_to_itself(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not words(schema) & {"$id", "$defs", "x-kubernetes-type", "x-kubernetes-partial"}


def test_objects_are_closed_and_keyed_by_alias(schema: dict[str, Any]) -> None:
    assert schema["additionalProperties"] is False
    assert schema["definitions"]["Disk"]["additionalProperties"] is False
    assert "global" in schema["properties"]
    assert "global_" not in schema["properties"]


def test_the_second_use_of_a_model_refers_to_the_same_definition(schema: dict[str, Any]) -> None:
    assert schema["properties"]["first"]["$ref"] == schema["properties"]["second"]["$ref"]


def test_bounds_survive(job: dict[str, Any]) -> None:
    assert (job["replicas"]["minimum"], job["replicas"]["maximum"]) == (0, 9)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("policy", {"type": ["string", "null"], "enum": ["Always", "Never", None]}),
        ("label", {"type": ["string", "null"], "pattern": "^[a-z]+$"}),
        ("disks", {"type": ["array", "null"], "items": {"$ref": "#/definitions/Disk"}}),
    ],
)
def test_null_is_one_of_the_types_of_an_optional_field(
    job: dict[str, Any], field: str, expected: dict[str, Any]
) -> None:
    assert {key: job[field][key] for key in expected} == expected
    assert "anyOf" not in job[field]


def test_an_optional_bounded_number_keeps_its_bounds(schema: dict[str, Any]) -> None:
    size = schema["definitions"]["Disk"]["properties"]["gigabytes"]
    assert (size["type"], size["minimum"], size["maximum"]) == (["integer", "null"], 1, 64)


def test_definitions_take_null_instead_of_an_anyof_around_them(schema: dict[str, Any], job: dict[str, Any]) -> None:
    assert "anyOf" not in job["probe"]
    assert "null" in followed(schema, job["probe"])["type"]
    assert "null" in schema["definitions"]["Disk"]["type"]


def test_docstrings_are_descriptions(job: dict[str, Any]) -> None:
    assert job["replicas"]["description"] == "Number of pods."
    assert job["probe"]["description"] == "A probe."


def test_equal_patterns_are_compiled_once() -> None:
    label = Annotated[str, Field(pattern="^[a-z]+$")]

    class Pair(Closed):
        first: label = "a"
        """One."""
        second: label = "b"
        """Another."""
        alone: Annotated[str, Field(pattern="^[0-9]+$")] = "1"
        """Has no equal."""

    schema = json_schema(Pair)
    first, second = schema["properties"]["first"], schema["properties"]["second"]
    assert first["$ref"] == second["$ref"]
    assert followed(schema, first) == {"pattern": "^[a-z]+$", "type": "string"}
    assert (first["description"], first["default"], second["default"]) == ("One.", "a", "b")
    assert schema["properties"]["alone"]["pattern"] == "^[0-9]+$"


def test_an_object_and_its_fragment_share_their_fields() -> None:
    container = "io.k8s.api.core.v1.Container"

    class Pod(Closed):
        whole: Annotated[dict[str, Any], Kubernetes(container)] = {}
        """A container."""
        fragment: Annotated[dict[str, Any], Kubernetes(container, partial=True)] = {}
        """Fields of one."""

    definition = json_schema(Pod)["definitions"]["core.v1.Container"]
    assert definition == {"allOf": [{"$ref": "#/definitions/core.v1.Container.partial"}], "required": ["name"]}


# ---------------------------------------------------------------------------------------------
# Kubernetes types
# ---------------------------------------------------------------------------------------------


def test_a_fragment_requires_nothing_and_stays_closed(schema: dict[str, Any], job: dict[str, Any]) -> None:
    pod = followed(schema, job["fragment"])
    assert "required" not in pod
    assert pod["additionalProperties"] is False


def test_a_fragment_is_loose_at_its_top_only(schema: dict[str, Any], job: dict[str, Any]) -> None:
    containers = followed(schema, job["fragment"])["properties"]["containers"]
    assert followed(schema, containers["items"])["required"] == ["name"]


def test_embedded_types_carry_neither_descriptions_nor_extensions(schema: dict[str, Any], job: dict[str, Any]) -> None:
    toleration = followed(schema, job["tolerations"]["items"])
    assert "description" not in words(toleration)
    assert toleration["properties"]["tolerationSeconds"] == {"type": ["integer", "null"]}
    assert not [word for word in words(schema) if word.startswith("x-")]


def test_an_unknown_type_is_an_error() -> None:
    class Wrong(Closed):
        field: Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Tolerance")] = {}
        """A field."""

    with pytest.raises(KeyError, match="Tolerance"):
        json_schema(Wrong)


def test_pydantic_names_the_place_in_a_kubernetes_object() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"Toleration: /tolerationSeconds: .*integer"):
        Toy.model_validate({"first": {"tolerations": [{"tolerationSeconds": "soon"}]}})


def test_values_are_validated_without_the_development_package() -> None:
    program = (
        "import sys; sys.modules['kubernetes_validate'] = None\n"
        "from pydantic import TypeAdapter, ValidationError\n"
        "from modelservice.values.kubernetes import Toleration\n"
        "adapter = TypeAdapter(Toleration)\n"
        "adapter.validate_python({'key': 'gpu'})\n"
        "try: adapter.validate_python({'kee': 'gpu'})\n"
        "except ValidationError: sys.exit(0)\n"
        "sys.exit('a typo passed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------------------------------
# Agreement of the validators
# ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy_chart(schema: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> helm_python.Chart:
    """A chart of the generated files and one template."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: toy\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text(values_yaml(Toy))
    (folder / "values.schema.json").write_text(json.dumps(schema))
    (folder / "templates" / "replicas.yaml").write_text("replicas: {{ .Values.second.replicas }}\n")
    return helm_python.Chart.load(folder)


def accepted(check: Callable[[], object], refusal: type[Exception]) -> bool:
    try:
        check()
    except refusal:
        return False
    return True


@pytest.mark.parametrize(
    ("job", "valid"),
    [
        ({}, True),
        ({"replicas": 9}, True),
        ({"replicas": 10}, False),
        ({"replicas": "1"}, False),
        ({"replicas": True}, False),
        ({"replica": 1}, False),
        ({"policy": None}, True),
        ({"policy": "Never"}, True),
        ({"policy": "never"}, False),
        ({"label": "abc"}, True),
        ({"label": "ABC"}, False),
        ({"target": 80}, True),
        ({"target": "http"}, True),
        ({"target": 0}, False),
        ({"target": None}, True),
        ({"disks": None}, True),
        ({"disks": [{"name": "a", "gigabytes": None}]}, True),
        ({"disks": [{"gigabytes": 1}]}, False),
        ({"disks": [{"name": "a", "gigabytes": 65}]}, False),
        ({"tolerations": [{"key": "a", "tolerationSeconds": None}]}, True),
        ({"tolerations": [{"kee": "a"}]}, False),
        ({"tolerations": {"key": "a"}}, False),
        ({"volumes": [{"name": "a", "emptyDir": {"sizeLimit": "1Gi"}}]}, True),
        ({"volumes": [{"name": "a", "emptyDir": {"sizeLimit": 1}}]}, True),
        ({"volumes": [{"name": "a", "emptyDir": {"sizeLimit": None}}]}, True),
        ({"volumes": [{"name": "a", "emptyDir": None}]}, True),
        ({"volumes": [{"name": "a", "emptyDir": {"sizeLimit": True}}]}, False),
        ({"volumes": [{"emptyDir": {}}]}, False),
        ({"probe": {"httpGet": {"port": 80}}}, True),
        ({"probe": {"httpGet": {"port": "http"}}}, True),
        ({"probe": {"httpGet": {"port": 0.5}}}, False),
        ({"probe": {"httpGet": {}}}, False),
        ({"fragment": {"hostNetwork": True}}, True),
        ({"fragment": {"initContainers": [{"name": "a", "volumeMounts": None, "env": None}]}}, True),
        ({"fragment": {"initContainers": [{"image": "a"}]}}, False),
        ({"fragment": {"hostNetwrk": True}}, False),
    ],
    ids=json.dumps,
)
def test_helm_jsonschema_and_pydantic_agree(
    toy_chart: helm_python.Chart, schema: dict[str, Any], job: dict[str, Any], valid: bool
) -> None:
    values = {"first": job}
    verdicts = {
        "jsonschema": jsonschema.Draft7Validator(schema).is_valid(values),
        "helm": accepted(lambda: toy_chart.validate_schema(values), helm_python.HelmValuesError),
        "pydantic": accepted(lambda: Toy.model_validate(values), pydantic.ValidationError),
    }
    assert verdicts == dict.fromkeys(verdicts, valid)


def test_helm_says_in_one_line_what_an_optional_field_may_hold(toy_chart: helm_python.Chart) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=r"/first/label': got number, want null or string"):
        toy_chart.validate_schema({"first": {"label": 1}})


def test_helm_renders_with_the_generated_defaults(toy_chart: helm_python.Chart) -> None:
    (text,) = toy_chart.render({}, name="test", namespace="default").values()
    assert yaml.safe_load(text) == {"replicas": 0}


# ---------------------------------------------------------------------------------------------
# values.yaml
# ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def text() -> str:
    return values_yaml(Toy)


def test_values_yaml_holds_every_default(text: str) -> None:
    assert yaml.safe_load(text) == Toy().model_dump(by_alias=True)


def test_values_yaml_is_accepted_by_its_own_schema_and_model(text: str, schema: dict[str, Any]) -> None:
    values = yaml.safe_load(text)
    assert list(jsonschema.Draft7Validator(schema).iter_errors(values)) == []
    assert Toy.model_validate(values) == Toy()


def test_values_yaml_tells_editors_its_schema_first(text: str) -> None:
    assert text.startswith("# yaml-language-server: $schema=values.schema.json\n")


def test_keys_follow_their_description_at_its_depth(text: str) -> None:
    assert "\n# One job.\nfirst:\n  # Number of pods.\n  replicas: 1\n" in text


def test_long_descriptions_wrap_to_100_columns_and_lose_no_word(text: str) -> None:
    comment = text[: text.index("\nlong: ")].rpartition("\n\n")[2]
    assert len(comment.splitlines()) > 1
    assert max(len(line) for line in comment.splitlines()) <= 100
    assert " ".join(line.removeprefix("# ") for line in comment.splitlines()) == LONG


def test_a_model_is_documented_where_it_appears_first(text: str) -> None:
    assert text.count("# Number of pods.") == 1
    assert "# Another job. Same keys as `first`.\nsecond:\n  replicas: 0\n" in text


def test_empty_values_are_printed_in_the_form_that_linters_take(text: str) -> None:
    assert "\nlabels: {}\n" in text
    assert "\n  tolerations: []\n" in text
    assert "\n  policy: null\n" in text


def test_values_yaml_passes_the_linter(text: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    rules = ROOT / ".github" / "ct" / "lintconf.yaml"
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", str(rules), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# ---------------------------------------------------------------------------------------------
# Leaves and tables
# ---------------------------------------------------------------------------------------------


def test_leaves_are_named_by_their_path() -> None:
    paths = [leaf.path for leaf in leaves(Toy)]
    assert paths[:4] == ["global.registry", "long", "labels", "first.replicas"]
    assert {"first.disks", "first.disks[].name", "second.replicas"} <= set(paths)
    assert len(paths) == len(set(paths))


def test_leaves_have_type_default_and_description() -> None:
    leaf = next(leaf for leaf in leaves(Toy) if leaf.path == "first.replicas")
    assert (leaf.type, leaf.default, leaf.description) == ("int", 1, "Number of pods.")


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("labels", "map of string"),
        ("first.disks", "list of Disk"),
        ("first.tolerations", "list of Toleration"),
        ("first.probe", "Probe"),
    ],
)
def test_types_are_said_in_short_words(path: str, type_: str) -> None:
    assert {leaf.path: leaf.type for leaf in leaves(Toy)}[path] == type_


def test_tables_have_a_row_for_each_leaf_and_one_for_a_second_use() -> None:
    table = values_table(Toy)
    assert "| `first.replicas` | Number of pods. | int | `1` |" in table
    assert "| `second.*` | Same keys as `first`. Another job. | | |" in table
    assert "second.replicas" not in table


def test_every_row_of_a_table_has_four_cells() -> None:
    rows = [line for line in values_table(Toy).splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def test_text_between_markers_is_replaced_and_the_rest_is_kept() -> None:
    text = "before\n<!-- values:begin -->\nold\n<!-- values:end -->\nafter\n"
    replaced = outputs.replace_between_markers(text, "values", "new")
    assert replaced == "before\n<!-- values:begin -->\nnew\n<!-- values:end -->\nafter\n"
    assert outputs.replace_between_markers(replaced, "values", "new") == replaced


@pytest.mark.parametrize("text", ["", "<!-- values:begin -->", "<!-- values:end -->"])
def test_missing_markers_are_an_error_that_names_them(text: str) -> None:
    with pytest.raises(ModelserviceError, match="values:begin"):
        outputs.replace_between_markers(text, "values", "new")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A repository whose generated files are current."""
    (tmp_path / "charts" / CHART).mkdir(parents=True)
    (tmp_path / "README.md").write_text("# Title\n\n<!-- values:begin -->\n<!-- values:end -->\n")
    outputs.write(tmp_path)
    return tmp_path


def test_writing_twice_changes_nothing(written: Path) -> None:
    assert outputs.write(written) == []
    assert outputs.check(written) == []


def test_drift_is_shown_as_a_diff(written: Path) -> None:
    path = f"charts/{CHART}/values.yaml"
    current = (written / path).read_text()
    (written / path).write_text(f"{current}extra: 1\n")
    (diff,) = outputs.check(written)
    assert diff.startswith(f"--- {path}")
    assert "\n-extra: 1" in diff


def test_a_missing_file_is_drift(written: Path) -> None:
    (written / "charts" / CHART / "values.schema.json").unlink()
    (diff,) = outputs.check(written)
    assert "values.schema.json" in diff


def test_a_page_of_a_rule_family_that_is_gone_is_drift_and_removed(written: Path) -> None:
    page = written / "docs" / "rules" / "gone.md"
    page.write_text("# Gone\n")
    (diff,) = outputs.check(written)
    assert "\n-# Gone" in diff
    assert outputs.write(written) == [page]
    assert not page.exists()
