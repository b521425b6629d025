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

from modelservice.docs.jsontype import json_type
from modelservice.kubernetes.types import Kubernetes


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
EndpointUrl = Annotated[str, Field(max_length=512, pattern=r"^https?://[^ ]+$")]
SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key of a Secret's data."""
ModelName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^ ]+$")]
PrometheusLabel = Annotated[str, Field(max_length=128, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
RequestField = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
AcceleratorType = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
ROUTE_DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
RouteDuration = Annotated[str, Field(max_length=32, pattern=ROUTE_DURATION)]
"""A Gateway API duration (https://gateway-api.sigs.k8s.io/geps/gep-2257/)."""

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
    _pattern(EndpointUrl): "an address: write https://host[:port]",
    _pattern(SecretKey): "a key of a Secret: letters, digits, dashes, dots and underscores",
    _pattern(ModelName): "a name without spaces",
    _pattern(PrometheusLabel): "a label of Prometheus: letters, digits and underscores",
    _pattern(RequestField): "a field of a request: letters, digits, dashes and underscores",
    _pattern(AcceleratorType): "an accelerator type: lower case letters, digits and dashes",
    ROUTE_DURATION: "a duration: write for instance 30s, 1m30s or 0s",
}
"""What the patterns above ask for, for messages: a regular expression explains little."""

# ---------------------------------------------------------------------------------------------
# Kubernetes types
# ---------------------------------------------------------------------------------------------

Affinity = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Affinity")]
ContainerFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Container", partial=True)]
ConfigMapKeySelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.ConfigMapKeySelector")]
DeploymentStrategy = Annotated[dict[str, Any], Kubernetes("io.k8s.api.apps.v1.DeploymentStrategy")]
EnvVar = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.EnvVar")]
EnvVarSource = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.EnvVarSource")]
HpaBehavior = Annotated[dict[str, Any], Kubernetes("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior")]
InitContainer = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Container")]
Lifecycle = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Lifecycle")]
LocalObjectReference = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.LocalObjectReference")]
MetricSpec = Annotated[dict[str, Any], Kubernetes("io.k8s.api.autoscaling.v2.MetricSpec")]
PodFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSpec", partial=True)]
PodSecurityContext = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSecurityContext")]
ServicePort = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.ServicePort")]
Probe = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Probe")]
SecretKeySelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.SecretKeySelector")]
SecurityContext = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.SecurityContext")]
TypedLocalObjectReference = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.TypedLocalObjectReference")]
Toleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Toleration")]
Volume = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Volume")]
VolumeMount = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.VolumeMount")]
DeviceSelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceSelector")]
DeviceToleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceToleration")]
DeviceConstraint = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceConstraint")]
DeviceClaimConfiguration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceClaimConfiguration")]
ClaimRetention = Annotated[
    dict[str, Any], Kubernetes("io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy")
]
PersistentVolumeClaimSpec = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PersistentVolumeClaimSpec")]
StatefulSetStrategy = Annotated[dict[str, Any], Kubernetes("io.k8s.api.apps.v1.StatefulSetUpdateStrategy")]
TopologySpreadConstraint = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.TopologySpreadConstraint")]
ServiceFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.ServiceSpec", partial=True)]
NetworkPolicyPeer = Annotated[dict[str, Any], Kubernetes("io.k8s.api.networking.v1.NetworkPolicyPeer")]
NetworkPolicyIngressRule = Annotated[dict[str, Any], Kubernetes("io.k8s.api.networking.v1.NetworkPolicyIngressRule")]
NetworkPolicyEgressRule = Annotated[dict[str, Any], Kubernetes("io.k8s.api.networking.v1.NetworkPolicyEgressRule")]


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


class Ollama(Closed):
    """What only Ollama has."""

    model: ModelName | None = None
    """Model in a store on a claim (`pvc://`), for instance `qwen3:0.6b`."""
    insecure: bool | None = None
    """Pulls from a registry without TLS (`--insecure`)."""
    pull: bool | None = None
    """`false` starts from what is in the volume and pulls nothing."""


class HuggingFaceServer(Closed):
    """Options of KServe's Hugging Face server
    (https://github.com/kserve/kserve/tree/master/python/huggingfaceserver)."""

    backend: Literal["auto", "vllm", "huggingface"] | None = None
    """What runs the model: vLLM, transformers, or vLLM where it can."""
    task: (
        Literal[
            "sequence_classification", "token_classification", "fill_mask", "text_generation",
            "text2text_generation", "text_embedding",
        ]
        | None
    ) = None  # fmt: skip
    """What the model does; read from the model when unset. Not with `backend: vllm`, which ignores it."""
    dtype: Literal["auto", "float16", "float32", "bfloat16", "float", "half"] | None = None
    """Type of the weights."""
    maxModelLen: Annotated[int, Field(ge=1, le=16777216)] | None = None
    """Tokens of a request."""
    tokenizerRevision: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Revision of the tokenizer."""
    tensorInputNames: list[str] | None = None
    """Names of the tensors that the model takes."""
    maxLogLen: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Characters of a prompt in the log."""
    disableLowerCase: bool | None = None
    """Keeps capital letters in the tokenizer."""
    disableSpecialTokens: bool | None = None
    """Encodes without the model's special tokens."""
    trustRemoteCode: bool | None = None
    """Runs code that the model brings."""
    returnTokenTypeIds: bool | None = None
    """Returns token type ids."""
    returnProbabilities: bool | None = None
    """Returns all probabilities."""
    disableLogRequests: bool | None = None
    """Does not log requests."""
    enableDocs: bool | None = None
    """Serves the API's documentation at `/docs`."""


EngineType = Literal["vllm", "sglang", "ollama", "infinity", "fasterWhisper", "huggingface", "simulator"]


class Engine(ContainerFields):
    """The engine container as composable layers: maps instead of list positions.

    The top-level `engine` holds for both roles, a role's `engine` is merged over it, and the fields
    of the role's first container are merged over both.
    """

    type: EngineType | None = None
    """The engine: its command, arguments, variables, port and probes are derived. `vllm`, `sglang`, `ollama`,
    `infinity` (embeddings and reranking), `fasterWhisper` (speech), `huggingface` (KServe's server) or `simulator`.
    When unset it follows from `modelCommand` and image, and no probes are derived."""
    ollama: Ollama | None = None
    """What only `type: ollama` has."""
    huggingface: HuggingFaceServer | None = None
    """What only `type: huggingface` has."""

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


class VirtualGpu(Closed):
    """Parts of a GPU, given out by HAMi (https://project-hami.io) or by Volcano's vGPU device plugin
    (https://github.com/Project-HAMi/volcano-vgpu-device-plugin). Memory and cores are those of each part."""

    enabled: bool = False
    """Requests virtual GPUs instead of whole ones."""
    provider: Literal["hami", "volcano"] = "hami"
    """`hami` extends `nvidia.com/gpu` by memory and cores; `volcano` has resources of its own and its own scheduler."""
    number: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Virtual GPUs of each pod; those that `parallelism` needs when unset."""
    memory: (
        Annotated[
            int | str,
            json_type(type=["integer", "string"], minimum=1, maximum=10_000_000, pattern="^(100|[1-9][0-9]?)%$"),
        ]
        | None
    ) = None
    """Device memory of each, in MiB or as a percentage (`50%`); all of it when unset."""
    cores: Annotated[int, Field(ge=0, le=100)] | None = None
    """Share of the processors of each, in percent; not limited when unset."""


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
    vgpu: VirtualGpu = VirtualGpu()
    """Parts of GPUs instead of whole ones."""


# ---------------------------------------------------------------------------------------------
# Roles
# ---------------------------------------------------------------------------------------------


class KedaAuthentication(Closed):
    """Where a KEDA trigger finds its credentials."""

    name: DnsSubdomain
    """Name of the TriggerAuthentication."""
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] | None = None
    """Kind of it; TriggerAuthentication when unset."""


class KedaTrigger(Closed):
    """A trigger of a KEDA ScaledObject (https://keda.sh/docs/latest/scalers/)."""

    type: Annotated[str, Field(min_length=1, max_length=63)]
    """Scaler, for instance `prometheus` or `cron`."""
    metadata: dict[str, str]
    """Parameters of the scaler."""
    name: Annotated[str, Field(max_length=63)] | None = None
    """Name of the trigger, for formulas."""
    metricType: Literal["AverageValue", "Value", "Utilization"] | None = None
    """How the value relates to the replicas; `AverageValue` when unset."""
    useCachedMetrics: bool | None = None
    """Asks the scaler only once every polling interval."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials."""


class Prometheus(Closed):
    """The Prometheus that the derived triggers of a role ask."""

    serverAddress: Annotated[str, Field(max_length=1024, pattern=r"^https?://")]
    """Its URL, for instance `http://prometheus.monitoring:9090`."""
    authModes: Annotated[str, Field(max_length=64)] | None = None
    """How KEDA authenticates there, for instance `bearer`; KEDA ignores credentials without it."""
    authenticationRef: KedaAuthentication | None = None
    """Credentials."""


class Autoscaling(Closed):
    """Who owns the number of replicas. The chart then prints none; while it is not `enabled`, `replicas` holds."""

    enabled: bool = False
    """An autoscaler owns the replicas: the chart prints none."""
    type: Literal["external", "hpa", "keda", "wva"] = "external"
    """The autoscaler: `external` is made elsewhere, `hpa` a HorizontalPodAutoscaler, `keda` a KEDA ScaledObject, `wva`
    a HorizontalPodAutoscaler that follows llm-d's workload variant autoscaler."""
    minReplicas: Replicas | None = None
    """Fewest replicas; 1 when unset. 0 needs `keda` and something that sees requests while no pod runs: the chart's
    endpoint picker, or `triggers`."""
    maxReplicas: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most replicas. Every autoscaler but an external one needs it."""
    targetActiveRequests: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Requests, running or waiting, that one replica should have, from the engine's own metrics. `hpa` reads them from
    the custom metrics API (Prometheus Adapter), `keda` from `prometheus`."""
    scaleDownDelaySeconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Seconds of lower load before replicas are removed; the autoscaler's own default when unset."""
    behavior: HpaBehavior | None = None
    """Speed of scaling, merged over what `scaleDownDelaySeconds` gives."""
    metrics: list[MetricSpec] = []
    """Metrics of `hpa`, beside `targetActiveRequests`."""
    triggers: list[KedaTrigger] = []
    """Triggers of `keda`, beside the derived ones."""
    prometheus: Prometheus | None = None
    """Prometheus of the derived triggers of `keda`."""
    idleReplicas: Annotated[int, Field(ge=0, le=0)] | None = None
    """`0` removes all pods of `keda` while nothing is active, although `minReplicas` is higher."""
    pollingInterval: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds between the looks of `keda` at its triggers while no pod runs."""
    variantCost: Annotated[int | float, json_type(type=["number"], minimum=0, maximum=1000000)] | None = None
    """Cost of a replica for `wva`, in any unit; it prefers the cheaper of several variants of a model."""


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
Hostname = Annotated[
    str, Field(max_length=253, pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]


class CertificateAuthority(Closed):
    """Where certificates are: in a Secret or a ConfigMap."""

    secret: SecretKeySelector | None = None
    """In a Secret."""
    configMap: ConfigMapKeySelector | None = None
    """In a ConfigMap."""


class TlsConfig(Closed):
    """How Prometheus checks a certificate
    (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.SafeTLSConfig)."""

    ca: CertificateAuthority | None = None
    """Who signed it."""
    serverName: Hostname | None = None
    """The name in it."""
    insecureSkipVerify: bool | None = None
    """Whether it is not checked."""


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
    tlsConfig: TlsConfig | None = None
    """How the certificate of an engine that serves TLS (`ssl-certfile`) is checked; not at all when unset, since it
    cannot name the addresses of pods."""


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


class VolumeClaimTemplate(Closed):
    """A claim that each pod of a StatefulSet gets for itself."""

    name: DnsLabel
    """Name of the volume in the pod. `model-storage` replaces the volume that an `hf://` model is downloaded to, and
    `engine-cache` the one of `caches`."""
    spec: PersistentVolumeClaimSpec
    """The claim
    (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/)."""
    mountPath: AbsolutePath | None = None
    """Where the engine gets it."""
    labels: dict[LabelKey, LabelValue] | None = None
    """Labels of the claims."""
    annotations: dict[str, str] | None = None
    """Annotations of the claims."""


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


ServiceName = Annotated[str, Field(max_length=63, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]


class RoleService(Closed):
    """A Service for the serving pods of a role. A StatefulSet always has one."""

    create: bool = False
    """Creates the Service."""
    name: ServiceName | None = None
    """Its name; that of the workload when unset, with `-service` after that of a LeaderWorkerSet, whose controller
    makes a Service of the same name."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service; `ClusterIP` when unset."""
    clusterIP: Annotated[str, Field(max_length=45, pattern=r"^(None|[0-9a-fA-F.:]+)$")] | None = None
    """Fixed address; `None` for a headless Service, which a StatefulSet's is when `type` is unset."""
    ports: list[ServicePort] = []
    """Ports; one named `http` on `routing.servicePort` when there are none, with `dataMode: multiPort` one a rank."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the Service."""
    annotations: dict[str, str] = {}
    """Annotations of the Service."""
    extraConfig: ServiceFragment | None = None
    """Any other field of a Service spec, merged last."""


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
    nodeSelector: dict[LabelKey, LabelValue | None] = {}
    """Node labels that the pods need; `null` removes one of a lower layer."""
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
    workload: Literal["Deployment", "StatefulSet"] = "Deployment"
    """Kind of the workload without `multinode`. A StatefulSet gives each pod a fixed name and claims of its own."""
    volumeClaimTemplates: list[VolumeClaimTemplate] = Field(
        default=[],
        examples=[
            [
                {
                    "name": "model-storage",
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "200Gi"}}},
                }
            ]
        ],
    )
    """Claims that each pod of a StatefulSet gets for itself."""
    persistentVolumeClaimRetentionPolicy: ClaimRetention | None = None
    """What becomes of the claims of a StatefulSet when it is deleted or scaled down; they stay when unset."""
    updateStrategy: StatefulSetStrategy | None = None
    """Update strategy of the StatefulSet."""
    podManagementPolicy: Literal["Parallel", "OrderedReady"] | None = None
    """Whether pods of the StatefulSet start together or one after the other; `Parallel` when unset, as one replica
    need not wait for another's load."""
    runtimeClassName: DnsSubdomain | None = None
    """Runtime class of the pods, for instance `nvidia`."""
    topologySpreadConstraints: list[TopologySpreadConstraint] = Field(
        default=[],
        examples=[[{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}]],
    )
    """How pods spread over nodes or zones; one without a `labelSelector` spreads the role's serving pods."""
    resourceProfile: (
        Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,3})?$")] | None
    ) = Field(default=None, examples=["nvidia-h100:4"])
    """One of `resourceProfiles`, and how often its resources are taken: `name` or `name:n`."""
    probes: Probes = Probes()
    """Probes of the engine."""
    drain: Drain = Drain()
    """Lets pods finish their requests."""
    podDisruptionBudget: PodDisruptionBudget = PodDisruptionBudget()
    """How many pods a node drain may take at once."""
    service: RoleService = RoleService()
    """A Service for this role."""


