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

from typing import Annotated, Any

from pydantic import Field

from modelservice.values.accelerator import Accelerator
from modelservice.values.base import Closed
from modelservice.values.clients import Auth, Endpoints, Test
from modelservice.values.engine import Engine
from modelservice.values.kubernetes import LocalObjectReference
from modelservice.values.model import ModelArtifacts
from modelservice.values.monitoring import ReleaseMonitoring
from modelservice.values.placement import ResourceProfile
from modelservice.values.release import Global, NetworkPolicy, ServiceAccount
from modelservice.values.requester import Requester
from modelservice.values.role import Role
from modelservice.values.routing import Routing
from modelservice.values.scalars import AbsolutePath, AcceleratorType, DnsLabel
from modelservice.values.service import Service
from modelservice.values.storage import Caches, VolumeClaim
from modelservice.values.tracing import Tracing


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
