"""What is at a path of names in nested maps, such as ``spec.strategy.type``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_at(node: Any, path: str) -> Any:
    """Return what is at a path of names joined by dots; None where there is nothing."""
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node
