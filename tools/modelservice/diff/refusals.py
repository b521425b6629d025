"""Changes that the API server rejects, so that the upgrade fails: fields that are immutable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelservice import facts
from modelservice.diff.fields import field_changes, under
from modelservice.diff.objects import Action, Cause, Field, ObjectChange, of_action
from modelservice.diff.side import Object
from modelservice.facts.models import ImmutableFields
from modelservice.model.pods import reference
from modelservice.model.rollouts import value_at


@dataclass(frozen=True)
class Refusal:
    """A change that the API server rejects.

    Args:
        object: ``Kind/name``.
        path: the immutable field.
        way: what to do instead.
        causes: values keys behind the change.
        sources: what says that the field is immutable.
    """

    object: str
    path: str
    way: str
    causes: tuple[Cause, ...]
    sources: tuple[str, ...]


def refusals(changes: Sequence[ObjectChange]) -> Iterator[Refusal]:
    """Yield the changes of immutable fields, in the order in which Helm meets them."""
    immutable = facts.kubernetes().immutable
    for change in of_action(changes, Action.changed):
        known = immutable.get(change.kind)
        if known is None or change.before is None or change.after is None:
            continue
        for path in (*known.fields, *(known.structures if _holds(known, change.before) else ())):
            if _is_refused(known, path, change.before, change.after):
                causes = {cause.key: cause for field in _touching(change, path) for cause in field.causes}
                way = known.way.format(object=reference(change.before))
                yield Refusal(change.name, path, way, tuple(causes.values()), tuple(map(str, known.source)))


def _holds(known: ImmutableFields, before: Object) -> bool:
    return not known.when or value_at(before, known.when) is True


def _is_refused(known: ImmutableFields, path: str, before: Object, after: Object) -> bool:
    old, new = value_at(before, path), value_at(after, path)
    if (new is None and path in known.kept) or (None in (old, new) and path in known.assigned):
        return False
    return any(True for _ in field_changes(old, new, path))


def _touching(change: ObjectChange, path: str) -> tuple[Field, ...]:
    """Return the changed fields at, below or above a path."""
    return tuple(field for field in change.fields if under(field.path, path) or under(path, field.path))
