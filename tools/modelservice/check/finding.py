"""Violations, as rules yield them, and findings, as reports show them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from modelservice.check.cures import Draft
from modelservice.edits.edit import Cure
from modelservice.model.provenance import Place


class Severity(StrEnum):
    """Severity of a finding."""

    error = "error"
    """Nothing serves, or accelerators are wasted."""
    warning = "warning"
    """It serves, but not as it should, or not always."""
    info = "info"
    """Worth knowing."""


@dataclass(frozen=True)
class Violation:
    """A violation of a rule, as the rule yields it.

    Args:
        message: what is wrong and why, in one sentence.
        at: field that is wrong, or where the missing one belongs.
        fix: what to set instead.
        severity: severity where it differs from the rule's.
        cures: edits that would cure it, the certain one first; see :mod:`modelservice.check.cures`.
    """

    message: str
    at: Place
    fix: str
    severity: Severity | None = None
    cures: tuple[Draft, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Finding:
    """A violation of a rule, with everything that a person needs to fix it."""

    rule: str
    severity: Severity
    message: str
    values: str | None
    object: str | None
    fix: str | None
    file: str | None = None
    line: int | None = None
    deployment: str | None = None
    """Which of several deployments."""
    cures: tuple[Cure, ...] = field(default=(), compare=False)
    """Edits of the values that would cure it, the certain one first."""

    def to_json(self) -> dict[str, Any]:
        """Return the finding for machines."""
        shown = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**shown, "cures": [cure.to_json() for cure in self.cures]}

    @property
    def place(self) -> str:
        """``file:line``, as far as it is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part is not None)
