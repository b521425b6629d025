"""Autoscalers: which workload each one scales, and between which bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

KINDS = ("HorizontalPodAutoscaler", "ScaledObject", "VariantAutoscaling")


@dataclass(frozen=True)
class Autoscaler:
    """An object that sets the replicas of a workload."""

    object: Object
    target: tuple[str, str]
    """Kind and name of the workload."""
    minimum: int | None
    """None where it is not stated."""
    maximum: int | None

    @property
    def bounds(self) -> str:
        """The bounds for people: ``1 to 4``; empty where none is stated."""
        if self.maximum is None:
            return "" if self.minimum is None else f"at least {self.minimum}"
        return f"{1 if self.minimum is None else self.minimum} to {self.maximum}"


def autoscalers(objects: Sequence[Object]) -> Iterator[Autoscaler]:
    """Yield the autoscalers among objects."""
    for obj in objects:
        if obj.get("kind") in KINDS:
            spec = obj.get("spec") or {}
            target = spec.get("scaleTargetRef") or {}
            least, most = (spec.get(f"{side}Replicas", spec.get(f"{side}ReplicaCount")) for side in ("min", "max"))
            yield Autoscaler(
                obj,
                (str(target.get("kind", "Deployment")), str(target.get("name"))),
                least if isinstance(least, int) else None,
                most if isinstance(most, int) else None,
            )
