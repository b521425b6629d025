"""``routing.inferencePool`` and ``routing.inferenceObjective``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import Annotations, DnsLabel, DnsSubdomain, LabelKey, LabelValue, Port


class EndpointPickerReference(Closed):
    """An endpoint picker that the chart does not create."""

    name: DnsLabel
    """Name of the Service of the endpoint picker."""
    port: Port = 9002
    """Port of the Service."""


class InferencePool(Closed):
    """The InferencePool (https://gateway-api-inference-extension.sigs.k8s.io/reference/spec/) of the release's
    serving pods. Its ports are derived from `routing.servicePort` and the roles' `parallelism`."""

    create: bool = False
    """Creates the InferencePool."""
    name: DnsSubdomain | None = None
    """Name of the object. With `create: false`, the name of an existing pool to which route, objective and picker
    refer. Default: the prefix of all object names."""
    annotations: Annotations = {}
    """Annotations of the object."""
    matchLabels: dict[LabelKey, LabelValue] = {}
    """Labels of the selected pods; labels that several releases share make one pool over all of them. Default: the
    release and `modelArtifacts.labels`."""
    endpointPickerRef: EndpointPickerReference | None = None
    """An endpoint picker that the chart does not create."""
    failureMode: Literal["FailOpen", "FailClose"] | None = None
    """Behavior of the Gateway while the picker is unavailable: `FailOpen` sends requests to any pod, `FailClose`
    rejects them. Default: `FailClose`."""


class InferenceObjective(Closed):
    """An InferenceObjective: the priority of requests with its name in the header `x-gateway-inference-objective`."""

    create: bool = False
    """Creates the InferenceObjective."""
    name: DnsSubdomain | None = None
    """Name of the object. Default: the prefix of all object names."""
    priority: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None
    """Priority; higher is served first, and requests with a negative one may be dropped under load. Default: 0."""


class InferenceModel(Closed):
    """The InferenceModel of earlier versions, whose API was removed."""

    create: bool | None = None
    """Must be `false`; use `routing.inferenceObjective` instead."""
    name: str | None = None
    """Former name of the object."""
    criticality: Literal["Critical", "Standard", "Sheddable"] | None = None
    """Former criticality, replaced by the objective's priority."""
