"""What clients rely on and an upgrade takes away: names of the model, Services, routes and pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelservice.diff.objects import Action, Cause, Field, ObjectChange, of_action
from modelservice.diff.outages import Outage
from modelservice.kubernetes.dotted import MISSING
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_ADDRESSES = ("Service", "HTTPRoute", "Ingress", "Gateway", "InferencePool")
"""Kinds that other things name."""


def taken_away(before: Deployment, after: Deployment, changes: Sequence[ObjectChange]) -> Iterator[Outage]:
    """Yield what clients may use that is there no more; whether somebody does is not known."""
    for change in changes:
        if change.kind in _ADDRESSES and change.action is Action.removed:
            yield Outage(change.name, "it goes, and whatever names it fails", "keep it until nothing names it", False)
    for change in of_action(changes, Action.changed):
        gone = [field for field in change.fields if change.kind == "Service" and _is_port_that_goes(field)]
        if gone:
            ports = ", ".join(field.path for field in gone)
            causes = {cause.key: cause for field in gone for cause in field.causes}
            message = f"clients of {ports} find it no more"
            yield Outage(change.name, message, "keep the port until nobody uses it", False, tuple(causes.values()))
    yield from _names(before, after, changes)


def _is_port_that_goes(field: Field) -> bool:
    if not field.path.startswith("spec.ports["):
        return False
    return field.change.after is MISSING if field.path.endswith("]") else field.path.endswith("].port")


def _names(before: Deployment, after: Deployment, changes: Sequence[ObjectChange]) -> Iterator[Outage]:
    """Yield names of the model to which the engines answer no more."""
    old, new = ([_served(group) for group in side.serving if group.role != "prefill"] for side in (before, after))
    if not old or not new or None in (*old, *new):
        return
    kept = {name for names in new for name in names or ()}
    gone = sorted({name for names in old for name in names or ()} - kept)
    if gone:
        message = f"requests for the model {', '.join(gone)} get 404; it is served as {', '.join(sorted(kept))}"
        fix = "keep the old name next to the new one, under modelArtifacts.aliases, until no client asks for it"
        yield Outage("", message, fix, False, _causes_of_args(changes))


def _served(group: PodGroup) -> frozenset[str] | None:
    """Return the names that an engine answers to; None where they are not known."""
    given = group.command.get("served-model-name")
    names = given.values if given else (group.command.model,) if group.lacks("served-model-name") else ()
    known = [name for name in names if name and "$" not in name]
    return frozenset(known) if known and len(known) == len(names) else None


def _causes_of_args(changes: Sequence[ObjectChange]) -> tuple[Cause, ...]:
    """Return the keys behind other words of an engine that are about the model's name."""
    found = {
        cause.key: cause
        for change in changes
        for field in change.fields
        if field.path.endswith((".args", ".command"))
        for cause in field.causes
        if cause.key.rpartition("modelArtifacts.")[2] in ("name", "aliases", "uri") or "served" in cause.key
    }
    return tuple(found.values())
