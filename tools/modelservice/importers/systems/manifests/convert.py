"""What a workload runs, with that of the other role where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.errors import ModelserviceError
from modelservice.importers.engine import find_engine
from modelservice.importers.source.documents import Document, dotted
from modelservice.importers.steps.metadata import OF_A_RELEASE
from modelservice.importers.systems.claims import add_claims, claim_by_pod
from modelservice.importers.systems.manifests.fields import FIELDS
from modelservice.importers.systems.manifests.related import take_related
from modelservice.importers.systems.manifests.workloads import is_served, name_of, partner, role_of, serves
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import ROLE_LABEL, ROLES, Group, Pod, RoleSource, ServedModel
from modelservice.kubernetes.decode import object_problem
from modelservice.kubernetes.variables import config_maps
from modelservice.model.pods import GROUP_NAME

CLAIMS = ("ResourceClaimTemplate", "ResourceClaim")
"""Kinds that say which devices a claim of a pod is of."""

REVISION = "deployment.kubernetes.io/revision"
"""An annotation that the Deployment's controller writes."""

_GROUP_DEFAULTS = {
    "restartPolicy": "RecreateGroupOnPodRestart", "startupPolicy": "LeaderCreated",
    "networkConfig": {"subdomainPolicy": "Shared"},
}  # fmt: skip
"""What LeaderWorkerSet's webhook fills in."""

_DEFAULT_STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}


def convert(conversion: Conversion) -> ServedModel | None:
    """Return what the document's workload runs; None for prefill whose decode is among the documents, and for a
    workload of a role that the chart does not have, next to others.

    Raises:
        ModelserviceError: the chart does not have the role of the only workload.
    """
    document, source = conversion.document, conversion.source
    own = role_of(document) or "decode"
    other = partner(document, source)
    if own not in ROLES:
        _leave_out(conversion, own)
        return None
    if own == "prefill" and other:
        return None
    name = name_of(document, source)
    workloads = {own: document} | ({role_of(other): source.use(other)} if other else {})
    roles = {role: _Workload(conversion, item, name, role).role() for role, item in workloads.items()}
    served = ServedModel(
        name,
        roles.get("decode"),
        roles.get("prefill"),
        namespace=str(document.data.get("metadata", {}).get("namespace") or ""),
        claims=[item.data for item in source.documents if item.kind in CLAIMS and not object_problem(item.data)],
    )
    if other and document.whole is not None and document.whole is other.whole:
        served.settings |= _of_set(document)
    for role, item in workloads.items():
        if f"{name}-{role}" != item.name:
            why = f"the chart names the workload {name}-{role}"
            why += f", which was {item.title}" if other else ""
            conversion.report.changed(("metadata", "name"), why, values="fullnameOverride", document=item)
    alone = sum(map(serves, source.documents)) == len(workloads)
    take_related(conversion, served, alone, {item.name: role for role, item in workloads.items()})
    return served


def _of_set(role: Document) -> dict[str, Any]:
    """Return the values that make one DisaggregatedSet of the roles."""
    spec = role.data["spec"]
    given = {key: spec[key] for key in ("slices", "placementPolicy") if spec.get(key) not in (None, 1, {})}
    return {"workload": role.kind, **({"disaggregatedSet": given} if given else {})}


def _leave_out(conversion: Conversion, role: str) -> None:
    """Leave a workload out whose role the chart does not have.

    Raises:
        ModelserviceError: there is no other workload.
    """
    document, source = conversion.document, conversion.source
    why = f"its pods have the role {role}, and the chart has decode and prefill only"
    if any(map(is_served, source.documents)):
        source.leave(document, f"{why}; keep its manifest next to the release")
        return
    raise conversion.error(
        why,
        key=f"label {ROLE_LABEL}",
        fix=f"remove the label if the pods serve whole requests by themselves and no others prefill for them, or set "
        f"{ROLE_LABEL}: decode or prefill; keep the manifest next to the release otherwise",
    )


