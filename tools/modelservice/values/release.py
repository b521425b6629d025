"""Settings of the release as a whole: ``global``, ``serviceAccount`` and ``networkPolicy``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import (
    LocalObjectReference,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
)
from modelservice.values.scalars import Annotations, Word


class Global(BaseModel):
    """Values that a parent chart shares with all its subcharts; other keys are allowed."""

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    imageRegistry: Word = ""
    """Registry that replaces the registry of every image, for mirrors and air-gapped clusters."""
    imagePullSecrets: list[LocalObjectReference] | None = None
    """Image pull secrets, added to all others."""


class ServiceAccount(Closed):
    """The ServiceAccount that the chart creates."""

    annotations: Annotations = {}
    """Annotations, e.g. a cloud identity."""
    automountServiceAccountToken: bool | None = None
    """Mounts an API server token into the pods. Default: Kubernetes' `true`."""


class NetworkPolicy(Closed):
    """A NetworkPolicy for each role and for the endpoint picker. Pods of the release can always reach each other,
    because engines choose the ports of KV transfers and collectives at run time and the picker reads their metrics."""

    enabled: bool = False
    """Creates the NetworkPolicies."""
    from_: list[NetworkPolicyPeer] = Field(
        default=[],
        alias="from",
        examples=[[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]],
    )
    """Sources that may send requests and read metrics: the Gateway, Prometheus, an endpoint picker that the chart
    does not create. Default: every source, on the ports that serve, that Services send to and that are scraped."""
    ingress: list[NetworkPolicyIngressRule] = []
    """Further ingress rules."""
    egress: list[NetworkPolicyEgressRule] | None = None
    """Egress rules in addition to traffic within the release and DNS, e.g. to the model hub. Default: all egress is
    allowed."""
    annotations: Annotations = {}
    """Annotations of the NetworkPolicies."""
