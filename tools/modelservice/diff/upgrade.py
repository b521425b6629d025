"""An upgrade as a whole: what changes, what restarts, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelservice.diff.capacity import Need, Stall, needs, stalls
from modelservice.diff.causes import Causes
from modelservice.diff.clients import taken_away
from modelservice.diff.handovers import Handover, handover
from modelservice.diff.objects import ObjectChange, object_changes
from modelservice.diff.outages import Outage, outages
from modelservice.diff.refusals import Refusal, refusals
from modelservice.diff.restarts import WorkloadEffect, workload_effects
from modelservice.diff.revisions import incomplete
from modelservice.diff.side import Side
from modelservice.model.cluster import Inventory


class Verdict(StrEnum):
    """How an upgrade ends."""

    fails = "fails"
    """The API server rejects it, or it never ends."""
    loses = "loses requests"
    """Requests fail while it goes on."""
    safe = "safe"
    """Nothing is known that speaks against it."""


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade would do."""

    before: str
    """Name of what is installed."""
    after: str
    changes: Sequence[ObjectChange]
    effects: Sequence[WorkloadEffect]
    refusals: Sequence[Refusal]
    outages: Sequence[Outage]
    handover: Handover | None
    needs: Sequence[Need]
    stalls: Sequence[Stall]
    source: str | None
    """Name of the cluster that the roll-out was counted on."""

    @property
    def verdict(self) -> Verdict:
        """How it ends, as far as that is certain."""
        if self.refusals or any(stall.certain for stall in self.stalls):
            return Verdict.fails
        if any(outage.certain for outage in self.outages) or (self.handover and self.handover.fails):
            return Verdict.loses
        return Verdict.safe


def upgrade(before: Side, after: Side, causes: Causes | None, inventory: Inventory | None) -> Upgrade:
    """Return what an upgrade from one side to the other would do.

    Args:
        before: what is installed.
        after: what is to be installed.
        causes: finds the values keys behind the changes; None to leave them out.
        inventory: the cluster, without the pods of both sides; None where it is not known.
    """
    changes = object_changes(before, after)
    if causes is not None:
        changes = causes.of(changes, after.objects)
    effects = workload_effects(before, after, changes)
    waiting = stalls(effects, inventory) if inventory else []
    lost = [
        *outages(effects),
        *taken_away(before.deployment, after.deployment, changes),
        *incomplete(before.deployment, after.deployment, effects),
    ]
    return Upgrade(
        before.name, after.name, changes, effects, list(refusals(changes, before.objects)), lost,
        handover(before.deployment, after.deployment, effects), needs(effects, inventory), waiting,
        inventory.source if inventory else None,
    )  # fmt: skip
