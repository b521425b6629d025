"""The environment variables of vLLM: which ones a version reads."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

from modelservice.engines.version import Version

Runs = tuple[tuple[Version, Version], ...]
"""Runs of neighbouring known versions, oldest first, each by its first and last version."""

_TABLE = Path(__file__).parents[1] / "facts" / "engines" / "arguments" / "vllm-variables.json"


def history(name: str) -> Runs:
    """Return the runs of versions that read a variable; none for one that no known version reads."""
    return _table().get(name, ())


def reads(name: str, version: Version) -> bool:
    """Return whether a version reads a variable."""
    return any(first <= version <= last for first, last in history(name))


def names(version: Version | None) -> list[str]:
    """Return the variables that a version reads; those of the newest known version for None."""
    newest = max(last for runs in _table().values() for _, last in runs)
    return [name for name in _table() if reads(name, version or newest)]


@functools.cache
def _table() -> Mapping[str, Runs]:
    variables = json.loads(_TABLE.read_text(encoding="utf-8"))["variables"]
    return {name: tuple((_version(first), _version(last)) for first, last in runs) for name, runs in variables.items()}


def _version(text: str) -> Version:
    version = Version.parse(text)
    if version is None:
        raise ValueError(f"{_TABLE.name}: {text} is not a version")
    return version
