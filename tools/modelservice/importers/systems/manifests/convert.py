"""What a workload runs, with that of the other role where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.errors import ModelserviceError
from modelservice.importers.engine import find_engine
from modelservice.importers.source.documents import Document, dotted
from modelservice.importers.systems.claims import add_claims
from modelservice.importers.systems.manifests.fields import FIELDS
from modelservice.importers.systems.manifests.related import GROUP_LABEL, take_related
from modelservice.importers.systems.manifests.workloads import partner, role_of, serves
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Group, Pod, RoleSource, ServedModel

REVISION = "deployment.kubernetes.io/revision"
"""An annotation that the Deployment's controller writes."""

_DEFAULT_STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}


def convert(conversion: Conversion) -> ServedModel | None:
    """Return what the document's workload runs; None for prefill whose decode is among the documents."""
    document, source = conversion.document, conversion.source
    own = role_of(document)
    if own == "prefill" and partner(document, source, "decode"):
        return None
    name = document.name.removesuffix(f"-{own or 'decode'}")
    other = partner(document, source, "prefill") if own == "decode" else None
    served = ServedModel(
        name,
        _Workload(conversion, document, name).role(),
        _Workload(conversion, source.use(other), name).role() if other else None,
        namespace=str(document.data.get("metadata", {}).get("namespace") or ""),
    )
    if f"{name}-decode" != document.name:
        why = f"the chart names the workload {name}-decode"
        conversion.report.changed(("metadata", "name"), why, values="fullnameOverride", document=document)
    alone = sum(1 for item in source.documents if serves(item)) - bool(other) == 1
    workloads = {item.name: part for item, part in ((document, "decode"), (other, "prefill")) if item}
    take_related(conversion, served, alone, workloads)
    return served


class _Workload:
    """One workload of the documents."""

    def __init__(self, conversion: Conversion, document: Document, name: str) -> None:
        self.conversion = conversion
        self.report = conversion.report
        self.document = document
        self.name = name
        data = conversion.read(FIELDS[document.kind], document)
        if not document.name:
            raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
        self.annotations = data.get("metadata", {}).get("annotations", {})
        self.spec = data.get("spec", {})
        self.group = self.spec.get("leaderWorkerTemplate")
        holder, path = (self.spec, ("spec",)) if self.group is None else (self.group, ("spec", "leaderWorkerTemplate"))
        key = "template" if self.group is None else "leaderTemplate" if "leaderTemplate" in holder else "workerTemplate"
        self.path = (*path, key, "spec")
        self.template: Mapping[str, Any] = holder.get(key, {})

    def role(self) -> RoleSource:
        """Return the workload as a role.

        Raises:
            ModelserviceError: the pod has no container, or one without an image.
        """
        pod = self._pod()
        place = f"{self.document.kind} {self.document.name}: {'.'.join(self.path)}"
        metadata = self.template.get("metadata", {})
        role = RoleSource(
            pod,
            find_engine(pod, place, self.report),
            place,
            replicas=self.spec.get("replicas", 1),
            labels=dict(metadata.get("labels", {})),
            pod_annotations=metadata.get("annotations", {}),
            annotations={key: value for key, value in self.annotations.items() if key != REVISION},
        )
        if self.group is not None:
            self._form_group(role)
            return role
        if self.spec.get("strategy", _DEFAULT_STRATEGY) != _DEFAULT_STRATEGY:
            role.strategy = self.spec["strategy"]
        if self.document.kind == "StatefulSet":
            self._keep_state(role)
        return role

    def _pod(self) -> Pod:
        pod = dict(self.template.get("spec", {}))
        for kind in ("containers", "initContainers"):
            for index, container in enumerate(pod.get(kind, [])):
                if not container.get("image"):
                    path = (*self.path, kind, index)
                    key = f"{dotted(path)}.image"
                    raise ModelserviceError("the container has no image", file=self.document.where(path), key=key)
        if not pod.get("containers"):
            key, where = f"{dotted(self.path)}.containers", self.document.where(self.path[:-1])
            raise ModelserviceError("it has no container", file=where, key=key)
        return pod

    def _form_group(self, role: RoleSource) -> None:
        """Set what a LeaderWorkerSet adds: its pods keep their commands."""
        size = self.group.get("size", 1)
        worker = self.group.get("workerTemplate", {}) if size > 1 and "leaderTemplate" in self.group else None
        role.group = Group(size, dict(worker.get("spec", {})) if worker is not None else None)
        if size > 1:
            role.parallelism = {"data": _data_size(role.engine, size), "workers": size}
            role.engine = replace(role.engine, start="custom")
        if worker is not None:
            self._note_worker(worker.get("metadata", {}), role)
        if self.group.get("subGroupPolicy"):
            role.settings["subGroupPolicy"] = self.group["subGroupPolicy"]
        rollout = self.spec.get("rolloutStrategy", {})
        if rollout.get("rollingUpdateConfiguration"):
            role.strategy = rollout

    def _note_worker(self, metadata: Mapping[str, Any], role: RoleSource) -> None:
        finding = f"workers have the chart's labels only; what has to find them can use {GROUP_LABEL}"
        for key, kept, why in (
            ("labels", {}, finding),
            ("annotations", role.pod_annotations, "workers have the leader's annotations"),
        ):
            if not metadata.get(key, {}).items() <= kept.items():
                path = ("spec", "leaderWorkerTemplate", "workerTemplate", "metadata", key)
                self.report.lost(path, why, document=self.document)

    def _keep_state(self, role: RoleSource) -> None:
        """Set what a StatefulSet adds."""
        templates = self.spec.get("volumeClaimTemplates", [])
        add_claims(role, templates, self.document.name, f"{self.name}-decode", self.report)
        role.settings["podManagementPolicy"] = self.spec.get("podManagementPolicy", "OrderedReady")
        for key in ("updateStrategy", "persistentVolumeClaimRetentionPolicy"):
            if self.spec.get(key):
                role.settings[key] = self.spec[key]
        if self.spec.get("serviceName"):
            role.settings["service"] = {"name": self.spec["serviceName"]}


def _data_size(engine: EngineCommand, size: int) -> int:
    """Return the data parallel size of a group that keeps its own commands, with which the values have to agree."""
    option = engine.get("data-parallel-size") if engine.derived else None
    if option is None or len(option.values) != 1 or not option.values[0].isdigit():
        return 1
    data = int(option.values[0])
    return data if data and data % size == 0 else 1
