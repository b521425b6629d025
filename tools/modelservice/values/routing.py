"""``routing``: how requests reach the pods."""

from __future__ import annotations

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.picker import Epp, LoadBalancing
from modelservice.values.pool import InferenceModel, InferenceObjective, InferencePool
from modelservice.values.proxy import Proxy
from modelservice.values.route import HttpRoute, ParentReference
from modelservice.values.scalars import Port


class Routing(Closed):
    """How requests reach the pods."""

    servicePort: Port = 8000
    """Port the pods serve on: the sidecar's on decode, the engine's elsewhere. It equals the InferencePool's target
    port. With `dataMode: multiPort` it is the first of one port a rank."""
    proxy: Proxy = Proxy()
    """The routing sidecar."""
    parentRefs: list[ParentReference] = []
    """Gateways of the HTTPRoute."""
    modelName: str | None = Field(default=None, deprecated=True)
    """Old place of `modelArtifacts.name`; it is used when set."""
    inferencePool: InferencePool = InferencePool()
    """The serving pods as one destination."""
    httpRoute: HttpRoute = HttpRoute()
    """The way from the Gateways to the pool."""
    inferenceObjective: InferenceObjective = InferenceObjective()
    """What requests are worth."""
    epp: Epp = Epp()
    """The endpoint picker of the pool."""
    loadBalancing: LoadBalancing = LoadBalancing()
    """How the endpoint picker chooses."""
    inferenceModel: InferenceModel | None = Field(default=None, deprecated=True)
    """Replaced by `routing.inferenceObjective`; only `create: false` is accepted here."""
