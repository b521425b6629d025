"""Nodes that pods run on: ``acceleratorTypes`` and ``resourceProfiles``."""

from __future__ import annotations

from modelservice.values.base import Closed
from modelservice.values.kubernetes import Affinity, Toleration
from modelservice.values.scalars import (
    AcceleratorType,
    DnsSubdomain,
    Image,
    LabelKey,
    LabelValue,
    OptionalLabelKey,
    OptionalName,
    PriorityClass,
    Quantity,
    ResourceName,
)


class AcceleratorTypes(Closed):
    """Nodes by accelerator product, as a required node affinity."""

    labelKey: OptionalLabelKey = ""
    """Node label with the product, e.g. `nvidia.com/gpu.product`."""
    labelValues: list[LabelValue] = []
    """Accepted values of the label."""
    labelValue: LabelValue | None = None
    """One accepted value, as an alternative to `labelValues`."""


class ResourceProfile(Closed):
    """What a pod requests from one kind of node. `resourceProfile: name:n` of a role multiplies the resources by n;
    the role's own settings win."""

    limits: dict[ResourceName, Quantity] | None = None
    """Limits of the engine for one unit of the profile."""
    requests: dict[ResourceName, Quantity] | None = None
    """Requests of the engine for one unit of the profile."""
    image: Image | None = None
    """Image of the engine for this kind of node."""
    acceleratorType: AcceleratorType | None = None
    """Accelerator type. Default: `accelerator.type`."""
    nodeSelector: dict[LabelKey, LabelValue] | None = None
    """Node selector."""
    tolerations: list[Toleration] | None = None
    """Tolerations of node taints."""
    affinity: Affinity | None = None
    """Affinity."""
    runtimeClassName: DnsSubdomain | None = None
    """Runtime class name."""
    schedulerName: OptionalName | None = None
    """Scheduler name."""
    priorityClassName: PriorityClass | None = None
    """Priority class name."""
