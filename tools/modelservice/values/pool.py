"""``routing.inferencePool`` and ``routing.inferenceObjective``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import DnsLabel, DnsSubdomain, LabelKey, LabelValue, Port


class EndpointPickerReference(Closed):
    """An endpoint picker that this chart does not make."""

    name: DnsLabel
    """Name of its Service."""
    port: Port = 9002
    """Port of the Service."""


class InferencePool(Closed):
    """The InferencePool (https://gateway-api-inference-extension.sigs.k8s.io/reference/spec/): the release's serving
    pods as one destination. Its ports follow `routing.servicePort` and the roles' `parallelism`."""

    create: bool = False
    """Creates the InferencePool."""
    name: DnsSubdomain | None = None
    """Name of the object; the prefix of all object names when unset. With `create: false` the name of an existing pool,
    which route, objective and picker then refer to."""
    annotations: dict[str, str] = {}
    """Annotations of the object."""
    matchLabels: dict[LabelKey, LabelValue] = {}
    """Labels that the pool selects; the release and `modelArtifacts.labels` when unset. Write labels that several
    releases share for a pool over all of them."""
    endpointPickerRef: EndpointPickerReference | None = None
    """The endpoint picker, where it is not this chart's."""
    failureMode: Literal["FailOpen", "FailClose"] | None = None
    """What the Gateway does while the picker is away: `FailOpen` sends requests to any pod, `FailClose` refuses them.
    Kubernetes' default is `FailClose`."""


class InferenceObjective(Closed):
    """An InferenceObjective: what requests that name it in the header `x-gateway-inference-objective` are worth."""

    create: bool = False
    """Creates the InferenceObjective."""
    name: DnsSubdomain | None = None
    """Name of the object; the prefix of all object names when unset."""
    priority: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None
    """Priority; higher comes first, negative may be shed, 0 when unset."""


class InferenceModel(Closed):
    """The InferenceModel of older versions, whose API is gone."""

    create: bool | None = None
    """Must be false: write `routing.inferenceObjective` instead."""
    name: str | None = None
    """Had the object's name."""
    criticality: Literal["Critical", "Standard", "Sheddable"] | None = None
    """Became the objective's priority."""
