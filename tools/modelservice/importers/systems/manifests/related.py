"""Objects that go with a workload: Services, autoscalers, budgets, routes, and what stays outside of the release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.errors import ModelserviceError
from modelservice.importers.report import ConversionReport
from modelservice.importers.source.documents import Document
from modelservice.importers.source.reader import read_fields, without_nulls
from modelservice.importers.systems.manifests.fields import RELATED, RELATED_KINDS
from modelservice.importers.systems.manifests.workloads import serves
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import ServedModel
from modelservice.model.pods import GROUP_NAME

STAYS = {
    "PersistentVolumeClaim": "the values refer to it by name; it stays, as its data does",
    "ServiceAccount": "the values refer to it by name; it stays",
    "Namespace": "a release is installed into it; helm install --create-namespace makes it",
}
"""Kinds that are not taken into the release."""

SCALERS = ("HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler", "VariantAutoscaling")
"""Kinds that scale a workload."""


def take_related(conversion: Conversion, served: ServedModel, alone: bool, workloads: Mapping[str, str]) -> None:
    """Take what belongs to the workload into the release.

    Args:
        conversion: the conversion of the workload.
        served: what is made of it; gets the objects.
        alone: no other workload serves.
        workloads: names of the workloads in the source, and the role of each.
    """
    document, source, report = conversion.document, conversion.source, conversion.report
    for other in source.documents:
        if other is document or serves(other) or other.kind == "Secret" or not other.kind:
            continue
        if not alone and not _belongs(other, workloads, served):
            continue
        if other in source.used:
            report.changed(other.title, "it is in the values of another release of this import, which installs it")
            continue
        source.use(other)
        if other.kind in STAYS:
            report.kept(other.title, STAYS[other.kind])
            continue
        item = _read(other)
        if other.kind in SCALERS:
            _retarget(item, workloads, served, report)
        _reselect(item, served, workloads, report)
        served.objects.append(item)
        _note_selector(item, other, served, report)


def _read(document: Document) -> dict[str, Any]:
    """Return a related object, checked."""
    if not document.name:
        raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
    special = RELATED_KINDS.get(document.kind, ())
    own = {field.path for field in special}
    fields = (*(field for field in RELATED if field.path not in own), *special)
    read_fields(document, fields, ConversionReport())
    item: dict[str, Any] = without_nulls(dict(document.data))
    return item


def _belongs(other: Document, workloads: Mapping[str, str], served: ServedModel) -> bool:
    """Return whether an object selects, scales or is named by one of the workloads."""
    roles = dict(served.roles)
    selector = _selector(other.data)
    if selector and any(
        selector.items() <= {**roles[role].labels, **_given(name, role)}.items() for name, role in workloads.items()
    ):
        return True
    target = other.data.get("spec", {}).get("scaleTargetRef", {}) if isinstance(other.data.get("spec"), dict) else {}
    if isinstance(target, dict) and target.get("name") in workloads:
        return True
    return any(other.name in _names(role.pod, other.kind) for role in roles.values())


def _given(workload: str, role: str) -> dict[str, str]:
    """Return the labels that a controller gives to the pods of groups, of whichever kind they are."""
    keys = facts.disaggregated_set().labels
    return {GROUP_NAME: workload, keys.name: workload.removesuffix(f"-{role}"), keys.role: role}


_REFERENCES = {
    "ConfigMap": ("name",),
    "PersistentVolumeClaim": ("claimName",),
    "ResourceClaimTemplate": ("resourceClaimTemplateName",),
    "ResourceClaim": ("resourceClaimName",),
    "ServiceAccount": ("serviceAccountName", "serviceAccount"),
}
"""Fields of a pod that name objects of a kind."""


def _names(pod: Mapping[str, Any], kind: str) -> set[str]:
    """Return the names in a pod that may be those of objects of a kind."""
    return {name for key in _REFERENCES.get(kind, ()) for name in _named(pod, key)}


def _named(value: Any, key: str) -> Iterator[str]:
    """Yield all strings under a key, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key and isinstance(item, str):
                yield item
            yield from _named(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, key)


def _selector(data: Mapping[str, Any]) -> dict[str, str]:
    spec = data.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    if not isinstance(selector, dict):
        return {}
    labels = selector.get("matchLabels", selector)
    return {k: v for k, v in labels.items() if isinstance(v, str)} if isinstance(labels, dict) else {}


def _retarget(
    item: dict[str, Any], workloads: Mapping[str, str], served: ServedModel, report: ConversionReport
) -> None:
    """Make an autoscaler scale the chart's workload."""
    spec = item.get("spec")
    target = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(target, dict):
        return
    role = workloads.get(str(target.get("name")))
    if role:
        dict(served.roles)[role].autoscaled = True
        name = f"{served.name}-{role}"
        item["spec"] = {**spec, "scaleTargetRef": {**target, "name": name}}
        why = f"it scales {name}, and the chart leaves the replicas to it"
        report.changed(_title(item), why, values=f"{role}.autoscaling.enabled")


def _reselect(
    item: dict[str, Any], served: ServedModel, workloads: Mapping[str, str], report: ConversionReport
) -> None:
    """Make what selects a group's pods by the group's name select those of the chart's."""
    selected = _selector(item)
    found = [
        (role, key)
        for workload, role in workloads.items()
        for key, value in _given(workload, role).items()
        if selected.get(key) == value != _given(f"{served.name}-{role}", role)[key]
        or selected.get(GROUP_NAME) == workload
    ]
    if not found:
        return
    spec = item["spec"]
    role, key = found[0]
    name = {key: _given(f"{served.name}-{role}", role)[key]}
    selector = spec["selector"]
    own = {"matchLabels": {**selector["matchLabels"], **name}} if "matchLabels" in selector else name
    item["spec"] = {**spec, "selector": {**selector, **own}}
    why = f"it selects the pods of {name[key]}, the group's new name"
    report.changed(_title(item), why, values="extraObjects")


def _title(item: Mapping[str, Any]) -> str:
    return f"{item['kind']} {item.get('metadata', {}).get('name', '')}"


def _note_selector(item: Mapping[str, Any], document: Document, served: ServedModel, report: ConversionReport) -> None:
    """Note a Service that selects none of the model's pods."""
    selector = _selector(item)
    if document.kind != "Service" or not selector:
        return
    given = [{**role.labels, **_given(f"{served.name}-{name}", name)} for name, role in served.roles]
    if not any(selector.items() <= labels.items() for labels in given):
        report.kept(document.title, "it selects other pods than this model's", values="extraObjects")
