"""An upgrade for programs, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from modelservice.diff.handovers import Handover
from modelservice.diff.objects import Cause, Field, ObjectChange
from modelservice.diff.problems import problems, rounds_of, startup_seconds
from modelservice.diff.restarts import WorkloadEffect
from modelservice.diff.upgrade import Upgrade
from modelservice.kubernetes.dotted import MISSING


def to_json(upgrade: Upgrade) -> dict[str, Any]:
    """Return an upgrade for programs."""
    return {
        "before": upgrade.before,
        "after": upgrade.after,
        "verdict": upgrade.verdict.value,
        "problems": [
            {
                "severity": item.severity.value,
                "object": item.object or None,
                "message": item.message,
                "fix": item.fix,
                "values": _causes(item.causes),
                "sources": list(item.sources),
            }
            for item in problems(upgrade)
        ],
        "objects": [_object(change) for change in upgrade.changes],
        "pods": [_pods(item) for item in upgrade.effects],
        "refused": [{"object": item.object, "path": item.path} for item in upgrade.refusals],
        "handover": _handover(upgrade.handover) if upgrade.handover else None,
        "accelerators": [asdict(item) for item in upgrade.needs],
        "cluster": upgrade.source,
        "stalls": [
            {"object": item.workload.name, "waiting": item.waiting, "certain": item.certain} for item in upgrade.stalls
        ],
    }


def _object(change: ObjectChange) -> dict[str, Any]:
    return {
        "object": change.name,
        "namespace": change.key[2],
        "action": change.action.value,
        "values": _causes(change.causes),
        "fields": [_field(field) for field in change.fields],
    }


def _field(field: Field) -> dict[str, Any]:
    sides = {"before": field.change.before, "after": field.change.after}
    there = {name: value for name, value in sides.items() if value is not MISSING}
    return {"path": field.path, **there, "values": _causes(field.causes)}


def _causes(causes: Iterable[Cause]) -> list[dict[str, Any]]:
    return [{"key": cause.key, "place": cause.place} for cause in causes]


def _pods(item: WorkloadEffect) -> dict[str, Any]:
    was, will = item.replicas
    return {
        "object": item.name,
        "role": item.role,
        "effect": item.effect.value,
        "replicas": {"before": was, "after": will},
        "maxSurge": item.limits.surge,
        "maxUnavailable": item.limits.unavailable,
        "reasons": [{"path": field.path, "values": _causes(field.causes)} for field in item.reasons],
        "stale": list(item.stale),
    }


def _handover(handover: Handover) -> dict[str, Any]:
    return {
        "pairs": [
            {
                "prefill": meeting.prefill,
                "decode": meeting.decode,
                "works": not meeting.apart,
                "losesRequests": meeting.fails,
                "differences": [
                    {"name": item.name, "values": list(item.values), "certain": item.certain}
                    for item in meeting.differences
                ],
            }
            for meeting in handover.meetings
        ],
        "until": [
            {"object": item.name, "rounds": rounds_of(item), "startupSeconds": startup_seconds(item)}
            for item in handover.rolled
        ],
        "settled": handover.settled,
    }
