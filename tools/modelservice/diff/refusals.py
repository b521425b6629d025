"""Changes that the API server rejects, so that the upgrade fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelservice import facts
from modelservice.diff.fields import field_changes, under
from modelservice.diff.objects import Action, Cause, ObjectChange, of_action
from modelservice.diff.side import Identity, Object
from modelservice.facts.models import ImmutableFields, Leftover
from modelservice.kubernetes.dotted import value_at
from modelservice.model.pods import reference


@dataclass(frozen=True)
class Refusal:
    """A change that the API server rejects.

    Args:
        object: ``Kind/name``.
        path: the field.
        why: what is wrong with the change, in a few words.
        way: what to do instead.
        causes: values keys behind the change.
        sources: what says that the field is immutable.
    """

    object: str
    path: str
    why: str
    way: str
    causes: tuple[Cause, ...]
    sources: tuple[str, ...]


def refusals(changes: Sequence[ObjectChange], installed: Mapping[Identity, Object]) -> Iterator[Refusal]:
    """Yield the changes that the API server rejects, in the order in which Helm meets them.

    Args:
        changes: what changes.
        installed: the objects before the upgrade, with the defaults that somebody wrote.
    """
    known = facts.kubernetes()
    for change in of_action(changes, Action.changed):
        if change.kind in known.immutable:
            yield from _immutable(known.immutable[change.kind], change)
        if change.kind in known.leftovers:
            yield from _left_over(known.leftovers[change.kind], change, installed[change.key])


def _immutable(known: ImmutableFields, change: ObjectChange) -> Iterator[Refusal]:
    before, after = change.before or {}, change.after or {}
    for path in (*known.fields, *(known.structures if _holds(known, before) else ())):
        if _is_refused(known, path, before, after):
            yield _refusal(change, path, "it is immutable", known.way, known.source)


def _left_over(known: Leftover, change: ObjectChange, installed: Object) -> Iterator[Refusal]:
    """Yield a change of the kind of update while the API server's own section of the former kind stays."""
    old, new = ((value_at(obj, f"{known.update}.type") or known.type) for obj in (change.before, change.after))
    path = f"{known.update}.{known.section}"
    written = value_at(installed, path) or {}
    if old == known.type != new and not all(name in written for name in known.filled):
        value = json.dumps([{"op": "replace", "path": f"/{known.update.replace('.', '/')}", "value": {"type": new}}])
        yield _refusal(
            change, path, f"Helm 4 leaves its defaults, which only {old} may have",
            f"run kubectl patch {{object}} --type=json -p '{value}' before the upgrade", known.source,
        )  # fmt: skip


def _refusal(change: ObjectChange, path: str, why: str, way: str, source: Sequence[str]) -> Refusal:
    fields = [field for field in change.fields if under(field.path, path) or under(path, field.path)]
    above = path.rpartition(".")[0] if not fields else path
    fields = fields or [field for field in change.fields if under(field.path, above)]
    causes = {cause.key: cause for field in fields for cause in field.causes}
    named = way.replace("{object}", reference(change.before or {}))
    return Refusal(change.name, path, why, named, tuple(causes.values()), tuple(map(str, source)))


def _holds(known: ImmutableFields, before: Object) -> bool:
    return not known.when or value_at(before, known.when) is True


def _is_refused(known: ImmutableFields, path: str, before: Object, after: Object) -> bool:
    old, new = value_at(before, path), value_at(after, path)
    if (new is None and path in known.kept) or (None in (old, new) and path in known.assigned):
        return False
    return any(True for _ in field_changes(old, new, path))
