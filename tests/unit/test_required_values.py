"""The chart's list of values that must not be null follows from the models."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from modelservice.paths import chart_dir
from modelservice.values.required import Tree, tree

DEFAULTS: dict[str, Any] = yaml.safe_load((chart_dir() / "values.yaml").read_text(encoding="utf-8"))


def paths(required: Tree, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the path of each required value, and whether it is a section; outer ones first."""
    for name, inside in required.items():
        yield f"{prefix}{name}", inside is not None
        yield from paths(inside or {}, f"{prefix}{name}.")


SECTIONS = [path for path, section in paths(tree()) if section]
NEEDED = [path for path, section in paths(tree()) if not section]


def default(path: str) -> Any:
    return functools.reduce(lambda values, key: values[key], path.split("."), DEFAULTS)


@pytest.mark.parametrize("path", SECTIONS)
def test_a_section_is_a_map_in_values_yaml(path: str) -> None:
    assert isinstance(default(path), dict)


@pytest.mark.parametrize("path", NEEDED)
def test_a_needed_default_says_something_in_values_yaml(path: str) -> None:
    assert default(path)
    assert not isinstance(default(path), dict | list)


@pytest.mark.parametrize("path", ["networkPolicy", "routing.epp.service", "decode.monitoring.servicemonitor"])
def test_sections_at_every_depth_are_found(path: str) -> None:
    assert path in SECTIONS


@pytest.mark.parametrize("path", ["routing.servicePort", "modelArtifacts.mountPath", "requester.port.probes"])
def test_defaults_at_every_depth_are_found(path: str) -> None:
    assert path in NEEDED


@pytest.mark.parametrize("path", ["decode.workerTemplate", "decode.replicas", "routing.proxy.resources", "multinode"])
def test_what_may_be_null_is_not_listed(path: str) -> None:
    assert path not in [*SECTIONS, *NEEDED]
