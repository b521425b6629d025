"""Start and end of pods: ``probes``, ``drain`` and ``podDisruptionBudget``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import AbsolutePath, Annotations, NumberOrPercentage


class Probes(Closed):
    """Probes of the engine, with a startup probe budget for large models. Fields of a container's `startupProbe`,
    `readinessProbe` and `livenessProbe` win."""

    enabled: bool | None = None
    """Adds the probes to the engine. Default: `true` if `engine.type` is set."""
    startup: bool = True
    """Startup probe: the other probes start once the model is loaded."""
    readiness: bool = True
    """Readiness probe: a pod that does not answer leaves the Services and the InferencePool."""
    liveness: bool = True
    """Liveness probe: an engine that stops answering is restarted."""
    loadSeconds: Annotated[int, Field(ge=10, le=86400)] = 3600
    """Startup probe budget in seconds, for download, load and compilation; after that the engine is restarted. A
    Deployment's progress deadline follows from it."""
    path: AbsolutePath | None = None
    """Path of the health check; required with `modelCommand: custom`. Default: the engine's."""
    readinessPath: AbsolutePath | None = None
    """Path of the readiness probe. Default: `path`, or the engine's."""


class Drain(Closed):
    """Graceful shutdown: a removed pod keeps serving for a pause while Services, pools and the picker drop it, and
    then the engine finishes its running requests. The termination grace period is the sum of both and a buffer.
    Without it vLLM cuts running requests off: it answers 200 with `finish_reason: abort`, or closes the connection."""

    enabled: bool = False
    """Enables graceful shutdown."""
    preStopSeconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """Seconds before the shutdown in which the pod still serves (a `preStop` sleep, which requires Kubernetes
    1.30). Once vLLM shuts down it answers new requests with 500."""
    timeoutSeconds: Annotated[int, Field(ge=0, le=86400)] = 60
    """Seconds for running requests to finish."""
    bufferSeconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """Seconds for the processes to exit before Kubernetes kills them."""
    shutdownFlag: bool | None = None
    """Uses vLLM's `--shutdown-timeout` (vLLM 0.18 and later). An engine without it drops its requests on a signal,
    so the chart extends the `preStop` sleep instead. Default: derived from the tag of vLLM's own images."""


class PodDisruptionBudget(Closed):
    """Limits of voluntary disruptions such as node drains
    (https://kubernetes.io/docs/tasks/run-application/configure-pdb/). Default: one pod at a time. A group that
    loses one pod is lost as a whole."""

    enabled: bool = False
    """Creates the PodDisruptionBudget."""
    minAvailable: NumberOrPercentage | None = None
    """Minimum number of available pods, as a number or a percentage."""
    maxUnavailable: NumberOrPercentage | None = None
    """Maximum number of unavailable pods, as a number or a percentage. `0` blocks node drains."""
    unhealthyPodEvictionPolicy: Literal["IfHealthyBudget", "AlwaysAllow"] | None = None
    """Eviction policy for pods that are not ready."""
    annotations: Annotations = {}
    """Annotations of the PodDisruptionBudget."""
