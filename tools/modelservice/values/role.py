"""``decode`` and ``prefill``: the roles of a model server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.accelerator import RoleAccelerator
from modelservice.values.autoscaling import Autoscaling
from modelservice.values.base import Closed
from modelservice.values.containers import Container
from modelservice.values.engine import Engine
from modelservice.values.groups import NetworkConfig, RolloutStrategy, SubGroupPolicy, WorkerTemplate
from modelservice.values.kubernetes import (
    Affinity,
    ClaimRetention,
    DeploymentStrategy,
    InitContainer,
    LocalObjectReference,
    PodFragment,
    PodSecurityContext,
    StatefulSetStrategy,
    Toleration,
    TopologySpreadConstraint,
    Volume,
)
from modelservice.values.lifecycle import Drain, PodDisruptionBudget, Probes
from modelservice.values.monitoring import Monitoring
from modelservice.values.parallelism import Parallelism
from modelservice.values.placement import AcceleratorTypes
from modelservice.values.scalars import (
    Annotations,
    DnsSubdomain,
    LabelKey,
    LabelValue,
    OptionalName,
    PriorityClass,
    Replicas,
    form,
)
from modelservice.values.service import RoleService
from modelservice.values.storage import PodResourceClaim, SharedMemory, VolumeClaimTemplate


class Role(Closed):
    """One role of the model server, `decode` or `prefill`."""

    create: bool = True
    """Creates the role's workload."""
    replicas: Replicas = 1
    """Number of pods (Deployment) or groups of pods (LeaderWorkerSet, DisaggregatedSet)."""
    multinode: bool | None = None
    """LeaderWorkerSet (`true`) or Deployment (`false`) for this role. Default: the top-level `multinode`."""
    autoscaling: Autoscaling = Autoscaling()
    """Autoscaling."""
    parallelism: Parallelism = Parallelism()
    """How one model instance is spread over accelerators and pods."""
    accelerator: RoleAccelerator = RoleAccelerator()
    """Settings of this role that replace those of the top-level `accelerator`."""
    acceleratorTypes: AcceleratorTypes = AcceleratorTypes()
    """Nodes by accelerator product."""
    engine: Engine = Engine()
    """Engine settings of this role, merged over the top-level `engine`."""
    containers: list[Container] = Field(
        default=[], examples=[[{"name": "vllm", "image": "vllm/vllm-openai:v0.11.0", "modelCommand": "vllmServe"}]]
    )
    """Containers of the pod. The first one is the engine, and its fields win over `engine`. Default: an engine
    container from `engine`."""
    initContainers: list[InitContainer] = []
    """Init containers, which start after the routing sidecar."""
    volumes: list[Volume] = [{"name": "metrics-volume", "emptyDir": {}}]
    """Volumes of the pod; a list set here replaces the default. The chart adds the model volume."""
    sharedMemory: SharedMemory = SharedMemory()
    """`/dev/shm` of the engine."""
    resourceClaims: list[PodResourceClaim] = []
    """Further resource claims of the pod, e.g. an IMEX channel. The engine uses all of them, other containers those
    in their `resources.claims`."""
    workerTemplate: WorkerTemplate | None = None
    """Differences of the workers of a group from their leader. With it, only the leader serves."""
    strategy: DeploymentStrategy | None = None
    """Update strategy of the Deployment."""
    rolloutStrategy: RolloutStrategy | None = None
    """Update strategy of the LeaderWorkerSet, or of the role in a DisaggregatedSet."""
    subGroupPolicy: SubGroupPolicy | None = None
    """Subgroups of the LeaderWorkerSet."""
    subGroupExclusiveTopology: bool | LabelKey | None = Field(default=None, union_mode="left_to_right")
    """Exclusive topology domain for every subgroup: `true` for one node each, or a node label key."""
    subGroupExclusiveToplogy: bool | LabelKey | None = Field(default=None, union_mode="left_to_right", deprecated=True)
    """Misspelled form of `subGroupExclusiveTopology`, from the original chart."""
    restartPolicy: Literal["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None"] | None = None
    """What happens to a group of the LeaderWorkerSet when a container of it restarts. Default:
    `RecreateGroupOnPodRestart`; `RecreateGroupAfterStart`, which leaves out groups that are still starting, needs
    LeaderWorkerSet 0.9."""
    startupPolicy: Literal["LeaderCreated", "LeaderReady"] | None = None
    """When the workers of a LeaderWorkerSet's group are created. Default: `LeaderCreated`. With `LeaderReady`, a leader
    that waits for its workers never becomes ready."""
    networkConfig: NetworkConfig | None = None
    """Network of the LeaderWorkerSet."""
    labels: dict[LabelKey, LabelValue] = Field(default={}, examples=[{"kueue.x-k8s.io/queue-name": "inference"}])
    """Labels of the workload, e.g. the name of its Kueue queue. Labels of the pods are `podLabels`."""
    annotations: Annotations = {}
    """Annotations of the workload."""
    podAnnotations: Annotations = {}
    """Annotations of the pods."""
    podLabels: dict[LabelKey, LabelValue] = {}
    """Labels of the pods, in addition to the chart's; never part of a selector."""
    nodeSelector: dict[LabelKey, LabelValue | None] = {}
    """Node selector; `null` removes a label of a lower layer."""
    tolerations: list[Toleration] = []
    """Tolerations of node taints."""
    affinity: Affinity = {}
    """Affinity, merged with the node affinity from `acceleratorTypes`."""
    schedulerName: OptionalName | None = None
    """Scheduler name of this role. Default: the top-level `schedulerName`."""
    priorityClassName: PriorityClass | None = None
    """Priority class name; empty or `none` for no priority class."""
    terminationGracePeriodSeconds: Annotated[int, Field(ge=0, le=86400)] | None = None
    """Termination grace period in seconds. Default: Kubernetes' 30, or the sum from `drain`."""
    enableServiceLinks: bool | None = None
    """Environment variables for every Service of the namespace."""
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
    """Kind of the workload without `multinode`. A StatefulSet gives every pod a stable name and separate claims."""
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
    """Volume claim templates of a StatefulSet."""
    persistentVolumeClaimRetentionPolicy: ClaimRetention | None = None
    """Retention of a StatefulSet's claims when it is deleted or scaled down. Default: claims are kept."""
    updateStrategy: StatefulSetStrategy | None = None
    """Update strategy of the StatefulSet."""
    podManagementPolicy: Literal["Parallel", "OrderedReady"] | None = None
    """Pod management policy of the StatefulSet. Default: `Parallel`, because a replica need not wait until another
    has loaded the model."""
    runtimeClassName: DnsSubdomain | None = None
    """Runtime class name of the pods, e.g. `nvidia`."""
    topologySpreadConstraints: list[TopologySpreadConstraint] = Field(
        default=[],
        examples=[[{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}]],
    )
    """Topology spread constraints of the pods. Default `labelSelector`: the role's serving pods."""
    resourceProfile: (
        Annotated[
            str,
            form(
                "a resource profile: name or name:n",
                r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,3})?$",
                max_length=80,
            ),
        ]
        | None
    ) = Field(default=None, examples=["nvidia-h100:4"])
    """An entry of `resourceProfiles` and the factor of its resources: `name` or `name:n`."""
    probes: Probes = Probes()
    """Probes of the engine."""
    drain: Drain = Drain()
    """Graceful shutdown."""
    podDisruptionBudget: PodDisruptionBudget = PodDisruptionBudget()
    """Limits of voluntary disruptions such as node drains."""
    service: RoleService = RoleService()
    """Service of this role."""
