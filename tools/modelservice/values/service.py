"""``service`` of a role and of the release."""

from __future__ import annotations

from typing import Annotated, Literal

from modelservice.values.base import Closed
from modelservice.values.kubernetes import ServiceFragment, ServicePort
from modelservice.values.scalars import Annotations, LabelKey, LabelValue, ServiceName, form


class ServiceFields(Closed):
    """Fields that every Service for serving pods has."""

    name: ServiceName | None = None
    """Name of the Service."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service. Default: `ClusterIP`."""
    clusterIP: Annotated[str, form("None or an IP address", r"^(None|[0-9a-fA-F.:]+)$", max_length=45)] | None = None
    """Fixed address; `None` for a headless Service, which is the default of a StatefulSet without `type`."""
    ports: list[ServicePort] = []
    """Ports. Default: `http` on `routing.servicePort`, and one for each rank with `dataMode: multiPort`."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the Service."""
    annotations: Annotations = {}
    """Annotations of the Service, e.g. of a cloud's load balancer."""
    extraConfig: ServiceFragment | None = None
    """Any other field of a Service spec, merged last."""


class RoleService(ServiceFields):
    """A Service for the serving pods of a role. A StatefulSet always has one."""

    create: bool = False
    """Creates the Service."""
    name: ServiceName | None = None
    """Name of the Service. Default: the name of the workload; `<name>-service` for a LeaderWorkerSet, whose controller
    creates a Service with the workload's name."""


class Service(ServiceFields):
    """One Service for the release, in front of the decode pods, or of the prefill pods if there is no decode."""

    enabled: bool = False
    """Creates the Service."""
    name: ServiceName | None = None
    """Name of the Service. Default: the prefix of all object names."""
    extraNames: list[ServiceName] = []
    """Names of further Services for the same pods, e.g. a name that clients already use."""
