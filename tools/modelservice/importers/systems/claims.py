"""Volume claim templates, as StatefulSets and systems on top of them declare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.report import ConversionReport
from modelservice.importers.source.fields import Field
from modelservice.importers.workload import Pod, RoleSource


def claim_fields(path: str, values: str = "{role}.volumeClaimTemplates") -> tuple[Field, ...]:
    """Return the fields of volume claim templates under a path, with the values key that they become."""
    return (
        Field(f"{path}[].apiVersion", "", quiet=True),
        Field(f"{path}[].kind", "", quiet=True),
        Field(f"{path}[].metadata.name", values, type="string"),
        Field(f"{path}[].metadata.labels", values, type="map"),
        Field(f"{path}[].metadata.annotations", values, type="map"),
        Field(f"{path}[].metadata.namespace", "", quiet=True),
        Field(f"{path}[].metadata.creationTimestamp", "", quiet=True),
        Field(f"{path}[].spec", values, type="core.v1.PersistentVolumeClaimSpec"),
        Field(f"{path}[].status", "", quiet=True),
    )


def add_claims(
    role: RoleSource, templates: Sequence[Mapping[str, Any]], workload: str, name: str, report: ConversionReport
) -> None:
    """Make a role a StatefulSet, with its claim templates.

    Args:
        role: the role; a volume of a template's name is the template's.
        templates: the claim templates.
        workload: name of the StatefulSet in the source.
        name: name of the chart's.
        report: gets a note for each template.

    Raises:
        ModelserviceError: a template has no name.
    """
    role.settings["workload"] = "StatefulSet"
    claims = []
    for template in templates:
        metadata = template.get("metadata", {})
        claim = metadata.get("name")
        if not claim:
            raise ModelserviceError("a claim template has no name", key="spec.volumeClaimTemplates[].metadata.name")
        role.pod["volumes"] = [volume for volume in role.pod.get("volumes", []) if volume["name"] != claim]
        own = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
        claims.append({"name": claim, **own, "spec": dict(template.get("spec", {}))})
        report.changed(
            f"volumeClaimTemplates[{claim}]",
            f"the claims are named {claim}-{name}-<number>, so the data in {claim}-{workload}-<number> is not found; "
            "those claims stay, and a dataSource of kind PersistentVolumeClaim copies one",
            values="decode.volumeClaimTemplates",
        )
    if claims:
        role.settings["volumeClaimTemplates"] = claims


def claim_by_pod(pods: Sequence[Pod], templates: Sequence[Mapping[str, Any]], report: ConversionReport) -> None:
    """Give pods of a group an ephemeral volume in place of each claim template.

    Args:
        pods: the pods; changed in place where they mount the claim.
        templates: the claim templates.
        report: gets a note for each template.
    """
    for template in templates:
        metadata = template.get("metadata", {})
        name = metadata.get("name", "")
        own = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
        claim = {**({"metadata": own} if own else {}), "spec": dict(template.get("spec", {}))}
        for pod in pods:
            containers = [*pod.get("containers", []), *pod.get("initContainers", [])]
            if name in {mount["name"] for item in containers for mount in item.get("volumeMounts", [])}:
                volumes = [volume for volume in pod.get("volumes", []) if volume["name"] != name]
                pod["volumes"] = [*volumes, {"name": name, "ephemeral": {"volumeClaimTemplate": claim}}]
        report.changed(
            f"volumeClaimTemplates[{name}]",
            "an ephemeral volume of each pod takes its place: its claim goes with the pod, and existing claims stay",
            values="decode.volumes",
        )
