"""Objects that an upgrade adds, changes and removes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from modelservice.diff.fields import FieldChange, field_changes, under
from modelservice.diff.side import Identity, Object, Shown, Side, label
from modelservice.rendered import INSTALL_ORDER

_POLICY, _KEEP = "helm.sh/resource-policy", "keep"
"""Annotation with which Helm leaves an object where it is when the release has it no more."""


class Action(StrEnum):
    """What happens to an object."""

    added = "added"
    changed = "changed"
    removed = "removed"
    kept = "kept"
    """The release has it no more, and Helm leaves it in the cluster."""


@dataclass(frozen=True)
class Cause:
    """A values key behind a change."""

    key: str
    """As it stands in the files."""
    place: str | None = None
    """``file:line`` of the new value, or of the old one where it goes."""


@dataclass(frozen=True)
class Field:
    """A field that changes, and the values keys behind that."""

    change: FieldChange
    causes: tuple[Cause, ...] = ()

    @property
    def path(self) -> str:
        """Address of the field in its object."""
        return self.change.path


@dataclass(frozen=True)
class ObjectChange:
    """What happens to an object."""

    key: Identity
    name: str
    """``Kind/name``, with the namespace where objects are in several."""
    action: Action
    before: Object | None
    """The object before the upgrade, without secrets and defaults."""
    after: Object | None
    fields: tuple[Field, ...] = ()
    causes: tuple[Cause, ...] = ()
    """Values keys that add or remove it."""

    @property
    def kind(self) -> str:
        """Kind of the object."""
        return self.key[1]

    def under(self, path: str) -> tuple[Field, ...]:
        """Return the changes of a field and those below it."""
        return tuple(field for field in self.fields if under(field.path, path))

    def with_causes(self, causes: Mapping[str, tuple[Cause, ...]]) -> ObjectChange:
        """Return the change with the values keys by field; those of the whole object under an empty path."""
        fields = tuple(replace(field, causes=causes.get(field.path, ())) for field in self.fields)
        return replace(self, fields=fields, causes=causes.get("", ()))


def object_changes(before: Side, after: Side) -> list[ObjectChange]:
    """Return what happens to each object that does not stay as it is, in the order in which Helm installs."""
    shown = Shown(list(before.objects.values()), list(after.objects.values()))
    keys = dict.fromkeys([*after.objects, *before.objects])
    several = len({key[2] for key in keys}) > 1
    found = [_change(key, before, after, shown, several=several) for key in keys]
    return sorted((item for item in found if item is not None), key=_order)


def _change(key: Identity, before: Side, after: Side, shown: Shown, *, several: bool) -> ObjectChange | None:
    old, new = (shown(side.objects[key]) if key in side.objects else None for side in (before, after))
    name = label(key, several)
    if old is None:
        return ObjectChange(key, name, Action.added, None, new)
    if new is None:
        return ObjectChange(key, name, Action.kept if _is_kept(old) else Action.removed, old, None)
    fields = tuple(Field(change) for change in field_changes(old, new))
    return ObjectChange(key, name, Action.changed, old, new, fields) if fields else None


def _is_kept(obj: Object) -> bool:
    annotations: Mapping[str, Any] = (obj.get("metadata") or {}).get("annotations") or {}
    return annotations.get(_POLICY) == _KEEP


_RANK = {kind: index for index, kind in enumerate(INSTALL_ORDER)}


def _order(change: ObjectChange) -> tuple[int, str, str]:
    return _RANK.get(change.kind, len(_RANK)), change.kind, change.name


def of_action(changes: Sequence[ObjectChange], *actions: Action) -> list[ObjectChange]:
    """Return the objects to which one of some things happens."""
    return [change for change in changes if change.action in actions]
