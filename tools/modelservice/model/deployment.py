"""What is installed together: pods, pools and other objects, whoever rendered them.

The values are known only where this project's chart rendered the objects; they say which key a thing comes from.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelservice.engines.version import Version
from modelservice.facts.versions import number
from modelservice.inputs import read_defaults
from modelservice.kubernetes import merge
from modelservice.kubernetes.dotted import value_at
from modelservice.kubernetes.variables import config_maps
from modelservice.model.autoscaling import Autoscaler, autoscalers
from modelservice.model.cluster import Inventory, Selector
from modelservice.model.picker import EndpointPicker, pickers_without_pool
from modelservice.model.pods import ROLE, PodGroup, reference, role_of
from modelservice.model.pool import Neighbours, Pool, pools_of
from modelservice.model.provenance import Place, among_extra, keys_of
from modelservice.model.releases import Selection, releases
from modelservice.model.routing_proxy import proxy_version
from modelservice.model.workloads import pod_groups
from modelservice.models.lookup import Models
from modelservice.paths import chart_dir
from modelservice.sources import Sources

Object = Mapping[str, Any]


@dataclass
class Deployment:
    """What is installed together, and what it is checked against."""

    name: str
    """Name of the release, or of the manifests' file."""
    objects: Sequence[Object]
    namespace: str = "default"
    sources: Sources | None = None
    """The values; None for manifests that this chart did not render."""
    vllm_version: Version | None = None
    """Version of vLLM, where the user states it. Set before anything is read from the pods."""
    engine_upgrade: Version | None = None
    """Version of vLLM that it is to be upgraded to."""
    given_pools: Sequence[Pool] = field(default_factory=list)
    """Pools that the user says the deployment belongs to."""
    cluster: Inventory | None = None
    """The cluster it goes to, if one is given."""
    models: Models = field(default_factory=Models)
    """What is known of models."""
    neighbours: Sequence[Object] = field(default_factory=list)
    """Objects next to it: those that came with a given pool."""
    picker_configs: Sequence[Object] = field(default_factory=list)
    """Configurations of endpoint pickers that are in no ConfigMap."""

    def surround(
        self, neighbours: Sequence[Neighbours], cluster: Inventory | None, installed: Sequence[Selector] = ()
    ) -> None:
        """Set what the deployment is checked against.

        Args:
            neighbours: the pools that it belongs to.
            cluster: the cluster, if one is known.
            installed: the pods there that make room; by default its own.
        """
        self.given_pools = [pool for neighbour in neighbours for pool in neighbour.pools]
        self.neighbours = [obj for neighbour in neighbours for obj in neighbour.objects]
        self.cluster = cluster.without(installed or self.own_pods) if cluster else None

    @functools.cached_property
    def groups(self) -> list[PodGroup]:
        """Pods of all workloads."""
        templates = {obj["metadata"]["name"]: obj for obj in self.kind("ResourceClaimTemplate")}
        data = config_maps(self.objects)
        found = [group for obj in self.objects for group in pod_groups(obj, templates, data)]
        least = {scaler.target: scaler.minimum for scaler in autoscalers(self.objects)}
        return [replace(group, least=least.get(group.scale_target), vllm_version=self.vllm_version) for group in found]

    @functools.cached_property
    def servers(self) -> list[PodGroup]:
        """Pods that run a model server."""
        return [group for group in self.groups if group.is_server]

    @property
    def serving(self) -> list[PodGroup]:
        """Model servers that get pods which answer requests."""
        return [group for group in self.servers if group.serves]

    def role(self, role: str) -> list[PodGroup]:
        """Return the model servers of a role that get at least one pod."""
        return [group for group in self.servers if group.role == role and group.replicas != 0]

    @property
    def prefill_and_decode(self) -> tuple[list[PodGroup], list[PodGroup]]:
        """Pods that prefill and those that decode; pods of other roles, e.g. ``encode``, do neither."""
        prefill, decode = (
            [group for group in self.role(role) if group.labels.get(ROLE, role) == role]
            for role in ("prefill", "decode")
        )
        return prefill, decode

    def engine_version(self, group: PodGroup) -> Version | None:
        """Return the version of vLLM in the pods, as the user states it or by the image; None where neither tells."""
        return group.vllm_version or group.command.version

    def proxy_version(self, group: PodGroup) -> tuple[int, ...] | None:
        """Return the version of the pods' routing sidecar: as stated, else by its image; None where neither tells."""
        stated = self.value("routing.proxy.version")
        if group.proxy is None:
            return None
        return number(str(stated)) if stated else proxy_version(group.proxy.fields)

    @property
    def own_pods(self) -> list[Selector]:
        """Namespaces and labels of the pods that its workloads have where it is installed."""
        found: list[Selector] = []
        for group in self.groups:
            labels = (group.workload.get("spec") or {}).get("selector") or {}
            found.append((group.namespace or self.namespace, labels.get("matchLabels") or group.given_labels))
        return found

    @property
    def pools(self) -> list[Pool]:
        """Pools of the deployment: those that are given, and those among its own objects."""
        given = {(pool.name, pool.namespace) for pool in self.given_pools}
        return [*self.given_pools, *(pool for pool in self.own_pools if (pool.name, pool.namespace) not in given)]

    @functools.cached_property
    def own_pools(self) -> list[Pool]:
        """Pools among the deployment's objects."""
        return list(pools_of(self.objects))

    @functools.cached_property
    def pickers(self) -> list[EndpointPicker]:
        """Endpoint pickers: those of the pools; without a pool, those whose configuration is among the objects."""
        given = [pool.picker for pool in self.pools if pool not in self.own_pools and pool.picker is not None]
        found = [*given, *self.own_pickers]
        if not found and not self.kind("InferencePool"):
            found = list(pickers_without_pool(self.objects, lambda obj, path, *_: self.at(obj, path)))
        return [*found, *pickers_without_pool(self.picker_configs, lambda obj, path, *_: Place(str(obj["kind"]), path))]

    @functools.cached_property
    def own_pickers(self) -> list[EndpointPicker]:
        """Endpoint pickers among the deployment's objects, of the version that the values state."""
        stated = str(self.value("routing.epp.version") or "")
        pickers = [pool.picker for pool in self.pools if pool in self.own_pools and pool.picker is not None]
        return [replace(picker, stated_version=stated) for picker in pickers]

    @functools.cached_property
    def workloads(self) -> list[list[PodGroup]]:
        """Pod groups by workload: one of a Deployment, leaders and workers of a LeaderWorkerSet or of a set's role."""
        found: dict[int, list[PodGroup]] = {}
        for group in self.groups:
            found.setdefault(id(group.workload), []).append(group)
        return list(found.values())

    @functools.cached_property
    def pods(self) -> Selection:
        """Pods by their labels."""
        return Selection(self.groups)

    @functools.cached_property
    def releases(self) -> list[Deployment]:
        """The deployment by what belongs together: parts of a stream with several models, each with its pools.

        A part has all objects, but only its own pods and pools.
        """
        serving = [workload for workload in self.workloads if any(group.is_server for group in workload)]
        found = releases(serving, self.pools)
        if len(found) < 2:
            return [self]
        parts = []
        for release in found:
            pools = {id(pool) for pool in release.pools}
            part = replace(self, given_pools=[pool for pool in self.given_pools if id(pool) in pools])
            part.own_pools = [pool for pool in self.own_pools if id(pool) in pools]
            part.groups = release.groups
            parts.append(part)
        return parts

    def autoscaler(self, group: PodGroup) -> Autoscaler | None:
        """Return what scales the workload of pods; None without an autoscaler."""
        return next((item for item in autoscalers(self.objects) if item.target == group.scale_target), None)

    def model_source(self, group: PodGroup) -> str:
        """Return where the pods' model comes from, e.g. ``hf://Qwen/Qwen3-8B on emptyDir 40Gi``."""
        uri = self.value("modelArtifacts.uri")
        for volume in group.spec.get("volumes") or []:
            if volume.get("name") == "model-storage":
                source = next((key for key in volume if key != "name"), "")
                details = volume.get(source) or {}
                size = details.get("claimName") or details.get("sizeLimit") or details.get("reference") or "no limit"
                on = f"{source} {size}"
                return f"{uri} on {on}" if uri and "{{" not in str(uri) else on
        return group.command.model or "in the image"

    def kind(self, *kinds: str) -> list[Object]:
        """Return the objects of these kinds."""
        return [obj for obj in self.objects if obj.get("kind") in kinds]

    def at(self, obj: Object, path: str = "") -> Place:
        """Return the place of a field of an object; without a path the object's."""
        metadata = obj.get("metadata") or {}
        kind, name = str(obj.get("kind")), str(metadata.get("name", ""))
        role = role_of(str((metadata.get("labels") or {}).get(ROLE, "")), name)
        keys = keys_of("workload" if id(obj) in self._workload_ids else kind, path, role=role)
        return Place(reference(obj), path, (among_extra(reference(obj)), *keys))

    @functools.cached_property
    def _workload_ids(self) -> frozenset[int]:
        return frozenset(id(obj) for group in self.groups for obj in (group.workload, group.document))

    def value(self, key: str) -> Any:
        """Return a value in effect, the chart's default included; None where the values are not known.

        Args:
            key: names without dots in them, joined by dots.
        """
        return value_at(self._values, key)

    @functools.cached_property
    def _values(self) -> Mapping[str, Any]:
        return merge.helm(_defaults(), self.sources.values, null_removes=True) if self.sources else {}


def default_value(key: str) -> Any:
    """Return the chart's default of a value; the key as for :meth:`Deployment.value`."""
    return value_at(_defaults(), key)


@functools.cache
def _defaults() -> dict[str, Any]:
    return merge.helm({}, read_defaults(chart_dir()), null_removes=True)
