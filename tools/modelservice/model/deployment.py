"""A deployment as its reader sees it: pods with their engine, proxy, ports and devices, whoever rendered the objects.

Everything here is read from Kubernetes objects, so manifests of another chart are understood as well. The values are
known only where this project's chart rendered them; they serve to say which key a thing comes from.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelservice.engines.command import ALIASES, CommandLine, command_line, image_version, proxy_flags
from modelservice.helm_library import helm_python
from modelservice.kubernetes import decode as shape
from modelservice.kubernetes.quantity import quantity
from modelservice.model.cluster import Inventory, amounts
from modelservice.model.pool import Pool
from modelservice.paths import chart_dir
from modelservice.sources import Sources, resolve

Object = Mapping[str, Any]

ROLE = "llm-d.ai/role"
SERVER_PATCH = "dual-pod.llm-d.ai/server-patch"
"""Annotation with the pod that llm-d fast model actuation starts on a requester's accelerators."""

_NO_ACCELERATOR = re.compile(
    r"^(rdma|hugepages.*|networking\.gke\.io.*|vpc\.amazonaws\.com|openshift\.io|intel\.com|mellanox\.com|k8s\.io|smarter-devices)/"
    r"|/(sriov|rdma|hca|roce|ib)|/(gpumem|gpucores|vgpu-memory|vgpu-cores|gpumem-percentage)"
)
"""Extended resources that are not accelerators: networks, and shares of a virtual GPU."""


_NETWORK_CLASS = re.compile(r"rdma|net|nic|sriov|imex|compute-domain|efa")
"""Device classes of networks, which may stand beside the accelerators in a claim."""


@dataclass(frozen=True)
class Listener:
    """A program that listens on a port of a pod."""

    port: int
    container: str
    purpose: str
    """``engine``, ``supervisor``, ``proxy``, ``side channel`` or ``declared``."""


@dataclass(frozen=True)
class Claimed:
    """One request for devices in a claim."""

    device_class: str
    count: int
    all: bool
    """Every matching device of the node is taken."""


