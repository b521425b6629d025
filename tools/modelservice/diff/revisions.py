"""Revisions during an upgrade: does the endpoint picker always have one with pods of both roles?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelservice.diff.outages import Outage
from modelservice.diff.restarts import Effect, WorkloadEffect
from modelservice.model.deployment import Deployment
from modelservice.model.revisions import are_screened, gap, screeners


def incomplete(before: Deployment, after: Deployment, effects: Sequence[WorkloadEffect]) -> Iterator[Outage]:
    """Yield where no revision has pods of both roles for a while, so that the picker answers with HTTP 503."""
    if not are_screened(after):
        return
    screener = next(screeners(after))
    rolled = [item for item in effects if item.effect is Effect.restart and item.before and item.before[0].serves]
    for item in rolled:
        label = next((label for group in item.before if (label := screener.lacks(group))), "")
        if label:
            message = (
                f"the endpoint picker gives requests only to pods with the label {label}, which the old ones lack: it "
                "answers with HTTP 503 until both roles have new pods"
            )
            fix = "set routing.revisionGating.screener: false in this upgrade, and remove it in the next one"
            yield Outage(item.name, message, fix, certain=True)
            return
    for item in rolled:
        old, new = (group[0].labels.get(screener.revision) for group in (item.before, item.after))
        why = gap(item.after[0]) if old != new else ""  # the roles of a set, which are rolled together, leave none
        if why:
            message = (
                f"it replaces {why}: the endpoint picker answers with HTTP 503 until the other role has new pods too"
            )
            fix = "set 2 replicas with maxSurge: 1 and maxUnavailable: 0"
            yield Outage(item.name, message, fix, certain=False)