# ---------------------------------------------------------------------------------------------
# Model, routing, and the rest of the top level
# ---------------------------------------------------------------------------------------------


class AwsCredentials(Closed):
    """Credentials of `s3://`."""

    name: DnsSubdomain | None = None
    """Secret. Without one the pod's identity is used."""
    accessKeyID: SecretKey = "accessKeyID"
    """Key of the Secret that holds the access key's id."""
    secretAccessKey: SecretKey = "secretAccessKey"
    """Key of the Secret that holds the access key."""


class GcpCredentials(Closed):
    """Credentials of `gs://`."""

    name: DnsSubdomain | None = None
    """Secret. Without one the pod's identity is used."""
    jsonKeyfile: SecretKey = "jsonKeyfile"
    """Key of the Secret that holds the key file of a service account."""


class AlibabaCredentials(Closed):
    """Credentials of `oss://`."""

    name: DnsSubdomain | None = None
    """Secret."""
    accessKeyID: SecretKey = "accessKeyID"
    """Key of the Secret that holds the access key's id."""
    accessKeySecret: SecretKey = "accessKeySecret"
    """Key of the Secret that holds the access key."""


class Credentials(Closed):
    """Secrets of object stores. One that neither the model nor an adapter needs is left out. Hugging Face and
    ModelScope: `modelArtifacts.authSecretName`."""

    aws: AwsCredentials = AwsCredentials()
    """Credentials of `s3://`."""
    gcp: GcpCredentials = GcpCredentials()
    """Credentials of `gs://`."""
    alibaba: AlibabaCredentials = AlibabaCredentials()
    """Credentials of `oss://`."""


