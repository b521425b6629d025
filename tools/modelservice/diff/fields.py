"""Fields in which two versions of an object differ, at the addresses that ``explain`` takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice.kubernetes.dotted import MISSING
from modelservice.kubernetes.quantity import quantity

_QUANTITIES = re.compile(r"\b(limits|requests|sizeLimit|capacity)\b")
"""Fields whose text has several forms of one number."""


@dataclass(frozen=True)
class FieldChange:
    """A field that differs.

    Args:
        path: dotted, with list items by name; empty for the whole object.
        before: the value before the upgrade; :data:`~modelservice.explain.address.MISSING` for a new field.
        after: the value after it; ``MISSING`` for a field that goes.
    """

    path: str
    before: Any
    after: Any


def field_changes(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """Yield the fields in which two versions differ, each as deep as its name reaches.

    Lists of named things are compared by name, as Kubernetes merges them; others as a whole.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from field_changes(before.get(key, MISSING), after.get(key, MISSING), _below(path, str(key)))
        return
    named = _named_items(before, after)
    if named is not None:
        old, new = named
        for name in dict.fromkeys([*old, *new]):
            yield from field_changes(old.get(name, MISSING), new.get(name, MISSING), f"{path}[{name}]")
        if list(old) != list(new) and set(old) == set(new) and path.endswith("initContainers"):
            yield FieldChange(path, list(old), list(new))  # they start in their order
        return
    if before != after and not _same_quantity(path, before, after):
        yield FieldChange(path, before, after)


def under(path: str, above: str) -> bool:
    """Return whether a field is another one or below it."""
    return path == above or path.startswith((f"{above}.", f"{above}[")) or not above


def _below(path: str, key: str) -> str:
    if re.search(r"[.\[\]/]", key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _named_items(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return two lists by the names of their items; None where not all items have a name that no other one has."""
    if not (isinstance(before, list) and isinstance(after, list) and before and after):
        return None
    for name_of in (lambda item: item.get("mountPath"), _name):
        found: list[dict[str, Any]] = []
        for items in (before, after):
            names = [str(name_of(item) or "") if isinstance(item, Mapping) else "" for item in items]
            if all(names) and len(set(names)) == len(items):
                found.append(dict(zip(names, items, strict=True)))
        if len(found) == 2:
            return found[0], found[1]
    return None


def _name(item: Mapping[str, Any]) -> Any:
    metadata = item.get("metadata")
    return item.get("name") or (metadata.get("name") if isinstance(metadata, Mapping) else None)


def _same_quantity(path: str, before: Any, after: Any) -> bool:
    if not _QUANTITIES.search(path):
        return False
    numbers = quantity(before), quantity(after)
    return numbers[0] is not None and numbers[0] == numbers[1]
