"""Pairs of old and new pods that meet during a roll-out: can one use the KV cache of the other?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelservice.diff.restarts import Effect, WorkloadEffect
from modelservice.model.deployment import Deployment
from modelservice.model.handover import Difference, Side, differences, recomputes
from modelservice.model.pods import PodGroup
from modelservice.model.revisions import are_screened

_CHANGING = (Effect.restart, Effect.by_hand)


@dataclass(frozen=True)
class Meeting:
    """Pods of two versions that hand over while both are there.

    Args:
        prefill: ``old`` or ``new``.
        decode: ``old`` or ``new``.
        differences: what keeps them apart; none where they can hand over as far as that is known.
    """

    prefill: str
    decode: str
    differences: tuple[Difference, ...]
    recomputes: bool = False
    """Whether decode computes a prompt again that it cannot take over, so that no request fails."""

    @property
    def apart(self) -> bool:
        """Whether the hand-over is sure to fail."""
        return any(item.certain for item in self.differences)

    @property
    def fails(self) -> bool:
        """Whether requests fail with it."""
        return self.apart and not self.recomputes


@dataclass(frozen=True)
class Handover:
    """Hand-overs between prefill and decode during an upgrade.

    Args:
        meetings: the pairs that meet, each only if a pod of it is replaced.
        rolled: workloads that are replaced meanwhile; until all of them are, both versions are there.
        settled: whether the new pods can hand over to each other.
    """

    meetings: tuple[Meeting, ...]
    rolled: tuple[WorkloadEffect, ...]
    settled: bool

    @property
    def fails(self) -> bool:
        """Whether requests are sure to fail."""
        return any(meeting.fails for meeting in self.meetings)


def handover(before: Deployment, after: Deployment, effects: Sequence[WorkloadEffect]) -> Handover | None:
    """Return which pairs of old and new pods meet; None without prefill and decode on both sides,
    without a roll-out, and where the endpoint picker keeps requests within one revision."""
    old, new = _pair(before), _pair(after)
    rolled = tuple(item for item in effects if item.effect in _CHANGING and _hands_over(item))
    if old is None or new is None or not rolled or are_screened(after, before):
        return None
    meetings = tuple(_meetings(old, new, {item.role for item in rolled}))
    settled = not any(item.certain for item in _apart(*new))
    return Handover(meetings, rolled, settled)


def _meetings(old: tuple[Side, Side], new: tuple[Side, Side], roles: set[str]) -> Iterator[Meeting]:
    """Yield the mixed pairs; a role that is not replaced has only the version that it runs."""
    if "decode" in roles:
        yield _meeting("old", old[0], "new", new[1])
    if "prefill" in roles:
        yield _meeting("new", new[0], "old", old[1])


def _meeting(one: str, prefill: Side, other: str, decode: Side) -> Meeting:
    return Meeting(one, other, _apart(prefill, decode), recomputes(decode.group))


def _apart(prefill: Side, decode: Side) -> tuple[Difference, ...]:
    return tuple(differences(prefill, decode))


def _pair(deployment: Deployment) -> tuple[Side, Side] | None:
    """Return prefill and decode where both hand over."""
    prefill, decode = (
        next((group for group in groups if not group.headless and group.kv_transfer_facts), None)
        for groups in deployment.prefill_and_decode
    )
    if prefill is None or decode is None:
        return None
    return _side(deployment, prefill), _side(deployment, decode)


def _side(deployment: Deployment, group: PodGroup) -> Side:
    return Side(group, deployment.engine_version(group))


def _hands_over(item: WorkloadEffect) -> bool:
    return any(group.kv_transfer_facts for group in item.before) and item.replicas[0] > 0
