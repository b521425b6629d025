"""A ModelService and its base ConfigMap, as they are read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.report import ConversionReport
from modelservice.importers.source.documents import Document, Path, dotted
from modelservice.importers.source.reader import read_fields
from modelservice.importers.systems.llm_d_operator.fields import BASE_FIELDS, FIELDS

KEYS = (
    "configMaps",
    "prefillDeployment",
    "decodeDeployment",
    "prefillService",
    "decodeService",
    "httpRoute",
    "inferencePool",
    "inferenceModel",
    "eppDeployment",
    "eppService",
)
"""Keys of the base ConfigMap that the operator reads."""

ROLES = ("decode", "prefill")


@dataclass(frozen=True)
class Checked:
    """A ModelService or a base ConfigMap, of the declared types, and its document."""

    data: Mapping[str, Any]
    document: Document

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec."""
        spec: dict[str, Any] = self.data["spec"]
        return spec

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.data["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it states none."""
        return str(self.data["metadata"].get("namespace") or "")


def is_service(document: Document) -> bool:
    """Return whether a document is a ModelService of the operator."""
    return document.kind == "ModelService" and document.group == "llm-d.ai"


def is_base(document: Document) -> bool:
    """Return whether a document is a base ConfigMap."""
    data = document.data.get("data")
    return document.kind == "ConfigMap" and isinstance(data, dict) and any(key in data for key in KEYS)


def read_service(document: Document, report: ConversionReport) -> Checked:
    """Return a ModelService, checked.

    Raises:
        ModelserviceError: something that the operator requires is missing or of the wrong type.
    """
    data = read_fields(document, FIELDS, report)
    for path in _required(data):
        if not _at(data, path):
            message = "it is missing, and the operator requires it"
            raise ModelserviceError(message, file=document.where(path), key=dotted(path))
    return Checked(data, document)


def _required(data: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the paths that the operator's definition requires."""
    yield from (("metadata", "name"), ("spec", "routing", "modelName"), ("spec", "modelArtifacts", "uri"))
    spec = data["spec"]
    for kind, keys in (("ports", ("name", "port")), ("gatewayRefs", ("name",))):
        for index, _ in enumerate(spec["routing"].get(kind, [])):
            yield from (("spec", "routing", kind, index, key) for key in keys)
    for role in ROLES:
        if "acceleratorTypes" in spec.get(role, {}):
            yield from (("spec", role, "acceleratorTypes", key) for key in ("labelKey", "labelValues"))
        for kind in ("containers", "initContainers"):
            for index, _ in enumerate(spec.get(role, {}).get(kind, [])):
                yield ("spec", role, kind, index, "name")


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, list) and isinstance(part, int):
            data = data[part]
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def find_base(service: Checked, documents: Sequence[Document], report: ConversionReport) -> Document | None:
    """Return the base ConfigMap that a ModelService names, or the only one among the documents."""
    reference = service.spec.get("baseConfigMapRef")
    if reference is None:
        return None
    path = ("spec", "baseConfigMapRef", "name")
    name = reference.get("name", "")
    bases = [item for item in documents if is_base(item)]
    found = next((item for item in bases if item.name == name), bases[0] if len(bases) == 1 else None)
    if found is None:
        why = (
            f"the base ConfigMap {name} is not among the files; add the output of kubectl get configmap {name} -o yaml"
        )
        report.lost(path, why, document=service.document)
    elif found.name != name:
        why = f"the base ConfigMap {found.name} is used, because {name} is not among the files"
        report.changed(path, why, document=service.document)
    return found


def read_base(document: Document, report: ConversionReport) -> Checked:
    """Return a base ConfigMap, checked."""
    return Checked(read_fields(document, BASE_FIELDS, report), document)
