"""Declarations of a source's fields: the values key of each, and what becomes of it.

The declarations are data. :mod:`reader` checks the source against them (types, unknown fields) and notes what becomes
of each field; the tables of docs/importing.md are generated from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelservice.importers.report import Outcome

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Field:
    """One field of a source and everything below it, unless a longer path is declared too.

    Args:
        path: dotted; ``[]`` is any item of a list, ``*`` any key of a map.
        values: the values key that it becomes; empty when it is lost.
        outcome: what becomes of it.
        why: the reason; required unless it is kept.
        type: what it has to be: ``string``, ``integer``, ``number``, ``boolean``, ``scalar``, ``strings`` (a list of
            them), ``map`` (strings by key), ``quantities``, ``object``, ``list``, ``any``, or the name of a Kubernetes
            type, with ``[]`` for a list of them. A ``section`` or ``sections`` (a list of them) has no fields but those
            that are declared.
        when: condition on the value under which the outcome applies; otherwise the field is kept as it is.
        quiet: not worth a note: written by a server, or without effect.
    """

    path: str
    values: str
    outcome: Outcome = Outcome.kept
    why: str = ""
    type: str = "any"
    when: Callable[[Any], bool] | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        """Reject a declaration without a reason."""
        if self.outcome is not Outcome.kept and not self.why:
            raise AssertionError(f"{self.path}: the reason is missing")

    @property
    def tokens(self) -> tuple[str, ...]:
        """The path, a token for each key and for each ``[]``."""
        return tuple(self.path.replace("[]", ".[]").split("."))

    def outcome_of(self, value: Any) -> Outcome:
        """Return what becomes of a value of the field."""
        return self.outcome if self.when is None or self.when(value) else Outcome.kept


def changed(path: str, values: str, why: str, **details: Any) -> Field:
    """Return a field that becomes something else."""
    return Field(path, values, Outcome.changed, why, **details)


def lost(path: str, why: str, **details: Any) -> Field:
    """Return a field that the chart has no equivalent for."""
    return Field(path, "", Outcome.lost, why, **details)


_SERVER_WRITTEN = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generateName", "generation",
    "managedFields", "resourceVersion", "selfLink", "uid",
)  # fmt: skip

METADATA = (
    Field("apiVersion", "", type="string", quiet=True),
    Field("kind", "", type="string", quiet=True),
    *(lost(f"metadata.{name}", "written by the API server", quiet=True) for name in _SERVER_WRITTEN),
    lost("metadata.finalizers", "they belong to the original controller", quiet=True),
    lost("metadata.ownerReferences", "Helm owns what it installs", quiet=True),
    lost("status", "written by the original controller", quiet=True),
    lost(f"metadata.annotations.{LAST_APPLIED}", "written by kubectl", quiet=True),
)
"""Fields of every Kubernetes object that no release has."""
