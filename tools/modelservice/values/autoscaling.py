"""``autoscaling``: who sets the number of replicas."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type
from modelservice.values.base import Closed
from modelservice.values.kubernetes import HpaBehavior, MetricSpec
from modelservice.values.scalars import DnsSubdomain, Replicas


class KedaAuthentication(Closed):
    """Where a KEDA trigger finds its credentials."""

    name: DnsSubdomain
    """Name of the TriggerAuthentication."""
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] | None = None
    """Kind of it; TriggerAuthentication when unset."""


class KedaTrigger(Closed):
    """A trigger of a KEDA ScaledObject (https://keda.sh/docs/latest/scalers/)."""

    type: Annotated[str, Field(min_length=1, max_length=63)]
    """Scaler, for instance `prometheus` or `cron`."""
    metadata: dict[str, str]
    """Parameters of the scaler."""
    name: Annotated[str, Field(max_length=63)] | None = None
    """Name of the trigger, for formulas."""
    metricType: Literal["AverageValue", "Value", "Utilization"] | None = None
    """How the value relates to the replicas; `AverageValue` when unset."""
    useCachedMetrics: bool | None = None
    """Asks the scaler only once every polling interval."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials."""


class Prometheus(Closed):
    """The Prometheus that the derived triggers of a role ask."""

    serverAddress: Annotated[str, Field(max_length=1024, pattern=r"^https?://")]
    """Its URL, for instance `http://prometheus.monitoring:9090`."""
    authModes: Annotated[str, Field(max_length=64)] | None = None
    """How KEDA authenticates there, for instance `bearer`; KEDA ignores credentials without it."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials."""


class Autoscaling(Closed):
    """Who owns the number of replicas. The chart then prints none; while it is not `enabled`, `replicas` holds."""

    enabled: bool = False
    """An autoscaler owns the replicas: the chart prints none."""
    type: Literal["external", "hpa", "keda", "wva"] = "external"
    """The autoscaler: `external` is made elsewhere, `hpa` a HorizontalPodAutoscaler, `keda` a KEDA ScaledObject, `wva`
    a HorizontalPodAutoscaler that follows llm-d's workload variant autoscaler."""
    minReplicas: Replicas | None = None
    """Fewest replicas; 1 when unset. 0 needs `keda` and something that sees requests while no pod runs: the chart's
    endpoint picker, or `triggers`."""
    maxReplicas: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most replicas. Every autoscaler but an external one needs it."""
    targetActiveRequests: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Requests, running or waiting, that one replica should have, from the engine's own metrics. `hpa` reads them from
    the custom metrics API (Prometheus Adapter), `keda` from `prometheus`."""
    scaleDownDelaySeconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Seconds of lower load before replicas are removed; the autoscaler's own default when unset."""
    behavior: HpaBehavior | None = None
    """Speed of scaling, merged over what `scaleDownDelaySeconds` gives."""
    metrics: list[MetricSpec] = []
    """Metrics of `hpa`, beside `targetActiveRequests`."""
    triggers: list[KedaTrigger] = []
    """Triggers of `keda`, beside the derived ones."""
    prometheus: Prometheus | None = None
    """Prometheus of the derived triggers of `keda`."""
    idleReplicas: Annotated[int, Field(ge=0, le=0)] | None = None
    """`0` removes all pods of `keda` while nothing is active, although `minReplicas` is higher."""
    pollingInterval: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds between the looks of `keda` at its triggers while no pod runs."""
    variantCost: Annotated[int | float, json_type(type=["number"], minimum=0, maximum=1000000)] | None = None
    """Cost of a replica for `wva`, in any unit; it prefers the cheaper of several variants of a model."""