@dataclass(frozen=True)
class Pods:
    """Equal pods of a workload: all of a Deployment, or the leaders or workers of a LeaderWorkerSet."""

    workload: Object
    part: str
    """``pod``, ``leader`` or ``worker``."""
    size: int
    """How many of them one replica has."""
    metadata: Object
    spec: Object
    requester: Object | None = None
    """Pod spec of the requester whose accelerators the pod uses."""

    @property
    def kind(self) -> str:
        """Kind of the workload."""
        return str(self.workload["kind"])

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
    def role(self) -> str:
        """``decode`` or ``prefill``; by the label, else by the workload's name; decode for one without either."""
        label = str(self.labels.get(ROLE, ""))
        name = str(self.workload["metadata"].get("name", ""))
        if label == "prefill" or (not label and re.search(r"(^|-)prefill(-|$)", name)):
            return "prefill"
        return "decode"

    @property
    def replicas(self) -> int | None:
        """Replicas of the workload; None when an autoscaler owns them."""
        number = self.workload.get("spec", {}).get("replicas")
        return number if isinstance(number, int) else None

    @property
    def count(self) -> int:
        """Pods in all replicas; an autoscaled workload is counted with one replica."""
        return self.size * (1 if self.replicas is None else self.replicas)

    @property
    def containers(self) -> list[Object]:
        """Containers, the native sidecars among them."""
        return [*(self.spec.get("containers") or []), *self.sidecars]

    @property
    def all_containers(self) -> list[Object]:
        """Containers and init containers."""
        return [*(self.spec.get("containers") or []), *(self.spec.get("initContainers") or [])]

    @property
    def sidecars(self) -> list[Object]:
        """Init containers that keep running."""
        return [item for item in self.spec.get("initContainers") or [] if item.get("restartPolicy") == "Always"]

    @functools.cached_property
    def engine(self) -> Object:
        """The container that serves the model: one that starts an engine, else the first."""
        listed: Sequence[Object] = self.spec.get("containers") or [{}]
        for container in listed:
            if command_line(container).engine != "other":
                return container
        return listed[0]

    @functools.cached_property
    def command(self) -> CommandLine:
        """Command line of the engine."""
        return command_line(self.engine)

    @property
    def words(self) -> list[str]:
        """Command and arguments of the engine, as they are written."""
        return [str(word) for word in (*(self.engine.get("command") or []), *(self.engine.get("args") or []))]

    def path(self, field: str) -> str:
        """Path of a field of the engine container."""
        return f"containers[{self.engine.get('name')}].{field}"

    @functools.cached_property
    def proxy(self) -> Object | None:
        """The routing sidecar, if the pod has one."""
        return next((item for item in self.containers if is_proxy(item)), None)

    @functools.cached_property
    def proxy_command(self) -> CommandLine | None:
        """Flags of the routing sidecar."""
        return proxy_flags(self.proxy) if self.proxy is not None else None

    @property
    def is_server(self) -> bool:
        """Whether the pods run an engine or belong to a role of a model server."""
        return self.command.engine != "other" or ROLE in self.labels or self.proxy is not None

    @property
    def headless(self) -> bool:
        """The engine of these pods answers no requests: rank 0 does, in another pod."""
        return self.command.has("headless")

    def tensor(self) -> int | None:
        """Tensor parallel size; None where only the container knows."""
        return self.command.number("tensor-parallel-size", 1)

    def pipeline(self) -> int | None:
        """Pipeline parallel size."""
        return self.command.number("pipeline-parallel-size", 1)

    def local_ranks(self) -> int | None:
        """Data parallel ranks in one pod."""
        if self.command.has("data-parallel-rank"):
            return 1
        if self.command.has("data-parallel-size-local"):
            return self.command.number("data-parallel-size-local")
        if self.command.has("data-parallel-start-rank") or self.headless:
            return 1
        return self.command.number("data-parallel-size", 1)

    def ranks(self) -> int | None:
        """Accelerators one pod's engine needs: tensor × pipeline × local data parallel ranks, over the nodes."""
        sizes = (self.tensor(), self.pipeline(), self.local_ranks(), self.command.number("nnodes", self._ray_nodes()))
        if self.command.engine in ("other", "simulator") or None in sizes:
            return None
        tensor, pipeline, local, nodes = (size or 1 for size in sizes)
        if self.command.engine == "sglang":
            # SGLang divides the tensor group among data parallel attention ranks.
            local = local if not self.command.has("enable-dp-attention") else 1
        return tensor * pipeline * local // nodes

    def _ray_nodes(self) -> int:
        """Nodes over which Ray spreads one engine: all pods of the group."""
        group = (self.workload.get("spec") or {}).get("leaderWorkerTemplate") or {}
        ray = self.command.value("distributed-executor-backend") == "ray"
        return int(group.get("size", 1)) if ray else 1

    @property
    def multi_port(self) -> bool:
        """Every local rank serves on a port of its own."""
        return self.command.has("data-parallel-multi-port-external-lb") or (
            self.command.engine == "simulator" and (self.command.number("data-parallel-size", 1) or 1) > 1
        )

    def engine_port(self) -> int | None:
        """First port of the engine; None where it is not known."""
        default = {"vllm": 8000, "sglang": 30000, "simulator": 8000}.get(self.command.engine)
        if self.command.engine == "other":
            declared = [port for port in self.engine.get("ports") or [] if isinstance(port.get("containerPort"), int)]
            return declared[0]["containerPort"] if declared else None
        return self.command.number("port", default)

    def engine_ports(self) -> list[int]:
        """Ports on which the engine answers requests."""
        first = self.engine_port()
        if first is None or self.headless:
            return []
        number = (self.local_ranks() or 1) if self.multi_port else 1
        return list(range(first, first + number))

    def proxy_ports(self) -> list[int]:
        """Ports on which the routing sidecar answers requests."""
        if self.proxy_command is None:
            return []
        first = self.proxy_command.number("port", 8000)
        number = self.proxy_command.number("data-parallel-size", 1) or 1
        return [] if first is None else list(range(first, first + number))

    def served_ports(self) -> list[int]:
        """Ports clients reach the model on: the proxy's where there is one."""
        if self.headless:
            return []
        return self.proxy_ports() or self.engine_ports()

    def listeners(self) -> list[Listener]:
        """Everything that listens in the pod, as far as it can be known."""
        found = [Listener(port, str(self.engine.get("name")), "engine") for port in self.engine_ports()]
        if self.proxy is not None:
            found += [Listener(port, str(self.proxy.get("name")), "proxy") for port in self.proxy_ports()]
        if self.command.has("data-parallel-multi-port-external-lb"):
            supervisor = self.command.number("data-parallel-supervisor-port", 9256)
            if supervisor is not None:
                found.append(Listener(supervisor, str(self.engine.get("name")), "supervisor"))
        side = environment(self.engine).get("VLLM_NIXL_SIDE_CHANNEL_PORT")
        if isinstance(side, str) and side.isdigit() and "NixlConnector" in kv_connectors(self.command):
            ranks = self.local_ranks() or 1
            found += [Listener(int(side) + rank, str(self.engine.get("name")), "side channel") for rank in range(ranks)]
        if self.requester is None:
            taken = {listener.port for listener in found}
            for container in self.containers:
                unknown = container is self.engine and self.engine_port() is None
                if container is not self.proxy and (container is not self.engine or unknown):
                    found += [
                        Listener(port["containerPort"], str(container.get("name")), "declared")
                        for port in container.get("ports") or []
                        if isinstance(port.get("containerPort"), int) and port["containerPort"] not in taken
                    ]
        return found

    def port_named(self, name: str) -> tuple[int, Object] | None:
        """A named container port, and the container that declares it."""
        for container in self.containers:
            for port in container.get("ports") or []:
                if port.get("name") == name:
                    return port["containerPort"], container
        return None

    def devices(self, container: Object) -> Counter[str]:
        """Accelerators in a container's resources, by extended resource."""
        resources = container.get("resources") or {}
        found: Counter[str] = Counter()
        for name, number in {**(resources.get("requests") or {}), **(resources.get("limits") or {})}.items():
            value = quantity(number)
            if "/" in name and not _NO_ACCELERATOR.search(name) and value:
                found[name] += int(value)
        return found

    def requests(self) -> Counter[str]:
        """What the scheduler counts for one pod: bytes, devices, and thousandths of a core for cpu."""
        found: Counter[str] = Counter()
        for container in (self.requester or self.spec).get("containers") or []:
            found.update(_requested(container))
        for container in self.sidecars if self.requester is None else ():
            found.update(_requested(container))
        return found


