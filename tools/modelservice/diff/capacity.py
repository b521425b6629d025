"""Accelerators that a roll-out needs at its surge, and where it would wait for room that does not come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from modelservice.diff.restarts import Effect, WorkloadEffect
from modelservice.model.cluster import Inventory
from modelservice.model.pods import PodGroup
from modelservice.model.scheduling import Room, size_of

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
        peak += _peak(item, old, new)
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
    first = sorted(running, key=lambda item: -max(map(size_of, item.effect.before or item.effect.after)))
    fits = [item.start_old() for item in first]
    if not all(fits):
        return []
    for item in running:
        item.end_what_goes()
    goes_on = True
    while goes_on:
        steps = [item.step() for item in running]
        goes_on = any(steps)
    return [stall for item in running for stall in item.stall()]


@dataclass
class _Running:
    """A workload during a roll-out.

    Args:
        effect: what happens to it.
        room: what is free.
    """

    effect: WorkloadEffect
    room: Room
    old: list[Placement] = field(default_factory=list)
    new: list[Placement] = field(default_factory=list)

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
        left = self.effect.replicas[0] if restarts else min(self.effect.replicas)
        while len(self.old) > left:
            self._end(self.old.pop())

    def step(self) -> bool:
        """Do what the controller may do now; return whether that was anything."""
        started, ended = self._start(), self._stop()
        return started or ended

    def _start(self) -> bool:
        done = False
        most = self.effect.replicas[1] + (self.effect.limits.surge if self.effect.effect is Effect.restart else 0)
        waits = self.effect.effect is Effect.restart and self.effect.limits.all_at_once and self.old
        while not waits and len(self.new) < self._wanted and len(self.old) + len(self.new) < most:
            placed = self._placed(self.effect.after)
            if placed is None:
                break
            self.new.append(placed)
            done = True
        return done

    def _stop(self) -> bool:
        if self.effect.effect is not Effect.restart:
            return False
        limits, done = self.effect.limits, False
        least = self.effect.replicas[1] - limits.unavailable
        while len(self.old) > limits.kept and len(self.old) + len(self.new) > least:
            self._end(self.old.pop())
            done = True
        return done

    def stall(self) -> Iterator[Stall]:
        """Yield the replicas that wait for room."""
        waiting = self._wanted - len(self.new)
        if waiting > 0:
            yield Stall(self.effect, waiting, self.room.lacks(self.effect.after))

    def _placed(self, groups: Sequence[PodGroup]) -> Placement | None:
        """Place the pods of a replica, all or none."""
        placed: Placement = []
        for group in groups:
            for _ in range(group.size):
                node = self.room.take(group)
                if node is None:
                    self._end(placed)
                    return None
                placed.append((group, node))
        return placed

    def _end(self, placed: Placement) -> None:
        for group, node in placed:
            self.room.give_back(group, node)
