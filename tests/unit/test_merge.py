"""The three ways to merge maps, and names as DNS labels."""

from typing import Any

import pytest

from modelservice.kubernetes import merge
from modelservice.kubernetes.names import dns_label
from modelservice.kubernetes.types import merge_keys


def test_helm_merges_maps_and_replaces_everything_else() -> None:
    lower = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert merge.helm(lower, {"a": {"c": [2]}, "d": None}) == {"a": {"b": 1, "c": [2]}, "d": None}
    assert lower == {"a": {"b": 1, "c": [1]}, "d": 1}


def test_null_over_defaults_removes_the_key() -> None:
    assert merge.helm({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, null_removes=True) == {"a": {"c": 2}}


def test_strategic_merges_lists_of_a_pod_by_their_keys() -> None:
    original = {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}], "tolerations": [{"key": "a"}]}
    patch = {
        "containers": [{"name": "b"}, {"name": "a", "env": [{"name": "X", "valueFrom": {}}]}],
        "tolerations": [{"key": "b"}],
    }
    assert merge.strategic(original, patch) == {
        "containers": [{"name": "a", "env": [{"name": "X", "valueFrom": {}}]}, {"name": "b"}],
        "tolerations": [{"key": "b"}],
    }


def test_merge_keys_are_those_of_kubernetes() -> None:
    assert merge.merge_keys() == merge_keys()
    assert merge.merge_keys()["volumeMounts"] == "mountPath"


@pytest.mark.parametrize("empty", [None, "", [], {}, False])
def test_empty_values_replace_nothing_in_mergo(empty: Any) -> None:
    assert merge.mergo({"a": 1}, {"a": empty}) == {"a": 1}


def test_mergo_replaces_lists_unless_told_how_to_merge_them() -> None:
    lower, upper = {"a": {"b": [1]}}, {"a": {"b": [2]}, "c": [3]}
    assert merge.mergo(lower, upper) == {"a": {"b": [2]}, "c": [3]}
    appended = merge.mergo(lower, upper, lambda key, first, second: [*first, *second])
    assert appended == {"a": {"b": [1, 2]}, "c": [3]}


@pytest.mark.parametrize(
    ("text", "label"),
    [("Llama 3.1!", "llama-3-1"), ("a--b", "a--b"), ("-x-", "x"), ("é", ""), ("a" * 62 + "-b", "a" * 62)],
)
def test_names_become_dns_labels(text: str, label: str) -> None:
    assert dns_label(text) == label
