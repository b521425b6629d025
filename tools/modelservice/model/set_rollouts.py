"""Roll-outs of a DisaggregatedSet, whose controller replaces the groups of all roles together, step by step.

It starts new groups in the proportions of the roles, waits until all of them are ready, and only then ends old ones.
https://github.com/kubernetes-sigs/lws/blob/v0.9.0/pkg/controllers/disaggregatedset/planner.go
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelservice.model.rollouts import Limits, limits
from modelservice.model.workloads import Object, roles_of

Numbers = tuple[int, ...]
"""Groups of each role."""


@dataclass(frozen=True)
class Step:
    """Groups that a controller asks for: of the old revision and of the new one."""

    old: Numbers
    new: Numbers


@dataclass(frozen=True)
class SetRollout:
    """A roll-out of a set.

    Args:
        before: groups of each role before it.
        after: groups of each role after it.
        limits: limits of each role.
    """

    before: Numbers
    after: Numbers
    limits: tuple[Limits, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """What the controller asks for one after the other, from what was there to what is to be."""
        step: Step | None = Step(self.before, (0,) * len(self.before))
        found = []
        while step is not None:
            found.append(step)
            step = self.next(step)
        return tuple(found)

    @property
    def rounds(self) -> int:
        """How many times the controller waits for new groups."""
        return sum(one.new != other.new for one, other in pairwise(self.steps))

    @property
    def ready(self) -> Iterator[Step]:
        """Groups that are ready while the controller waits: none of those that it has just asked for."""
        yield from (Step(other.old, one.new) for one, other in pairwise(self.steps))

    @property
    def always_complete(self) -> bool:
        """Whether some revision has ready groups of all roles at any time."""
        return all(all(step.old) or all(step.new) for step in self.ready)

    def next(self, now: Step) -> Step | None:
        """Return the step after one whose new groups are all ready; None after the last one."""
        if all(has >= wanted for has, wanted in zip(now.new, self.after, strict=True)):
            return Step((0,) * len(now.old), now.new) if any(now.old) else None
        more = self._more(now.new)
        if more != now.new and self._have_room(now.old, more):
            return Step(now.old, more)
        drained = self._whole(self._fewer(now), now.new)
        fewer = _least(drained, now.old)
        if fewer != now.old:
            return Step(fewer, now.new)
        forced = self._forced(now.old, more)
        if forced == now.old:
            return None
        return Step(_least(self._whole(forced, more), now.old), more)

    @property
    def _batches(self) -> int:
        """In how many batches the role that takes longest is replaced; the others go with it in proportion."""
        return max(
            math.ceil(max(was, will) / (limits.surge or max(limits.unavailable, 1)))
            for was, will, limits in zip(self.before, self.after, self.limits, strict=True)
        )

    def _more(self, new: Numbers) -> Numbers:
        """Return the new groups after the next batch: each role's share, by the role that is furthest behind."""
        batches = self._batches
        done = min(has * batches // wanted for has, wanted in zip(new, self.after, strict=True) if wanted)
        shares = (min(math.ceil((done + 1) * wanted / batches), wanted) for wanted in self.after)
        return tuple(max(share, has) for share, has in zip(shares, new, strict=True))

    def _have_room(self, old: Numbers, new: Numbers) -> bool:
        roles = zip(old, new, self.after, self.limits, strict=True)
        return all(was + will <= wanted + limits.surge for was, will, wanted, limits in roles if wanted)

    def _fewer(self, now: Step) -> Numbers:
        """Return the old groups after the next batch, by the role that is furthest ahead, within what must be ready."""
        batches = self._batches
        roles = [(was, was - left) for was, left in zip(self.before, now.old, strict=True)]
        done = max((gone * batches // was for was, gone in roles if was), default=0)
        shares = (max(was - (done + 1) * was // batches, 0) for was in self.before)
        return tuple(max(share, needed) for share, needed in zip(shares, self._needed(now.new), strict=True))

    def _needed(self, new: Numbers) -> Numbers:
        """Return the old groups that must stay next to some new ones; none of a role that grows."""
        roles = zip(self.before, new, self.after, self.limits, strict=True)
        return tuple(
            max(wanted - limits.unavailable - has, 0) if was >= wanted else 0 for was, has, wanted, limits in roles
        )

    def _forced(self, old: Numbers, more: Numbers) -> Numbers:
        """Return the old groups that leave room for the next batch."""
        roles = zip(old, more, self.after, self.limits, self._needed(more), strict=True)
        return tuple(
            max(min(was, wanted + limits.surge - will), needed, 0) for was, will, wanted, limits, needed in roles
        )

    def _whole(self, old: Numbers, new: Numbers) -> Numbers:
        """Return old groups of which no role is without any while another one has some."""
        left = [number for number, was in zip(old, self.before, strict=True) if was]
        if all(left) or not any(left):
            return old
        if not any(self._needed(new)):
            return (0,) * len(old)
        return tuple(max(number, 1) if was else number for number, was in zip(old, self.before, strict=True))


def rollout_of(whole: Object) -> SetRollout:
    """Return the roll-out of a DisaggregatedSet, or of each of its slices, to as many groups as it has."""
    roles = list(roles_of(whole))
    numbers = tuple(int(role["spec"].get("replicas", 1)) for role in roles)
    found = tuple(limits(role, number) or Limits(0, number) for role, number in zip(roles, numbers, strict=True))
    return SetRollout(numbers, numbers, found)


def _least(*numbers: Sequence[int]) -> Numbers:
    return tuple(map(min, zip(*numbers, strict=True)))
