"""The configurations of models are those of the packages they were read from."""

import pytest

from dev.extract_architectures import agreements
from dev.extract_model_configurations import PACKAGE, aiconfigurator, patterns
from modelservice import facts
from support.package_index import package_index

pytestmark = pytest.mark.slow


def test_the_configurations_are_those_of_the_wheel() -> None:
    table = facts.catalogue("aiconfigurator")
    assert table["package"] == PACKAGE
    with package_index():
        found = aiconfigurator(table["version"])
    assert found == table["models"]


def test_support_of_pipeline_parallelism_is_that_of_the_wheels() -> None:
    table = facts.pipeline()
    with package_index():
        found = agreements(table["versions"])
    assert [name for name, value in found.items() if value is True] == table["supported"]
    assert [name for name, value in found.items() if value is False] == table["refused"]


def test_modules_of_many_layers_become_one_pattern() -> None:
    assert patterns(["lm_head", "model.layers.0.mlp*", "model.layers.11.mlp*", "model.layers.3.norm"]) == [
        "lm_head",
        r"re:model\.layers\.(0|11)\.mlp.*$",
        "model.layers.3.norm",
    ]