class Download(Closed):
    """Downloading before the engine starts, instead of by the engine."""

    enabled: bool | None = None
    """Downloads the model in an init container. When unset: only where the engine cannot load from the store itself.
    `false` streams, or is refused where that is not possible."""
    job: bool = False
    """Downloads once for all pods, in a Job that fills the claim of `persistence`; the pods wait for it."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """Image that downloads. When unset: the engine's own for `hf://`, `ms://` and `ollama://`, rclone for
    object stores."""
    command: list[str] | None = None
    """Command that downloads, in place of the derived one. Strings are rendered as templates."""
    env: dict[EnvName, EngineEnvValue] = Field(default={}, examples=[{"HTTPS_PROXY": "http://proxy:3128"}])
    """Environment variables of the download, beside those of store and mirror."""
    resources: Resources | None = None
    """Compute resources of the download."""


AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class Persistence(Closed):
    """A claim that keeps the downloaded model over restarts and, with `ReadWriteMany`, shares it between pods."""

    enabled: bool = False
    """Uses a claim in place of a volume that ends with the pod."""
    existingClaim: DnsSubdomain | None = None
    """An existing claim; the chart then creates none."""
    size: Quantity | None = None
    """Size of the claim; `modelArtifacts.size` when unset."""
    storageClassName: DnsSubdomain | Literal[""] | None = None
    """Storage class; the cluster's default when unset."""
    accessModes: list[AccessMode] = ["ReadWriteOnce"]
    """Access modes. One claim serves all pods, so several pods need `ReadWriteMany`."""
    volumeName: DnsSubdomain | None = None
    """An existing PersistentVolume."""
    dataSource: TypedLocalObjectReference | None = None
    """What the claim is filled with, for instance a VolumeSnapshot."""
    retain: bool = False
    """Keeps the claim when the release is uninstalled (`helm.sh/resource-policy: keep`)."""
    annotations: dict[str, str] = {}
    """Annotations of the claim."""


