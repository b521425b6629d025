"""What is wrong with an upgrade, in sentences: what fails, what loses requests, what may."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelservice.diff.capacity import Stall
from modelservice.diff.handovers import Handover, Meeting
from modelservice.diff.objects import Cause
from modelservice.diff.restarts import Effect, WorkloadEffect
from modelservice.diff.upgrade import Upgrade
from modelservice.model.handover import Difference


class Severity(StrEnum):
    """How bad a problem is."""

    fails = "fails"
    """The upgrade fails or never ends."""
    loses = "loses requests"
    """Requests fail meanwhile."""
    risk = "risk"
    """It may be so, or it is worth a thought."""


@dataclass(frozen=True)
class Problem:
    """Something that speaks against an upgrade.

    Args:
        severity: how bad it is.
        object: ``Kind/name``; empty for what is about several.
        message: what happens and why, in a sentence.
        fix: what to do instead.
        causes: values keys behind it.
        sources: what says so.
    """

    severity: Severity
    object: str
    message: str
    fix: str
    causes: tuple[Cause, ...] = ()
    sources: tuple[str, ...] = ()


def problems(upgrade: Upgrade) -> Iterator[Problem]:
    """Yield what speaks against an upgrade, the worst first."""
    found = [*_refused(upgrade), *map(_stall, upgrade.stalls), *_outages(upgrade), *_stale(upgrade)]
    if upgrade.handover:
        found += _handover(upgrade.handover)
    yield from sorted(found, key=lambda item: list(Severity).index(item.severity))


def _refused(upgrade: Upgrade) -> Iterator[Problem]:
    for item in upgrade.refusals:
        message = f"the API server rejects the change of {item.path}: {item.why}"
        yield Problem(Severity.fails, item.object, message, item.way, item.causes, item.sources)


def _stall(stall: Stall) -> Problem:
    item = stall.workload
    number = f"{stall.waiting} of its {item.replicas[1]} new {_units(item, item.replicas[1])}"
    if stall.certain:
        message = f"{number} never get a node: no node that takes them has the accelerators"
    else:
        message = f"{number} may not get a node, depending on where the others are"
    if item.effect is Effect.restart and item.limits.surge:
        fix = "set maxUnavailable: 1 and maxSurge: 0, so that old pods make room first, or add a node"
    else:
        fix = "add a node, or ask for fewer replicas"
    return Problem(Severity.fails if stall.certain else Severity.risk, item.name, message, fix)


def _outages(upgrade: Upgrade) -> Iterator[Problem]:
    for item in upgrade.outages:
        severity = Severity.loses if item.certain else Severity.risk
        yield Problem(severity, item.workload, item.message, item.fix, item.causes)


def _stale(upgrade: Upgrade) -> Iterator[Problem]:
    for item in upgrade.effects:
        if item.effect is Effect.by_hand:
            message = "its controller replaces no pods, so they keep the old template until somebody deletes them"
            yield Problem(Severity.risk, item.name, message, "delete the pods one by one after the upgrade")
        for name in item.stale:
            message = f"its pods run on with what they read of {name} when they started"
            fix = f"{_renewal(item)} if they must read it again"
            yield Problem(Severity.risk, item.name, message, fix)
        if item.unread:
            fields = ", ".join(field.path for field in item.unread)
            message = f"the change of {fields} reaches no pod: the controller reads it when it makes a new revision"
            causes = {cause.key: cause for field in item.unread for cause in field.causes}
            yield Problem(Severity.risk, item.name, message, _renewal(item), tuple(causes.values()))


def _renewal(item: WorkloadEffect) -> str:
    """Return how all pods are replaced that run on."""
    if item.after[0].is_grouped:
        return f"change an annotation in {item.role}.podAnnotations, which replaces the groups"
    return f"run kubectl rollout restart {item.name} after the upgrade"


def _handover(handover: Handover) -> Iterator[Problem]:
    """Yield the pairs that cannot hand over: as one problem where both are kept apart by the same."""
    by_differences: dict[tuple[object, ...], list[Meeting]] = {}
    for meeting in handover.meetings:
        if meeting.differences:
            key = (meeting.fails, *((item.name, frozenset(item.values)) for item in _told(meeting)))
            by_differences.setdefault(key, []).append(meeting)
    for meetings in by_differences.values():
        severity = Severity.loses if meetings[0].fails else Severity.risk
        yield Problem(severity, "", _message(meetings, handover), _way(handover))


def _message(meetings: list[Meeting], handover: Handover) -> str:
    first = meetings[0]
    differences = "; ".join(f"{item.name} {item.values[0]} and {item.values[1]}" for item in _told(first))
    pairs = [f"{meeting.prefill} prefill with {meeting.decode} decode" for meeting in meetings]
    who = "old and new pods" if len(meetings) > 1 else pairs[0]
    verb = "cannot" if first.apart else "may not be able to"
    how = ", so prompts are computed twice" if first.apart and first.recomputes else ""
    until = f" until {_duration(handover)}" if handover.settled else ", and the new pods cannot either"
    return f"{who} {verb} hand over the KV cache ({differences}){how}{until}"


def _told(meeting: Meeting) -> list[Difference]:
    """Return the differences that are sure; all where none is."""
    return [item for item in meeting.differences if item.certain] or list(meeting.differences)


def _way(handover: Handover) -> str:
    if not handover.settled:
        return "set the same for both roles"
    return "install it as another release next to this one, and move the route when both roles of that are ready"


def _duration(handover: Handover) -> str:
    """Return when all pods are new, in a sentence that goes on after ``until``."""
    workloads: dict[str, list[WorkloadEffect]] = {}
    for item in handover.rolled:
        workloads.setdefault(item.object if item.together else item.name, []).append(item)
    return " and ".join(_rolled(name, items) for name, items in workloads.items())


def _rolled(name: str, items: Sequence[WorkloadEffect]) -> str:
    """Return when a workload is done: one, or the roles of a set that are rolled together."""
    if items[0].effect is Effect.by_hand:
        return f"the pods of {name} are deleted by hand"
    number, rounds = rounds_of(items[0]), max(startup_seconds(item) or 0 for item in items)
    each = f" of at most {_shown(rounds)}" if rounds else ""
    return f"{name} is rolled ({number} {'round' if number == 1 else 'rounds'}{each})"


def rounds_of(item: WorkloadEffect) -> int:
    """Return how many times a roll-out waits for new pods."""
    if item.together is not None:
        return item.together.rounds
    at_once = max(item.limits.surge + item.limits.unavailable, 1)
    return math.ceil(max(item.replicas[1] - item.limits.kept, 0) / at_once)


def startup_seconds(item: WorkloadEffect) -> int | None:
    """Return the startup probe budget of the new pods; None without such a probe."""
    budgets = []
    for group in item.after:
        probe = group.engine.fields.get("startupProbe")
        if probe:
            budgets.append(
                int(probe.get("initialDelaySeconds") or 0)
                + int(probe.get("periodSeconds") or 10) * int(probe.get("failureThreshold") or 3)
            )
    return max(budgets, default=None)


def _shown(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"


def _units(item: WorkloadEffect, number: int) -> str:
    return item.unit if number == 1 else f"{item.unit}s"
