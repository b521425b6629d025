"""What holds for the release as a whole: ``global``, ``serviceAccount`` and ``networkPolicy``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import (
    LocalObjectReference,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
)


class Global(BaseModel):
    """Values that a parent chart shares with all its charts; keys of other charts are left alone."""

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    imageRegistry: Annotated[str, Field(max_length=253)] = ""
    """Registry that replaces the one of every image, for mirrors and closed networks."""
    imagePullSecrets: list[LocalObjectReference] | None = None
    """Secrets for the image registries, added to all others."""


class ServiceAccount(Closed):
    """The ServiceAccount that the chart creates."""

    annotations: dict[str, str] = {}
    """Annotations, for instance a cloud identity."""
    automountServiceAccountToken: bool | None = None
    """Whether pods get a token of the API server; Kubernetes' default is true."""


class NetworkPolicy(Closed):
    """A NetworkPolicy for each role and for the endpoint picker. Pods of the release always reach each other, because
    KV caches and collectives travel over ports that engines choose themselves, and the picker reads their metrics."""

    enabled: bool = False
    """Creates the NetworkPolicies."""
    from_: list[NetworkPolicyPeer] = Field(
        default=[],
        alias="from",
        examples=[[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]],
    )
    """Who may send requests and read metrics: the gateway, Prometheus, an endpoint picker that this chart does not
    make. Anybody when empty."""
    ingress: list[NetworkPolicyIngressRule] = []
    """Further rules for what comes in."""
    egress: list[NetworkPolicyEgressRule] | None = None
    """What pods may reach besides each other and the name service, for instance the model hub. Everything when
    unset."""
    annotations: dict[str, str] = {}
    """Annotations of the NetworkPolicies."""
