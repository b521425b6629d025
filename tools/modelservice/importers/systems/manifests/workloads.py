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

ROLE_LABEL = "llm-d.ai/role"


def serves(document: Document) -> bool:
    """Return whether a workload runs an engine, or holds accelerators under the image of one."""
    return document.kind in FIELDS and any(map(_is_engine, _containers(document)))


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
    """Return the role of a workload's pods by their label; empty without one."""
    for template in _templates(document):
        metadata = template.get("metadata") if isinstance(template, dict) else None
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        if isinstance(labels, dict) and labels.get(ROLE_LABEL) in ("prefill", "decode"):
            return str(labels[ROLE_LABEL])
    return ""


def partner(document: Document, source: Source, role: str) -> Document | None:
    """Return the workload of the other role, where there is just one of each."""
    workloads = [item for item in source.documents if serves(item)]
    found = [item for item in workloads if role_of(item) == role]
    same = [item for item in workloads if role_of(item) == role_of(document)]
    return found[0] if len(found) == 1 and len(same) == 1 else None


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