@dataclass
class Deployment:
    """What is installed together, and what it is checked against."""

    name: str
    """Name of the release, or of the manifests' file."""
    objects: Sequence[Object]
    namespace: str = "default"
    sources: Sources | None = None
    """The values; None for manifests that this chart did not render."""
    vllm_version: str | None = None
    """Version of vLLM, where the user says it."""
    pools: Sequence[Pool] = field(default_factory=list)
    """Pools the deployment belongs to."""
    cluster: Inventory | None = None
    """The cluster it goes to, if one is given."""
    neighbours: Sequence[Object] = field(default_factory=list)
    """Objects beside it: those that came with the pool."""

    @functools.cached_property
    def pods(self) -> list[Pods]:
        """Pods of all workloads."""
        return [pods for obj in self.objects for pods in pods_of(obj)]

    @functools.cached_property
    def servers(self) -> list[Pods]:
        """Pods that run a model server."""
        return [pods for pods in self.pods if pods.is_server]

    def role(self, role: str) -> list[Pods]:
        """Model servers of a role that get at least one pod."""
        return [pods for pods in self.servers if pods.role == role and pods.replicas != 0]

    def kind(self, *kinds: str) -> list[Object]:
        """Objects of these kinds."""
        return [obj for obj in self.objects if obj.get("kind") in kinds]

    def value(self, key: str) -> Any:
        """A value in effect, the chart's default included; None where the values are not known.

        Args:
            key: names without dots in them, joined by dots.
        """
        node: Any = self._values
        for part in key.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    @functools.cached_property
    def _values(self) -> Mapping[str, Any]:
        return overlaid(_defaults(), self.sources.values) if self.sources else {}

    def claims(self, pods: Pods) -> list[Claimed]:
        """Device requests of a pod's claims whose templates are among the objects."""
        found = []
        templates = {obj["metadata"]["name"]: obj for obj in self.kind("ResourceClaimTemplate")}
        for claim in pods.spec.get("resourceClaims") or []:
            template = templates.get(claim.get("resourceClaimTemplateName", ""))
            for request in device_requests(template) if template else ():
                found.append(request)
        return found

    def accelerators(self, pods: Pods) -> Counter[str]:
        """Accelerators of one pod: by extended resource, or as ``<device class> (claim)``.

        A request for all devices of a node counts as none, because their number is the node's.
        """
        found: Counter[str] = Counter()
        for container in (pods.requester or pods.spec).get("containers") or []:
            found += pods.devices(container)
        for claim in self.claims(pods):
            if not _NETWORK_CLASS.search(claim.device_class):
                found[f"{claim.device_class} (claim)"] += claim.count
        return found

    def with_key(self, *candidates: str) -> str | None:
        """The first of these keys that the user wrote, else the first; None where the values are not known."""
        if self.sources is None or not candidates:
            return None
        return next((key for key in candidates if self.sources.has(key)), candidates[0])

    def flag_key(self, pods: Pods, *names: str) -> str | None:
        """The values key that gives the engine a flag; None where none does or the values are not known."""
        if self.sources is None:
            return None
        for name in names:
            for layer in (f"{pods.role}.engine.args", "engine.args"):
                flags = self.value(layer) or {}
                if name in flags:
                    return f"{layer}.{name}"
        for place in ("containers[0].args", "containers[0].command"):
            key = f"{pods.role}.{place}"
            if self.sources.has(key):
                words = [str(word) for word in _at(self.sources.values, key) or []]
                for name in names:
                    spellings = {name, name.replace("-", "_"), *_short(name)}
                    for index, word in enumerate(words):
                        if word.lstrip("-").partition("=")[0] in spellings or any(
                            re.search(rf"(^|\s)--?{re.escape(item)}\b", word) for item in spellings
                        ):
                            return f"{key}[{index}]"
        return None

    def env_key(self, pods: Pods, name: str) -> str | None:
        """The values key that gives the engine a variable."""
        if self.sources is None:
            return None
        listed = _at(self.sources.values, f"{pods.role}.containers[0].env") or []
        for index, variable in enumerate(listed):
            if isinstance(variable, Mapping) and variable.get("name") == name:
                return f"{pods.role}.containers[0].env[{index}]"
        return self.with_key(f"{pods.role}.engine.env.{name}", f"engine.env.{name}")

    def engine_key(self, pods: Pods, name: str) -> str | None:
        """The values key of a field of the engine container."""
        layers = (f"{pods.role}.containers[0]", f"{pods.role}.engine", "engine")
        fields = [field for layer in layers for field in (f"{layer}.extraConfig.{name}", f"{layer}.{name}")]
        return self.with_key(*fields) if any(map(self._written, fields)) else self.with_key(*fields[1::2])

    def _written(self, key: str) -> bool:
        return self.sources is not None and self.sources.has(key)


