"""Nodes that pods run on: ``acceleratorTypes`` and ``resourceProfiles``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import Affinity, Toleration
from modelservice.values.scalars import (
    AcceleratorType,
    DnsSubdomain,
    LabelKey,
    LabelValue,
    OptionalLabelKey,
    Quantity,
    ResourceName,
)


class AcceleratorTypes(Closed):
    """Nodes by accelerator product, as a required node affinity."""

    labelKey: OptionalLabelKey = ""
    """Node label that tells the product, for instance `nvidia.com/gpu.product`."""
    labelValues: list[LabelValue] = []
    """Accepted values of the label."""
    labelValue: LabelValue | None = None
    """One accepted value, as an alternative to `labelValues`."""


class ResourceProfile(Closed):
    """What a pod needs of a kind of node. A role takes it several times with `resourceProfile: name:n`, which
    multiplies the resources; the role's own settings win."""

    limits: dict[ResourceName, Quantity] | None = None
    """Limits of the engine for one unit."""
    requests: dict[ResourceName, Quantity] | None = None
    """Requests of the engine for one unit."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """Image of the engine for this kind of node."""
    acceleratorType: AcceleratorType | None = None
    """Accelerator type; `accelerator.type` when unset."""
    nodeSelector: dict[LabelKey, LabelValue] | None = None
    """Node labels."""
    tolerations: list[Toleration] | None = None
    """Tolerations of node taints."""
    affinity: Affinity | None = None
    """Affinity."""
    runtimeClassName: DnsSubdomain | None = None
    """Runtime class."""
    schedulerName: str | None = None
    """Scheduler."""
    priorityClassName: str | None = None
    """Priority class."""
