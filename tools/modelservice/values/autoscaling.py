"""``autoscaling``: what sets the number of replicas."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type
from modelservice.values.base import Closed
from modelservice.values.kubernetes import HpaBehavior, MetricSpec
from modelservice.values.scalars import DnsSubdomain, EndpointUrl, Replicas, form


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


class Fallback(Closed):
    """Replicas while a trigger of `keda` fails (https://keda.sh/docs/latest/reference/scaledobject-spec/#fallback)."""

    failureThreshold: Annotated[int, Field(ge=1, le=10000)]
    """Failed queries in a row after which the fallback applies."""
    replicas: Replicas
    """Number of replicas."""
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] | None = None
    """How `replicas` and the current number of replicas relate. Default: `static`, i.e. `replicas`."""


class ScalingModifiers(Closed):
    """One metric from several triggers of `keda`
    (https://keda.sh/docs/latest/reference/scaledobject-spec/#scalingmodifiers)."""

    formula: Annotated[str, Field(min_length=1, max_length=4096)]
    """Formula over the names of the triggers; the derived ones are `active_requests` and `queued_requests`."""
    target: Annotated[str, Field(min_length=1, max_length=64)]
    """Target of the formula's value, as text."""
    activationTarget: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Value above which the first replica starts, as text. Default: 0."""
    metricType: Literal["AverageValue", "Value"] | None = None
    """How the value relates to the replicas. Default: `AverageValue`."""


class Prometheus(Closed):
    """Prometheus server that the derived triggers of a role query."""

    serverAddress: EndpointUrl
    """URL of the server, e.g. `http://prometheus.monitoring:9090`."""
    authModes: (
        Annotated[
            str,
            form(
                "authentication modes of KEDA, e.g. bearer or bearer,tls",
                r"^(apiKey|basic|bearer|custom|oauth|tls)(,(apiKey|basic|bearer|custom|oauth|tls))*$",
                max_length=64,
            ),
        ]
        | None
    ) = None
    """KEDA's authentication modes, e.g. `bearer` or `bearer,tls`. Required for credentials in a Secret: without it KEDA
    sends none, and uses the pod identity of `authenticationRef` if that has one."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials, or a pod identity."""


class Autoscaling(Closed):
    """Autoscaling of a role. While it is enabled, the autoscaler owns the number of replicas and the chart does not
    render it; otherwise `replicas` applies."""

    enabled: bool = False
    """Leaves the number of replicas to an autoscaler."""
    type: Literal["external", "hpa", "keda", "wva"] = "external"
    """Autoscaler: `hpa` (HorizontalPodAutoscaler), `keda` (KEDA ScaledObject), `wva` (HorizontalPodAutoscaler
    driven by llm-d's workload variant autoscaler, which llm-d has deprecated since 0.9 in favor of `keda`) or
    `external` (an autoscaler that the chart does not create)."""
    minReplicas: Replicas | None = None
    """Minimum number of replicas. Default: 1. 0 requires `keda` and a source of load that works while no pod runs:
    the chart's endpoint picker, or `triggers`."""
    maxReplicas: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Maximum number of replicas. Required by every autoscaler except `external`."""
    targetActiveRequests: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Target number of running and waiting requests per replica, from the engine's metrics. `hpa` reads them
    through the custom metrics API (Prometheus Adapter), `keda` from `prometheus`. For groups of pods that all serve,
    `hpa` sees the leaders only and gets each pod's share of the target."""
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
    initialCooldownPeriod: Annotated[int, Field(ge=0, le=86400)] | None = None
    """Seconds after its creation in which `keda` keeps the last replica. Default: 0."""
    fallback: Fallback | None = None
    """Replicas of `keda` while a trigger fails, e.g. because Prometheus does not answer."""
    scalingModifiers: ScalingModifiers | None = None
    """Metric of `keda` that combines the triggers."""
    pollingInterval: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds between `keda`'s queries of its triggers while no pod runs."""
    variantCost: Annotated[int | float, json_type(type=["number"], minimum=0, maximum=1000000)] | None = None
    """Cost of a replica for `wva`, in any unit; cheaper variants of a model are preferred."""
