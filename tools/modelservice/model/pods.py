"""The pods of a workload: their containers, engine, routing sidecar, ports and accelerators.

Everything is read from Kubernetes objects, so manifests of another chart are understood as well.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelservice import facts
from modelservice.engines.arguments import aliases
from modelservice.engines.command import EngineCommand, Option
from modelservice.facts.models import Engine, ProgramImage
from modelservice.kubernetes import decode
from modelservice.kubernetes.images import image_version
from modelservice.model import devices
from modelservice.model.cluster import amounts
from modelservice.model.devices import DeviceRequest, device_requests
from modelservice.model.provenance import Place, keys_of

Object = Mapping[str, Any]

ROLE = "llm-d.ai/role"
SERVER_PATCH = "dual-pod.llm-d.ai/server-patch"
"""Annotation with the pod that llm-d fast model actuation starts on a requester's accelerators."""


@dataclass(frozen=True)
class Listener:
    """A program that listens on a port of a pod."""

    port: int
    container: str
    purpose: str
    """``engine``, ``supervisor``, ``proxy``, ``side channel`` or ``declared``."""


@dataclass(frozen=True, eq=False)
class Container:
    """A container of a pod."""

    fields: Object
    group: PodGroup = field(repr=False)
    listed: str
    """Field of the pod that lists it: ``containers`` or ``initContainers``."""
    position: int
    """Its number in that list."""

    @property
    def name(self) -> str:
        """Name of the container."""
        return str(self.fields.get("name") or self.position)

    @property
    def image(self) -> str:
        """Image reference; empty without one."""
        return str(self.fields.get("image") or "")

    @property
    def owner(self) -> str:
        """What :data:`modelservice.model.provenance.FIELDS` calls the container."""
        if self is self.group.engine:
            return "engine"
        if self is self.group.proxy:
            return "proxy"
        return "container" if self.listed == "containers" else "init"

    @functools.cached_property
    def command(self) -> EngineCommand:
        """Command line of the program."""
        return EngineCommand.parse(self.fields)

    @property
    def words(self) -> list[str]:
        """Command and arguments as they are written."""
        return [str(word) for word in (*(self.fields.get("command") or []), *(self.fields.get("args") or []))]

    @property
    def env(self) -> dict[str, Any]:
        """Variables: the value, or the ``valueFrom`` map."""
        return {item["name"]: item.get("value", item.get("valueFrom")) for item in self.fields.get("env") or []}

    @property
    def ports(self) -> list[Object]:
        """Declared ports."""
        return self.fields.get("ports") or []

    @property
    def mounts(self) -> list[Object]:
        """Volume mounts."""
        return self.fields.get("volumeMounts") or []

    @property
    def limits(self) -> Object:
        """Limits by resource."""
        return (self.fields.get("resources") or {}).get("limits") or {}

    @property
    def requests(self) -> Object:
        """Requests by resource."""
        return (self.fields.get("resources") or {}).get("requests") or {}

    @property
    def accelerators(self) -> Counter[str]:
        """Accelerators by extended resource."""
        return devices.accelerators(self.fields.get("resources") or {})

    @property
    def security(self) -> Object:
        """Security context, the pod's where the container has none."""
        return {**(self.group.spec.get("securityContext") or {}), **(self.fields.get("securityContext") or {})}

    def at(self, path: str = "") -> Place:
        """Return the place of a field, e.g. ``resources`` or ``env[HF_TOKEN]``; without a path the container's."""
        keys = keys_of(
            self.owner, path, role=self.group.role, position=str(self.position), container=str(self.name)
        )  # fmt: skip
        if self.group.requester is not None:
            return Place(self.group.object, f"{self.group.template}.metadata.annotations[{SERVER_PATCH}]", keys)
        above = f"{self.group.path('spec')}.{self.listed}[{self.name}]"
        return Place(self.group.object, f"{above}.{path}".rstrip("."), keys)

    def flag(self, *names: str) -> Place:
        """Return the place of the first of these flags that is given, else of the first one.

        Args:
            names: long names without dashes.
        """
        given = [name for name in names if self.program.has(name)] or list(names[:1])
        keys = [
            key
            for name in given
            for spelling in _spellings(name, self.program)
            for key in self.at(f"args[--{spelling}]").keys
        ]
        return Place(self.group.object, self._flag_path(given[0]), tuple(dict.fromkeys(keys)))

    def option(self, option: Option) -> Place:
        """Return the place of a flag of the command line, by the spelling that it has there."""
        spelling = option.spelling.lstrip("-").replace("_", "-")
        return self.flag(option.name).preferring(*self.at(f"args[--{spelling}]").keys)

    @property
    def program(self) -> EngineCommand:
        """Command line of the engine; flags of any other program."""
        words = [str(word) for word in self.fields.get("args") or []]
        return self.command if self is self.group.engine else EngineCommand.of(words)

    def _flag_path(self, name: str) -> str:
        """Return the address of a flag: its word, else the word or list that holds it."""
        spellings = _spellings(name, self.program)
        for listed in ("args", "command"):
            for index, word in enumerate(map(str, self.fields.get(listed) or [])):
                if word.lstrip("-").partition("=")[0].replace("_", "-") in spellings:
                    exact = word.startswith("-") and "=" not in word
                    return self.at(f"{listed}[{word if exact else index}]").path
        return self.at("args" if self.fields.get("args") else "command").path


