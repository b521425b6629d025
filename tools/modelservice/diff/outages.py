"""Times in which no pod serves: what a roll-out takes away before what replaces it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelservice import facts
from modelservice.diff.objects import Cause
from modelservice.diff.restarts import Effect, WorkloadEffect


@dataclass(frozen=True)
class Outage:
    """A time in which a role has fewer pods than it should.

    Args:
        workload: the workload, ``Kind/name``.
        message: what happens, in a sentence.
        fix: what to do instead.
        certain: whether requests are sure to fail.
        causes: values keys behind it.
    """

    workload: str
    message: str
    fix: str
    certain: bool
    causes: tuple[Cause, ...] = ()


def outages(effects: Sequence[WorkloadEffect]) -> Iterator[Outage]:
    """Yield the times in which no pod serves, or fewer than before although nobody asked for that.

    Without prefill pods decode computes the prompts itself, so only the other pods are looked at.
    """
    yield from (_handed_to_autoscaler(item) for item in effects if item.handed_over and item.replicas[0] > 1)
    yield from (_never_begins(item) for item in effects if _surges_for_one(item))
    yield from (_without_picker(item) for item in effects if item.is_picker and _all_restart(item))
    serving = [item for item in effects if item.serves and item.role != "prefill"]
    for item in serving:
        if not any(_stays(other) for other in serving if other is not item):
            yield from _outage(item, serving)


def _stays(item: WorkloadEffect) -> bool:
    """Return whether some pods of a workload serve all the time."""
    if item.effect in (Effect.keep, Effect.scale, Effect.by_hand):
        return min(item.replicas) > 0
    return item.effect is Effect.restart and item.least > 0


def _all_restart(item: WorkloadEffect) -> bool:
    return item.effect is Effect.restart and item.replicas[1] > 0 and not item.least


def _without_picker(item: WorkloadEffect) -> Outage:
    ends = "the only endpoint picker ends" if item.replicas[1] == 1 else "all endpoint pickers end"
    return Outage(
        item.name,
        f"{ends} before a new one is ready: until then a gateway answers with HTTP 503, unless the pool's failureMode "
        "is FailOpen",
        "upgrade when few requests come; a single picker with the strategy RollingUpdate and maxSurge: 1 is replaced "
        "only when the next one is ready",
        certain=False,
    )


def _outage(item: WorkloadEffect, serving: Sequence[WorkloadEffect]) -> Iterator[Outage]:
    was, will = item.replicas
    if _all_restart(item):
        yield _restart(item)
    elif item.effect is Effect.end and was:
        started = [other for other in serving if other.effect is Effect.start and other.replicas[1]]
        if started:
            message = f"Helm deletes it as soon as {started[0].name} is created, not when that is ready"
            fix = "install the new one as another release next to it, and move the route when it is ready"
        else:
            message, fix = "Helm deletes it, and nothing serves in its place", "keep the role, or uninstall the release"
        yield Outage(item.name, message, fix, certain=True)
    elif item.effect in (Effect.scale, Effect.restart) and was and not will:
        yield Outage(item.name, "its replicas become 0, so nothing serves any more", "keep at least one", certain=True)


def _restart(item: WorkloadEffect) -> Outage:
    number = item.replicas[1]
    all_of_them = f"the only {item.unit} ends" if number == 1 else f"all {number} {item.unit}s end"
    if item.limits.all_at_once:
        why, fix = "the update is Recreate", "set the strategy to RollingUpdate with maxSurge: 1"
    elif item.together is not None and item.limits.unavailable < number:
        why = "another role of the set may be unavailable, and the controller leaves no role without the others"
        fix = "set maxSurge: 1 and maxUnavailable: 0 for all roles"
    elif item.after[0].kind == "StatefulSet":
        why, fix = "a StatefulSet ends a pod before it starts the new one", "set replicas: 2 or more before the upgrade"
    else:
        surge, unavailable = item.limits.surge, item.limits.unavailable
        why = f"maxUnavailable is {unavailable} and maxSurge {surge}"
        since = _since(item)
        fix = f"set maxSurge: 1 and maxUnavailable: 0{f' with {item.after[0].kind} {since}' if since else ''}"
        fix += ", or more replicas before the upgrade"
    return Outage(item.name, f"{all_of_them} before a new one is ready: {why}", fix, certain=True)


def _handed_to_autoscaler(item: WorkloadEffect) -> Outage:
    return Outage(
        item.name,
        f"its replicas go from {item.replicas[0]} to 1 until the autoscaler raises them: spec.replicas is removed, and "
        "1 is its default",
        f"run kubectl scale {item.name} --replicas={item.replicas[0]} right after the upgrade",
        certain=False,
    )


def _since(item: WorkloadEffect) -> str:
    """Return the first version of the controller that starts a surge group for one replica; empty for all."""
    known = facts.kubernetes().rollouts.get(item.after[0].kind)
    return known.surges_for_one_since if known else ""


def _surges_for_one(item: WorkloadEffect) -> bool:
    """Return whether the roll-out hangs on a surge group for the only replica."""
    only = item.effect is Effect.restart and item.replicas[1] == 1 and item.limits.surge > 0
    return only and not item.limits.unavailable and bool(_since(item))


def _never_begins(item: WorkloadEffect) -> Outage:
    return Outage(
        item.name,
        f"before {item.after[0].kind} {_since(item)} its roll-out never begins: the controller starts no surge group "
        "for the only one, and maxUnavailable is 0",
        f"install {item.after[0].kind} {_since(item)}, or set replicas: 2 before the upgrade",
        certain=False,
    )