class ModelVolume(Closed):
    """The volume of a model that is not on a claim."""

    type: Literal["emptyDir", "ephemeral"] = "emptyDir"
    """`emptyDir` is on the node's disk; `ephemeral` is a claim of each pod that ends with the pod."""
    storageClassName: DnsSubdomain | None = None
    """Storage class of an ephemeral volume; the cluster's default when unset."""


class Adapter(Closed):
    """A LoRA adapter."""

    name: Annotated[str, Field(max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]
    """Name of the adapter in requests."""
    uri: Annotated[str, Field(min_length=1, max_length=1024)]
    """Where it is: `hf://`, `ms://`, `s3://`, `gs://`, `oss://`, `pvc://claim/path`, `oci://image:tag` or `file://`.
    Rendered as a template."""


class Lora(Closed):
    """Limits of LoRA adapters, and loading them at run time."""

    maxRank: (
        Annotated[int, json_type(type="integer", enum=[1, 8, 16, 32, 64, 128, 256, 320, 512], minimum=1, maximum=512)]
        | None
    ) = None
    """Largest rank of an adapter; the engine's default when unset (vLLM: 16)."""
    maxLoras: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Adapters in one batch; the number of `adapters` when unset."""
    maxCpuLoras: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Adapters kept in the memory of the host."""
    dynamic: bool = False
    """Lets clients load and unload adapters while the engine runs (`/v1/load_lora_adapter`). Whoever reaches the
    engine may do so."""


Feature = Literal["TextGeneration", "TextEmbedding", "SpeechToText", "Reranking", "Scoring", "Classification"]


class ModelArtifacts(Closed):
    """The model: where it comes from and how clients call it."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = "random/model"
    """Name of the model in requests (`--served-model-name`)."""
    aliases: list[ModelName] = Field(default=[], examples=[["llama", "default"]])
    """Further names of the model in requests."""
    uri: Annotated[str, Field(min_length=1, max_length=1024)] = "hf://{{ .Values.modelArtifacts.name }}"
    """Where the model is: `hf://organisation/model`, `ms://organisation/model` (ModelScope),
    `s3://bucket/path`, `gs://bucket/path`, `oss://bucket/path`, `ollama://model:tag`, `pvc://claim/path`,
    `pvc+hf://claim/[directory/]organisation/model` (a Hugging Face cache on a claim), `oci://image:tag` (an image
    volume) or `file:///path` (in the image or in a volume of your own). Rendered as a template."""
    revision: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^ ]+$")] | None = None
    """Branch, tag or commit of an `hf://`, `pvc+hf://` or `ms://` model."""
    endpoint: EndpointUrl | None = None
    """Mirror or own installation of the store, for the engine and for downloads: `HF_ENDPOINT` for `hf://`,
    `MODELSCOPE_ENDPOINT` for `ms://`, `AWS_ENDPOINT_URL` for `s3://`, the region's address for `oss://`."""
    features: list[Feature] = Field(default=[], examples=[["TextEmbedding"]])
    """What the model does. Without text generation or speech vLLM runs it as a pooling model (`--runner pooling`)."""
    labels: dict[LabelKey, LabelValue] = {"llm-d.ai/inference-serving": "true"}
    """Labels of the serving pods. An InferencePool selects these; `llm-d.ai/role` is added to them."""
    size: Quantity | None = None
    """Size of the volume that a model is downloaded to: the limit of an `emptyDir`, where a pod whose model is larger
    is evicted, or the size of a claim. No limit when unset."""
    mountPath: AbsolutePath = "/model-cache"
    """Where the model volume is mounted."""
    authSecretName: DnsSubdomain | Literal[""] = ""
    """Secret with the token of Hugging Face, or of ModelScope for `ms://`."""
    authSecretKey: SecretKey = "HF_TOKEN"
    """Key of the Secret that holds the token."""
    credentials: Credentials = Credentials()
    """Secrets of object stores."""
    readOnly: bool = True
    """Mounts the claim of a `pvc://` or `pvc+hf://` model read-only."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """Pull policy of an `oci://` model."""
    download: Download = Download()
    """Downloading before the engine starts."""
    persistence: Persistence = Persistence()
    """A claim that keeps the downloaded model."""
    volume: ModelVolume = ModelVolume()
    """The volume of a model that is not on a claim."""
    adapters: list[Adapter] = Field(default=[], examples=[[{"name": "sql", "uri": "hf://organisation/sql-lora"}]])
    """LoRA adapters that the engine loads when it starts."""
    lora: Lora = Lora()
    """Limits of LoRA adapters."""


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


HeaderName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$")]
HeaderValue = Annotated[str, Field(min_length=1, max_length=4096)]
RoutePath = Annotated[str, Field(max_length=1024, pattern=r"^/")]


class PathMatch(Closed):
    """Path of a request."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] | None = None
    """How the value is compared; `PathPrefix` when unset."""
    value: RoutePath | None = None
    """The path; `/` when unset."""


class ValueMatch(Closed):
    """A header or query parameter of a request."""

    type: Literal["Exact", "RegularExpression"] | None = None
    """How the value is compared; `Exact` when unset."""
    name: HeaderName
    """Its name."""
    value: HeaderValue
    """Its value, rendered as a template."""


class RouteMatch(Closed):
    """Requests that a rule takes: all conditions hold
    (https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch)."""

    path: PathMatch | None = None
    """Path."""
    headers: list[ValueMatch] | None = Field(default=None, max_length=16)
    """Headers."""
    queryParams: list[ValueMatch] | None = Field(default=None, max_length=16)
    """Query parameters."""
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = None
    """Method."""


class Header(Closed):
    """A header with its value."""

    name: HeaderName
    """Its name."""
    value: HeaderValue
    """Its value."""


class HeaderModifier(Closed):
    """Changes of headers."""

    set: list[Header] | None = None
    """Headers that replace those of the same name."""
    add: list[Header] | None = None
    """Headers that are added."""
    remove: list[str] | None = None
    """Headers that are removed."""


class PathModifier(Closed):
    """A path as the engine gets it."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    """What is replaced."""
    replaceFullPath: RoutePath | None = None
    """The whole path."""
    replacePrefixMatch: RoutePath | None = None
    """What the matched prefix becomes."""


class UrlRewrite(Closed):
    """A URL as the engine gets it."""

    hostname: Hostname | None = None
    """Host name."""
    path: PathModifier | None = None
    """Path."""


class ExtensionReference(Closed):
    """A filter that the Gateway's implementation brings."""

    group: Annotated[str, Field(max_length=253)]
    """API group."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """Kind."""
    name: DnsSubdomain
    """Name."""


class RouteFilter(Closed):
    """What happens to a request on its way
    (https://gateway-api.sigs.k8s.io/reference/spec/#httproutefilter)."""

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "ExtensionRef"]
    """Kind of the filter."""
    requestHeaderModifier: HeaderModifier | None = None
    """Changes of the request's headers."""
    responseHeaderModifier: HeaderModifier | None = None
    """Changes of the response's headers."""
    urlRewrite: UrlRewrite | None = None
    """Change of the URL."""
    extensionRef: ExtensionReference | None = None
    """A filter of the implementation."""


class BackendReference(Closed):
    """Where a rule sends requests."""

    group: Annotated[str, Field(max_length=253)] | None = None
    """API group; that of InferencePools is `inference.networking.k8s.io`."""
    kind: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Kind; Service when unset."""
    name: DnsSubdomain
    """Name."""
    namespace: DnsLabel | None = None
    """Namespace; the release's own when unset."""
    port: Port | None = None
    """Port of a Service; an InferencePool has none."""
    weight: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Share of the requests."""


class RouteTimeouts(Closed):
    """Time limits of requests. Answers of a language model take long, so there are none by default; null leaves a limit
    to the Gateway, as some implementations refuse the field."""

    request: RouteDuration | None = "0s"
    """From the request to the end of the answer; `0s` for no limit."""
    backendRequest: RouteDuration | None = "0s"
    """One attempt at an endpoint; `0s` for no limit."""


class RouteRuleTimeouts(Closed):
    """Time limits of a rule."""

    request: RouteDuration | None = None
    """From the request to the end of the answer."""
    backendRequest: RouteDuration | None = None
    """One attempt at an endpoint."""


class RouteRetry(Closed):
    """When a request is tried again."""

    codes: list[Annotated[int, Field(ge=400, le=599)]] | None = None
    """Status codes that are tried again."""
    attempts: Annotated[int, Field(ge=0, le=100)] | None = None
    """How often."""
    backoff: RouteDuration | None = None
    """Time between attempts."""


class RouteRule(Closed):
    """A rule of an HTTPRoute (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule)."""

    name: DnsSubdomain | None = None
    """Name of the rule."""
    matches: list[RouteMatch] | None = Field(default=None, max_length=64)
    """Requests that the rule takes: one of these."""
    filters: list[RouteFilter] | None = Field(default=None, max_length=16)
    """What happens to them."""
    backendRefs: list[BackendReference] | None = Field(default=None, max_length=16)
    """Where they go; the InferencePool when unset."""
    timeouts: RouteRuleTimeouts | None = None
    """Time limits."""
    retry: RouteRetry | None = None
    """When a request is tried again (experimental channel of Gateway API)."""


class HttpRoute(Closed):
    """An HTTPRoute from Gateways to the InferencePool."""

    create: bool = False
    """Creates the HTTPRoute."""
    name: DnsSubdomain | None = None
    """Name of the object; the prefix of all object names when unset."""
    annotations: dict[str, str] = {}
    """Annotations of the object."""
    parentRefs: list[ParentReference] = []
    """Gateways of the route; `routing.parentRefs` when unset."""
    hostnames: list[Hostname] = Field(default=[], max_length=16)
    """Host names that the route takes; those of the Gateway's listeners when unset."""
    pathPrefix: RoutePath = "/"
    """Prefix of the paths that the route takes. It is removed before the engine sees the request."""
    modelHeader: HeaderName | None = None
    """Header that must hold the model's name, for several models behind one Gateway; a body based router sets it, for
    instance `X-Gateway-Base-Model-Name`."""
    matches: list[RouteMatch] = Field(default=[], max_length=64)
    """Conditions in full, instead of `pathPrefix` and `modelHeader`."""
    timeouts: RouteTimeouts = RouteTimeouts()
    """Time limits."""
    rules: list[RouteRule] = Field(default=[], max_length=16)
    """Rules in full, instead of `pathPrefix`, `modelHeader`, `matches` and `timeouts`."""


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
    clusterRole: DnsSubdomain | Literal[""] = ""
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


class Routing(Closed):
    """How requests reach the pods."""

    servicePort: Port = 8000
    """Port the pods serve on: the sidecar's on decode, the engine's elsewhere. It equals the InferencePool's target
    port. With `dataMode: multiPort` it is the first of one port a rank."""
    proxy: Proxy = Proxy()
    """The routing sidecar."""
    parentRefs: list[ParentReference] = []
    """Gateways of the HTTPRoute."""
    modelName: str | None = Field(default=None, deprecated=True)
    """Old place of `modelArtifacts.name`; it is used when set."""
    inferencePool: InferencePool = InferencePool()
    """The serving pods as one destination."""
    httpRoute: HttpRoute = HttpRoute()
    """The way from the Gateways to the pool."""
    inferenceObjective: InferenceObjective = InferenceObjective()
    """What requests are worth."""
    epp: Epp = Epp()
    """The endpoint picker of the pool."""
    loadBalancing: LoadBalancing = LoadBalancing()
    """How the endpoint picker chooses."""
    inferenceModel: InferenceModel | None = Field(default=None, deprecated=True)
    """Replaced by `routing.inferenceObjective`; only `create: false` is accepted here."""


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
    endpointPicker: str = "endpoint-picker"
    """Name of the endpoint picker."""


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


class ResourceProfile(Closed):
    """What a pod needs of a kind of node. A role takes it several times with `resourceProfile: name:n`, which
    multiplies the resources; the role's own settings win."""

    limits: dict[ResourceName, Quantity] | None = None
    """Limits of the engine for one unit."""
    requests: dict[ResourceName, Quantity] | None = None
    """Requests of the engine for one unit."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """Image of the engine for this kind of node."""
    acceleratorType: AcceleratorType | None = None
    """Accelerator type; `accelerator.type` when unset."""
    nodeSelector: dict[LabelKey, LabelValue] | None = None
    """Node labels."""
    tolerations: list[Toleration] | None = None
    """Tolerations of node taints."""
    affinity: Affinity | None = None
    """Affinity."""
    runtimeClassName: DnsSubdomain | None = None
    """Runtime class."""
    schedulerName: str | None = None
    """Scheduler."""
    priorityClassName: str | None = None
    """Priority class."""


class VolumeClaim(Closed):
    """A claim that the release owns and all its pods share. Pods on several nodes need an access mode for many, and a
    claim for each pod is a `volumeClaimTemplates` entry of a StatefulSet."""

    spec: PersistentVolumeClaimSpec
    """The claim
    (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/)."""
    mountPath: AbsolutePath | None = None
    """Where engines get it; other containers mount the volume, which has the name of the entry."""
    retain: bool = False
    """Keeps the claim when the release is removed."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the claim."""
    annotations: dict[str, str] = {}
    """Annotations of the claim."""


class Service(Closed):
    """One Service for the release: the pods that clients talk to, which are those of decode, or of prefill where there
    is no decode."""

    enabled: bool = False
    """Creates the Service."""
    name: ServiceName | None = None
    """Its name; the prefix of all object names when unset."""
    extraNames: list[ServiceName] = []
    """Further Services for the same pods, for instance a name that clients already use."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    """Type of the Service; `ClusterIP` when unset."""
    clusterIP: Annotated[str, Field(max_length=45, pattern=r"^(None|[0-9a-fA-F.:]+)$")] | None = None
    """Fixed address; `None` for a headless Service."""
    ports: list[ServicePort] = []
    """Ports; one named `http` on `routing.servicePort` when there are none, with `dataMode: multiPort` one a rank."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the Service."""
    annotations: dict[str, str] = {}
    """Annotations of the Service, for instance of a cloud's load balancer."""
    extraConfig: ServiceFragment | None = None
    """Any other field of a Service spec, merged last."""


class NetworkPolicy(Closed):
    """A NetworkPolicy for each role and for the endpoint picker. Pods of the release always reach each other, because
    KV caches and collectives travel over ports that engines choose themselves, and the picker reads their metrics."""

    enabled: bool = False
    """Creates the NetworkPolicies."""
    from_: list[NetworkPolicyPeer] = Field(
        default=[],
        alias="from",
        examples=[[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]],
    )
    """Who may send requests and read metrics: the gateway, Prometheus, an endpoint picker that this chart does not
    make. Anybody when empty."""
    ingress: list[NetworkPolicyIngressRule] = []
    """Further rules for what comes in."""
    egress: list[NetworkPolicyEgressRule] | None = None
    """What pods may reach besides each other and the name service, for instance the model hub. Everything when
    unset."""
    annotations: dict[str, str] = {}
    """Annotations of the NetworkPolicies."""


class ApiKeySecret(Closed):
    """Where the API key is."""

    name: DnsSubdomain | Literal[""] = ""
    """Secret with the key."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = "api-key"
    """Entry of the Secret."""


class Auth(Closed):
    """What clients have to show."""

    apiKeySecret: ApiKeySecret = ApiKeySecret()
    """Key that requests carry as `Authorization: Bearer`. The engine reads it from the Secret."""


class Caches(Closed):
    """Writable places for an engine that is not root or whose root file system is read-only: `HOME`, every cache
    directory and `/tmp`."""

    enabled: bool = False
    """Points every cache of the engine to a volume of its own, and mounts one at `/tmp`."""
    mountPath: AbsolutePath = "/var/cache/engine"
    """Where the volume is mounted."""
    sizeLimit: Quantity | None = None
    """Largest size; no limit when unset. A volume of the role named `engine-cache` replaces it, for instance a claim
    that keeps compiled kernels."""


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
    suspend: bool = False
    """Scales everything to zero and keeps the objects; it wins over replicas and autoscaling."""
    service: Service = Service()
    """One Service for the release."""
    networkPolicy: NetworkPolicy = NetworkPolicy()
    """Who may reach the pods, and whom they may reach."""
    auth: Auth = Auth()
    """What clients have to show."""
    caches: Caches = Caches()
    """Writable places for an engine that is not root."""
    files: dict[AbsolutePath, Annotated[str, Field(max_length=1_000_000)] | None] = Field(
        default={}, examples=[{"/etc/vllm/chat.jinja": "{{ messages }}"}]
    )
    """Files of the engine, by path; `null` removes one. They are not rendered as templates, and a changed one restarts
    the pods. Secrets do not belong here: mount them as volumes."""
    volumeClaims: dict[DnsLabel, VolumeClaim] = Field(
        default={},
        examples=[
            {
                "data": {
                    "mountPath": "/data",
                    "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "10Gi"}}},
                }
            }
        ],
    )
    """Claims that the release owns, by the name of their volume."""
    resourceProfiles: dict[AcceleratorType, ResourceProfile] = Field(
        default={}, examples=[{"nvidia-h100": {"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": 8}}}]
    )
    """What a pod needs of each kind of node, by name."""
