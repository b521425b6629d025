"""Keys of the original chart's versions 0.0 to 0.4, and how `check --fix` brings its values up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice import facts
from modelservice.check.finding import Severity
from modelservice.check.fixing import Fixes, fixed
from modelservice.check.runner import Report, load
from modelservice.documents import go_value
from modelservice.edits.former_keys import former
from modelservice.helm import EmbeddedHelm, Release
from modelservice.sources import Path as Key

SHARED = Path(__file__).parents[2].parent / "shared"
REAL = [
    path
    for path in sorted((SHARED / "upstream/real-values").rglob("*.yaml"))
    if not {"gaie", "pvc"} & set(path.relative_to(SHARED).parts)
]
BASE = "modelArtifacts: {name: Qwen/Qwen3-8B, uri: hf://Qwen/Qwen3-8B, labels: {llm-d.ai/model: qwen3-8b}}\n"


def mended(embedded: EmbeddedHelm, file: Path) -> Fixes:
    def check() -> Report:
        return Report(load([str(file)], embedded, Release("example"))[1])

    return fixed(check)


def errors(fixes: Fixes) -> list[tuple[str | None, str]]:
    return [(item.values, item.message) for item in fixes.report.findings if item.severity is Severity.error]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ("httpRoute: false", {"routing": {"httpRoute": {"create": False}}}),
        ("inferencePool: false\n", {"routing": {"inferencePool": {"create": False}}}),
        ("scriptedStart: true  # own script\n", {}),
        ("decode: {enableService: false, replicas: 2}", {"decode": {"replicas": 2}}),
        (
            "decode: {monitoring: {podmonitor: {port: metrics}}}",
            {"decode": {"monitoring": {"podmonitor": {"portName": "metrics"}}}},
        ),
        ("decprefillode: {hostPID: true}", {"prefill": {"hostPID": True}}),
        ("dra:\n  enabled: false\n  type: nvidia\n", {}),
        (
            "dra:\n  enabled: true\n  type: google\n  claimTemplates:\n"
            "  - {name: google, class: tpu.google.com, match: exactly, count: 1, selectors: []}\n",
            {
                "accelerator": {
                    "dra": True,
                    "type": "google",
                    "resourceClaimTemplates": {
                        "google": {"class": "tpu.google.com", "match": "exactly", "count": 1, "selectors": []}
                    },
                }
            },
        ),
        (
            "routing:\n  inferencePool: {create: true, apiGroup: inference.networking.x-k8s.io, extensionRef: my-epp}\n",
            {"routing": {"inferencePool": {"create": True, "endpointPickerRef": {"name": "my-epp"}}}},
        ),
        (
            "routing:\n  inferencePool: {create: true}\n  epp: {create: true, permissions: pod-read}\n"
            "  inferenceModel: {create: true, criticality: Sheddable}\n",
            {
                "routing": {
                    "inferencePool": {"create": True},
                    "epp": {"create": True},
                    "inferenceObjective": {"create": True, "priority": -1},
                }
            },
        ),
        (
            "inferencePool: true\nendpointPicker:\n  replicas: 1  # one\n  permissions: pod-read\n",
            {"routing": {"inferencePool": {"create": True}, "epp": {"create": True, "replicas": 1}}},
        ),
        ("decode: {parallelism: {tensor: 0, data: 1}}", {"decode": {"parallelism": {"data": 1}}}),
    ],
)
def test_a_former_key_is_brought_to_its_place(
    embedded: EmbeddedHelm, tmp_path: Path, values: str, wanted: dict[str, Any]
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(f"# old\n{BASE}{values}", encoding="utf-8")
    fixes = mended(embedded, file)
    fixes.write()
    assert errors(fixes) == []
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"# old\n{BASE}")
    assert go_value(text) == {**yaml.safe_load(BASE), **wanted}
    assert not mended(embedded, file).after


@pytest.mark.parametrize("key", [item.key for item in facts.original_chart().keys])
def test_a_former_key_is_not_one_of_this_chart_and_its_place_is(chart: Path, key: str) -> None:
    schema = yaml.safe_load((chart / "values.schema.json").read_text(encoding="utf-8"))

    def known(path: Key) -> bool:
        from modelservice.suggest import keys_at

        return str(path[-1]) in keys_at(schema, [str(part) for part in path[:-1]])

    item = next(item for item in facts.original_chart().keys if item.key == key)
    assert not known(tuple(key.split(".")))
    assert not item.to or known(tuple(item.to.split(".")))
    assert former(key.split(".")[0] if key.startswith("dra") else key, {"dra": {"enabled": True}}) or item.type


@pytest.mark.parametrize("source", REAL, ids=lambda path: path.stem)
def test_a_real_values_file_is_brought_up_to_date(embedded: EmbeddedHelm, tmp_path: Path, source: Path) -> None:
    file = tmp_path / "values.yaml"
    before = source.read_text(encoding="utf-8")
    file.write_text(before, encoding="utf-8")
    fixes = mended(embedded, file)
    fixes.write()
    after = file.read_text(encoding="utf-8")
    for item in fixes.report.findings:  # what is left, a person has to decide: the message says what
        assert item.severity is not Severity.error or item.fix or ";" in item.message or ": set " in item.message, item
        assert not [cure for cure in item.cures if cure.certain], item
    kept = set(after.splitlines())
    assert [line for line in before.splitlines() if line.startswith("#") and line not in kept] == []
    assert not mended(embedded, file).after