class _Workload:
    """One workload of the documents."""

    def __init__(self, conversion: Conversion, document: Document, name: str, part: str) -> None:
        self.conversion = conversion
        self.report = conversion.report
        self.document = document
        self.config_maps = config_maps(item.data for item in conversion.source.documents)
        self.workload = f"{name}-{part}"
        data = conversion.read(FIELDS[document.kind], document)
        if not document.name:
            raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
        self.annotations = data.get("metadata", {}).get("annotations", {})
        self.labels = data.get("metadata", {}).get("labels", {})
        self.spec = data.get("spec", {})
        self.scaling = data.get("scaling", {})
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
            find_engine(pod, place, self.report, config_maps=self.config_maps),
            place,
            replicas=self.spec.get("replicas", 1),
            autoscaled=self.scaling.get("mode") == "External",
            labels=dict(metadata.get("labels", {})),
            pod_annotations=metadata.get("annotations", {}),
            annotations={key: value for key, value in self.annotations.items() if key != REVISION},
        )
        own = self._own_labels(metadata.get("labels", {}))
        if own:
            role.settings["labels"] = own
        if self.group is not None:
            self._form_group(role)
            return role
        if self.spec.get("strategy", _DEFAULT_STRATEGY) != _DEFAULT_STRATEGY:
            role.strategy = self.spec["strategy"]
        if self.document.kind == "StatefulSet":
            self._keep_state(role)
        return role

    def _own_labels(self, of_pods: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of the workload that its pods do not have, without those that a release sets."""
        reserved = (*OF_A_RELEASE, "app.kubernetes.io/name", "app.kubernetes.io/instance", ROLE_LABEL)
        return {key: value for key, value in self.labels.items() if of_pods.get(key) != value and key not in reserved}

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
        pods = [pod for pod in (role.pod, role.group.worker) if pod]
        claim_by_pod(pods, self.group.get("volumeClaimTemplates", []), self.report)
        if size > 1:
            role.parallelism = {"data": _data_size(role.engine, size), "workers": size}
            role.engine = replace(role.engine, start="custom")
        if worker is not None:
            self._note_worker(worker.get("metadata", {}), role)
        if self.group.get("subGroupPolicy"):
            role.settings["subGroupPolicy"] = self.group["subGroupPolicy"]
        restart = self.group.get("restartPolicy", "")
        given = {
            "restartPolicy": "None" if restart == "Default" else restart,
            "startupPolicy": self.spec.get("startupPolicy"),
            "networkConfig": self.spec.get("networkConfig"),
        }
        role.settings |= {key: value for key, value in given.items() if value and value != _GROUP_DEFAULTS[key]}
        rollout = self.spec.get("rolloutStrategy", {})
        if rollout.get("rollingUpdateConfiguration"):
            role.strategy = rollout

    def _note_worker(self, metadata: Mapping[str, Any], role: RoleSource) -> None:
        finding = f"workers have the chart's labels only; what has to find them can use {GROUP_NAME}"
        for key, kept, why in (
            ("labels", {}, finding),
            ("annotations", role.pod_annotations, "workers have the leader's annotations"),
        ):
            if not metadata.get(key, {}).items() <= kept.items():
                path = ("spec", "leaderWorkerTemplate", "workerTemplate", "metadata", key)
                self.report.lost(path, why, document=self.document)
        more = role.pod_annotations.keys() - metadata.get("annotations", {}).keys()
        if more:
            path = ("spec", "leaderWorkerTemplate", "leaderTemplate", "metadata", "annotations")
            why = f"workers have them too: {', '.join(sorted(more))}"
            self.report.changed(path, why, values="{role}.podAnnotations", document=self.document)

    def _keep_state(self, role: RoleSource) -> None:
        """Set what a StatefulSet adds."""
        templates = self.spec.get("volumeClaimTemplates", [])
        add_claims(role, templates, self.document.name, self.workload, self.report)
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