def reference(obj: Object) -> str:
    """``Kind/name`` of an object."""
    metadata = obj.get("metadata")
    return f"{obj.get('kind')}/{metadata.get('name', '') if isinstance(metadata, Mapping) else ''}"


def object_problem(obj: Object) -> str | None:
    """What keeps an object from being read, as ``spec.ports[0]: it is 7, not a map``; None when nothing does."""
    found = shape.object_problem(obj)
    if found:
        return found
    try:
        for pods in pods_of(obj):
            found = shape.pods_problem(pods.spec, pods.metadata)
            if found:
                return f"pods: {found}"
    except (AttributeError, TypeError, yaml.YAMLError):
        return f"metadata.annotations: {SERVER_PATCH} holds no pod"
    return None


def pods_of(obj: Object) -> Iterator[Pods]:
    """The pods a workload makes, whatever its kind; nothing for another object."""
    spec = obj.get("spec") or {}
    if obj.get("kind") == "Pod":
        yield Pods(obj, "pod", 1, obj.get("metadata") or {}, spec)
    elif isinstance(spec.get("leaderWorkerTemplate"), Mapping):
        group = spec["leaderWorkerTemplate"]
        size = group.get("size", 1)
        worker = group.get("workerTemplate") or {}
        if "leaderTemplate" in group:
            leader = group["leaderTemplate"] or {}
            yield Pods(obj, "leader", 1, leader.get("metadata") or {}, leader.get("spec") or {})
            if size > 1:
                yield Pods(obj, "worker", size - 1, worker.get("metadata") or {}, worker.get("spec") or {})
        else:
            yield Pods(obj, "pod", size, worker.get("metadata") or {}, worker.get("spec") or {})
    elif isinstance(spec.get("template"), Mapping) and "spec" in spec["template"]:
        yield _pods_of_template(obj, spec["template"])
    elif isinstance(spec.get("jobTemplate"), Mapping):
        template = (spec["jobTemplate"].get("spec") or {}).get("template") or {}
        yield Pods(obj, "pod", 1, template.get("metadata") or {}, template.get("spec") or {})


