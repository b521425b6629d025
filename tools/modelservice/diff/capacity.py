"""Accelerators that a roll-out needs at its surge, and where it would wait for room that does not come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from modelservice.diff.restarts import Effect, WorkloadEffect
from modelservice.diff.side import Identity
from modelservice.model.cluster import Inventory
from modelservice.model.pods import PodGroup
from modelservice.model.scheduling import Room, size_of
from modelservice.model.set_rollouts import SetRollout

Placement = list[tuple[PodGroup, str]]
"""Pods of one replica with their nodes."""


@dataclass(frozen=True)
class Need:
    """Accelerators of one kind.

    Args:
        resource: the extended resource, or ``<device class> (claim)``.
        before: how many the pods have before the upgrade.
        peak: how many they have at the most during the roll-out.
        after: how many they have after it.
        there: how many the nodes have for them; None where the cluster is not known.
    """

    resource: str
    before: int
    peak: int
    after: int
    there: int | None


@dataclass(frozen=True)
class Stall:
    """A roll-out that waits for room.

    Args:
        workload: the workload.
        waiting: replicas that never get a node.
        certain: whether no other placement of the pods would help.
    """

    workload: WorkloadEffect
    waiting: int
    certain: bool


def needs(effects: Sequence[WorkloadEffect], inventory: Inventory | None) -> list[Need]:
    """Return the accelerators that the pods need before, during and after a roll-out, by resource."""
    before, peak, after = Counter[str](), Counter[str](), Counter[str]()
    for item in effects:
        old, new = (Counter(dict(_of_replica(groups))) for groups in (item.before, item.after))
        was, will = item.replicas
        before += _times(old, was)
        after += _times(new, will)
        if item.together is None:
            peak += _peak(item, old, new)
    for roles in _sets(effects):
        peak += _peak_of_set(roles)
    resources = sorted(before | peak | after)
    return [Need(name, before[name], peak[name], after[name], _there(inventory, name)) for name in resources]


def _peak(item: WorkloadEffect, old: Counter[str], new: Counter[str]) -> Counter[str]:
    was, will = item.replicas
    if item.effect is not Effect.restart or item.limits.all_at_once:
        return _times(old, was) | _times(new, will)
    surge = item.limits.surge
    first = _times(old, was) + _times(new, min(max(will + surge - was, 0), will))
    last = _times(new, will) + _times(old, min(surge, was))
    return first | last


def _sets(effects: Iterable[WorkloadEffect]) -> list[list[WorkloadEffect]]:
    """Return the roles that are rolled together, by their set."""
    found: dict[Identity, list[WorkloadEffect]] = {}
    for item in effects:
        if item.together is not None:
            found.setdefault(item.key, []).append(item)
    return list(found.values())


def _peak_of_set(roles: Sequence[WorkloadEffect]) -> Counter[str]:
    """Return the most that the roles of a set have together, of each resource at any step."""
    peak: Counter[str] = Counter()
    for step in roles[0].together.steps if roles[0].together else ():
        there: Counter[str] = Counter()
        for item, old, new in zip(roles, step.old, step.new, strict=True):
            there += _times(Counter(dict(_of_replica(item.before))), old * item.before[0].slices)
            there += _times(Counter(dict(_of_replica(item.after))), new * item.slices)
        peak |= there
    return peak


def _of_replica(groups: Iterable[PodGroup]) -> Counter[str]:
    found: Counter[str] = Counter()
    for group in groups:
        found += _times(group.accelerators, group.size)
    return found


def _times(amounts: Counter[str], number: int) -> Counter[str]:
    return Counter({name: amount * number for name, amount in amounts.items() if amount * number > 0})


def _there(inventory: Inventory | None, resource: str) -> int | None:
    if inventory is None:
        return None
    device_class, claim, _ = resource.partition(" (claim)")
    if claim:
        return inventory.devices(device_class).total()
    return sum(max(node.allocatable[resource], 0) for node in inventory.nodes)


def stalls(effects: Sequence[WorkloadEffect], inventory: Inventory) -> list[Stall]:
    """Return the roll-outs that would wait for room on the nodes of a cluster; none where the old pods have none.

    The controllers of all workloads work at once, each within its limits; what fits is ready at once.
    """
    room = Room(inventory)
    running = [_Running(item, room) for item in effects]
    alone = [item for item in running if item.effect.together is None]
    controllers: list[_Running | _RunningSet] = [*alone, *_running_sets(running)]
    first = sorted(running, key=lambda item: -max(map(size_of, item.effect.before or item.effect.after)))
    fits = [item.start_old() for item in first]
    if not all(fits):
        return []
    for item in alone:
        item.end_what_goes()
    goes_on = True
    while goes_on:
        steps = [item.step() for item in controllers]
        goes_on = any(steps)
    return [stall for item in running for stall in item.stall()]


def _running_sets(running: Sequence[_Running]) -> Iterator[_RunningSet]:
    for roles in _sets(item.effect for item in running):
        if roles[0].together is not None:
            yield _RunningSet([item for item in running if item.effect.key == roles[0].key], roles[0].together)


@dataclass
class _Running:
    """A workload during a roll-out.

    Args:
        effect: what happens to it.
        room: what is free.
        old: replicas from before the upgrade that are there, as placed.
        new: replicas of the new template that are there.
        asked: how many of those the controller has asked for.
    """

    effect: WorkloadEffect
    room: Room
    old: list[Placement] = field(default_factory=list)
    new: list[Placement] = field(default_factory=list)
    asked: int = 0

    @property
    def _wanted(self) -> int:
        """Replicas of the new template at the end."""
        was, will = self.effect.replicas
        if self.effect.effect is Effect.restart:
            return max(will - self.effect.limits.kept, 0)
        return max(will - was, 0)

    def start_old(self) -> bool:
        """Place the pods that run before the upgrade; return whether all fit."""
        for _ in range(self.effect.replicas[0]):
            placed = self._placed(self.effect.before)
            if placed is None:
                return False
            self.old.append(placed)
        return True

    def end_what_goes(self) -> None:
        """End the pods that no new one replaces: those of a workload that goes or becomes smaller."""
        restarts = self.effect.effect is Effect.restart
        self.end(self.effect.replicas[0] if restarts else min(self.effect.replicas))

    def step(self) -> bool:
        """Do what the controller may do now; return whether that was anything."""
        if self.effect.effect is not Effect.restart:
            return self.start(min(self._wanted, self.effect.replicas[1] - len(self.old)))
        limits, will = self.effect.limits, self.effect.replicas[1]
        waits = limits.all_at_once and self.old
        started = not waits and self.start(min(self._wanted, will + limits.surge - len(self.old)))
        ended = self.end(max(limits.kept, will - limits.unavailable - len(self.new)))
        return started or ended

    def start(self, number: int) -> bool:
        """Place new replicas up to a number, as far as there is room; return whether there was for one."""
        self.asked = max(self.asked, number)
        done = False
        while len(self.new) < number:
            placed = self._placed(self.effect.after)
            if placed is None:
                break
            self.new.append(placed)
            done = True
        return done

    def end(self, left: int) -> bool:
        """End old replicas until a number is left; return whether there were any."""
        done = len(self.old) > left
        while len(self.old) > left:
            self._remove(self.old.pop())
        return done

    def stall(self) -> Iterator[Stall]:
        """Yield the replicas that wait for room; a role of a set may wait for another one that does."""
        waiting = self._wanted - len(self.new)
        if waiting > 0 and (self.effect.together is None or len(self.new) < self.asked):
            yield Stall(self.effect, waiting, self.room.lacks(self.effect.after))

    def _placed(self, groups: Sequence[PodGroup]) -> Placement | None:
        """Place the pods of a replica, all or none."""
        placed: Placement = []
        for group in groups:
            for _ in range(group.size):
                node = self.room.take(group)
                if node is None:
                    self._remove(placed)
                    return None
                placed.append((group, node))
        return placed

    def _remove(self, placed: Placement) -> None:
        for group, node in placed:
            self.room.give_back(group, node)


class _RunningSet:
    """The roles of a DisaggregatedSet during a roll-out.

    Args:
        roles: the roles.
        rollout: what their controller does.
    """

    def __init__(self, roles: Sequence[_Running], rollout: SetRollout) -> None:
        self._roles = roles
        self._rollout = rollout
        self._now = rollout.steps[0]

    def step(self) -> bool:
        """Do what the controller may do now: start groups, and go on when all of them have room."""
        asked = zip(self._roles, self._now.new, strict=True)
        started = [role.start(number * role.effect.slices) for role, number in asked]
        if any(started) or any(len(role.new) < role.asked for role in self._roles):
            return any(started)
        following = self._rollout.next(self._now)
        if following is None:
            return False
        self._now = following
        for role, left in zip(self._roles, following.old, strict=True):
            role.end(left * role.effect.before[0].slices)
        return True
