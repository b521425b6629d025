"""examples/output holds what the examples render to. Its diffs are read before they are accepted.

`modelservice examples` regenerates it.
"""

from pathlib import Path

import pytest

from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import read_values
from support.render import ROOT, Render

EXAMPLES = sorted((ROOT / "examples").glob("values-*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_renders_to_its_output(embedded: EmbeddedHelm, example: Path) -> None:
    name = example.stem.removeprefix("values-")
    rendered = embedded.render(read_values(str(example)), Release(name)).manifests
    assert rendered == (ROOT / "examples" / "output" / f"{name}.yaml").read_text()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid_for_every_supported_version(render: Render, example: Path) -> None:
    assert render(read_values(str(example)), name=example.stem.removeprefix("values-")).items


def test_every_output_has_an_example() -> None:
    outputs = {path.stem for path in (ROOT / "examples" / "output").glob("*.yaml")}
    assert outputs == {path.stem.removeprefix("values-") for path in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_names_the_schema_for_editors(example: Path) -> None:
    first = example.read_text().splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert (example.parent / path).resolve() == ROOT / "charts/llm-d-modelservice/values.schema.json"
