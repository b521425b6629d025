"""Roll-outs: how many pods of a workload are replaced at a time, and whether its controller replaces them at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.kubernetes.dotted import value_at

Object = Mapping[str, Any]

ALWAYS = "always"
"""Word in the facts for kinds whose controller never replaces pods."""


@dataclass(frozen=True)
class Limits:
    """Limits of a roll-out in pods, or in groups of a LeaderWorkerSet.

    Args:
        surge: how many more than the replicas there may be.
        unavailable: how many fewer than the replicas may be ready.
        all_at_once: whether all pods end before the first new one starts.
        by_hand: whether pods stay until somebody deletes them.
        kept: how many stay as they are, by the partition of the roll-out.
    """

    surge: int
    unavailable: int
    all_at_once: bool = False
    by_hand: bool = False
    kept: int = 0


def limits(workload: Object, replicas: int) -> Limits | None:
    """Return the limits of a workload's roll-out; None for a kind whose roll-outs are not known."""
    known = facts.kubernetes().rollouts.get(str(workload.get("kind")))
    if known is None:
        return None
    kind = str(value_at(workload, known.type) or "") if known.type else ""
    if known.by_hand == ALWAYS or (known.by_hand and kind == known.by_hand):
        return Limits(0, 0, by_hand=True)
    if known.all_at_once and kind == known.all_at_once:
        return Limits(0, replicas, all_at_once=True)
    stated = value_at(workload, known.limits) if known.limits else None
    section = {
        "maxSurge": known.max_surge,
        "maxUnavailable": known.max_unavailable,
        **({} if stated is None else known.filled),
        **(stated if isinstance(stated, Mapping) else {}),
    }
    surge = scaled(section["maxSurge"], replicas, math.ceil)
    unavailable = scaled(section["maxUnavailable"], replicas, math.floor)
    if surge is None or unavailable is None:
        return None
    if not surge and not unavailable:
        surge, unavailable = (int(known.neither == name) for name in ("maxSurge", "maxUnavailable"))
    partition = value_at(workload, known.partition) if known.partition else None
    kept = min(partition, replicas) if isinstance(partition, int) else 0
    return Limits(surge, min(unavailable, replicas), kept=kept)


def scaled(amount: object, replicas: int, rounding: Any) -> int | None:
    """Return a number or a percentage as a number; None for neither."""
    text = str(amount)
    if text.endswith("%") and text[:-1].isdigit():
        return int(rounding(int(text[:-1]) * replicas / 100))
    return int(text) if text.isdigit() else None


def section_at(workload: Object, path: str) -> Object:
    """Return the map at a path of names; an empty one where there is none."""
    found = value_at(workload, path) if path else None
    return found if isinstance(found, Mapping) else {}
