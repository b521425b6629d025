"""``routing``: how requests reach the pods."""

from __future__ import annotations

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.picker import Epp, LoadBalancing
from modelservice.values.pool import InferenceModel, InferenceObjective, InferencePool
from modelservice.values.proxy import Proxy
from modelservice.values.route import HttpRoute, ParentReference
from modelservice.values.scalars import ModelName, Port


class Routing(Closed):
    """Routing of requests to the pods."""

    servicePort: Port = 8000
    """Port on which the pods serve, which is the InferencePool's target port: the sidecar's port in decode pods,
    the engine's elsewhere. With `dataMode: multiPort`, the first of one port per rank."""
    proxy: Proxy = Proxy()
    """The routing sidecar."""
    parentRefs: list[ParentReference] = []
    """Gateways of the HTTPRoute."""
    modelName: ModelName | None = Field(default=None, deprecated=True)
    """Former key of `modelArtifacts.name`, which it overrides."""
    inferencePool: InferencePool = InferencePool()
    """InferencePool of the serving pods."""
    httpRoute: HttpRoute = HttpRoute()
    """HTTPRoute from the Gateways to the pool."""
    inferenceObjective: InferenceObjective = InferenceObjective()
    """Priority of requests."""
    epp: Epp = Epp()
    """The endpoint picker of the pool."""
    loadBalancing: LoadBalancing = LoadBalancing()
    """Load balancing of the endpoint picker."""
    inferenceModel: InferenceModel | None = Field(default=None, deprecated=True)
    """Replaced by `routing.inferenceObjective`; only `create: false` is accepted."""
