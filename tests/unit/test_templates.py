"""The chart's templates as text: what they may know, how they are laid out, and what they do without a section."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice import facts
from modelservice.errors import ModelserviceError, ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.paths import chart_dir
from support.render import VLLM, Render

TEMPLATES = chart_dir() / "templates"
FILES = sorted(path for path in TEMPLATES.rglob("*") if path.is_file())
DEFAULTS = yaml.safe_load((chart_dir() / "values.yaml").read_text(encoding="utf-8"))
DEFINITION = re.compile(r'\{\{- define "llm-d-modelservice\.([\w.]+)" -?\}\}')


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def defined(*paths: Path) -> set[str]:
    return {name for path in paths for name in DEFINITION.findall(text(path))}


# ---------------------------------------------------------------------------------------------
# Layout
# ---------------------------------------------------------------------------------------------


def test_no_line_is_longer_than_160_columns() -> None:
    long = [
        f"{path.relative_to(TEMPLATES)}:{number}"
        for path in FILES
        for number, line in enumerate(text(path).splitlines(), 1)
        if len(line) > 160
    ]
    assert not long


def test_named_templates_are_in_folders_by_subject() -> None:
    assert not [path.name for path in TEMPLATES.glob("_*")]
    assert not [path.name for path in FILES if path.parent == TEMPLATES and "define" in text(path)]


def test_every_named_template_says_what_it_takes_and_gives() -> None:
    bare = [
        name
        for path in FILES
        for before, name in itertools.pairwise(re.split(DEFINITION, text(path)))
        if re.fullmatch(r"[\w.]+", name) and not before.rstrip().endswith("*/}}")
    ]
    assert not bare


def test_every_named_template_is_used() -> None:
    everything = "\n".join(text(path) for path in FILES)
    found_by_name = {f"engines.{engine.type}.{part}" for engine in facts.engines() for part in engine.start.templates}
    unused = {name for name in defined(*FILES) if everything.count(f'"llm-d-modelservice.{name}"') < 2}
    assert unused <= found_by_name


# ---------------------------------------------------------------------------------------------
# Knowledge
# ---------------------------------------------------------------------------------------------


def test_only_an_engines_own_file_names_it() -> None:
    names = "|".join(engine.type for engine in facts.engines())
    named = {
        path.relative_to(TEMPLATES)
        for path in FILES
        if path.parent.name != "engines" and re.search(rf'"({names})"', text(path))
    }
    assert not named


def test_engines_have_the_templates_that_the_facts_announce() -> None:
    announced = {f"engines.{engine.type}.{part}" for engine in facts.engines() for part in engine.start.templates}
    own = {name for name in defined(*(TEMPLATES / "engines").iterdir()) if name.rpartition(".")[2] in TEMPLATE_PARTS}
    assert own == announced


TEMPLATE_PARTS = {"flags", "environment", "model", "download"}


def test_versions_are_in_the_facts() -> None:
    """A version in a template is knowledge of the world, but for the image of rclone."""
    found = {
        match[0]
        for path in FILES
        for match in re.finditer(r'semverCompare "[^"]*"|:v?\d+\.\d+\.\d+', text(path))
        if "github.com" not in match.string[match.start() - 80 : match.start()]
    }
    assert found <= {":1.75.2"}


def test_the_facts_are_read_in_one_place() -> None:
    readers = [path.name for path in FILES if 'Files.Get "facts.json"' in text(path)]
    assert readers == ["_known.tpl"]


# ---------------------------------------------------------------------------------------------
# Sections that are null
# ---------------------------------------------------------------------------------------------

POOL: dict[str, Any] = {"inferencePool": {"create": True}, "epp": {"create": True}}
ROUTED = {**POOL, "httpRoute": {"create": True, "hostnames": ["m.example.com"]}, "parentRefs": [{"name": "gateway"}]}
SWITCHES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything around the pods": {
        "engine": VLLM,
        "routing": {**ROUTED, "inferenceObjective": {"create": True}},
        "prefill": {"create": True, "replicas": 1},
        "networkPolicy": {"enabled": True},
        "service": {"enabled": True},
        "endpoints": {"create": True},
        "test": {"enabled": True},
        "tracing": {"enabled": True},
        "caches": {"enabled": True},
        "auth": {"apiKeySecret": {"name": "keys"}},
        "monitoring": {"dashboard": {"enabled": True}, "prometheusrule": {"enabled": True}},
        "decode": {
            "monitoring": {"podmonitor": {"enabled": True}},
            "podDisruptionBudget": {"enabled": True},
            "service": {"create": True},
            "drain": {"enabled": True},
            "sharedMemory": {"enabled": True},
        },
    },
    "an autoscaled picker without proxy": {
        "engine": VLLM,
        "routing": {**POOL, "proxy": {"enabled": False}, "loadBalancing": {"strategy": "PrefixHash"}},
        "prefill": {"create": False},
        "decode": {
            "autoscaling": {
                "enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 4,
                "prometheus": {"serverAddress": "http://prometheus"}, "targetActiveRequests": 8,
            },
        },
    },
    "a group with claims of devices and a kept model": {
        "engine": VLLM,
        "multinode": True,
        "prefill": {"create": False},
        "accelerator": {"dra": True},
        "modelArtifacts": {
            "uri": "s3://bucket/model", "size": "1Gi", "download": {"job": True},
            "persistence": {"enabled": True, "accessModes": ["ReadWriteMany"]},
            "credentials": {"aws": {"name": "keys"}},
        },
        "decode": {"parallelism": {"tensor": 2, "data": 1, "workers": 2}},
    },
    "dual pods": {"requester": {"enable": True}, "prefill": {"create": False}, "accelerator": {"vgpu": {"enabled": True}}},
}  # fmt: skip
"""Values that switch on every object and every derived field, which then read their sections."""


def paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key of the values at every level, dotted."""
    for name, value in values.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{name}.")


