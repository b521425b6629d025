"""Claims that a StatefulSet makes of templates, for a workload that is a Deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.fields import Fate, Field, Ledger
from modelservice.importers.proposed import place
from modelservice.importers.serving import Role

KEEP = {"helm.sh/resource-policy": "keep"}
"""Annotation with which a claim outlives its release, as one of a StatefulSet does."""


def fields(path: str) -> tuple[Field, ...]:
    """Fields of volume claim templates under a path."""
    values = place("volumeClaimTemplates")
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
    role: Role, templates: Sequence[Mapping[str, Any]], workload: str, objects: list[dict[str, Any]], ledger: Ledger
) -> None:
    """Gives a role the volumes of its claim templates.

    One pod keeps its claim, by the name that the StatefulSet gave it. Several pods get a claim each, which lives as
    long as the pod.

    Args:
        role: the role; its pod gets volumes.
        templates: the claim templates.
        workload: name of the StatefulSet.
        objects: further objects; claims are added.
        ledger: takes notes.

    Raises:
        ModelserviceError: a template has no name.
    """
    volumes = role.pod.setdefault("volumes", [])
    for template in templates:
        name = template.get("metadata", {}).get("name")
        if not name:
            raise ModelserviceError("a claim template has no name", key="spec.volumeClaimTemplates[].metadata.name")
        volumes[:] = [volume for volume in volumes if volume["name"] != name]
        spec = dict(template.get("spec", {}))
        labels = template["metadata"].get("labels", {})
        if (role.replicas or 0) <= 1:
            claim = f"{name}-{workload}-0"
            metadata: dict[str, Any] = {"name": claim}
            if labels:
                metadata["labels"] = labels
            metadata["annotations"] = {**template["metadata"].get("annotations", {}), **KEEP}
            objects.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
            volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
            if set(spec.get("accessModes", [])) <= {"ReadWriteOnce", "ReadWriteOncePod"} and role.strategy is None:
                role.strategy = {"type": "Recreate"}  # two pods on two nodes would wait for one claim
            ledger.add(
                Fate.changed,
                f"volumeClaimTemplates[{name}]",
                f"a Deployment has no claim templates; the pod has the claim {claim}, which the StatefulSet made for "
                "its first pod (install with --take-ownership where it is there already)",
                values="extraObjects",
            )
            continue
        volumes.append({"name": name, "ephemeral": {"volumeClaimTemplate": {"spec": spec}}})
        ledger.add(
            Fate.changed,
            f"volumeClaimTemplates[{name}]",
            "a Deployment has no claim templates; each pod gets a claim that ends with it, so a new pod loads the "
            "model again",
            values="{role}.volumes",
        )
