"""What is at a path in nested maps and lists: by names with dots, such as ``spec.strategy.type``, or by its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MISSING = object()
"""Nothing is at a path, not even null."""


def value_at(node: Any, path: str) -> Any:
    """Return what is at a path of names joined by dots; None where there is nothing."""
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def found_at(node: Any, path: Sequence[str | int]) -> Any:
    """Return what is at the end of keys and places in lists; :data:`MISSING` where there is nothing."""
    for part in path:
        if part not in (range(len(node)) if isinstance(node, list) else node if isinstance(node, dict) else ()):
            return MISSING
        node = node[part]
    return node
