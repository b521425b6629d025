"""Values under construction, and what no step has turned into values yet."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice import facts
from modelservice.engines.command import EngineCommand
from modelservice.facts.models import Engine
from modelservice.importers.report import ConversionReport
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.workload import Pod, RoleSource, ServedModel

Values = dict[str, Any]


@dataclass
class RoleBuilder:
    """One role's values under construction.

    Args:
        name: ``decode`` or ``prefill``.
        source: what the source's controller would run; no step changes it.
        pod: fields of the pod spec that no step has taken yet.
        engine: how the engine starts, without the options that a step has taken.
        labels: labels of the pods that no step has taken yet.
        worker: pod spec of a group's other pods, the same way; None where they run the leader's.
        values: the role's values so far.
        engine_values: keys of the engine that are not fields of its container, such as ``type``.
        model_volume: name of the volume with the model where the chart makes it.
    """

    name: str
    source: RoleSource
    pod: Pod
    engine: EngineCommand
    labels: dict[str, str]
    worker: Pod | None
    values: Values = field(default_factory=dict)
    engine_values: Values = field(default_factory=dict)
    model_volume: str | None = None

    @classmethod
    def of(cls, name: str, source: RoleSource) -> RoleBuilder:
        """Return the builder of a role, with copies of what the steps take from."""
        worker = source.group.worker if source.group else None
        return cls(name, source, *copy.deepcopy((source.pod, source.engine, source.labels, worker)))

    @property
    def container(self) -> dict[str, Any]:
        """The engine's container."""
        container: dict[str, Any] = self.pod["containers"][0]
        return container

    @property
    def place(self) -> str:
        """Path of the engine's container in the source."""
        return f"{self.source.place}.containers[{self.container['name']}]"

    @property
    def derived(self) -> bool:
        """Whether the chart prints some of the flags itself: model, port, parallelism, names."""
        return self.engine.derived

    @property
    def type(self) -> str | None:
        """The ``engine.type`` of an engine that the chart recognises neither by ``modelCommand`` nor by image."""
        known = self.facts
        if known is None or self.engine.start == "custom":
            return None
        recognised = known.start.model_command != "imageDefault" or known.images.default
        return None if recognised else known.type

    @property
    def facts(self) -> Engine | None:
        """What is known of the engine; None for a command of the source's own."""
        return facts.engine(self.engine.engine or "")

    @property
    def parallelism(self) -> Mapping[str, Any]:
        """The role's parallel sizes so far."""
        sizes: Mapping[str, Any] = self.values.get("parallelism", {})
        return sizes


class ValuesBuilder:
    """Values of a release under construction; each step takes from the model and adds to the values.

    Attributes:
        model: what the source's controller would run; no step changes it.
        report: what became of each field.
        secrets: secrets that were taken out.
        roles: the roles, decode first.
        values: the release's values so far; those of a role are in its builder until they are merged.
        name: name of the release's workloads.
        objects: further objects that no step has taken yet.
        uri: place of the model, once it is known.
        mount_path: path where the engines find the model.
        mounted: the chart mounts the model.
        model_name: name of the model in requests unless an option states another.
    """

    def __init__(self, model: ServedModel, report: ConversionReport, secrets: SecretCollector) -> None:
        self.model = model
        self.report = report
        self.secrets = secrets
        self.roles = [RoleBuilder.of(name, role) for name, role in model.roles]
        self.values: Values = {}
        self.name = model.name
        self.objects = copy.deepcopy(model.objects)
        self.uri = model.uri
        self.mount_path = model.mount_path
        self.mounted = model.mounted
        self.model_name = model.model

    def section(self, name: str) -> Values:
        """Return a section of the values, made if it is missing."""
        section: Values = self.values.setdefault(name, {})
        return section

    @property
    def served_by(self) -> RoleBuilder:
        """The role that requests go to: decode, or the only one."""
        return self.roles[0]

    def port(self, role: RoleBuilder) -> int:
        """Return the port on which the engine of a role listens in a release."""
        routing = self.section("routing")
        proxy = routing["proxy"]
        behind = role.name == "decode" and proxy.get("enabled")
        number: int = proxy["targetPort"] if behind else routing["servicePort"]
        return number
