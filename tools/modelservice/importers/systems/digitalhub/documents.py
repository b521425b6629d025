"""DigitalHub's functions, tasks and runs among the documents, and what they state together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Document
from modelservice.importers.systems import kubeai
from modelservice.importers.systems.digitalhub.fields import BUNDLE, SINGLE
from modelservice.importers.systems.system import Conversion

KINDS = (
    "kubeai-text", "kubeai-speech", "vllmserve-text", "vllmserve-speech", "vllmserve-pooling", "huggingfaceserve",
)  # fmt: skip
"""Kinds of functions that can be imported."""

_OF_THE_FUNCTION = ("image", "model_name", "engine", "adapters", "features")
"""Fields that a run may state where its function does not."""

_OF_THE_PLATFORM = ("PROJECT_NAME", "RUN_ID")
"""Variables that name what only the platform has."""


@dataclass(frozen=True)
class Function:
    """A function as it runs.

    Args:
        conversion: the conversion.
        kind: kind of the function, such as ``vllmserve-text``.
        name: its name.
        spec: its spec.
        run: the run's spec over the task's.
    """

    conversion: Conversion
    kind: str
    name: str
    spec: Mapping[str, Any]
    run: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of the run."""
        found = dict(self.run.get("env", {}))
        found |= {item["name"]: item.get("value", "") for item in self.run.get("envs", []) if item.get("name")}
        return {key: value for key, value in found.items() if key not in _OF_THE_PLATFORM}

    def resolve(self, reference: str) -> str:
        """Return a model reference without the platform's registry.

        Raises:
            ModelserviceError: the registry's reference is not in the map of the command line.
        """
        if not reference.startswith("store://"):
            return reference.replace("huggingface://", "hf://")
        for key, uri in self.conversion.source.options.stores.items():
            if reference == key or reference.startswith(f"{key}:"):
                return uri
        raise self.error(
            f"{reference} is a reference into the platform's registry",
            key="url",
            fix=f"state what it is with --store-map {reference}=hf://organisation/model",
        )

    def adapters(self) -> list[dict[str, str]]:
        """Return the function's LoRA adapters."""
        return [
            {"name": str(item.get("name", "model")), "uri": self.resolve(item.get("url", ""))}
            for item in self.spec.get("adapters", [])
        ]

    def error(self, message: str, *, key: str, fix: str | None = None) -> ModelserviceError:
        """Return an error about a key of the function or the run."""
        return self.conversion.error(message, key=key, fix=fix)


def recognises(document: Document) -> bool:
    """Return whether the platform runs something for a document."""
    if is_function(document):
        return True
    spec = _part(document, "spec")
    return is_run(document) and ("url" in spec or "path" in spec)


def is_function(document: Document) -> bool:
    """Return whether a document is a function, by itself or with its run."""
    if any(_kind(_part(document, name).get("kind")) in KINDS for name in ("function", "run", "task")):
        return True
    return document.kind in KINDS and not document.group


def is_run(document: Document) -> bool:
    """Return whether a document is a task or a run by itself."""
    return "+" in document.kind and _kind(document.kind) in KINDS


def is_part(document: Document) -> bool:
    """Return whether a document belongs to the platform in another way."""
    return is_run(document) or "runtime" in document.data or kubeai.SYSTEM.parts(document)


def _kind(text: Any) -> str:
    """Return the kind of the function of a task's or run's kind: ``vllmserve-text`` of ``vllmserve-text+serve:run``."""
    return text.partition("+")[0].partition(":")[0] if isinstance(text, str) else ""


def _part(document: Document, name: str) -> dict[str, Any]:
    part = document.data.get(name)
    return part if isinstance(part, dict) else {}


def read_function(conversion: Conversion) -> Function:
    """Return the document's function with its run over its task; where both state something, the function counts.

    Raises:
        ModelserviceError: it names no model, or the run's is not below the function's.
    """
    together = any(part in conversion.document.data for part in ("function", "run", "task"))
    kind, name, spec, task, run = _together(conversion) if together else _apart(conversion)
    run = {**task, **run}
    for key in ("url", "path"):
        if run.get(key) and spec.get(key) and not run[key].startswith(spec[key]):
            message = f"the run's {key} {run[key]} is not below the function's {spec[key]}"
            raise conversion.error(message, key=f"run.spec.{key}")
        if run.get(key):
            spec[key] = run[key]
    for key in _OF_THE_FUNCTION:
        if key in run:
            spec.setdefault(key, run[key])
    if not spec.get("url") and not spec.get("path"):
        raise conversion.error("it names no model", key="function.spec.url")
    reference = re.search(r"://[^/]+/([^:/]+)", run.get("function", ""))
    return Function(conversion, kind, name or (reference[1] if reference else "model"), spec, run)


Parts = tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]
"""Kind and name of a function, and the specs of function, task and run."""


def _together(conversion: Conversion) -> Parts:
    """Return the parts of a document with function, task and run."""
    data = conversion.read(BUNDLE)
    entity = data.get("function", {})
    kind = _kind(entity.get("kind")) or _kind(data.get("run", data.get("task", {})).get("kind"))
    spec, task, run = (dict(data.get(part, {}).get("spec", {})) for part in ("function", "task", "run"))
    return kind, entity.get("name", ""), spec, task, run


def _apart(conversion: Conversion) -> Parts:
    """Return the parts of a document that is one of them, with the other documents of its kind."""
    data = conversion.read(SINGLE)
    kind, name = _kind(data.get("kind")), data.get("name", "")
    spec: dict[str, Any] = dict(data.get("spec", {}))
    task: dict[str, Any] = {}
    run: dict[str, Any] = {}
    if is_run(conversion.document):
        spec, run = {}, spec
    for other in conversion.source.documents:
        if is_run(other) and other is not conversion.document and _kind(other.kind) == kind:
            found = dict(conversion.read(SINGLE, other).get("spec", {}))
            if other.kind.endswith(":run"):
                run = found
            else:
                task = found
    return kind, name, spec, task, run
