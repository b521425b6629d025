"""The values of the chart as pydantic models: the source of schema, defaults and documentation.

`modelservice schema` generates the chart's ``values.schema.json``, ``values.yaml`` and the table of its README from
these models. A field's docstring is its documentation in all of them.

The models decide what one key alone may hold (type, range, spelling). The chart's templates reject contradictions
between several keys.

Two conventions of Helm shape the types:

* ``null`` in a values file deletes the chart's default, so nothing with a default is ``required``;
  see :mod:`modelservice.values.required`.
* ``null`` inside a list item stays, so every optional field of a list item accepts it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from modelservice.values.accelerator import Accelerator
from modelservice.values.base import Closed
from modelservice.values.clients import Auth, Endpoints, Test
from modelservice.values.engine import Engine
from modelservice.values.groups import DisaggregatedSet
from modelservice.values.kubernetes import LocalObjectReference
from modelservice.values.model import ModelArtifacts
from modelservice.values.monitoring import ReleaseMonitoring
from modelservice.values.placement import ResourceProfile
from modelservice.values.release import Global, NetworkPolicy, ServiceAccount
from modelservice.values.requester import Requester
from modelservice.values.role import Role
from modelservice.values.routing import Routing
from modelservice.values.scalars import AbsolutePath, AcceleratorType, DnsLabel, OptionalLabel, OptionalName
from modelservice.values.service import Service
from modelservice.values.storage import Caches, VolumeClaim
from modelservice.values.tracing import Tracing


class Values(Closed):
    """Values of the chart llm-d-modelservice."""

    enabled: bool = True
    """Renders the chart. A parent chart can set it to `false`."""
    common: dict[str, Any] = {}
    """Free-form values, e.g. for YAML anchors."""
    global_: Global = Field(default=Global(), alias="global")
    """Values shared with a parent chart."""
    nameOverride: OptionalLabel = ""
    """Replacement of the chart's name in object names and in `app.kubernetes.io/name`."""
    fullnameOverride: Annotated[OptionalLabel, Field(max_length=55)] = ""
    """Replacement of the whole prefix of object names."""
    deploymentSelector: Literal["release", "model"] = "release"
    """Labels in the selectors of Deployments, which are immutable: those of the `release`, or as in the original
    chart `modelArtifacts.labels` and the role (`model`), so that its releases can be upgraded in place. With `model`,
    `modelArtifacts.labels` can no longer change."""
    multinode: bool = False
    """LeaderWorkerSets (groups of pods over several nodes) instead of Deployments."""
    workload: Literal["DisaggregatedSet"] | None = None
    """`DisaggregatedSet`: one workload for both roles, which LeaderWorkerSet 0.9 and newer update together. Default: a
    workload for each role. Every change of a pod template replaces the pods of both roles; unless
    `<role>.rolloutStrategy` says otherwise, one more group of each role starts first."""
    disaggregatedSet: DisaggregatedSet = DisaggregatedSet()
    """Slices and placement with `workload: DisaggregatedSet`."""
    multinodeEnableLeader: bool | None = Field(default=None, deprecated=True)
    """No effect: leader and workers always get separate templates if they differ."""
    modelArtifacts: ModelArtifacts = ModelArtifacts()
    """The model."""
    engine: Engine = Engine()
    """Engine settings of both roles."""
    accelerator: Accelerator = Accelerator()
    """Accelerators."""
    routing: Routing = Routing()
    """Routing of requests to the pods."""
    decode: Role = Role()
    """The role that generates tokens, and without prefill also computes prompts."""
    prefill: Role = Role(replicas=0)
    """The role that computes prompts for decode."""
    schedulerName: OptionalName | None = None
    """Scheduler name of all pods."""
    imagePullSecrets: list[LocalObjectReference] = []
    """Image pull secrets."""
    serviceAccountOverride: OptionalName = ""
    """Name of an existing ServiceAccount. Default: the chart creates one."""
    serviceAccount: ServiceAccount = ServiceAccount()
    """The ServiceAccount that the chart creates."""
    tracing: Tracing = Tracing()
    """OpenTelemetry tracing."""
    monitoring: ReleaseMonitoring = ReleaseMonitoring()
    """Dashboard and alerts of the release."""
    endpoints: Endpoints = Endpoints()
    """Connection details for clients, as a ConfigMap."""
    test: Test = Test()
    """Test Pod of `helm test`."""
    requester: Requester = Requester()
    """Dual pods of fast model actuation."""
    extraObjects: list[dict[str, Any] | str] = []
    """Further objects to install: maps unchanged, strings rendered as templates."""
    suspend: bool = False
    """Scales everything to zero and keeps the objects; overrides replicas and autoscaling."""
    service: Service = Service()
    """One Service for the release."""
    networkPolicy: NetworkPolicy = NetworkPolicy()
    """Network policies of the pods."""
    auth: Auth = Auth()
    """Authentication of clients."""
    caches: Caches = Caches()
    """Writable directories for an engine that runs as non-root."""
    files: dict[AbsolutePath, Annotated[str, Field(max_length=1_000_000)] | None] = Field(
        default={}, examples=[{"/etc/vllm/chat.jinja": "{{ messages }}"}]
    )
    """Files of the engine container, by path; `null` removes a file. They are not rendered as templates, and a
    change restarts the pods. Mount secrets as volumes instead."""
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
    """PersistentVolumeClaims of the release, by the name of their volume."""
    resourceProfiles: dict[AcceleratorType, ResourceProfile] = Field(
        default={}, examples=[{"nvidia-h100": {"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": 8}}}]
    )
    """Resources, image and placement for each kind of node, by name."""
