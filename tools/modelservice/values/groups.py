"""Groups of pods over several nodes: what only a LeaderWorkerSet or a DisaggregatedSet has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.containers import Container
from modelservice.values.scalars import LabelKey, NumberOrPercentage, Replicas


class RollingUpdate(Closed):
    """Rolling update of the groups of a LeaderWorkerSet."""

    partition: Replicas | None = None
    """Index below which groups are not updated. A DisaggregatedSet has none."""
    maxUnavailable: NumberOrPercentage | None = None
    """Maximum number of unavailable groups, as a number or a percentage."""
    maxSurge: NumberOrPercentage | None = None
    """Maximum number of groups above the desired number, as a number or a percentage."""


class RolloutStrategy(Closed):
    """How a LeaderWorkerSet is updated
    (https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/)."""

    type: Literal["RollingUpdate"] | None = None
    """Type of the update; `RollingUpdate` is the only one."""
    rollingUpdateConfiguration: RollingUpdate | None = None
    """Limits of the rolling update."""


class SubGroupPolicy(Closed):
    """Subgroups of a LeaderWorkerSet group."""

    subGroupSize: Annotated[int, Field(ge=1, le=1024)]
    """Number of pods of a subgroup."""
    subGroupPolicyType: Literal["LeaderWorker", "LeaderExcluded"] | None = None
    """Membership of the leader: in the first subgroup (`LeaderWorker`) or in none (`LeaderExcluded`)."""


class NetworkConfig(Closed):
    """Network of a LeaderWorkerSet."""

    subdomainPolicy: Literal["Shared", "UniquePerReplica"]
    """One headless Service for all groups (`Shared`, LeaderWorkerSet's default) or one for each."""


class WorkerTemplate(Closed):
    """Differences of the workers of a group from their leader."""

    containers: list[Container] = []
    """Fields that differ, by container name; `args` and `command` replace the leader's."""


class PlacementPolicy(Closed):
    """Placement of the slices of a DisaggregatedSet."""

    type: Literal["None", "ExclusiveSlice", "ExclusiveTopology"] | None = None
    """`ExclusiveSlice`: all roles of a slice in one topology domain, and no two slices of this release in the same.
    `ExclusiveTopology`: no slice of another DisaggregatedSet in it either. Default: `None`."""
    topology: LabelKey | None = Field(default=None, examples=["cloud.google.com/gce-topology-subblock"])
    """Label key of nodes whose value is the domain. Required unless `type` is `None`."""


class DisaggregatedSet(Closed):
    """Settings of the DisaggregatedSet. They need LeaderWorkerSet 0.10."""

    slices: Annotated[int, Field(ge=1, le=100)] | None = None
    """Number of complete copies of all roles; replicas are those of one copy. Default: 1."""
    placementPolicy: PlacementPolicy = PlacementPolicy()
    """Placement of the slices on nodes. A change takes effect with the next update of the pods."""
