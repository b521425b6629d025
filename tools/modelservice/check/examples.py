"""Runs the examples of the rules."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from modelservice.check.finding import Finding
from modelservice.check.rule import Example, Rule
from modelservice.check.runner import load, run
from modelservice.engines.version import Version
from modelservice.errors import ModelserviceError
from modelservice.helm import Release, Renderer
from modelservice.inputs import merge
from modelservice.model.cluster import read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import read_pool

BASES = {
    "single": """\
modelArtifacts:
  name: Qwen/Qwen3-8B
  uri: hf://Qwen/Qwen3-8B
  size: 40Gi
  labels: {llm-d.ai/model: qwen3-8b}
engine:
  image: vllm/vllm-openai:v0.32.0
  modelCommand: vllmServe
routing:
  proxy: {enabled: false}
prefill: {create: false}
""",
    "pd": """\
modelArtifacts:
  name: Qwen/Qwen3-8B
  uri: hf://Qwen/Qwen3-8B
  size: 40Gi
  labels: {llm-d.ai/model: qwen3-8b}
engine:
  image: vllm/vllm-openai:v0.32.0
  modelCommand: vllmServe
  args:
    kv-transfer-config: {kv_connector: NixlConnector}
  env:
    VLLM_NIXL_SIDE_CHANNEL_HOST: {valueFrom: {fieldRef: {fieldPath: status.podIP}}}
routing:
  proxy: {image: "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"}
prefill: {replicas: 1}
""",
}
"""Correct values that examples change: one role, or prefill and decode."""


def findings(rule: Rule, example: Example, renderer: Renderer) -> Sequence[Finding]:
    """What a rule finds in an example.

    Raises:
        ModelserviceError: schema or chart refuse the example, which a rule's example must not be.
    """
    with tempfile.TemporaryDirectory() as scratch:
        write(example, Path(scratch))
        return findings_in(Path(scratch), rule, example, renderer)


def write(example: Example, folder: Path) -> None:
    """Write the files of an example into a folder."""
    for name, values in (("example", example.values), ("beside", example.beside)):
        layers = [yaml.safe_load(BASES[example.base]), yaml.safe_load(values) or {}]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(merge(layers)), encoding="utf-8")
    (folder / "pool.yaml").write_text(example.pool, encoding="utf-8")
    (folder / "nodes.yaml").write_text(example.nodes, encoding="utf-8")


def findings_in(folder: Path, rule: Rule, example: Example, renderer: Renderer) -> Sequence[Finding]:
    """What a rule finds in the files of an example.

    Raises:
        ModelserviceError: schema or chart refuse the values.
    """
    names = ["example", *(["beside"] if example.beside else [])]
    deployments = [_deployment(folder, name, example, renderer) for name in names]
    return run(deployments, together=rule.check_together is not None, selected=[rule])


def _deployment(folder: Path, name: str, example: Example, renderer: Renderer) -> Deployment:
    if example.manifests:
        deployment = Deployment(name, [item for item in yaml.safe_load_all(example.manifests) if item])
    else:
        loaded, refused = load([str(folder / f"{name}.yaml")], renderer, Release(name))
        if loaded is None:
            raise ModelserviceError(f"the example is refused: {refused[0].values}: {refused[0].message}")
        deployment = loaded
    neighbours = [read_pool(str(folder / "pool.yaml"))] if example.pool else []
    deployment.surround(neighbours, read_inventory(str(folder / "nodes.yaml")) if example.nodes else None)
    deployment.engine_upgrade = Version.parse(example.engine_upgrade)
    return deployment
