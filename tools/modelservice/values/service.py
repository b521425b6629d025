"""``service`` of a role and of the release."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import ServiceFragment, ServicePort
from modelservice.values.scalars import LabelKey, LabelValue, ServiceName


class RoleService(Closed):
    """A Service for the serving pods of a role. A StatefulSet always has one."""

    create: bool = False
    """Creates the Service."""
    name: ServiceName | None = None
    """Its name; that of the workload when unset, with `-service` after that of a LeaderWorkerSet, whose controller
    makes a Service of the same name."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service; `ClusterIP` when unset."""
    clusterIP: Annotated[str, Field(max_length=45, pattern=r"^(None|[0-9a-fA-F.:]+)$")] | None = None
    """Fixed address; `None` for a headless Service, which a StatefulSet's is when `type` is unset."""
    ports: list[ServicePort] = []
    """Ports; one named `http` on `routing.servicePort` when there are none, with `dataMode: multiPort` one a rank."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the Service."""
    annotations: dict[str, str] = {}
    """Annotations of the Service."""
    extraConfig: ServiceFragment | None = None
    """Any other field of a Service spec, merged last."""


class Service(Closed):
    """One Service for the release: the pods that clients talk to, which are those of decode, or of prefill where there
    is no decode."""

    enabled: bool = False
    """Creates the Service."""
    name: ServiceName | None = None
    """Its name; the prefix of all object names when unset."""
    extraNames: list[ServiceName] = []
    """Further Services for the same pods, for instance a name that clients already use."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service; `ClusterIP` when unset."""
    clusterIP: Annotated[str, Field(max_length=45, pattern=r"^(None|[0-9a-fA-F.:]+)$")] | None = None
    """Fixed address; `None` for a headless Service."""
    ports: list[ServicePort] = []
    """Ports; one named `http` on `routing.servicePort` when there are none, with `dataMode: multiPort` one a rank."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the Service."""
    annotations: dict[str, str] = {}
    """Annotations of the Service, for instance of a cloud's load balancer."""
    extraConfig: ServiceFragment | None = None
    """Any other field of a Service spec, merged last."""