def without(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The values with null at a path."""
    name, _, rest = path.partition(".")
    return {**values, name: without(values.get(name) or {}, rest) if rest else None}


@pytest.mark.parametrize("switches", SWITCHES)
def test_the_switches_render(render: Render, switches: str) -> None:
    assert render(SWITCHES[switches]).items


@pytest.mark.slow
@pytest.mark.parametrize("switches", SWITCHES)
def test_a_value_that_is_null_renders_or_is_answered_in_a_sentence(embedded: EmbeddedHelm, switches: str) -> None:
    unanswered = []
    for path in paths(merge([DEFAULTS, SWITCHES[switches]])):
        try:
            embedded.render(without(SWITCHES[switches], path), Release("test"))
        except ModelserviceError as error:
            if not (isinstance(error, ValuesError) and error.problems[0].key):
                unanswered.append(f"{path}: {error}")
    assert unanswered == []


ON = {
    "enabled": "enabled", "decode": "decode.create", "decode.create": "decode.create", "prefill": "prefill.create",
    "prefill.create": "prefill.create", "routing.proxy": "routing.proxy.enabled",
    "routing.epp.rbac": "routing.epp.rbac.create", "routing.epp.rbac.create": "routing.epp.rbac.create",
}  # fmt: skip
"""What is on by default, so that null could mean on or off, and its switch."""


@pytest.mark.parametrize("path", ON)
def test_null_for_what_is_on_by_default_is_refused(embedded: EmbeddedHelm, path: str) -> None:
    with pytest.raises(ValuesError, match=f"{path}: it is null, but on by default; set {ON[path]}: false") as error:
        embedded.render(without({}, path), Release("test"))
    assert "--reset-then-reuse-values" in str(error.value)


@pytest.mark.slow
def test_null_for_another_default_that_the_chart_needs_takes_back_what_lower_layers_set(embedded: EmbeddedHelm) -> None:
    required = json.loads((chart_dir() / "facts.json").read_text(encoding="utf-8"))["required"]
    everything = embedded.render({}, Release("test")).templates
    for path in set(paths(required)) - set(ON):
        assert embedded.render(without({}, path), Release("test")).templates == everything, path
