"""The workloads among the documents that run an engine, and their roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelservice import facts
from modelservice.engines.recognise import engine_of_image
from modelservice.importers.engine import engine_of
from modelservice.importers.source.documents import Document
from modelservice.importers.systems.manifests.fields import FIELDS
from modelservice.importers.systems.system import Source
from modelservice.importers.workload import LONGEST_SET_NAME, ROLE_LABEL, ROLES, release_name


def serves(document: Document) -> bool:
    """Return whether a workload runs an engine, or holds accelerators under the image of one."""
    return document.kind in FIELDS and any(map(_is_engine, _containers(document)))


def why_not(document: Document) -> str:
    """Return why a workload is not imported; empty for other documents."""
    if document.kind not in FIELDS or serves(document):
        return ""
    images = [str(container.get("image")) for container in _containers(document)]
    known = next((engine for image in images if (engine := facts.engine(engine_of_image(image) or ""))), None)
    if known is None:
        return f"{document.title} starts none of the engines that an import reads"
    unread = f"{document.title} runs {known.title}, whose settings an import does not read"
    return f"{unread} (engine.type: {known.type} starts it)"


def _is_engine(container: dict[str, Any]) -> bool:
    try:
        if engine_of(container).engine:
            return True
    except (TypeError, AttributeError, KeyError):
        return False  # of a wrong type; reading the document reports it
    resources = container.get("resources")
    limits = resources.get("limits") if isinstance(resources, dict) else None
    accelerated = isinstance(limits, dict) and any("/" in key for key in limits)
    return accelerated and _names_engine(str(container.get("image")))


def _names_engine(image: str) -> bool:
    """Return whether an image is an engine's, or is named after one."""
    return engine_of_image(image) is not None or any(item.type.lower() in image.lower() for item in facts.engines())


def role_of(document: Document) -> str:
    """Return the role of a workload's pods by their label, whatever it is; empty without one."""
    for template in _templates(document):
        metadata = template.get("metadata") if isinstance(template, dict) else None
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        if isinstance(labels, dict) and labels.get(ROLE_LABEL):
            return str(labels[ROLE_LABEL])
    return ""


def is_served(document: Document) -> bool:
    """Return whether a workload that runs an engine can be a release: the chart has its role."""
    return serves(document) and role_of(document) in ("", *ROLES)


def partner(document: Document, source: Source) -> Document | None:
    """Return the workload of the other role: the only one, else the one with the same name but for the role."""
    own = role_of(document)
    if own not in ROLES:
        return None
    workloads = [item for item in source.documents if serves(item) and _namespace(item) == _namespace(document)]
    same = [item for item in workloads if role_of(item) == own]
    others = [item for item in workloads if role_of(item) in ROLES and role_of(item) != own]
    if len(same) > 1 or len(others) > 1:
        same, others = ([item for item in found if _stem(item) == _stem(document)] for found in (same, others))
    return others[0] if len(same) == len(others) == 1 else None


def name_of(document: Document, source: Source) -> str:
    """Return the name of a workload's release: the workload's without the role, unless that is another one's."""
    taken = [
        item
        for item in source.documents
        if item is not document and item is not partner(document, source) and serves(item)
    ]
    stem = _stem(document)
    others = [_stem(item) for item in taken if _namespace(item) == _namespace(document)]
    name = document.name if stem in others else stem
    return release_name(name) if document.whole is None else release_name(name, LONGEST_SET_NAME)


def _stem(document: Document) -> str:
    return document.name.removesuffix(f"-{role_of(document) or 'decode'}")


def _namespace(document: Document) -> str:
    metadata = document.data.get("metadata")
    return str(metadata.get("namespace") or "") if isinstance(metadata, dict) else ""


def _templates(document: Document) -> Iterator[Any]:
    spec = document.data.get("spec")
    if not isinstance(spec, dict):
        return
    group = spec.get("leaderWorkerTemplate")
    if isinstance(group, dict):
        yield from (group[key] for key in ("leaderTemplate", "workerTemplate") if key in group)
    elif "template" in spec:
        yield spec["template"]


def _containers(document: Document) -> Iterator[dict[str, Any]]:
    for template in _templates(document):
        spec = template.get("spec") if isinstance(template, dict) else None
        containers = spec.get("containers") if isinstance(spec, dict) else None
        for container in containers if isinstance(containers, list) else []:
            if isinstance(container, dict):
                yield container
