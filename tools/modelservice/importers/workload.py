"""What a source's controller would run for one model: the middle form between a system's spec and values.

A system's ``convert`` returns it; the steps turn it into values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.chart import MOUNT_PATH
from modelservice.kubernetes.names import distinct_label

Pod = dict[str, Any]
"""A pod spec."""

ROLE_LABEL = "llm-d.ai/role"
"""Label with the role of a pod, by which an endpoint picker tells prefill from decode."""

ROLES = ("decode", "prefill")
"""Roles that the chart has."""

LONGEST_NAME = 55
"""Characters of a release's name: a workload's is longer by its role, and a DNS label has at most 63."""


LONGEST_SET_NAME = 28
"""The same of a DisaggregatedSet, whatever its replicas and slices: labels of its pods are made of it."""


def release_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Return the name of a release for a name of a source: one that Services and LeaderWorkerSets may have."""
    return distinct_label(name, longest) or "model"


@dataclass(frozen=True)
class Group:
    """Pods that serve one replica together, as a LeaderWorkerSet.

    Args:
        size: number of pods; one is a group too.
        worker: pod spec of the pods that do not lead; None where they run the leader's.
    """

    size: int = 1
    worker: Pod | None = None


@dataclass
class RoleSource:
    """What a controller would run for decode or prefill.

    Args:
        pod: the pod spec; the engine's container is the first one.
        engine: how that container starts the engine.
        place: path of the pod in the source, for notes.
        replicas: pods or groups; None for one.
        labels: labels of the pods, by which users and pools select them.
        pod_annotations: annotations of the pods.
        annotations: annotations of the workload.
        strategy: update strategy of the Deployment, or rollout of the LeaderWorkerSet.
        autoscaled: something else sets the replicas.
        group: the pods form groups.
        parallelism: sizes that the command line does not state.
        settings: further keys of the role.
    """

    pod: Pod
    engine: EngineCommand
    place: str
    replicas: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    pod_annotations: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    strategy: dict[str, Any] | None = None
    autoscaled: bool = False
    group: Group | None = None
    parallelism: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Pods of a replica."""
        return self.group.size if self.group else 1


@dataclass
class ServedModel:
    """What a controller would run for one model.

    Args:
        name: prefix of the workloads' names.
        decode: the role that serves.
        prefill: the role that computes prompts for it.
        namespace: namespace of the source; empty where it does not state one.
        uri: place of the model, in the chart's form; taken from the command line where None.
        model: name of the model in requests, where the command line does not state it.
        objects: further objects to install.
        settings: further values, by top-level key.
        mounted: the chart mounts the model itself.
        mount_path: the path it is mounted at.
        adapters: LoRA adapters, as ``modelArtifacts.adapters``.
        lora: ``modelArtifacts.lora`` for them.
        claims: ResourceClaimTemplates and ResourceClaims that the pods may name, whoever installs them.
    """

    name: str
    decode: RoleSource | None = None
    prefill: RoleSource | None = None
    namespace: str = ""
    uri: str | None = None
    model: str | None = None
    objects: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    mounted: bool = False
    mount_path: str = MOUNT_PATH
    adapters: list[dict[str, str]] = field(default_factory=list)
    lora: dict[str, Any] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)

    @property
    def roles(self) -> list[tuple[str, RoleSource]]:
        """The roles that exist, decode first."""
        return [(name, role) for name, role in (("decode", self.decode), ("prefill", self.prefill)) if role]
