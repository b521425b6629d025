"""Contradictions that do not depend on each other are reported in one run, each with its key, file and line."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from modelservice.check.runner import load
from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_executable import HelmExecutable
from modelservice.inputs import merge
from support.refusal import refusal
from unit import test_bad_input, test_routing_refusals

VALUES = """\
engine:
  image: vllm/vllm-openai:v0.32.0
  modelCommand: vllmServe
  resources:
    limits: {nvidia.com/gpu: 8}
routing:
  servicePort: 8200
  inferenceModel: {create: true}
  inferencePool: {create: true}
  epp:
    create: true
    image: ghcr.io/llm-d/llm-d-inference-scheduler:v0.1.0
decode:
  autoscaling: {enabled: true, type: hpa}
modelArtifacts:
  revision: v1
  uri: s3://bucket/model
"""
LINES = {
    "decode.autoscaling.maxReplicas": 14,
    "decode.autoscaling.metrics": 14,
    "engine.resources": 4,
    "modelArtifacts.revision": 16,
    "routing.epp.image": 12,
    "routing.inferenceModel": 8,
    "routing.proxy.targetPort": 6,
}


def test_all_are_reported_at_once_with_file_and_line(tmp_path: Path, embedded: EmbeddedHelm) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(VALUES)
    _, findings = load([str(file)], embedded, Release("test"))
    assert {finding.values: finding.line for finding in findings} == LINES
    assert {finding.file for finding in findings} == {str(file)}


@pytest.mark.executable
def test_helm_itself_reports_all_at_once(tmp_path: Path, executable: HelmExecutable, embedded: EmbeddedHelm) -> None:
    values = {"routing": {"servicePort": 8200, "inferenceModel": {"create": True}}}
    assert refusal(executable, values) == refusal(embedded, values)
    assert len(str(refusal(executable, values)).splitlines()) == 2


def refused_by_the_chart(embedded: EmbeddedHelm) -> dict[str, dict[str, Any]]:
    """Return values that the schema accepts and the chart rejects, by name."""
    found = {}
    for name, (values, _) in {**test_bad_input.CASES, **test_routing_refusals.CASES}.items():
        try:
            embedded.render(values, Release("test"))
        except ValuesError as error:
            if not error.by_schema:
                found[name] = values
    return found


@pytest.mark.slow
def test_what_is_wrong_twice_is_rejected_with_keys(embedded: EmbeddedHelm) -> None:
    """After a contradiction the rest of the release is still worked out, which must not trip over it."""
    cases = refused_by_the_chart(embedded)
    pairs = itertools.islice(itertools.combinations(cases, 2), 0, None, 211)
    nameless = []
    for first, second in pairs:
        try:
            embedded.render(merge([cases[first], cases[second]]), Release("test"))
        except ValuesError as error:
            nameless += [(first, second, problem) for problem in error.problems if not problem.key]
    assert nameless == []