def _pods_of_template(obj: Object, template: Object) -> Pods:
    metadata, spec = template.get("metadata") or {}, template["spec"] or {}
    patch = (metadata.get("annotations") or {}).get(SERVER_PATCH)
    if patch is None:
        return Pods(obj, "pod", 1, metadata, spec)
    server = yaml.safe_load(patch)
    # The server runs on the requester's node and accelerators.
    merged = {
        **{key: spec[key] for key in ("affinity", "nodeSelector", "tolerations") if key in spec},
        **server["spec"],
    }
    # A null in a patch removes the label.
    own = server.get("metadata") or {}
    labels = {key: value for key, value in (own.get("labels") or {}).items() if value is not None}
    return Pods(obj, "pod", 1, {**own, "labels": labels}, merged, requester=spec)


def is_proxy(container: Object) -> bool:
    """Whether a container is llm-d's routing sidecar."""
    image = str(container.get("image", ""))
    return any(name in image for name in ("routing-sidecar", "disagg-sidecar", "pd-sidecar")) or (
        container.get("name") == "routing-proxy"
    )


def proxy_version(container: Object) -> tuple[int, ...] | None:
    """Version of the routing sidecar by its image; None when neither tag nor name tell it."""
    version = image_version(str(container.get("image", "")))
    return version if version or "disagg-sidecar" not in str(container.get("image", "")) else (0, 9, 0)


def environment(container: Object) -> dict[str, Any]:
    """Variables of a container: the value, or the ``valueFrom`` map."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container.get("env") or []}


def kv_transfer(command: CommandLine) -> Mapping[str, Any]:
    """The KV transfer configuration of an engine; empty without one or where it is no JSON object."""
    text = command.value("kv-transfer-config")
    try:
        parsed = yaml.safe_load(text) if text else {}
    except yaml.YAMLError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def kv_connectors(command: CommandLine) -> list[str]:
    """Names of the KV connectors of an engine, those inside of a MultiConnector too."""
    config = kv_transfer(command)
    names = [str(config["kv_connector"])] if config.get("kv_connector") else []
    for inner in (config.get("kv_connector_extra_config") or {}).get("connectors") or []:
        if isinstance(inner, Mapping) and inner.get("kv_connector"):
            names.append(str(inner["kv_connector"]))
    return names


def device_requests(template: Object) -> Iterator[Claimed]:
    """What a ResourceClaimTemplate or ResourceClaim asks for; the first choice where there are several."""
    spec = template.get("spec") or {}
    devices = (spec.get("spec") or spec).get("devices") or {}
    for request in devices.get("requests") or []:
        # resource.k8s.io/v1beta1 has the fields of `exactly` in the request itself.
        choice = request.get("exactly") or next(iter(request.get("firstAvailable") or []), request)
        everything = choice.get("allocationMode") == "All"
        yield Claimed(
            str(choice.get("deviceClassName", "")), 0 if everything else int(choice.get("count") or 1), everything
        )


def overlaid(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Values over defaults, as Helm has it: maps key by key, null removes."""
    merged = dict(lower)
    for key, value in upper.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = overlaid(merged[key], value)
        else:
            merged[key] = value
    return merged


@functools.cache
def _defaults() -> dict[str, Any]:
    # The models know the defaults too, but take half a second to import.
    return helm_python.values_from_yaml((chart_dir() / "values.yaml").read_text(encoding="utf-8"))


def _at(values: Any, key: str) -> Any:
    path = resolve(values, key)
    for part in path or ():
        values = values[part]
    return values if path is not None else None


def _short(name: str) -> set[str]:
    return {short for short, long in ALIASES.items() if long == name}


def _requested(container: Object) -> Counter[str]:
    resources = container.get("resources") or {}
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})
