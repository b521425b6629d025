"""``routing.epp`` and ``routing.loadBalancing``: the endpoint picker and how it chooses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.containers import ContainerPort, Resources
from modelservice.values.kubernetes import (
    Affinity,
    EnvVar,
    LocalObjectReference,
    PodFragment,
    PodSecurityContext,
    SecurityContext,
    ServicePort,
    Toleration,
)
from modelservice.values.scalars import DnsLabel, ImagePullPolicy, LabelKey, LabelValue, OptionalName, Port


class PrefixHash(Closed):
    """What counts as an equal prefix."""

    prefixCharLength: Annotated[int, Field(ge=4, le=1000000)] | None = None
    """Characters of the prompt that are compared, as one piece; a picker counts a token as four characters. Without
    it, prompts are compared block by block as far as they agree."""


class LoadBalancing(Closed):
    """How the endpoint picker chooses among pods, as its plugin configuration. Unset: equal prefixes, queue and free
    KV cache together."""

    strategy: Literal["LeastLoad", "PrefixHash"] | None = None
    """`LeastLoad` takes the pod with the fewest requests, `PrefixHash` the pod that has seen the prompt's prefix,
    unless its queue is long."""
    prefixHash: PrefixHash = PrefixHash()
    """Settings of `PrefixHash`."""


class EppService(Closed):
    """The Service of the endpoint picker."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Type of the Service."""
    port: Port = 9002
    """Port that the InferencePool refers to."""
    targetPort: Port = 9002
    """Port that the picker listens on (`--grpc-port`)."""
    appProtocol: Annotated[str, Field(max_length=253)] | None = None
    """Protocol of the port, where the Gateway wants it, for instance `kubernetes.io/h2c`."""
    annotations: dict[str, str] = {}
    """Annotations of the Service."""
    extraPorts: list[ServicePort] = []
    """Further ports."""


class EppRbac(Closed):
    """What the endpoint picker may read."""

    create: bool = True
    """Creates a Role and its RoleBinding in the release's namespace; nothing is cluster-wide."""
    clusterRole: OptionalName = ""
    """An existing ClusterRole that is bound in the namespace, instead of a Role of the chart."""


class Epp(Closed):
    """The endpoint picker of the InferencePool: llm-d's (https://github.com/llm-d/llm-d-router), or that of Gateway API
    Inference Extension. Its flags and its plugins follow its version."""

    create: bool = False
    """Creates the endpoint picker with Service, ServiceAccount, Role and configuration."""
    name: DnsLabel | None = None
    """Name of its objects; the prefix of all object names and `-epp` when unset."""
    image: Annotated[str, Field(max_length=512)] = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"
    """Image. `global.imageRegistry` replaces its registry."""
    version: Annotated[str, Field(max_length=64, pattern=r"^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?$")] | None = None
    """Version of the picker, where the image's tag does not tell it, for instance `0.10`."""
    imagePullPolicy: ImagePullPolicy = ""
    """When the image is pulled; empty leaves it to Kubernetes."""
    imagePullSecrets: list[LocalObjectReference] = []
    """Secrets for the image registries, added to the top-level ones."""
    replicas: Annotated[int, Field(ge=1, le=100)] = 1
    """Pods. With several, one leads and the others stand by."""
    debugLevel: Annotated[int, Field(ge=0, le=99)] | None = None
    """Log verbosity (`--v`)."""
    args: list[str] = []
    """Further flags. A flag given here is not derived."""
    env: list[EnvVar] = []
    """Environment variables. A variable given here is not derived."""
    resources: Resources = Resources(requests={"cpu": "4", "memory": "8Gi"})
    """Compute resources."""
    extraContainerPorts: list[ContainerPort] = []
    """Further ports of the container."""
    service: EppService = EppService()
    """The Service."""
    rbac: EppRbac = EppRbac()
    """What it may read."""
    pluginsConfig: dict[str, Any] | None = None
    """An EndpointPickerConfig in full, instead of the one derived from `routing.loadBalancing` and the roles."""
    pluginsConfigFile: Annotated[str, Field(max_length=253, pattern=r"^[-._A-Za-z0-9]+$")] | None = None
    """The file of `pluginsCustomConfig` that holds."""
    pluginsCustomConfig: dict[Annotated[str, Field(max_length=253, pattern=r"^[-._A-Za-z0-9]+$")], str] = {}
    """Configuration files as text."""
    disableReadinessProbe: bool = False
    """Leaves the readiness probe out."""
    disableLivenessProbe: bool = False
    """Leaves the liveness probe out."""
    podAnnotations: dict[str, str] = {}
    """Annotations of the pods."""
    nodeSelector: dict[LabelKey, LabelValue | None] = {}
    """Node labels that the pods need; `null` removes one of a lower layer."""
    tolerations: list[Toleration] = []
    """Tolerations of node taints."""
    affinity: Affinity = {}
    """Affinity."""
    securityContext: SecurityContext = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    """Security context of the container."""
    podSecurityContext: PodSecurityContext | None = None
    """Security context of the pods."""
    extraConfig: PodFragment | None = None
    """Any other field of a pod spec, merged last; named lists merge by name. Strings are rendered as templates."""