def _spellings(name: str, command: EngineCommand) -> list[str]:
    """Return the spellings of a flag without dashes, those that are given first."""
    given = [flag.spelling.lstrip("-") for flag in command.all(name)]
    short = [alias.lstrip("-") for alias, long in aliases().items() if long == name]
    return list(dict.fromkeys([*given, name, name.replace("-", "_"), name.removeprefix("no-"), *short]))


@dataclass(frozen=True, eq=False)
class PodGroup:
    """Equal pods of a workload: all of a Deployment, or the leaders or workers of a LeaderWorkerSet."""

    workload: Object
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

    @property
    def kind(self) -> str:
        """Kind of the workload."""
        return str(self.workload["kind"])

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
    def role(self) -> str:
        """``decode`` or ``prefill``, by the label or the workload's name; decode for one without either."""
        return role_of(str(self.labels.get(ROLE, "")), self.name)

    @property
    def replicas(self) -> int | None:
        """Replicas of the workload; None when an autoscaler owns them."""
        number = self.workload.get("spec", {}).get("replicas")
        return number if isinstance(number, int) else None

    @property
    def count(self) -> int:
        """Pods in all replicas; an autoscaled workload is counted with one replica."""
        return self.size * (1 if self.replicas is None else self.replicas)

    # --- Places -------------------------------------------------------------------------------

    def path(self, below: str) -> str:
        """Return the address of a field of the pod template."""
        return f"{self.template}.{below}".lstrip(".")

    def at(self, path: str) -> Place:
        """Return the place of a field of the pods, e.g. ``spec.nodeSelector``."""
        return Place(self.object, self.path(path), keys_of("pod", path, role=self.role))

    def workload_at(self, path: str) -> Place:
        """Return the place of a field of the workload, e.g. ``spec.replicas``."""
        return Place(self.object, path, keys_of("workload", path, role=self.role))

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
    def proxy_command(self) -> EngineCommand | None:
        """Flags of the routing sidecar; None without one."""
        return self.proxy.program if self.proxy is not None else None

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

    # --- Parallelism --------------------------------------------------------------------------

    @property
    def tensor(self) -> int | None:
        """Tensor parallel size; None where only the container knows."""
        return self.command.number("tensor-parallel-size", 1)

    @property
    def pipeline(self) -> int | None:
        """Pipeline parallel size; None where only the container knows."""
        return self.command.number("pipeline-parallel-size", 1)

    @property
    def local_ranks(self) -> int | None:
        """Data parallel ranks in one pod; None where only the container knows."""
        if self.command.has("data-parallel-rank"):
            return 1
        if self.command.has("data-parallel-size-local"):
            return self.command.number("data-parallel-size-local")
        if self.command.has("data-parallel-start-rank") or self.headless:
            return 1
        return self.command.number("data-parallel-size", 1)

    @property
    def ranks(self) -> int | None:
        """Accelerators that one pod's engine needs; None where that is not known.

        Tensor × pipeline × local data parallel ranks, divided among the nodes of a group.
        """
        if self.facts is None or not self.facts.needs_accelerator or not self.facts.parallelism.tensor:
            return None
        sizes = (self.tensor, self.pipeline, self.local_ranks, self.command.number("nnodes", self._ray_nodes))
        if None in sizes:
            return None
        tensor, pipeline, local, nodes = (size or 1 for size in sizes)
        shared = self.facts.parallelism.data_inside_tensor
        if shared and self.command.has(shared):
            local = 1
        return tensor * pipeline * local // nodes

    @property
    def _ray_nodes(self) -> int:
        """Nodes over which Ray spreads one engine: all pods of the group."""
        group = (self.workload.get("spec") or {}).get("leaderWorkerTemplate") or {}
        ray = self.command.value("distributed-executor-backend") == "ray"
        return int(group.get("size", 1)) if ray else 1

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
        if self.facts is None:
            declared = [port["containerPort"] for port in self.engine.ports if _has_number(port)]
            return declared[0] if declared else None
        if self.facts.port.flag and self.command.has(self.facts.port.flag):
            return self.command.number(self.facts.port.flag)
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
        engine = self.engine.name
        found = [Listener(port, engine, "engine") for port in self.engine_ports]
        if self.proxy is not None:
            found += [Listener(port, self.proxy.name, "proxy") for port in self.proxy_ports]
        found += [Listener(port, engine, "supervisor") for port in self._supervisor_ports()]
        side = self.engine.env.get("VLLM_NIXL_SIDE_CHANNEL_PORT")
        if isinstance(side, str) and side.isdigit() and "NixlConnector" in self.kv_connectors:
            found += [Listener(int(side) + rank, engine, "side channel") for rank in range(self.local_ranks or 1)]
        return (*found, *(self._declared({item.port for item in found}) if self.requester is None else ()))

    def _supervisor_ports(self) -> list[int]:
        supervisor = self.facts.parallelism.supervisor if self.facts else None
        flag = self.facts.parallelism.data_modes.get("multiPort") if self.facts else None
        if supervisor is None or not flag or not self.command.has(flag):
            return []
        port = self.command.number(supervisor.flag, supervisor.default)
        return [] if port is None else [port]

    def _declared(self, taken: set[int]) -> Iterator[Listener]:
        """Yield the declared ports of containers of which nothing else is known."""
        for container in self.containers:
            unknown = container is self.engine and self.engine_port is None
            if container is self.proxy or (container is self.engine and not unknown):
                continue
            for port in container.ports:
                if _has_number(port) and port["containerPort"] not in taken:
                    yield Listener(port["containerPort"], container.name, "declared")

    def port_named(self, name: str) -> tuple[int, Container] | None:
        """Return the number of a named container port and the container that declares it."""
        for container in self.containers:
            for port in container.ports:
                if port.get("name") == name:
                    return port["containerPort"], container
        return None

    # --- Scheduling ---------------------------------------------------------------------------

    @property
    def required_labels(self) -> dict[str, str]:
        """Node labels that the pods require, each with the field of the pod that says so."""
        required = ((self.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution"
        ) or {}
        affinity = [
            str(item.get("key"))
            for term in required.get("nodeSelectorTerms") or []
            for item in term.get("matchExpressions") or []
            if item.get("operator") in ("In", "Exists", None)
        ]
        selector = self.spec.get("nodeSelector") or {}
        return dict.fromkeys(affinity, "spec.affinity") | dict.fromkeys(selector, "spec.nodeSelector")

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

    @functools.cached_property
    def kv_transfer(self) -> Object:
        """KV transfer configuration of the engine; empty without one or where it is not a JSON object."""
        return self.command.json("kv-transfer-config")

    @property
    def kv_connectors(self) -> list[str]:
        """Names of the KV connectors of the engine, those inside a MultiConnector too."""
        config = self.kv_transfer
        names = [str(config["kv_connector"])] if config.get("kv_connector") else []
        for inner in (config.get("kv_connector_extra_config") or {}).get("connectors") or []:
            if isinstance(inner, Mapping) and inner.get("kv_connector"):
                names.append(str(inner["kv_connector"]))
        return names


def pod_groups(obj: Object, claim_templates: Mapping[str, Object] | None = None) -> Iterator[PodGroup]:
    """Yield the pods that a workload makes, whatever its kind; nothing for another object.

    Args:
        obj: the workload.
        claim_templates: ResourceClaimTemplates by name.
    """
    spec = obj.get("spec") or {}

    def group(part: str, size: int, template: Object, path: str) -> PodGroup:
        pod = template.get("spec") or {}
        claims = _claims(pod, claim_templates or {})
        return PodGroup(obj, part, size, template.get("metadata") or {}, pod, path, claims=claims)

    if obj.get("kind") == "Pod":
        yield group("pod", 1, obj, "")
    elif isinstance(spec.get("leaderWorkerTemplate"), Mapping):
        shared = spec["leaderWorkerTemplate"]
        size, above = shared.get("size", 1), "spec.leaderWorkerTemplate"
        worker = shared.get("workerTemplate") or {}
        if "leaderTemplate" in shared:
            yield group("leader", 1, shared["leaderTemplate"] or {}, f"{above}.leaderTemplate")
            if size > 1:
                yield group("worker", size - 1, worker, f"{above}.workerTemplate")
        else:
            yield group("pod", size, worker, f"{above}.workerTemplate")
    elif isinstance(spec.get("template"), Mapping) and "spec" in spec["template"]:
        template = spec["template"]
        patch = ((template.get("metadata") or {}).get("annotations") or {}).get(SERVER_PATCH)
        yield group("pod", 1, template, "spec.template") if patch is None else _dual_pod(obj, template, patch)
    elif isinstance(spec.get("jobTemplate"), Mapping):
        template = (spec["jobTemplate"].get("spec") or {}).get("template") or {}
        yield group("pod", 1, template, "spec.jobTemplate.spec.template")


def _dual_pod(obj: Object, template: Object, patch: str) -> PodGroup:
    """Return the server of a requester: it runs on the requester's node and accelerators."""
    spec = template["spec"] or {}
    server = yaml.safe_load(patch)
    placing = {key: spec[key] for key in ("affinity", "nodeSelector", "tolerations") if key in spec}
    own = server.get("metadata") or {}
    # A null in a patch removes the label.
    labels = {key: value for key, value in (own.get("labels") or {}).items() if value is not None}
    pod = {**placing, **server["spec"]}
    return PodGroup(obj, "pod", 1, {**own, "labels": labels}, pod, "spec.template", requester=spec)


def _claims(pod: Object, templates: Mapping[str, Object]) -> tuple[DeviceRequest, ...]:
    named = (templates.get(claim.get("resourceClaimTemplateName", "")) for claim in pod.get("resourceClaims") or [])
    return tuple(request for template in named if template for request in device_requests(template))


def object_problem(obj: Object) -> str | None:
    """Return the first field with the wrong type, e.g. ``spec.ports[0]: it is 7, not a map``; None if all match."""
    found = decode.object_problem(obj)
    if found:
        return found
    try:
        for group in pod_groups(obj):
            found = decode.pods_problem(group.spec, group.metadata)
            if found:
                return f"pods: {found}"
    except (AttributeError, TypeError, yaml.YAMLError):
        return f"metadata.annotations: {SERVER_PATCH} holds no pod"
    return None


def reference(obj: Object) -> str:
    """Return ``Kind/name`` of an object."""
    metadata = obj.get("metadata")
    return f"{obj.get('kind')}/{metadata.get('name', '') if isinstance(metadata, Mapping) else ''}"


def role_of(label: str, name: str) -> str:
    """Return the role of an object by its label, else by its name; decode for one without either."""
    return "prefill" if label == "prefill" or (not label and re.search(r"(^|-)prefill(-|$)", name)) else "decode"


def is_proxy(container: Object) -> bool:
    """Return whether a container is llm-d's routing sidecar."""
    return container.get("name") == facts.routing_proxy().container or _proxy_image(container) is not None


def proxy_version(container: Object) -> tuple[int, ...] | None:
    """Return the version of the routing sidecar by its image's tag, else by its name; None where neither tells it."""
    version = image_version(str(container.get("image", "")))
    if version:
        return version
    image = _proxy_image(container)
    return tuple(int(part) for part in image.default_version.split(".")) if image and image.default_version else None


def _proxy_image(container: Object) -> ProgramImage | None:
    name = str(container.get("image", "")).partition("@")[0].rpartition("/")[2].partition(":")[0]
    return next((image for image in facts.routing_proxy().images if image.name in name), None)


def _has_number(port: Object) -> bool:
    return isinstance(port.get("containerPort"), int)
