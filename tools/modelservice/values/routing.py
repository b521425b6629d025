"""``routing``: how requests reach the pods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.picker import Epp, LoadBalancing
from modelservice.values.pool import InferenceModel, InferenceObjective, InferencePool
from modelservice.values.proxy import Proxy
from modelservice.values.route import HttpRoute, ParentReference
from modelservice.values.scalars import ModelName, Port


class RevisionGating(Closed):
    """Upgrades of prefill and decode that do not mix versions which refuse each other's KV cache: a label of the pods
    changes with what both sides must have in common, e.g. the engine's version, model, data types and attention
    backend, and the endpoint picker keeps a request within one value of it."""

    enabled: bool = False
    """Sets the label on the pods of both roles. The pods of a DisaggregatedSet have the one of its controller, which
    changes with the pods of either role."""
    screener: bool = True
    """Adds the plugin to the picker of `routing.epp.create` that reads the label (llm-d's picker 0.10 and newer). Pods
    without the label get no request from it: for a release that runs already, set `false` in the upgrade that sets
    `enabled`, and remove it in the next one. A DisaggregatedSet has it from the start."""
    mode: Literal["max-role", "sum"] = "max-role"
    """How requests are divided among revisions with pods of both roles: by the pods of the role that has most of them,
    or by the pods of both roles."""


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
    revisionGating: RevisionGating = RevisionGating()
    """Revisions of prefill and decode that the endpoint picker does not mix."""
    inferenceModel: InferenceModel | None = Field(default=None, deprecated=True)
    """Replaced by `routing.inferenceObjective`; only `create: false` is accepted."""
