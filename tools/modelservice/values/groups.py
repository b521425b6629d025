"""Groups of pods over several nodes: the parts of a role that only a LeaderWorkerSet has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.containers import Container
from modelservice.values.scalars import NumberOrPercentage, Replicas


class RollingUpdate(Closed):
    """Rolling update of the groups of a LeaderWorkerSet."""

    partition: Replicas | None = None
    """Groups below this index are not updated."""
    maxUnavailable: NumberOrPercentage | None = None
    """Groups that may be down, a number or a percentage."""
    maxSurge: NumberOrPercentage | None = None
    """Groups above the wanted number, a number or a percentage."""


class RolloutStrategy(Closed):
    """How a LeaderWorkerSet is updated
    (https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/)."""

    type: Literal["RollingUpdate"] | None = None
    """The only type there is."""
    rollingUpdateConfiguration: RollingUpdate | None = None
    """Numbers of the rolling update."""


class SubGroupPolicy(Closed):
    """Subgroups of a LeaderWorkerSet group."""

    subGroupSize: Annotated[int, Field(ge=1, le=1024)]
    """Pods of a subgroup."""
    subGroupPolicyType: Literal["LeaderWorker", "LeaderExcluded"] | None = None
    """Whether the leader belongs to the first subgroup."""


class WorkerTemplate(Closed):
    """What the workers of a group do differently from the leader."""

    containers: list[Container] = []
    """Fields that differ, by container name; lists of arguments and commands replace the leader's."""
