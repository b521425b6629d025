"""The configurations of models are those of the packages they were read from."""

import re
import sys
import types
from typing import Any

import pytest

from dev.extract_architectures import agreements
from dev.extract_model_configurations import PACKAGE, aiconfigurator, patterns
from dev.wheels import index
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


def lit_configurations(version: str) -> dict[str, Any]:
    """The configurations of LitGPT's wheel by the name of the model on Hugging Face."""
    with package_index(), index() as source:
        files = source.sources(source.wheel("litgpt", version), "litgpt", "litgpt/config.py")
    module = types.ModuleType("litgpt_config")
    sys.modules[module.__name__] = module  # where dataclasses look up annotations
    exec(files["litgpt/config.py"], vars(module))  # noqa: S102  # plain data of a pinned wheel
    return {item["hf_config"]["name"]: module.Config(**item) for item in module.configs}


def test_numbers_said_to_be_read_in_litgpt_are_there() -> None:
    address = re.compile(r"https://pypi\.org/project/litgpt/(.+)/")
    listed = facts.catalogue("kaito")["models"]
    read = {
        name: {**listed.get(name, {}), **item.numbers}
        for item in facts.completions().completions
        for name, sources in item.read.items()
        if any(address.fullmatch(source) for source in ([sources] if isinstance(sources, str) else sources))
    }
    assert len(read) > 15
    configurations = lit_configurations("0.5.13")
    for name, numbers in read.items():
        found = configurations[name.partition("/")[2]]
        there = {
            "hidden_size": found.n_embd,
            "intermediate_size": found.intermediate_size,
            "num_hidden_layers": found.n_layer,
            "num_attention_heads": found.n_head,
            "num_key_value_heads": found.n_query_groups,
            "head_dim": found.head_size,
            "vocab_size": found.padded_vocab_size,
            "max_position_embeddings": found.block_size,
        }
        assert {key: numbers[key] for key in there if key in numbers} == {
            key: value for key, value in there.items() if key in numbers
        }, name


def test_modules_of_many_layers_become_one_pattern() -> None:
    assert patterns(["lm_head", "model.layers.0.mlp*", "model.layers.11.mlp*", "model.layers.3.norm"]) == [
        "lm_head",
        r"re:model\.layers\.(0|11)\.mlp.*$",
        "model.layers.3.norm",
    ]
