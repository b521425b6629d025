"""Start and end of pods: ``probes``, ``drain`` and ``podDisruptionBudget``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import AbsolutePath, NumberOrPercentage


class Probes(Closed):
    """Probes of the engine, with a budget that survives the load of a large model. What a container's own
    `startupProbe`, `readinessProbe` or `livenessProbe` says wins, field by field."""

    enabled: bool | None = None
    """Gives the engine the probes below; when unset, where `engine.type` is stated."""
    startup: bool = True
    """Waits until the model is loaded; nothing else is probed before."""
    readiness: bool = True
    """Takes a pod that does not answer out of the Services and the InferencePool."""
    liveness: bool = True
    """Restarts an engine that stopped answering."""
    loadSeconds: Annotated[int, Field(ge=10, le=86400)] = 3600
    """Seconds that download, load and compilation may take; the engine is restarted after that. A Deployment's
    progress deadline follows it."""
    path: AbsolutePath | None = None
    """Path of the health check; that of the engine when unset, which a `custom` command has to write."""
    readinessPath: AbsolutePath | None = None
    """Path of the readiness probe where it differs from `path`."""


class Drain(Closed):
    """Lets a pod that is removed finish its requests: first a pause, in which it still serves while endpoints, pools
    and the picker forget it, then the engine's own shutdown. The grace period is the sum and a buffer."""

    enabled: bool = False
    """Drains pods."""
    preStopSeconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """Seconds until nobody sends new requests (`preStop`, a sleep that needs Kubernetes 1.30)."""
    timeoutSeconds: Annotated[int, Field(ge=0, le=86400)] = 60
    """Seconds that running requests get."""
    bufferSeconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """Seconds to end the processes, before Kubernetes kills them."""
    shutdownFlag: bool | None = None
    """Whether the engine takes vLLM's `--shutdown-timeout`, which vLLM has since 0.18; read from the tag of vLLM's own
    images when unset. An engine without it drops its requests on a signal, so they get their time in `preStop`."""


class PodDisruptionBudget(Closed):
    """How many pods a node drain may take at once (https://kubernetes.io/docs/tasks/run-application/configure-pdb/).
    One at a time when neither number is given; of a group, losing one pod means losing the group."""

    enabled: bool = False
    """Creates the PodDisruptionBudget."""
    minAvailable: NumberOrPercentage | None = None
    """Pods that stay, a number or a percentage."""
    maxUnavailable: NumberOrPercentage | None = None
    """Pods that may be away, a number or a percentage. `0` blocks node drains."""
    unhealthyPodEvictionPolicy: Literal["IfHealthyBudget", "AlwaysAllow"] | None = None
    """Whether pods that are not ready may always be evicted."""
    annotations: dict[str, str] = {}
    """Annotations of the PodDisruptionBudget."""
