"""The values of the chart, as pydantic models: the one source of schema, defaults and documentation.

`modelservice schema` generates from these models the chart's ``values.schema.json``, ``values.yaml`` and
the tables of the READMEs. A field's docstring is its documentation, everywhere.

What a field may hold is decided here when one key alone tells (type, range, spelling). What only
several keys together tell (a contradiction) is decided by the chart's ``_validate.tpl``.

Two conventions of Helm shape the types:

* ``null`` in a user's file deletes the chart's default, so a key with a default other than null is
  simply absent afterwards; nothing with a default is ``required``.
* a null inside a list item stays, so every optional field of a list item accepts null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from modelservice.jsontype import json_type
from modelservice.kubernetes import Kubernetes


def _pattern(annotation: Any) -> str:
    """The regular expression of an annotated string."""
    (field,) = get_args(annotation)[1:]
    return str(next(item.pattern for item in field.metadata if hasattr(item, "pattern")))


# ---------------------------------------------------------------------------------------------
# Scalars
# ---------------------------------------------------------------------------------------------

Port = Annotated[int, Field(ge=1, le=65535)]
Replicas = Annotated[int, Field(ge=0, le=10000)]
DnsLabel = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A DNS-1123 label: what Kubernetes asks of container, volume and claim names."""
DnsSubdomain = Annotated[
    str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")]
LabelKey = Annotated[
    str,
    Field(max_length=317, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"),
]
ResourceName = Annotated[
    str,
    Field(
        max_length=317,
        pattern=r"^(cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMGTPE]i|"
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$",
    ),
]
"""A resource the API server knows (cpu, memory, …) or a vendor's extended resource, ``domain/name``."""
ExtendedResourceName = Annotated[
    str,
    Field(max_length=317, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"),
]
QUANTITY = r"^[0-9]+(\.[0-9]+)?([eE][0-9]+|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
Quantity = Annotated[str | int | float, json_type(type=["string", "number"], pattern=QUANTITY, minimum=0)]
"""A Kubernetes quantity (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""
AbsolutePath = Annotated[str, Field(max_length=1024, pattern=r"^/")]
ImagePullPolicy = Literal["Always", "IfNotPresent", "Never", ""]
FlagName = Annotated[str, Field(max_length=128, pattern=r"^[a-z][a-z0-9-]*(\.[A-Za-z0-9_.-]+)?$")]
"""A command line flag without its leading dashes, spelt with dashes: ``max-model-len``."""
EnvName = Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
PrometheusLabel = Annotated[str, Field(max_length=128, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
RequestField = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
AcceleratorType = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]

WORDS = {
    _pattern(DnsLabel): "a DNS label: lower case letters, digits and dashes, at most 63",
    _pattern(DnsSubdomain): "a DNS name: lower case letters, digits, dashes and dots",
    _pattern(LabelValue): "a label value: letters, digits, dashes, dots and underscores, at most 63",
    _pattern(LabelKey): "a label key: [domain/]name",
    _pattern(
        ResourceName
    ): "a resource: write cpu, memory, ephemeral-storage, hugepages-<size> or <vendor domain>/<name>",
    _pattern(ExtendedResourceName): "an extended resource: write <vendor domain>/<name>",
    QUANTITY: "a quantity: write for instance 500m, 16Gi or 4",
    _pattern(AbsolutePath): "an absolute path",
    _pattern(FlagName): "a flag: write it without leading dashes and with dashes for underscores, max-model-len",
    _pattern(EnvName): "the name of an environment variable",
    _pattern(PrometheusLabel): "a label of Prometheus: letters, digits and underscores",
    _pattern(RequestField): "a field of a request: letters, digits, dashes and underscores",
    _pattern(AcceleratorType): "an accelerator type: lower case letters, digits and dashes",
}
"""What the patterns above ask for, for messages: a regular expression explains little."""

# ---------------------------------------------------------------------------------------------
# Kubernetes types
# ---------------------------------------------------------------------------------------------

Affinity = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Affinity")]
ContainerFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Container", partial=True)]
DeploymentStrategy = Annotated[dict[str, Any], Kubernetes("io.k8s.api.apps.v1.DeploymentStrategy")]
EnvVar = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.EnvVar")]
EnvVarSource = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.EnvVarSource")]
InitContainer = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Container")]
Lifecycle = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Lifecycle")]
LocalObjectReference = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.LocalObjectReference")]
PodFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSpec", partial=True)]
PodSecurityContext = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSecurityContext")]
Probe = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Probe")]
SecurityContext = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.SecurityContext")]
Toleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Toleration")]
Volume = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Volume")]
VolumeMount = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.VolumeMount")]
DeviceSelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceSelector")]
DeviceToleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceToleration")]
DeviceConstraint = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceConstraint")]
DeviceClaimConfiguration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceClaimConfiguration")]


class Closed(BaseModel):
    """A values object: no key but those listed, no silent conversion between types."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, populate_by_name=True)


# ---------------------------------------------------------------------------------------------
# Containers and the engine
# ---------------------------------------------------------------------------------------------


class ContainerPort(Closed):
    """A port of a container; the number may be a template of the values."""

    containerPort: Annotated[
        int | str, json_type(type=["integer", "string"], minimum=1, maximum=65535, pattern=r"\{\{.*\}\}")
    ]
    """Port number, or a template such as `{{ .Values.routing.servicePort }}`."""
    name: Annotated[str, Field(max_length=15, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] | None = None
    """Name of the port; what a PodMonitor's `portName` refers to."""
    protocol: Literal["TCP", "UDP", "SCTP"] | None = None
    """Protocol; Kubernetes' default is TCP."""
    hostPort: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port on the node."""
    hostIP: str | None = None
    """Node address that the host port binds to."""


class ResourceClaimReference(Closed):
    """A claim of the pod that a container uses."""

    name: DnsLabel
    """Name of an entry of the role's `resourceClaims`."""
    request: DnsLabel | None = None
    """One request of the claim; without it, all of them."""


class Resources(Closed):
    """Compute resources of a container."""

    limits: dict[ResourceName, Quantity] | None = None
    """Limits by resource name. An accelerator count written here wins over the derived one."""
    requests: dict[ResourceName, Quantity] | None = None
    """Requests by resource name. Requests of an accelerator always equal its limits."""
    claims: list[ResourceClaimReference] | None = None
    """Claims of the pod that this container uses (Dynamic Resource Allocation)."""


ModelCommand = Literal["vllmServe", "imageDefault", "sglangServe", "custom"]


class ContainerFields(Closed):
    """What a container of the pod and the `engine` layers have in common."""

    image: Annotated[str, Field(max_length=512)] | None = None
    """Container image. `global.imageRegistry` replaces its registry."""
    imagePullPolicy: ImagePullPolicy | None = None
    """When the image is pulled; empty leaves it to Kubernetes."""
    modelCommand: ModelCommand | None = None
    """How the engine is started: `vllmServe` runs `vllm serve`, `sglangServe` runs
    `python3 -m sglang.launch_server`, `imageDefault` keeps the image's entry point, and each of them gets
    the derived arguments (model, port, parallelism, served name). `custom` runs `command` with `args`
    alone. A listed container without one is `custom`."""
    command: list[str] | None = None
    """Entry point of a `custom` container."""
    ports: list[ContainerPort] | None = None
    """Ports of the container. Strings are rendered as templates."""
    resources: Resources | None = None
    """Compute resources. The accelerator count is derived from `parallelism` unless it is written here."""
    volumeMounts: list[VolumeMount] | None = None
    """Volume mounts; the model volume is added by `mountModelVolume`."""
    mountModelVolume: bool | None = None
    """Mounts the model volume and sets the environment that belongs to it (`HF_HOME`, the token, …)."""
    securityContext: SecurityContext | None = None
    """Security context of the container."""
    startupProbe: Probe | None = None
    """Startup probe."""
    livenessProbe: Probe | None = None
    """Liveness probe."""
    readinessProbe: Probe | None = None
    """Readiness probe."""
    lifecycle: Lifecycle | None = None
    """Lifecycle hooks, for instance a `preStop` that drains."""
    workingDir: str | None = None
    """Working directory."""
    stdin: bool | None = None
    """Keeps the standard input open."""
    tty: bool | None = None
    """Gives the container a terminal."""
    extraConfig: ContainerFragment | None = None
    """Any other field of a Kubernetes container, merged last. Strings are rendered as templates."""


class Container(ContainerFields):
    """A container of a role's pods. The first one is the engine."""

    name: DnsLabel | None = None
    """Name of the container; the first one's default is `vllm`."""
    args: list[str] | None = None
    """Arguments, after the derived ones. A flag given here is not derived."""
    env: list[EnvVar] | None = None
    """Environment variables. A variable given here is not derived. Strings are rendered as templates."""


FlagScalar = str | int | float | bool
FlagValue = Annotated[
    str | int | float | bool | list[Any] | dict[str, Any] | None,
    Field(union_mode="left_to_right"),
    WithJsonSchema({"type": ["string", "number", "boolean", "array", "object", "null"]}),
]
"""The value of an engine flag.

* string or number: ``--flag value``
* true: ``--flag``; false: ``--no-flag`` (vLLM's boolean flags have both forms)
* list: ``--flag a b c``; map: ``--flag '<JSON>'``
* null: the flag is left out, also where a lower layer or the chart would give it
"""


class EngineEnvSource(Closed):
    """The value of an environment variable, taken from elsewhere."""

    valueFrom: EnvVarSource
    """Where the value comes from: a Secret, a ConfigMap or a field of the pod."""


EngineEnvValue = Annotated[
    str | int | float | bool | EngineEnvSource | None,
    Field(union_mode="left_to_right"),
    WithJsonSchema(
        {
            "type": ["string", "number", "boolean", "object", "null"],
            "properties": {
                "valueFrom": {"x-kubernetes-type": "io.k8s.api.core.v1.EnvVarSource", "x-kubernetes-partial": False}
            },
            "required": ["valueFrom"],
            "additionalProperties": False,
        }
    ),
]


class Engine(ContainerFields):
    """The engine container as composable layers: maps instead of list positions.

    The top-level `engine` holds for both roles, a role's `engine` is merged over it, and the fields
    of the role's first container are merged over both.
    """

    args: dict[FlagName, FlagValue] = Field(default={}, examples=[{"max-model-len": 8192, "enforce-eager": True}])
    """Engine flags by name, without dashes. `true` gives `--flag`, `false` gives `--no-flag`, a map is written as
    JSON, a list as several values, `null` removes the flag."""
    env: dict[EnvName, EngineEnvValue] = Field(default={}, examples=[{"VLLM_LOGGING_LEVEL": "INFO"}])
    """Environment variables by name; a value or `valueFrom`; `null` removes the variable."""


# ---------------------------------------------------------------------------------------------
# Parallelism and accelerators
# ---------------------------------------------------------------------------------------------


class Parallelism(Closed):
    """How one model instance is spread over accelerators and pods. What is not set is derived:
    data = dataLocal × workers. Contradictions are refused."""

    tensor: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Tensor parallel size (`--tensor-parallel-size`); 1 when unset."""
    pipeline: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Pipeline parallel size (`--pipeline-parallel-size`); 1 when unset."""
    data: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Data parallel size over all pods of a group (`--data-parallel-size`). `1` beside several `workers`
    spreads one tensor/pipeline group over the pods."""
    dataLocal: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Data parallel ranks in each pod (`--data-parallel-size-local`)."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Pods of a group (the size of the LeaderWorkerSet). More than 1 needs `multinode`."""
    expert: bool | None = None
    """Expert parallelism for mixture-of-experts models (`--enable-expert-parallel`)."""
    dataMode: Literal["hybrid", "external", "multiPort", "internal"] | None = None
    """How data parallel ranks are reached: `hybrid` (the default over several pods: every pod serves and
    balances over its own ranks), `external` (one rank a pod, each serves), `multiPort` (every rank of a
    pod serves on a port of its own) or `internal` (the leader serves and balances over all)."""


class RoleAccelerator(Closed):
    """What a role changes of the global `accelerator`."""

    type: AcceleratorType | None = None
    """Accelerator type of this role."""
    dra: bool | None = None
    """Dynamic Resource Allocation for this role."""
    count: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Accelerators of each pod, where the derived number is intentionally not the right one."""


class ClaimAlternative(Closed):
    """One choice of a `firstAvailable` device request, in order of preference."""

    name: DnsLabel
    """Name of the sub-request."""
    class_: DnsSubdomain = Field(alias="class")
    """DeviceClass."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Devices; derived from `parallelism` when unset."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` takes every matching device of the node."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""


class ClaimRequest(Closed):
    """A further device request of the accelerator's claim, for instance an RDMA interface."""

    class_: DnsSubdomain = Field(alias="class")
    """DeviceClass."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Devices; 1 when unset."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` takes every matching device of the node."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""
    adminAccess: bool | None = None
    """Administrative access to the devices."""


class ClaimTemplate(Closed):
    """The ResourceClaimTemplate of one accelerator type."""

    name: DnsLabel | None = None
    """Name of the template inside the release; the type is used when unset. The object's name also carries
    release and role."""
    class_: DnsSubdomain | None = Field(default=None, alias="class")
    """DeviceClass (`deviceClassName`)."""
    match: Literal["exactly", "firstAvailable"] | None = None
    """Form of the request; `exactly` when unset."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Devices of each pod; derived from `parallelism` when unset."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` takes every matching device of the node and excludes `count`."""
    adminAccess: bool | None = None
    """Administrative access to the devices."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors over device attributes."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""
    firstAvailable: list[ClaimAlternative] | None = Field(default=None, max_length=8)
    """Choices of a `firstAvailable` request, best first; without them the entry itself is the only choice."""
    requests: dict[DnsLabel, ClaimRequest] | None = None
    """Further requests of the claim by name."""
    constraints: list[DeviceConstraint] | None = None
    """Constraints between the requests, for instance devices on one NUMA node."""
    config: list[DeviceClaimConfiguration] | None = None
    """Driver configuration (`opaque` parameters)."""


class Accelerator(Closed):
    """Accelerators: which type, how they are requested."""

    type: AcceleratorType = "nvidia"
    """Accelerator type: a key of `accelerator.resources`, or `cpu` for none."""
    dra: bool = False
    """Requests accelerators through Dynamic Resource Allocation claims instead of the device plugin."""
    count: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Accelerators of each pod, where the derived number is intentionally not the right one."""
    resources: dict[AcceleratorType, ExtendedResourceName] = {
        "nvidia": "nvidia.com/gpu",
        "amd": "amd.com/gpu",
        "intel-gaudi": "habana.ai/gaudi",
        "intel-i915": "gpu.intel.com/i915",
        "intel-xe": "gpu.intel.com/xe",
        "google": "google.com/tpu",
        "rebellions-atom": "rebellions.ai/ATOM",
        "spyre": "ibm.com/spyre_pf",
    }
    """Extended resource of each type. Add an entry for a vendor that is not listed."""
    independentCount: dict[AcceleratorType, bool] = {"google": True, "rebellions-atom": True}
    """Types whose device count need not equal the parallel ranks of the pod (a TPU chip has several cores)."""
    env: dict[AcceleratorType, list[EnvVar]] = {
        "intel-i915": [
            {"name": "VLLM_USE_V1", "value": "1"},
            {"name": "TORCH_LLM_ALLREDUCE", "value": "1"},
            {"name": "VLLM_WORKER_MULTIPROC_METHOD", "value": "spawn"},
        ],
        "intel-xe": [{"name": "VLLM_WORKER_MULTIPROC_METHOD", "value": "spawn"}],
    }
    """Environment variables that a type needs, added to the engine container."""
    resourceClaimTemplates: dict[AcceleratorType, ClaimTemplate] = {
        "nvidia": ClaimTemplate(name="nvidia-claim-template", class_="gpu.nvidia.com"),
        "amd": ClaimTemplate(name="amd-claim-template", class_="gpu.amd.com"),
        "intel": ClaimTemplate(name="intel-claim-template", class_="gpu.intel.com"),
        "intel-i915": ClaimTemplate(name="intel-claim-template", class_="gpu.intel.com"),
        "intel-xe": ClaimTemplate(name="intel-claim-template", class_="gpu.intel.com"),
        "intel-gaudi": ClaimTemplate(name="intel-gaudi-claim-template", class_="gaudi.intel.com"),
        "google": ClaimTemplate(name="google-claim-template", class_="tpu.google.com"),
    }
    """ResourceClaimTemplate of each type, used with `dra`."""


# ---------------------------------------------------------------------------------------------
# Roles
# ---------------------------------------------------------------------------------------------


class Autoscaling(Closed):
    """Who owns the number of replicas."""

    enabled: bool = False
    """An autoscaler owns the replicas: the chart prints none."""


class AcceleratorTypes(Closed):
    """Nodes by accelerator product, as a required node affinity."""

    labelKey: LabelKey | Literal[""] = ""
    """Node label that tells the product, for instance `nvidia.com/gpu.product`."""
    labelValues: list[LabelValue] = []
    """Accepted values of the label."""
    labelValue: LabelValue | None = None
    """One accepted value, as an alternative to `labelValues`."""


NumberOrPercentage = Annotated[
    int | str, json_type(type=["integer", "string"], minimum=0, maximum=10000, pattern="^(100|[0-9]?[0-9])%$")
]


class RollingUpdate(Closed):
    """Rolling update of the groups of a LeaderWorkerSet."""

    partition: Replicas | None = None
    """Groups below this index are not updated."""
    maxUnavailable: NumberOrPercentage | None = None
    """Groups that may be down, a number or a percentage."""
    maxSurge: NumberOrPercentage | None = None
    """Groups above the wanted number, a number or a percentage."""


class RolloutStrategy(Closed):
    """How a LeaderWorkerSet is updated
    (https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/)."""

    type: Literal["RollingUpdate"] | None = None
    """The only type there is."""
    rollingUpdateConfiguration: RollingUpdate | None = None
    """Numbers of the rolling update."""


class SubGroupPolicy(Closed):
    """Subgroups of a LeaderWorkerSet group."""

    subGroupSize: Annotated[int, Field(ge=1, le=1024)]
    """Pods of a subgroup."""
    subGroupPolicyType: Literal["LeaderWorker", "LeaderExcluded"] | None = None
    """Whether the leader belongs to the first subgroup."""


class PodResourceClaim(Closed):
    """A claim of the pod beside the accelerator's, from an existing claim or template."""

    name: DnsLabel
    """Name of the claim inside the pod."""
    resourceClaimTemplateName: DnsSubdomain | None = None
    """Existing ResourceClaimTemplate; each pod gets a claim of its own."""
    resourceClaimName: DnsSubdomain | None = None
    """Existing ResourceClaim; all pods share it."""


class RelabelConfig(Closed):
    """A Prometheus relabelling rule
    (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.RelabelConfig)."""

    sourceLabels: list[str] | None = None
    """Labels whose values are joined."""
    separator: str | None = None
    """What joins them."""
    targetLabel: str | None = None
    """Label that is written."""
    regex: str | None = None
    """What the joined value must match."""
    modulus: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """Modulus of the `hashmod` action."""
    replacement: str | None = None
    """Written value."""
    action: (
        Literal[
            "replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod", "labelmap", "LabelMap",
            "labeldrop", "LabelDrop", "labelkeep", "LabelKeep", "lowercase", "Lowercase", "uppercase", "Uppercase",
            "keepequal", "KeepEqual", "dropequal", "DropEqual",
        ]
        | None
    ) = None  # fmt: skip
    """What is done."""


class NamespaceSelector(Closed):
    """Namespaces a PodMonitor looks into."""

    any: bool | None = None
    """All namespaces."""
    matchNames: list[DnsLabel] | None = None
    """Namespaces by name."""


Duration = Annotated[str, Field(max_length=32, pattern=r"^([0-9]+(ms|s|m|h|d|w|y))+$")]


class Monitor(Closed):
    """What a PodMonitor and a ServiceMonitor of the Prometheus Operator have in common."""

    enabled: bool = False
    """Creates it."""
    portName: Annotated[str, Field(max_length=15, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = "metrics"
    """Name of the scraped port of the pods. The engine's port gets this name if no container declares it."""
    path: AbsolutePath = "/metrics"
    """Path of the metrics."""
    interval: Duration = "30s"
    """Time between scrapes."""
    scrapeTimeout: Duration | None = None
    """Time after which a scrape is given up."""
    labels: dict[LabelKey, LabelValue] = {}
    """Its labels, for instance what a Prometheus selects."""
    annotations: dict[str, str] = {}
    """Its annotations."""
    namespaceSelector: NamespaceSelector | None = None
    """Namespaces that are looked into; the release's own when unset."""
    relabelings: list[RelabelConfig] = []
    """Rules applied to targets before the scrape."""
    metricRelabelings: list[RelabelConfig] = []
    """Rules applied to samples before they are stored."""


class PodMonitor(Monitor):
    """A PodMonitor of the Prometheus Operator for the role's serving pods."""


class ServiceMonitor(Monitor):
    """A ServiceMonitor of the Prometheus Operator for the role's serving pods, found through the role's Service. One
    role has a PodMonitor or a ServiceMonitor, not both: everything would be counted twice."""


class Monitoring(Closed):
    """Monitoring of a role."""

    podmonitor: PodMonitor = PodMonitor()
    """PodMonitor of the Prometheus Operator."""
    servicemonitor: ServiceMonitor = ServiceMonitor()
    """ServiceMonitor of the Prometheus Operator, where a Prometheus selects no PodMonitors."""


class SharedMemory(Closed):
    """`/dev/shm` of the engine. NCCL and vLLM's workers need more than the 64 MiB of a container runtime."""

    enabled: bool = False
    """Mounts a memory-backed volume at `/dev/shm`; it counts against the memory limit."""
    sizeLimit: Quantity | None = None
    """Largest size; the node's default (half of its memory) when unset."""


class WorkerTemplate(Closed):
    """What the workers of a group do differently from the leader."""

    containers: list[Container] = []
    """Fields that differ, by container name; lists of arguments and commands replace the leader's."""


class Role(Closed):
    """One role of the model server, `decode` or `prefill`."""

    create: bool = True
    """Creates the role's workload."""
    replicas: Replicas = 1
    """Pods (Deployment) or groups of pods (LeaderWorkerSet)."""
    multinode: bool | None = None
    """LeaderWorkerSet (true) or Deployment (false) for this role; the top-level `multinode` when unset."""
    autoscaling: Autoscaling = Autoscaling()
    """Who owns the number of replicas."""
    parallelism: Parallelism = Parallelism()
    """How one model instance is spread over accelerators and pods."""
    accelerator: RoleAccelerator = RoleAccelerator()
    """What this role changes of the global accelerator."""
    acceleratorTypes: AcceleratorTypes = AcceleratorTypes()
    """Nodes by accelerator product."""
    engine: Engine = Engine()
    """Engine settings of this role, merged over the top-level `engine`."""
    containers: list[Container] = Field(
        default=[], examples=[[{"name": "vllm", "image": "vllm/vllm-openai:v0.11.0", "modelCommand": "vllmServe"}]]
    )
    """Containers of the pod. The first one is the engine; its fields win over `engine`. Without any, the engine
    container is made from `engine` alone."""
    initContainers: list[InitContainer] = []
    """Init containers, after the routing proxy."""
    volumes: list[Volume] = [{"name": "metrics-volume", "emptyDir": {}}]
    """Volumes of the pod; a list given replaces this one. The model volume is added by itself."""
    sharedMemory: SharedMemory = SharedMemory()
    """`/dev/shm` of the engine."""
    resourceClaims: list[PodResourceClaim] = []
    """Further claims of the pod, for instance an IMEX channel. The engine uses all of them, other containers
    those in their `resources.claims`."""
    workerTemplate: WorkerTemplate | None = None
    """What workers do differently from the leader of their group. Only the leader then serves."""
    strategy: DeploymentStrategy | None = None
    """Update strategy of the Deployment."""
    rolloutStrategy: RolloutStrategy | None = None
    """Update strategy of the LeaderWorkerSet."""
    subGroupPolicy: SubGroupPolicy | None = None
    """Subgroups of the LeaderWorkerSet."""
    subGroupExclusiveTopology: bool | LabelKey | None = Field(default=None, union_mode="left_to_right")
    """Gives every subgroup a topology domain of its own: `true` for a node each, or a node label key."""
    subGroupExclusiveToplogy: bool | LabelKey | None = Field(default=None, union_mode="left_to_right", deprecated=True)
    """The misspelt form that the original chart documented; use `subGroupExclusiveTopology`."""
    annotations: dict[str, str] = {}
    """Annotations of the workload."""
    podAnnotations: dict[str, str] = {}
    """Annotations of the pods."""
    podLabels: dict[LabelKey, LabelValue] = {}
    """Further labels of the pods; never part of a selector."""
    nodeSelector: dict[LabelKey, LabelValue] = {}
    """Node labels that the pods need."""
    tolerations: list[Toleration] = []
    """Tolerations of node taints."""
    affinity: Affinity = {}
    """Affinity; the node affinity of `acceleratorTypes` is added to it."""
    schedulerName: str | None = None
    """Scheduler of this role."""
    priorityClassName: str | None = None
    """Priority class; empty or `none` for none."""
    terminationGracePeriodSeconds: Annotated[int, Field(ge=0, le=86400)] | None = None
    """Seconds a pod has to end its requests."""
    enableServiceLinks: bool | None = None
    """Whether Kubernetes adds an environment variable for every Service."""
    hostIPC: bool | None = None
    """Uses the node's IPC namespace."""
    hostPID: bool | None = None
    """Uses the node's PID namespace."""
    imagePullSecrets: list[LocalObjectReference] = []
    """Secrets for the image registries, added to the top-level ones."""
    podSecurityContext: PodSecurityContext | None = None
    """Security context of the pods."""
    monitoring: Monitoring = Monitoring()
    """Monitoring of this role."""
    extraConfig: PodFragment | None = None
    """Any other field of a pod spec, merged last; named lists merge by name. Strings are rendered as templates."""


# ---------------------------------------------------------------------------------------------
# Model, routing, and the rest of the top level
# ---------------------------------------------------------------------------------------------


class ModelArtifacts(Closed):
    """The model: where it comes from and how clients call it."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = "random/model"
    """Name of the model in requests (`--served-model-name`)."""
    uri: Annotated[str, Field(min_length=1, max_length=1024)] = "hf://{{ .Values.modelArtifacts.name }}"
    """Where the model is: `hf://organisation/model`, `pvc://claim/path`,
    `pvc+hf://claim/[directory/]organisation/model` (a Hugging Face cache on a claim) or `oci://image:tag` (an image
    volume). Rendered as a template."""
    labels: dict[LabelKey, LabelValue] = {"llm-d.ai/inference-serving": "true"}
    """Labels of the serving pods. An InferencePool selects these; `llm-d.ai/role` is added to them."""
    size: Quantity | None = None
    """Size limit of the volume that an `hf://` model is downloaded to; a pod whose model is larger is evicted. No
    limit when unset."""
    mountPath: AbsolutePath = "/model-cache"
    """Where the model volume is mounted."""
    authSecretName: DnsSubdomain | Literal[""] = ""
    """Secret with the key `HF_TOKEN`."""
    readOnly: bool = True
    """Mounts a claim read-only."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """Pull policy of an `oci://` model."""


class ParentReference(Closed):
    """A Gateway (https://gateway-api.sigs.k8s.io/reference/spec/#parentreference)."""

    name: str | None = None
    """Name of the Gateway."""
    namespace: str | None = None
    """Its namespace."""
    group: str | None = None
    """Its API group."""
    kind: str | None = None
    """Its kind."""
    sectionName: str | None = None
    """One listener of it."""
    port: Port | None = None
    """One port of it."""


class Proxy(Closed):
    """The routing sidecar (https://github.com/llm-d/llm-d-router) in front of decode: it runs the prefill
    step elsewhere and forwards to the engine."""

    enabled: bool | None = True
    """Adds the sidecar to decode pods. Without it the engine itself listens on `routing.servicePort`."""
    image: Annotated[str, Field(max_length=512)] = "ghcr.io/llm-d/llm-d-routing-sidecar:latest"
    """Image of the sidecar. Its flags differ by version, which is read from the tag."""
    version: Annotated[str, Field(max_length=64, pattern=r"^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?$")] | None = None
    """Version of the sidecar, where the image's tag does not tell it, for instance `0.10`."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """When the image is pulled."""
    targetPort: Port = 8200
    """First port the decode engine listens on."""
    connector: Literal["nixlv2", "nixl", "lmcache", "sglang", "shared-storage", "mooncake", "offloading"] = "nixlv2"
    """How the KV cache travels from prefill to decode."""
    secure: bool | None = False
    """Serves TLS (`--secure-proxy`)."""
    prefillerUseTLS: bool | None = None
    """Speaks TLS to prefill pods."""
    certPath: AbsolutePath | None = None
    """Directory with `tls.crt` and `tls.key`; mount it with `volumeMounts`."""
    zapEncoder: Literal["json", "console"] | None = "json"
    """Log encoding."""
    zapLogLevel: (
        Annotated[
            str | int,
            json_type(
                type=["string", "integer"], pattern="^(debug|info|error|panic|[1-9][0-9]?)$", minimum=1, maximum=99
            ),
        ]
        | None
    ) = None
    """Log level: `debug`, `info`, `error`, `panic` or a number; `debug` when neither this nor `debugLevel` is set."""
    zapDevel: bool | None = None
    """Development logging."""
    zapStacktraceLevel: Literal["info", "error", "panic"] | None = None
    """Level from which stack traces are logged."""
    zapTimeEncoding: Literal["epoch", "millis", "nano", "iso8601", "rfc3339", "rfc3339nano"] | None = None
    """Time format of the log."""
    debugLevel: Annotated[int, Field(ge=0, le=99)] | None = None
    """Log verbosity as a number: `-v` of the sidecars before 0.4, `--zap-log-level` when `zapLogLevel` is unset."""
    resources: Resources = Resources()
    """Compute resources of the sidecar."""
    env: list[EnvVar] = []
    """Environment variables of the sidecar."""
    args: list[str] = []
    """Further flags of the sidecar. A flag given here is not derived."""
    volumeMounts: list[VolumeMount] = []
    """Volume mounts of the sidecar, for instance its certificate."""
    securityContext: SecurityContext = {"allowPrivilegeEscalation": False, "runAsNonRoot": True}
    """Security context of the sidecar."""
    parentRefs: list[ParentReference] | None = Field(default=None, deprecated=True)
    """Old place of `routing.parentRefs`."""


class RoutingObject(BaseModel):
    """An object that another chart installs.

    Only `create: false` is accepted: with anything else the chart refuses and names the chart that
    makes the object now.
    """

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    create: bool | None = None
    """Must be false: the object belongs to another chart."""


class Routing(Closed):
    """How requests reach the pods."""

    servicePort: Port = 8000
    """Port the pods serve on: the sidecar's on decode, the engine's elsewhere. It equals the InferencePool's target
    port. With `dataMode: multiPort` it is the first of one port a rank."""
    proxy: Proxy = Proxy()
    """The routing sidecar."""
    parentRefs: list[ParentReference] = []
    """Gateways that the notes show an HTTPRoute for."""
    modelName: str | None = Field(default=None, deprecated=True)
    """Old place of `modelArtifacts.name`; it is used when set."""
    inferencePool: RoutingObject | None = Field(default=None, deprecated=True)
    """Made by the inferencepool chart; only `create: false` is accepted here."""
    inferenceModel: RoutingObject | None = Field(default=None, deprecated=True)
    """Replaced by InferenceObjective, made by the inferencepool chart; only `create: false` is accepted here."""
    httpRoute: RoutingObject | None = Field(default=None, deprecated=True)
    """Written beside the Gateway, see the notes after an installation; only `create: false` is accepted here."""
    epp: RoutingObject | None = Field(default=None, deprecated=True)
    """Made by the inferencepool chart; only `create: false` is accepted here."""


class Sampling(Closed):
    """Which traces are kept."""

    sampler: Literal[
        "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
        "parentbased_traceidratio",
    ] = "parentbased_traceidratio"  # fmt: skip
    """OpenTelemetry sampler (`OTEL_TRACES_SAMPLER`)."""
    samplerArg: str = "1.0"
    """Its argument (`OTEL_TRACES_SAMPLER_ARG`)."""


class ServiceNames(Closed):
    """Service names in traces."""

    vllmDecode: str = "vllm-decode"
    """Name of the decode engine."""
    vllmPrefill: str = "vllm-prefill"
    """Name of the prefill engine."""
    routingProxy: str = "routing-proxy"
    """Name of the sidecar."""


class VllmTracing(Closed):
    """vLLM's own tracing options."""

    collectDetailedTraces: str = "all"
    """Value of `--collect-detailed-traces`."""


class Tracing(Closed):
    """OpenTelemetry tracing of engine and sidecar."""

    enabled: bool = False
    """Sets the `OTEL_*` variables and vLLM's tracing flags."""
    otlpEndpoint: str = "http://otel-collector:4317"
    """OTLP endpoint of the collector."""
    sampling: Sampling = Sampling()
    """Which traces are kept."""
    serviceNames: ServiceNames = ServiceNames()
    """Service names in traces."""
    vllm: VllmTracing = VllmTracing()
    """vLLM's own tracing options."""


class Dashboard(Closed):
    """A Grafana dashboard as a ConfigMap, which the sidecar of Grafana's chart loads
    (https://github.com/grafana/helm-charts/tree/main/charts/grafana#sidecar-for-dashboards)."""

    enabled: bool = False
    """Creates the ConfigMap. The dashboard shows vLLM's metrics."""
    labels: dict[LabelKey, LabelValue] = {"grafana_dashboard": "1"}
    """Labels of the ConfigMap, which the sidecar looks for."""
    annotations: dict[str, str] = Field(default={}, examples=[{"grafana_folder": "LLM serving"}])
    """Annotations of the ConfigMap, for instance Grafana's folder."""


class AlertThresholds(Closed):
    """Values above which an alert fires; `null` leaves the alert out."""

    timeToFirstTokenSeconds: Annotated[float, Field(gt=0, le=86400)] | None = 10
    """Seconds until the first token that 95 of 100 requests must keep to."""
    interTokenLatencySeconds: Annotated[float, Field(gt=0, le=3600)] | None = 0.2
    """Seconds between two tokens that 95 of 100 tokens must keep to."""
    waitingRequests: Annotated[float, Field(gt=0, le=1000000)] | None = 10
    """Requests that wait in each pod, on average."""
    kvCacheUsage: Annotated[float, Field(gt=0, le=1)] | None = 0.95
    """Share of the KV cache that a pod uses."""
    preemptionsPerMinute: Annotated[float, Field(gt=0, le=1000000)] | None = 1
    """Requests that a pod interrupts in a minute because its KV cache is full."""
    errorRatio: Annotated[float, Field(gt=0, le=1)] | None = 0.05
    """Share of the requests that are answered with a server error."""
    failedTransfersPerMinute: Annotated[float, Field(gt=0, le=1000000)] | None = 1
    """KV cache transfers between prefill and decode that fail in a minute."""
    restarts: Annotated[int, Field(ge=1, le=1000)] | None = 2
    """Restarts of a container in half an hour (from kube-state-metrics)."""


class PrometheusRule(Closed):
    """Alerts as a PrometheusRule of the Prometheus Operator."""

    enabled: bool = False
    """Creates the PrometheusRule. The alerts read vLLM's metrics."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the PrometheusRule, for instance what a Prometheus selects."""
    annotations: dict[str, str] = {}
    """Annotations of the PrometheusRule."""
    alertLabels: dict[PrometheusLabel, str] = Field(default={}, examples=[{"team": "inference"}])
    """Labels of every alert, for instance what Alertmanager routes by."""
    thresholds: AlertThresholds = AlertThresholds()
    """Values above which an alert fires; `null` leaves the alert out."""


class ReleaseMonitoring(Closed):
    """Monitoring of the release as a whole; what is scraped is said by each role's `monitoring`."""

    dashboard: Dashboard = Dashboard()
    """Grafana dashboard."""
    prometheusrule: PrometheusRule = PrometheusRule()
    """Alerts."""


class Endpoints(Closed):
    """What clients need to know, for other programs to read."""

    create: bool = False
    """Creates a ConfigMap with the base URL, the paths of the engine, and the names of model and adapters, and with
    `OPENAI_BASE_URL` and `OPENAI_MODEL` for a client's `envFrom`."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the ConfigMap."""
    annotations: dict[str, str] = {}
    """Annotations of the ConfigMap."""


class Question(Closed):
    """What `helm test` asks. What is unset follows from the model's features."""

    path: AbsolutePath | None = None
    """Path of the request, for instance `/v1/completions`."""
    body: dict[RequestField, FlagValue] | None = Field(
        default=None, examples=[{"prompt": "The capital of France is", "max_tokens": 8}]
    )
    """Body of the request; `model` is added. Without one the path is only read."""
    expect: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Extended regular expression that the answer must match."""


class Test(Closed):
    """The Pod of `helm test`: it looks for the model's name and asks the model a question, role by role."""

    enabled: bool = False
    """Creates the Pod and its Service when `helm test` runs."""
    image: Annotated[str, Field(max_length=512)] = "docker.io/curlimages/curl:8.17.0"
    """Image with `sh`, `grep` and `curl`."""
    imagePullPolicy: ImagePullPolicy = ""
    """When the image is pulled."""
    timeoutSeconds: Annotated[int, Field(ge=1, le=86400)] = 120
    """Seconds each request may take, with its repetitions."""
    question: Question = Question()
    """What is asked."""
    resources: Resources = Resources(
        limits={"cpu": "100m", "memory": "64Mi"}, requests={"cpu": "10m", "memory": "16Mi"}
    )
    """Compute resources of the Pod."""
    securityContext: SecurityContext = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    """Security context of the container; it fits the restricted pod security standard."""


class RequesterPorts(Closed):
    """Ports of the requester."""

    probes: Port = 8080
    """Port of its probes."""
    spi: Port = 8081
    """Port of its service provider interface."""


class RequesterProbe(Closed):
    """Readiness probe of the requester."""

    initialDelaySeconds: Annotated[int, Field(ge=0, le=3600)] = 2
    """Seconds before the first probe."""
    periodSeconds: Annotated[int, Field(ge=1, le=3600)] = 5
    """Seconds between probes."""


class RequesterLimits(Closed):
    """Resources of the requester."""

    gpus: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Accelerators; those of the decode engine when unset."""
    cpus: Quantity = 1
    """Processors."""
    memory: Quantity = "250Mi"
    """Memory."""


class RequesterResources(Closed):
    """Resources of the requester."""

    limits: RequesterLimits = RequesterLimits()
    """Limits."""


class Requester(Closed):
    """Dual pods of llm-d fast model actuation
    (https://github.com/llm-d-incubation/llm-d-fast-model-actuation): decode becomes a ReplicaSet of requesters that
    hold the accelerators, and carries the server's pod as a patch."""

    enable: bool = False
    """Renders decode as requesters. Not possible with `multinode`."""
    image: Annotated[str, Field(max_length=512)] = (
        "ghcr.io/llm-d-incubation/llm-d-fast-model-actuation/requester:latest"
    )
    """Image of the requester."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """When the image is pulled."""
    adminPort: Port = 8081
    """Administration port of the server's pod."""
    port: RequesterPorts = RequesterPorts()
    """Ports of the requester."""
    readinessProbe: RequesterProbe = RequesterProbe()
    """Readiness probe of the requester."""
    resources: RequesterResources = RequesterResources()
    """Resources of the requester."""


class ServiceAccount(Closed):
    """The ServiceAccount that the chart creates."""

    annotations: dict[str, str] = {}
    """Annotations, for instance a cloud identity."""
    automountServiceAccountToken: bool | None = None
    """Whether pods get a token of the API server; Kubernetes' default is true."""


class Global(BaseModel):
    """Values that a parent chart shares with all its charts; keys of other charts are left alone."""

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    imageRegistry: Annotated[str, Field(max_length=253)] = ""
    """Registry that replaces the one of every image, for mirrors and closed networks."""
    imagePullSecrets: list[LocalObjectReference] | None = None
    """Secrets for the image registries, added to all others."""


class Values(Closed):
    """Values of llm-d-modelservice: one short file in, one correct LLM serving deployment out."""

    enabled: bool = True
    """Renders the chart; for a parent chart that switches it off."""
    common: dict[str, Any] = {}
    """Anything: a place for YAML anchors."""
    global_: Global = Field(default=Global(), alias="global")
    """Values shared with a parent chart."""
    nameOverride: Annotated[str, Field(max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")] = ""
    """Replaces the chart's name in object names and in `app.kubernetes.io/name`."""
    fullnameOverride: Annotated[str, Field(max_length=55, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")] = ""
    """Replaces the whole prefix of object names."""
    multinode: bool = False
    """LeaderWorkerSets (groups of pods over several nodes) instead of Deployments."""
    multinodeEnableLeader: bool | None = Field(default=None, deprecated=True)
    """Not needed: leader and workers get templates of their own wherever they differ."""
    modelArtifacts: ModelArtifacts = ModelArtifacts()
    """The model."""
    engine: Engine = Engine()
    """Engine settings of both roles."""
    accelerator: Accelerator = Accelerator()
    """Accelerators."""
    routing: Routing = Routing()
    """How requests reach the pods."""
    decode: Role = Role()
    """The role that generates tokens. Without prefill it does everything."""
    prefill: Role = Role(replicas=0)
    """The role that computes prompts for decode."""
    schedulerName: str | None = None
    """Scheduler of all pods."""
    imagePullSecrets: list[LocalObjectReference] = []
    """Secrets for the image registries."""
    serviceAccountOverride: Annotated[str, Field(max_length=253)] = ""
    """An existing ServiceAccount; the chart then creates none."""
    serviceAccount: ServiceAccount = ServiceAccount()
    """The ServiceAccount that the chart creates."""
    tracing: Tracing = Tracing()
    """OpenTelemetry tracing."""
    monitoring: ReleaseMonitoring = ReleaseMonitoring()
    """Dashboard and alerts of the release."""
    endpoints: Endpoints = Endpoints()
    """What clients need to know, as a ConfigMap."""
    test: Test = Test()
    """The Pod of `helm test`."""
    requester: Requester = Requester()
    """Dual pods of fast model actuation."""
    extraObjects: list[dict[str, Any] | str] = []
    """Further objects to install: maps as they are, strings rendered as templates."""
