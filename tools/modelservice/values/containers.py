"""``containers``: the containers of a role's pods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import ContainerFragment, EnvVar, Lifecycle, Probe, SecurityContext, VolumeMount
from modelservice.values.scalars import (
    DnsLabel,
    Image,
    ImagePullPolicy,
    Line,
    PortName,
    Quantity,
    ResourceName,
    Word,
    json_form,
)


class ContainerPort(Closed):
    """A port of a container; the number may be a template."""

    containerPort: Annotated[
        int | str,
        json_form("a port or a template", r"\{\{.*\}\}", type=["integer", "string"], minimum=1, maximum=65535),
    ]
    """Port number, or a template such as `{{ .Values.routing.servicePort }}`."""
    name: PortName | None = None
    """Name of the port, to which a PodMonitor's `portName` refers."""
    protocol: Literal["TCP", "UDP", "SCTP"] | None = None
    """Protocol. Default: `TCP`."""
    hostPort: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port on the node."""
    hostIP: Word | None = None
    """Address of the node that the host port binds to."""


class ResourceClaimReference(Closed):
    """A claim of the pod that a container uses."""

    name: DnsLabel
    """Name of an entry of the role's `resourceClaims`."""
    request: DnsLabel | None = None
    """Name of one request of the claim. Default: all requests."""


class Resources(Closed):
    """Compute resources of a container."""

    limits: dict[ResourceName, Quantity] | None = None
    """Limits by resource name. An accelerator count set here replaces the derived one."""
    requests: dict[ResourceName, Quantity] | None = None
    """Requests by resource name. Requests of an accelerator always equal its limits."""
    claims: list[ResourceClaimReference] | None = None
    """Claims of the pod that this container uses (Dynamic Resource Allocation)."""


ModelCommand = Literal["vllmServe", "imageDefault", "sglangServe", "custom"]


class ContainerFields(Closed):
    """Fields of every container of a pod and of the `engine` layers."""

    image: Image | None = None
    """Container image. `global.imageRegistry` replaces its registry."""
    imagePullPolicy: ImagePullPolicy | None = None
    """Image pull policy; empty for Kubernetes' default."""
    modelCommand: ModelCommand | None = None
    """How the engine starts: `vllmServe` runs `vllm serve`, `sglangServe` runs `python3 -m sglang.launch_server`,
    and `imageDefault` keeps the image's entry point; all three get the derived arguments (model, port, parallelism,
    served name). `custom` runs `command` with `args` and nothing else. Default of a listed container: `custom`."""
    command: list[str] | None = None
    """Entry point of a `custom` container."""
    ports: list[ContainerPort] | None = None
    """Ports of the container. Strings are rendered as templates."""
    resources: Resources | None = None
    """Compute resources. The accelerator count is derived from `parallelism` unless it is set here."""
    volumeMounts: list[VolumeMount] | None = None
    """Volume mounts, in addition to the model volume (`mountModelVolume`)."""
    mountModelVolume: bool | None = None
    """Mounts the model volume and sets its environment variables (`HF_HOME`, the token, …)."""
    securityContext: SecurityContext | None = None
    """Security context of the container."""
    startupProbe: Probe | None = None
    """Startup probe."""
    livenessProbe: Probe | None = None
    """Liveness probe."""
    readinessProbe: Probe | None = None
    """Readiness probe."""
    lifecycle: Lifecycle | None = None
    """Lifecycle hooks, e.g. a `preStop` hook that drains the engine."""
    workingDir: Line | None = None
    """Working directory."""
    stdin: bool | None = None
    """Keeps standard input open."""
    tty: bool | None = None
    """Allocates a terminal."""
    extraConfig: ContainerFragment | None = None
    """Any other field of a Kubernetes container, merged last. Strings are rendered as templates."""


class Container(ContainerFields):
    """A container of a role's pods. The first one is the engine."""

    name: DnsLabel | None = None
    """Name of the container. Default of the first one: `vllm`."""
    args: list[str] | None = None
    """Arguments, appended to the derived ones. A flag set here is not derived."""
    env: list[EnvVar] | None = None
    """Environment variables. A variable set here is not derived. Strings are rendered as templates."""
