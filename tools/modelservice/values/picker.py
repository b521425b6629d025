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
from modelservice.values.monitoring import RelabelConfig
from modelservice.values.scalars import (
    Annotations,
    DnsLabel,
    Duration,
    FileName,
    Image,
    ImagePullPolicy,
    LabelKey,
    LabelValue,
    OptionalName,
    Port,
    Version,
)


class PrefixHash(Closed):
    """Settings of prefix matching."""

    prefixCharLength: Annotated[int, Field(ge=4, le=1000000)] | None = None
    """Number of characters of the prompt that are compared as one block; a picker counts a token as four
    characters. Default: prompts are compared block by block as long as they match."""


class LoadBalancing(Closed):
    """Load balancing of the endpoint picker, rendered as its plugin configuration. Default: a combination of prefix
    match, queue length and free KV cache."""

    strategy: Literal["LeastLoad", "PrefixHash"] | None = None
    """`LeastLoad` chooses the pod with the fewest requests, `PrefixHash` the pod that has seen the prompt's prefix
    unless its queue is long."""
    prefixHash: PrefixHash = PrefixHash()
    """Settings of `PrefixHash`."""


class EppService(Closed):
    """The Service of the endpoint picker."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = "ClusterIP"
    """Type of the Service."""
    port: Port | None = 9002
    """Port to which the InferencePool refers."""
    targetPort: Port | None = 9002
    """Port on which the picker listens (`--grpc-port`)."""
    appProtocol: Annotated[str, Field(max_length=253)] | None = None
    """Application protocol of the port, for Gateways that require it, e.g. `kubernetes.io/h2c`."""
    annotations: Annotations = {}
    """Annotations of the Service."""
    extraPorts: list[ServicePort] = []
    """Further ports of the Service."""


class EppServiceMonitor(Closed):
    """A ServiceMonitor of the Prometheus Operator for the endpoint picker."""

    enabled: bool = False
    """Creates the object. Autoscaling from zero needs the picker's metrics in Prometheus."""
    interval: Duration = "10s"
    """Interval between scrapes."""
    scrapeTimeout: Duration | None = None
    """Timeout of a scrape. Default: Prometheus'."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the object, e.g. those that a Prometheus selects."""
    annotations: Annotations = {}
    """Annotations of the object."""
    metricRelabelings: list[RelabelConfig] = []
    """Relabeling rules for samples, applied before they are stored."""


class EppMonitoring(Closed):
    """Monitoring of the endpoint picker."""

    servicemonitor: EppServiceMonitor = EppServiceMonitor()
    """ServiceMonitor of the Prometheus Operator."""


class EppRbac(Closed):
    """Permissions of the endpoint picker."""

    create: bool = True
    """Creates a Role and its RoleBinding in the release's namespace."""
    clusterRole: OptionalName = ""
    """Name of an existing ClusterRole to bind in the namespace, instead of a Role of the chart."""


class Epp(Closed):
    """The endpoint picker of the InferencePool: llm-d's (https://github.com/llm-d/llm-d-router) or the one of
    Gateway API Inference Extension. Its flags and plugins are derived from its version."""

    create: bool = False
    """Creates the endpoint picker with Service, ServiceAccount, Role and configuration."""
    name: DnsLabel | None = None
    """Name of the picker's objects. Default: the prefix of all object names and `-epp`."""
    image: Image = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"
    """Image. `global.imageRegistry` replaces its registry."""
    version: Version | None = None
    """Version of the picker if the image's tag is not a version, e.g. `0.10`."""
    imagePullPolicy: ImagePullPolicy = ""
    """Image pull policy; empty for Kubernetes' default."""
    imagePullSecrets: list[LocalObjectReference] = []
    """Secrets for the image registries, added to the top-level ones."""
    replicas: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of pods; one is the leader, the others are on standby."""
    debugLevel: Annotated[int, Field(ge=0, le=99)] | None = None
    """Log verbosity (`--v`)."""
    args: list[str] = []
    """Further flags. A flag set here is not derived."""
    env: list[EnvVar] = []
    """Environment variables. A variable set here is not derived."""
    resources: Resources = Resources(requests={"cpu": "4", "memory": "8Gi"})
    """Compute resources."""
    extraContainerPorts: list[ContainerPort] = []
    """Further ports of the container."""
    service: EppService = EppService()
    """Service of the endpoint picker."""
    monitoring: EppMonitoring = EppMonitoring()
    """Monitoring of the endpoint picker."""
    rbac: EppRbac = EppRbac()
    """Permissions of the endpoint picker."""
    pluginsConfig: dict[str, Any] | None = None
    """An EndpointPickerConfig in full, instead of the one derived from `routing.loadBalancing` and the roles."""
    pluginsConfigFile: FileName | None = None
    """Name of the entry in `pluginsCustomConfig` to use."""
    pluginsCustomConfig: dict[FileName, str] = {}
    """Configuration files by name, as text."""
    disableReadinessProbe: bool = False
    """Removes the readiness probe."""
    disableLivenessProbe: bool = False
    """Removes the liveness probe."""
    podAnnotations: Annotations = {}
    """Annotations of the pods."""
    nodeSelector: dict[LabelKey, LabelValue | None] = {}
    """Node selector; `null` removes a label of a lower layer."""
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
