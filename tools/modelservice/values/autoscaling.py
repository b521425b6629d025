"""``autoscaling``: what sets the number of replicas."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type
from modelservice.values.base import Closed
from modelservice.values.kubernetes import HpaBehavior, MetricSpec
from modelservice.values.scalars import DnsSubdomain, Replicas, form


class KedaAuthentication(Closed):
    """Credentials of a KEDA trigger."""

    name: DnsSubdomain
    """Name of the TriggerAuthentication."""
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] | None = None
    """Kind of the object. Default: `TriggerAuthentication`."""


class KedaTrigger(Closed):
    """A trigger of a KEDA ScaledObject (https://keda.sh/docs/latest/scalers/)."""

    type: Annotated[str, Field(min_length=1, max_length=63)]
    """Type of the scaler, e.g. `prometheus` or `cron`."""
    metadata: dict[str, str]
    """Parameters of the scaler."""
    name: Annotated[str, Field(max_length=63)] | None = None
    """Name of the trigger, for use in formulas."""
    metricType: Literal["AverageValue", "Value", "Utilization"] | None = None
    """How the metric's value relates to the replicas. Default: `AverageValue`."""
    useCachedMetrics: bool | None = None
    """Caches the scaler's value for a polling interval."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials."""


class Prometheus(Closed):
    """Prometheus server that the derived triggers of a role query."""

    serverAddress: Annotated[str, form("an address, e.g. http://host:9090", r"^https?://", max_length=1024)]
    """URL of the server, e.g. `http://prometheus.monitoring:9090`."""
    authModes: Annotated[str, Field(max_length=64)] | None = None
    """KEDA's authentication modes, e.g. `bearer`; without it KEDA ignores the credentials."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials."""


class Autoscaling(Closed):
    """Autoscaling of a role. While it is enabled, the autoscaler owns the number of replicas and the chart does not
    render it; otherwise `replicas` applies."""

    enabled: bool = False
    """Leaves the number of replicas to an autoscaler."""
    type: Literal["external", "hpa", "keda", "wva"] = "external"
    """Autoscaler: `hpa` (HorizontalPodAutoscaler), `keda` (KEDA ScaledObject), `wva` (HorizontalPodAutoscaler
    driven by llm-d's workload variant autoscaler) or `external` (an autoscaler that the chart does not create)."""
    minReplicas: Replicas | None = None
    """Minimum number of replicas. Default: 1. 0 requires `keda` and a source of load that works while no pod runs:
    the chart's endpoint picker, or `triggers`."""
    maxReplicas: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Maximum number of replicas. Required by every autoscaler except `external`."""
    targetActiveRequests: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Target number of running and waiting requests per replica, from the engine's metrics. `hpa` reads them
    through the custom metrics API (Prometheus Adapter), `keda` from `prometheus`."""
    scaleDownDelaySeconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Seconds of lower load before replicas are removed. Default: the autoscaler's."""
    behavior: HpaBehavior | None = None
    """Scaling behavior, merged over the settings derived from `scaleDownDelaySeconds`."""
    metrics: list[MetricSpec] = []
    """Metrics of `hpa`, in addition to `targetActiveRequests`."""
    triggers: list[KedaTrigger] = []
    """Triggers of `keda`, in addition to the derived ones."""
    prometheus: Prometheus | None = None
    """Prometheus server that the derived triggers of `keda` query."""
    idleReplicas: Annotated[int, Field(ge=0, le=0)] | None = None
    """Number of replicas of `keda` while no trigger is active; `0` removes all pods even if `minReplicas` is
    higher."""
    pollingInterval: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds between `keda`'s queries of its triggers while no pod runs."""
    variantCost: Annotated[int | float, json_type(type=["number"], minimum=0, maximum=1000000)] | None = None
    """Cost of a replica for `wva`, in any unit; cheaper variants of a model are preferred."""
