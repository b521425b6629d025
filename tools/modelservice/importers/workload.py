"""What a controller would run for a model: the roles with their pods, and what belongs to them.

An importer says what its controller makes of a spec; ``conversion.py`` says that in values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from modelservice.importers.commandline import CommandLine
from modelservice.importers.source.fields import Ledger
from modelservice.importers.source.secrets import Vault

MOUNT_PATH = "/model-cache"
"""Where the chart mounts the model."""


@dataclass
class Role:
    """What a controller would run for decode or prefill.

    Args:
        pod: the pod spec.
        place: path of the pod in the source, for notes.
        replicas: pods or groups; None for one.
        labels: labels of the pods that a user or a pool selects.
        pod_annotations: annotations of the pods.
        annotations: annotations of the workload.
        strategy: update strategy of the Deployment, or rollout of the LeaderWorkerSet.
        autoscaled: something else owns the replicas.
        size: pods of a group; more than one makes a LeaderWorkerSet.
        worker: pod spec of the other pods of a group, where it differs.
        parallelism: sizes that the source says outside of the command line.
        engine: name of the container that serves; recognised by its command where None.
        port: port that the engine listens on, where its command does not tell.
        type: engine that is not started like vLLM or SGLang, by the chart's name (``engine.type``). Its container has
            only what the chart does not derive for it.
        vllm: the entry point of the engine's image is vLLM's, whatever it is called.
        settings: further keys of the role.
        native: the chart makes the group itself, by its own parallelism.
    """

    pod: dict[str, Any]
    place: str
    replicas: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    pod_annotations: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    strategy: dict[str, Any] | None = None
    autoscaled: bool = False
    group: bool = False
    size: int = 1
    worker: dict[str, Any] | None = None
    parallelism: dict[str, Any] = field(default_factory=dict)
    engine: str | None = None
    port: int | None = None
    type: str | None = None
    vllm: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    native: bool = False


@dataclass
class Serving:
    """What a controller would run for one model.

    Args:
        name: prefix of the workloads' names.
        ledger: what became of the source.
        decode: the role that serves.
        prefill: the role that computes prompts for it.
        namespace: where it is; empty where the source does not say.
        uri: where the model is, in the chart's form; taken from the command line where None.
        model: name of the model in requests, where the command line does not tell.
        objects: further objects to install.
        settings: further values, by top-level key.
        mounted: the chart mounts the model itself.
        mount_path: where.
        adapters: LoRA adapters, as ``modelArtifacts.adapters``.
        lora: ``modelArtifacts.lora`` for them.
    """

    name: str
    ledger: Ledger
    vault: Vault
    decode: Role | None = None
    prefill: Role | None = None
    namespace: str = ""
    uri: str | None = None
    model: str | None = None
    objects: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    mounted: bool = False
    mount_path: str = MOUNT_PATH
    adapters: list[dict[str, str]] = field(default_factory=list)
    lora: dict[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> list[tuple[str, Role]]:
        """The roles that there are."""
        return [(name, role) for name, role in (("decode", self.decode), ("prefill", self.prefill)) if role]


@dataclass
class Draft:
    """Values on their way: what both roles share is filled in while their pods are read.

    Args:
        serving: what is said in values.
        lines: command line of each role's engine.
        artifacts: ``modelArtifacts``.
        routing: ``routing``.
        accelerator: ``accelerator``.
        top: further values, by top-level key.
        model_volume: name of the model's volume, once a role has one.
        labels: labels of each role's pods, as the source has them.
    """

    serving: Serving
    lines: dict[str, CommandLine] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    routing: dict[str, Any] = field(default_factory=dict)
    accelerator: dict[str, Any] = field(default_factory=dict)
    top: dict[str, Any] = field(default_factory=dict)
    model_volume: str | None = None
    labels: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        """Takes notes."""
        return self.serving.ledger

    @property
    def vault(self) -> Vault:
        """Takes secrets."""
        return self.serving.vault


def escaped(value: Any) -> Any:
    """A value that the chart renders as a template, so that it comes out as it is."""
    if isinstance(value, str):
        return value.replace("{{", "{{ `{{` }}")
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


def references(value: Any, key: str) -> Iterator[str]:
    """All strings under a key, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key and isinstance(item, str):
                yield item
            yield from references(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from references(item, key)


def json_text(value: Any) -> str:
    """A value as one line of JSON, for options that take it."""
    return json.dumps(value, separators=(",", ":"))
