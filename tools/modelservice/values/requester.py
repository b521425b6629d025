"""``requester``: dual pods of fast model actuation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import DnsSubdomain, Image, ImagePullPolicy, Port, Quantity


class RequesterPorts(Closed):
    """Ports of the requester."""

    probes: Port = 8080
    """Port of the requester's probes."""
    spi: Port = 8081
    """Port of the requester's service provider interface."""


class RequesterProbe(Closed):
    """Readiness probe of the requester."""

    initialDelaySeconds: Annotated[int, Field(ge=0, le=3600)] = 2
    """Seconds before the first probe."""
    periodSeconds: Annotated[int, Field(ge=1, le=3600)] = 5
    """Seconds between probes."""


class RequesterLimits(Closed):
    """Resources of the requester."""

    gpus: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Number of accelerators. Default: those of the decode engine."""
    cpus: Quantity = 1
    """CPU."""
    memory: Quantity = "250Mi"
    """Memory."""


class RequesterResources(Closed):
    """Resources of the requester."""

    limits: RequesterLimits = RequesterLimits()
    """Limits."""


class Requester(Closed):
    """Dual pods of llm-d fast model actuation (https://github.com/llm-d-incubation/llm-d-fast-model-actuation), version
    0.2.5 or newer: decode is a ReplicaSet of requesters that hold the accelerators and carry the server's pod as a
    patch."""

    enable: bool = False
    """Renders decode as requesters; the engine gets sleep mode (vLLM's `--enable-sleep-mode` and
    `VLLM_SERVER_DEV_MODE`). Not allowed with `multinode`."""
    image: Image = "ghcr.io/llm-d-incubation/llm-d-fast-model-actuation/requester:v0.6.4"
    """Image of the requester."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """Image pull policy."""
    adminPort: Port | None = None
    """Port of the requester that the controller asks for its accelerators. Default, and the only value that works:
    `port.spi`."""
    inferenceServerConfig: DnsSubdomain | None = None
    """Name of an InferenceServerConfig (https://github.com/llm-d-incubation/llm-d-fast-model-actuation), for a server
    that a launcher starts. Default: the server is a pod with the engine of decode, which the requester carries as a
    patch."""
    port: RequesterPorts = RequesterPorts()
    """Ports of the requester."""
    readinessProbe: RequesterProbe = RequesterProbe()
    """Readiness probe of the requester."""
    resources: RequesterResources = RequesterResources()
    """Resources of the requester."""
