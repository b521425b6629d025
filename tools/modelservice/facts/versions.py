"""Which versions of a program a fact holds for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Versioned(Protocol):
    """A fact with its first version and the first without it; empty where there is no bound."""

    @property
    def since(self) -> str: ...

    @property
    def until(self) -> str: ...


def number(version: str) -> tuple[int, ...]:
    """Return a version as a number: ``v0.10.1-rc.1`` as ``(0, 10, 1)``."""
    return tuple(int(part) for part in version.removeprefix("v").partition("-")[0].partition("+")[0].split("."))


def shown(version: Sequence[int]) -> str:
    """Return a version for people: ``(0, 10, 1)`` as ``0.10.1``."""
    return ".".join(str(part) for part in version)


def holds(fact: Versioned, version: Sequence[int]) -> bool:
    """Return whether a fact holds for a version."""
    given = tuple(version)
    return (not fact.since or number(fact.since) <= given) and (not fact.until or given < number(fact.until))
