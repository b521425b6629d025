"""Addresses of lines in rendered objects: ``Deployment/x.spec.template.spec.containers[vllm].resources``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.errors import UsageError
from modelservice.kubernetes.dotted import MISSING
from modelservice.model.pods import reference

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Address:
    """A place in one object."""

    object: str
    """``Kind/name``."""
    path: str
    """Dotted, with list items by name or number; empty for the whole object."""

    def __str__(self) -> str:
        return f"{self.object}.{self.path}" if self.path else self.object


def parse(text: str, objects: Sequence[Object]) -> tuple[Address, Object]:
    """Return the address in a text, and its object.

    The name may be shortened to its end, e.g. ``Deployment/decode``, where only one Deployment has that, and left out,
    e.g. ``InferencePool.spec``, where there is only one object of the kind.

    Raises:
        UsageError: there is no such object, or nothing at the path.
    """
    kind = re.split(r"[/.]", text, maxsplit=1)[0]
    separator, rest = text[len(kind) : len(kind) + 1], text[len(kind) + 1 :]
    named = [obj for obj in objects if str(obj.get("kind", "")).lower() == kind.lower()]
    if not named:
        kinds = ", ".join(dict.fromkeys(reference(obj) for obj in objects))
        raise UsageError(f"{text}: no such object", fix=f"use one of {kinds}")
    if separator != "/":
        if len(named) == 1:
            return _checked(Address(reference(named[0]), rest), named[0])
        raise UsageError(f"{text}: several objects of this kind", fix=f"use one of {', '.join(map(reference, named))}")
    for obj in sorted(named, key=lambda item: -len(item["metadata"]["name"])):
        name = obj["metadata"]["name"]
        if rest == name or rest.startswith(f"{name}."):
            return _checked(Address(reference(obj), rest[len(name) + 1 :]), obj)
    short, _, path = rest.partition(".")
    ending = [obj for obj in named if obj["metadata"]["name"].endswith(f"-{short}")]
    if len(ending) == 1:
        return _checked(Address(reference(ending[0]), path), ending[0])
    names = ", ".join(reference(obj) for obj in named)
    raise UsageError(
        f"{text}: {'several objects have' if ending else 'no object has'} this name", fix=f"use one of {names}"
    )


def _checked(address: Address, obj: Object) -> tuple[Address, Object]:
    node: Any = obj
    done = ""
    for step in steps(address.path):
        found = _step(node, step)
        if found is MISSING:
            there = ", ".join(_steps_of(node)) or "nothing"
            where = f"{address.object}.{done}".rstrip(".")
            raise UsageError(f"{address}: {where} has no {step}", fix=f"it has {there}")
        done = f"{done}[{step}]" if isinstance(node, list) else f"{done}.{step}".lstrip(".")
        node = found
    return address, obj


def at(obj: Object, path: str) -> Any:
    """Return the value at a path; :data:`MISSING` without one."""
    node: Any = obj
    for step in steps(path):
        node = _step(node, step)
        if node is MISSING:
            return MISSING
    return node


def steps(path: str) -> list[str]:
    """Return the steps of a path; a key with dots or slashes is in brackets."""
    return [bracketed or plain for bracketed, plain in re.findall(r"\[([^\]]*)\]|([^.\[\]]+)", path)]


def _step(node: Any, step: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(step, MISSING)
    if isinstance(node, list):
        for item in node:
            if isinstance(item, Mapping) and step in _names(item):
                return item
        if step.isdigit() and int(step) < len(node):
            return node[int(step)]
        if step in node:
            return step
    return MISSING


def _names(item: Mapping[str, Any]) -> list[Any]:
    """Return what tells an item of a list from the others; that of a claim template is in its metadata."""
    metadata = item.get("metadata")
    return [item.get("name"), item.get("mountPath"), metadata.get("name") if isinstance(metadata, Mapping) else None]


def _steps_of(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        return [str(key) for key in node]
    if isinstance(node, list):
        return [
            str(item.get("name", index)) if isinstance(item, Mapping) else str(index) for index, item in enumerate(node)
        ]
    return []
