"""The pods of a workload: their containers, engine, routing sidecar, ports and accelerators.

Everything is read from Kubernetes objects, so manifests of another chart are understood as well.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice import facts
from modelservice.engines.arguments import arity
from modelservice.engines.command import EngineCommand
from modelservice.engines.version import Version
from modelservice.facts.models import Engine, KvTransfer, Peers
from modelservice.kubernetes.variables import ConfigMaps
from modelservice.model import devices
from modelservice.model.cluster import amounts
from modelservice.model.containers import Container
from modelservice.model.devices import DeviceRequest
from modelservice.model.engine_flags import own_name
from modelservice.model.listeners import Listener, has_number, listeners_of
from modelservice.model.provenance import Place, among_extra, keys_of
from modelservice.model.routing_proxy import CONNECTOR, is_proxy

Object = Mapping[str, Any]

ROLE = "llm-d.ai/role"

GROUP_NAME = "leaderworkerset.sigs.k8s.io/name"
"""Label of pods with the name of their LeaderWorkerSet."""
_GROUP_DOMAINS = ("leaderworkerset.sigs.k8s.io", "disaggregatedset.x-k8s.io")

_COMPONENTS = {"test": "test", "model-download": "download"}
"""What the chart's other pods are for, by their label."""


@dataclass(frozen=True, eq=False)
class PodGroup:
    """Equal pods of a workload: all of a Deployment, or the leaders or workers of a LeaderWorkerSet."""

    workload: Object
    """The workload; of a DisaggregatedSet the role, with kind and name of the set."""
    part: str
    """``pod``, ``leader`` or ``worker``."""
    size: int
    """How many of them one replica has."""
    metadata: Object
    spec: Object
    template: str = ""
    """Path of the pod template in the workload; empty for a Pod."""
    requester: Object | None = None
    """Pod spec of the requester whose accelerators the pod uses."""
    claims: tuple[DeviceRequest, ...] = ()
    """Device requests of the pod's claims whose templates are known."""
    config_maps: ConfigMaps = field(default_factory=dict)
    """ConfigMaps from which the containers may have variables."""
    whole: Object | None = None
    """The DisaggregatedSet whose role the workload is."""
    least: int | None = None
    """The smallest number of replicas that an autoscaler sets; None without one, or where it is not stated."""
    vllm_version: Version | None = None
    """Version of vLLM, where the user states it."""

    @property
    def kind(self) -> str:
        """Kind of the workload."""
        return str(self.workload["kind"])

    @property
    def document(self) -> Object:
        """The object that is installed: the workload, or the DisaggregatedSet whose role it is."""
        return self.workload if self.whole is None else self.whole

    @property
    def is_grouped(self) -> bool:
        """Whether a replica is a group of pods that LeaderWorkerSet makes."""
        return isinstance((self.workload.get("spec") or {}).get("leaderWorkerTemplate"), Mapping)

    @property
    def name(self) -> str:
        """Name of the workload."""
        return str(self.workload["metadata"].get("name", ""))

    @property
    def object(self) -> str:
        """``Kind/name`` of the workload."""
        return reference(self.workload)

    @property
    def namespace(self) -> str:
        """Namespace of the workload; empty for the release's."""
        return str(self.workload.get("metadata", {}).get("namespace") or "")

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the pods."""
        labels: Mapping[str, str] = self.metadata.get("labels") or {}
        return labels

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations of the pods."""
        annotations: Mapping[str, str] = self.metadata.get("annotations") or {}
        return annotations

    @property
    def given_labels(self) -> Mapping[str, str]:
        """Labels that a controller of groups adds to the pods, as far as their values are known.

        https://lws.sigs.k8s.io/docs/reference/labels-annotations-and-environment-variables/
        """
        if self.whole is not None:
            keys = facts.disaggregated_set().labels
            return {keys.name: self.name, keys.role: self.role_of_set}
        return {GROUP_NAME: self.name} if self.is_grouped else {}

    @property
    def running_labels(self) -> Mapping[str, str]:
        """Labels of the running pods: those of the template, and those that a controller adds."""
        return {**self.labels, **self.given_labels}

    def carries(self, label: str) -> bool:
        """Return whether the running pods have a label: one of theirs, or one that their controller sets."""
        given = () if self.whole is None else facts.disaggregated_set().own_labels
        return bool(self.running_labels.get(label)) or label in given

    @property
    def role(self) -> str:
        """``decode`` or ``prefill``, by the label or the workload's name; decode for one without either."""
        return role_of(str(self.labels.get(ROLE, "")), self.role_of_set or self.name)

    @property
    def role_of_set(self) -> str:
        """Name of the role in the DisaggregatedSet; empty for another workload."""
        return "" if self.whole is None else str(self.workload.get("name", ""))

    @property
    def slices(self) -> int:
        """Copies of all roles in a DisaggregatedSet."""
        number = ((self.whole or {}).get("spec") or {}).get("slices")
        return number if isinstance(number, int) else 1

    @property
    def scale_target(self) -> tuple[str, str]:
        """Kind and name of what an autoscaler scales."""
        scaler = (facts.disaggregated_set().scaler, f"{self.name}-{self.role_of_set}")
        return (self.kind, self.name) if self.whole is None else scaler

    @property
    def replicas(self) -> int | None:
        """Replicas of the workload, in all slices; None when an autoscaler owns them."""
        number = self.workload.get("spec", {}).get("replicas")
        return number * self.slices if isinstance(number, int) else None

    @property
    def count(self) -> int:
        """Pods in all replicas; an autoscaled workload is counted with its smallest number."""
        return self.size * self.placed_replicas

    @property
    def placed_replicas(self) -> int:
        """Replicas that need room: the autoscaler's minimum where one owns them, but at least one."""
        return max(self.least or 1, 1) if self.replicas is None else self.replicas

    @property
    def platform_variables(self) -> Mapping[str, str]:
        """Variables that a controller adds to the containers, as far as their values are known.

        https://lws.sigs.k8s.io/docs/reference/labels-annotations-and-environment-variables/
        """
        group = (self.workload.get("spec") or {}).get("leaderWorkerTemplate")
        if not isinstance(group, Mapping):
            return {}
        leader = {"LWS_WORKER_INDEX": "0"} if self.part == "leader" else {}
        return {"LWS_GROUP_SIZE": str(group.get("size", 1)), **leader}

    # --- Places -------------------------------------------------------------------------------

    def path(self, below: str) -> str:
        """Return the address of a field of the pod template."""
        return self._within(f"{self.template}.{below}".lstrip("."))

    def _within(self, path: str) -> str:
        """Return the address of a field of the workload's spec in the object that is installed."""
        return path if self.whole is None else f"spec.roles[{self.role_of_set}].{path}"

    def at(self, path: str) -> Place:
        """Return the place of a field of the pods, e.g. ``spec.nodeSelector``."""
        return Place(self.object, self.path(path), self.keys("pod", path))

    def workload_at(self, path: str) -> Place:
        """Return the place of a field of the workload, e.g. ``spec.replicas``."""
        at = self._within(path) if path.startswith("spec") else path
        return Place(self.object, at, self.keys("workload", path))

    def keys(self, owner: str, path: str, **names: str) -> tuple[str, ...]:
        """Return the candidate values keys of a field: those of a role, or of another workload of the chart.

        Args:
            owner: what the field of a role's pods belongs to, as in :data:`modelservice.model.provenance.FIELDS`.
            path: path of the field there.
            names: what stands for names in the keys, besides the role.
        """
        found = keys_of(owner if self._is_of_role else self._purpose, path, role=self.role, **names)
        return (among_extra(self.object), *found)

    @property
    def _is_of_role(self) -> bool:
        """Whether the pods are those of a role: servers, and other pods of a workload that the chart makes."""
        return self.is_server or (not self._purpose and "helm.sh/chart" in self._workload_labels)

    @property
    def _workload_labels(self) -> Mapping[str, str]:
        return self.workload["metadata"].get("labels") or {}

    @property
    def _purpose(self) -> str:
        """What pods that serve no model are for; empty where that is not known."""
        component = self._workload_labels.get("app.kubernetes.io/component")
        if component in _COMPONENTS:
            return _COMPONENTS[component]
        return "picker" if self.is_picker else ""

    @property
    def is_picker(self) -> bool:
        """Whether the pods are endpoint pickers, by the name that llm-d's charts give them."""
        return self.name.endswith(f"-{facts.endpoint_picker().extension.name}")

    # --- Containers ---------------------------------------------------------------------------

    @functools.cached_property
    def all_containers(self) -> tuple[Container, ...]:
        """Containers and init containers."""
        return tuple(
            Container(fields, self, listed, position)
            for listed in ("containers", "initContainers")
            for position, fields in enumerate(self.spec.get(listed) or [])
        )

    @functools.cached_property
    def main_containers(self) -> tuple[Container, ...]:
        """Containers without init containers."""
        return tuple(item for item in self.all_containers if item.listed == "containers")

    @functools.cached_property
    def containers(self) -> tuple[Container, ...]:
        """Containers that keep running: native sidecars are among them."""
        sidecars = [
            item
            for item in self.all_containers
            if item.listed == "initContainers" and item.fields.get("restartPolicy") == "Always"
        ]
        return (*self.main_containers, *sidecars)

    @functools.cached_property
    def engine(self) -> Container:
        """The container that serves the model: the first that starts an engine, else the first of all."""
        listed = self.main_containers or (Container({}, self, "containers", 0),)
        return next((item for item in listed if item.command.engine is not None), listed[0])

    @property
    def command(self) -> EngineCommand:
        """Command line of the engine."""
        return self.engine.command

    @functools.cached_property
    def facts(self) -> Engine | None:
        """What is known of the engine; None for an unknown one."""
        return facts.engine(self.command.engine or "")

    @functools.cached_property
    def proxy(self) -> Container | None:
        """The routing sidecar, if the pod has one."""
        return next((item for item in self.containers if is_proxy(item.fields)), None)

    @property
    def is_server(self) -> bool:
        """Whether the pods run an engine or belong to a role of a model server."""
        return self.facts is not None or ROLE in self.labels or self.proxy is not None

    @property
    def headless(self) -> bool:
        """Whether the engine of these pods answers no requests: rank 0 does, in another pod."""
        return self.command.has("headless")

    @property
    def serves(self) -> bool:
        """Whether there are such pods, and they answer requests."""
        return self.is_server and not self.headless and self.replicas != 0

    @property
    def loads_model(self) -> bool:
        """Whether the engine loads the weights of a model: it is known, and no simulator."""
        return self.facts is not None and self.facts.needs_accelerator and self.requester is None

    # --- Flags --------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Return whether the engine is given a flag of vLLM's, or its own with the same meaning."""
        return self.command.has(name) or self.command.has(own_name(self.facts, name))

    def lacks(self, name: str) -> bool:
        """Return whether it is certain that the engine is not given such a flag."""
        return not self.has(name) and not self.command.partial

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return the number of such a flag; the default without it, None where only the container knows."""
        own = own_name(self.facts, name)
        if self.command.partial and not self.has(name):
            return None
        return self.command.number(own, default) if self.command.has(own) else self.command.number(name, default)

    # --- Parallelism --------------------------------------------------------------------------

    @property
    def tensor(self) -> int | None:
        """Tensor parallel size; None where only the container knows."""
        return self.number("tensor-parallel-size", 1)

    @property
    def pipeline(self) -> int | None:
        """Pipeline parallel size; None where only the container knows."""
        return self.number("pipeline-parallel-size", 1)

    @property
    def local_ranks(self) -> int | None:
        """Data parallel ranks in one pod; None where only the container knows."""
        if self.has("data-parallel-rank"):
            return 1
        if self.has("data-parallel-size-local"):
            return self.number("data-parallel-size-local")
        if self.has("data-parallel-start-rank") or self.headless:
            return 1
        return self.number("data-parallel-size", 1)

    @property
    def ranks(self) -> int | None:
        """Accelerators that one pod's engine needs; None where that is not known.

        Tensor × pipeline × local data parallel ranks, divided among the nodes of a group.
        """
        if self.facts is None or not self.facts.needs_accelerator or not self.facts.parallelism.tensor:
            return None
        sizes = (self.tensor, self.pipeline, self.local_ranks, self.number("nnodes", self._ray_nodes))
        if None in sizes:
            return None
        tensor, pipeline, local, nodes = (size or 1 for size in sizes)
        shared = self.facts.parallelism.data_inside_tensor
        if shared and self.command.has(shared):
            local = 1
        ranks = tensor * pipeline * local // nodes
        # Ray spreads over the group only what is more than the pod's own devices.
        spreads = nodes == 1 and ranks > self.accelerators.total() > 0 and self._takes_ray
        return ranks // self.group_size if spreads else ranks

    @property
    def _ray_nodes(self) -> int:
        """Nodes over which Ray spreads one engine: all pods of the group."""
        return self.group_size if self.command.value("distributed-executor-backend") == "ray" else 1

    @property
    def _takes_ray(self) -> bool:
        """Whether the engine may start Ray unasked, as vLLM does in versions that know no other way over nodes."""
        version = self.command.version
        unasked = version is None or arity("nnodes", version) is None
        return self.command.engine == "vllm" and self.lacks("distributed-executor-backend") and unasked

    @property
    def group_size(self) -> int:
        """Pods of one replica: those of a LeaderWorkerSet's group."""
        group = (self.workload.get("spec") or {}).get("leaderWorkerTemplate") or {}
        return int(group.get("size", 1))

    # --- Ports --------------------------------------------------------------------------------

    @property
    def multi_port(self) -> bool:
        """Whether every local rank serves on a port of its own."""
        if self.facts is None:
            return False
        flag = self.facts.parallelism.data_modes.get("multiPort")
        several = (self.command.number("data-parallel-size", 1) or 1) > 1
        return bool(flag and self.command.has(flag)) or (self.facts.parallelism.rank_ports and several)

    @property
    def engine_port(self) -> int | None:
        """First port of the engine; None where it is not known."""
        flag = self.facts.port.flag if self.facts else ""
        if self.facts is None or (flag and not self.has("port") and not self.lacks("port")):
            declared = [port["containerPort"] for port in self.engine.ports if has_number(port)]
            return declared[0] if declared else None
        if flag and self.has("port"):
            return self.number("port")
        value = self.engine.env.get(self.facts.port.env) if self.facts.port.env else None
        if value is not None:
            number = re.search(r"(?:^|:)(\d+)$", value) if isinstance(value, str) else None
            return int(number[1]) if number else None
        return self.facts.port.default

    @property
    def engine_ports(self) -> list[int]:
        """Ports on which the engine answers requests."""
        first = self.engine_port
        if first is None or self.headless:
            return []
        number = (self.local_ranks or 1) if self.multi_port else 1
        return list(range(first, first + number))

    @property
    def proxy_ports(self) -> list[int]:
        """Ports on which the routing sidecar answers requests."""
        if self.proxy is None:
            return []
        first = self.proxy.program.number("port", facts.routing_proxy().listen_port)
        number = self.proxy.program.number("data-parallel-size", 1) or 1
        return [] if first is None else list(range(first, first + number))

    @property
    def served_ports(self) -> list[int]:
        """Ports on which clients reach the model: the sidecar's where there is one."""
        if self.headless:
            return []
        return self.proxy_ports or self.engine_ports

    @functools.cached_property
    def listeners(self) -> tuple[Listener, ...]:
        """Everything that listens in the pod, as far as it is known."""
        return tuple(listeners_of(self))

    def may_listen(self, port: int) -> bool:
        """Return whether something listens on a port, as far as that is known.

        An engine that declares its own port may open the others that it declares, e.g. for KV events.
        """
        declared = {item["containerPort"] for item in self.engine.ports if has_number(item)}
        more = declared if declared & set(self.engine_ports) else set()
        return port in more or any(port == listener.port for listener in self.listeners)

    def port_named(self, name: str) -> tuple[int, Container] | None:
        """Return the number of a named container port and the container that declares it."""
        for container in self.containers:
            for port in container.ports:
                if port.get("name") == name:
                    return port["containerPort"], container
        return None

    def number_of(self, port: Any) -> int | None:
        """Return the number of a port, by name where it is one; None for a name that no container declares."""
        if isinstance(port, int) or (isinstance(port, str) and port.isdigit()):
            return int(port)
        named = self.port_named(str(port)) if port is not None else None
        return named[0] if named else None

    @property
    def listening(self) -> str:
        """What the pods listen on, for a sentence: ``8000 (proxy), 8200 (engine)``."""
        ports = [f"{listener.port} ({listener.purpose})" for listener in self.listeners]
        return ", ".join(ports[:4]) + (", ..." if len(ports) > 4 else "") if ports else "no known port"

    @property
    def serves_tls(self) -> bool:
        """Whether the engine answers TLS."""
        return self.command.has("ssl-certfile") or self.command.has("self-signed-certs")

    @property
    def proxy_serves_tls(self) -> bool:
        """Whether the routing sidecar answers TLS, which is its default."""
        return self.proxy is not None and str(self.proxy.program.value("secure-proxy")).lower() not in ("false", "0")

    # --- Scheduling ---------------------------------------------------------------------------

    @property
    def required_labels(self) -> dict[str, str]:
        """Node labels that the pods require, each with the field of the pod that says so."""
        affinity = [
            str(item.get("key")) for item in self._required_terms if item.get("operator") in ("In", "Exists", None)
        ]
        selector = self.spec.get("nodeSelector") or {}
        return dict.fromkeys(affinity, "spec.affinity") | dict.fromkeys(selector, "spec.nodeSelector")

    @property
    def allowed_node_labels(self) -> list[tuple[str, str]]:
        """Node labels and the values of them that the pods accept."""
        listed = [
            (str(item.get("key")), str(value))
            for item in self._required_terms
            for value in (item.get("values") or () if item.get("operator") == "In" else ())
        ]
        return [*((self.spec.get("nodeSelector") or {}).items()), *listed]

    @property
    def _required_terms(self) -> list[Object]:
        required = ((self.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution"
        ) or {}
        terms = required.get("nodeSelectorTerms") or []
        return [item for term in terms for item in term.get("matchExpressions") or []]

    # --- Resources ----------------------------------------------------------------------------

    @functools.cached_property
    def accelerators(self) -> Counter[str]:
        """Accelerators of one pod: by extended resource, or as ``<device class> (claim)``.

        A request for all devices of a node counts as none, because their number is the node's.
        """
        found: Counter[str] = Counter()
        for container in (self.requester or self.spec).get("containers") or []:
            found += devices.accelerators(container.get("resources") or {})
        for claim in self.claims:
            if not claim.is_network:
                found[claim.device] += claim.count
        return found

    def requests(self) -> Counter[str]:
        """Return what the scheduler counts for one pod: bytes, devices, and thousandths of a core for cpu."""
        found: Counter[str] = Counter()
        counted = [item.fields for item in self.containers] if self.requester is None else []
        for container in counted or (self.requester or {}).get("containers") or []:
            resources = container.get("resources") or {}
            found.update(amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})}))
        return found

    # --- KV transfer --------------------------------------------------------------------------

    @property
    def kv_transfer_facts(self) -> KvTransfer | None:
        """What is known of how the engine hands over the KV cache; None for one that does not, or is not known."""
        return self.facts.kv_transfer if self.facts else None

    @functools.cached_property
    def kv_transfer(self) -> Object:
        """KV transfer configuration of the engine; empty without one or where it is not a JSON object."""
        return self.command.json("kv-transfer-config")

    @property
    def kv_connector_settings(self) -> Object:
        """Settings of the KV connector's own; empty without any or where they are not a JSON object."""
        settings = self.kv_transfer.get("kv_connector_extra_config")
        return settings if isinstance(settings, Mapping) else {}

    @property
    def kv_connectors(self) -> list[str]:
        """Names of the KV connectors of the engine, those inside a MultiConnector too."""
        config = self.kv_transfer
        names = [str(config["kv_connector"])] if config.get("kv_connector") else []
        for inner in self.kv_connector_settings.get("connectors") or []:
            if isinstance(inner, Mapping) and inner.get("kv_connector"):
                names.append(str(inner["kv_connector"]))
        return names

    @property
    def proxy_connector(self) -> str | None:
        """KV connector that the routing sidecar expects of the engine; None without a sidecar or if not known."""
        if self.proxy is None:
            return None
        given = next((name for name in CONNECTOR if self.proxy.program.has(name)), None)
        default = facts.routing_proxy().flag(CONNECTOR[0])
        return self.proxy.program.value(given) if given else default.default if default else None

    @property
    def transfer_part(self) -> str:
        """What the role does with the KV cache that travels between roles; empty where the engine has no such word."""
        known = self.kv_transfer_facts
        return known.peers.roles.get(self.role, "") if known and known.peers else ""

    @property
    def peers(self) -> Peers | None:
        """How the engine fetches the KV cache from other pods; None where its connector does not, or is not known."""
        known = self.kv_transfer_facts.peers if self.kv_transfer_facts else None
        return known if known and set(known.connectors) & set(self.kv_connectors) else None


def reference(obj: Object) -> str:
    """Return ``Kind/name`` of an object."""
    metadata = obj.get("metadata")
    return f"{obj.get('kind')}/{metadata.get('name', '') if isinstance(metadata, Mapping) else ''}"


def only_controllers_know(labels: Mapping[str, str]) -> bool:
    """Return whether controllers of groups give some of the labels to pods, with values that are not known before."""
    known = facts.disaggregated_set().labels
    stated = (GROUP_NAME, known.name, known.role)
    return any(key not in stated and key.rpartition("/")[0] in _GROUP_DOMAINS for key in labels)


def role_of(label: str, name: str) -> str:
    """Return the role of an object by its label, else by its name; decode for one without either."""
    return "prefill" if label == "prefill" or (not label and re.search(r"(^|-)prefill(-|$)", name)) else "decode"
