"""``tracing``: OpenTelemetry traces."""

from __future__ import annotations

from typing import Literal

from modelservice.values.base import Closed
from modelservice.values.scalars import CollectorAddress, Line, Word


class Sampling(Closed):
    """Sampling of traces."""

    sampler: Literal[
        "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
        "parentbased_traceidratio",
    ] = "parentbased_traceidratio"  # fmt: skip
    """OpenTelemetry sampler (`OTEL_TRACES_SAMPLER`)."""
    samplerArg: Word = "1.0"
    """Argument of the sampler (`OTEL_TRACES_SAMPLER_ARG`)."""


class ServiceNames(Closed):
    """Service names in traces."""

    vllmDecode: Line = "vllm-decode"
    """Service name of the decode engine."""
    vllmPrefill: Line = "vllm-prefill"
    """Service name of the prefill engine."""
    routingProxy: Line = "routing-proxy"
    """Service name of the sidecar."""
    endpointPicker: Line = "endpoint-picker"
    """Service name of the endpoint picker."""


class VllmTracing(Closed):
    """Tracing options of vLLM."""

    collectDetailedTraces: Word = "all"
    """Value of `--collect-detailed-traces`."""


class Tracing(Closed):
    """OpenTelemetry tracing of engine and sidecar."""

    enabled: bool = False
    """Sets the `OTEL_*` variables and vLLM's tracing flags."""
    otlpEndpoint: CollectorAddress = "http://otel-collector:4317"
    """OTLP endpoint of the collector."""
    sampling: Sampling = Sampling()
    """Sampling of traces."""
    serviceNames: ServiceNames = ServiceNames()
    """Service names in traces."""
    vllm: VllmTracing = VllmTracing()
    """Tracing options of vLLM."""
