"""The chart's list of values that must not be null follows from the models."""

import functools
from typing import Any

import pytest
import yaml

from modelservice.paths import chart_dir
from modelservice.values.required import needed_defaults, sections

DEFAULTS: dict[str, Any] = yaml.safe_load((chart_dir() / "values.yaml").read_text(encoding="utf-8"))


def default(path: str) -> Any:
    return functools.reduce(lambda values, key: values[key], path.split("."), DEFAULTS)


@pytest.mark.parametrize("path", sections())
def test_a_section_is_a_map_in_values_yaml(path: str) -> None:
    assert isinstance(default(path), dict)


@pytest.mark.parametrize("path", needed_defaults())
def test_a_needed_default_says_something_in_values_yaml(path: str) -> None:
    assert default(path)
    assert not isinstance(default(path), dict | list)


def test_outer_sections_come_before_inner_ones() -> None:
    known = sections()
    outer = {path: path.rpartition(".")[0] for path in known if "." in path}
    assert all(known.index(parent) < known.index(path) for path, parent in outer.items())


@pytest.mark.parametrize("path", ["networkPolicy", "routing.epp.service", "decode.monitoring.servicemonitor"])
def test_sections_at_every_depth_are_found(path: str) -> None:
    assert path in sections()


@pytest.mark.parametrize("path", ["routing.servicePort", "modelArtifacts.mountPath", "requester.port.probes"])
def test_defaults_at_every_depth_are_found(path: str) -> None:
    assert path in needed_defaults()


@pytest.mark.parametrize("path", ["decode.workerTemplate", "decode.replicas", "routing.proxy.resources", "multinode"])
def test_what_may_be_null_is_not_listed(path: str) -> None:
    assert path not in [*sections(), *needed_defaults()]
