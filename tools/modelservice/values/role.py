"""``decode`` and ``prefill``: the roles of a model server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.accelerator import RoleAccelerator
from modelservice.values.autoscaling import Autoscaling
from modelservice.values.base import Closed
from modelservice.values.containers import Container
from modelservice.values.engine import Engine
from modelservice.values.groups import RolloutStrategy, SubGroupPolicy, WorkerTemplate
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
from modelservice.values.scalars import DnsSubdomain, LabelKey, LabelValue, Replicas
from modelservice.values.service import RoleService
from modelservice.values.storage import PodResourceClaim, SharedMemory, VolumeClaimTemplate


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
