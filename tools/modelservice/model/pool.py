"""The InferencePool a deployment belongs to: from values of the chart that makes it, or from manifests.

Read are values of the inferencepool chart 0.3 to 1.5, of llm-d-router-gateway and -standalone from 0.9 on, and streams
of objects with InferencePools (v1 and v1alpha2), the endpoint picker's Deployment and ConfigMap, and HTTPRoutes.
https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelservice import facts
from modelservice.errors import ModelserviceError, UsageError
from modelservice.inputs import load_documents, read_objects, read_text
from modelservice.kubernetes.decode import PICKER_CONFIG, POOL_VALUES, problem, readable
from modelservice.kubernetes.images import image_version
from modelservice.model.pods import PodGroup, reference
from modelservice.model.provenance import Place, keys_of
from modelservice.model.workloads import pod_groups
from modelservice.sources import Layer, Sources

Object = Mapping[str, Any]

V1 = "inference.networking.k8s.io"
V1ALPHA2 = "inference.networking.x-k8s.io"


@dataclass(frozen=True)
class EndpointPicker:
    """The endpoint picker of a pool."""

    at: Place
    """Its Deployment, or its section of the values."""
    config_at: Place
    """The plugin configuration in use."""
    image: str = ""
    config_file: str = ""
    """Name of the plugin configuration that it reads."""
    configs: Mapping[str, str] = field(default_factory=dict)
    """Plugin configurations by file name, as YAML."""
    complete: bool = True
    """Whether every configuration that it could read is known."""

    @property
    def version(self) -> tuple[int, ...] | None:
        """Version of the image, by its tag."""
        return image_version(self.image)

    @property
    def built_in(self) -> bool:
        """Whether the configuration in use is one of those that the charts of pools bring."""
        known = facts.endpoint_picker().chart_configs.names
        return self.config_file not in self.configs and self.config_file in known

    @property
    def config(self) -> Object | None:
        """The plugin configuration in use; None when it is a built-in one or cannot be read."""
        parsed = self._parsed
        return parsed if isinstance(parsed, dict) and problem(PICKER_CONFIG, parsed) is None else None

    @property
    def config_problem(self) -> str:
        """Why the plugin configuration cannot be read."""
        parsed = self._parsed
        return (problem(PICKER_CONFIG, parsed) or "") if isinstance(parsed, dict) else "it is not a YAML map"

    @property
    def _parsed(self) -> Any:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.safe_load(self.configs.get(self.config_file, ""))
        return None

    @property
    def plugin_types(self) -> set[str]:
        """Types of the plugins in use."""
        plugins = (self.config or {}).get("plugins") or []
        return {str(plugin.get("type")) for plugin in plugins if isinstance(plugin, Mapping)}

    @property
    def disaggregates(self) -> bool:
        """Whether a plugin in use separates prefill from decode."""
        return any(
            plugin.role in ("prefill", "disaggregation")
            for plugin in facts.endpoint_picker().plugins
            if plugin.type in self.plugin_types
        )


@dataclass(frozen=True)
class Pool:
    """An InferencePool as far as the deployment is concerned."""

    at: Place
    """The object, or the file with the values that make it."""
    selector_at: Place
    ports_at: Place
    name: str = ""
    """Empty in values: the release has a name of its own."""
    namespace: str = ""
    group: str = V1
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    protocol: str = "http"
    picker: EndpointPicker | None = None
    refusals: Sequence[tuple[Place, str]] = ()
    """Keys of the values that the chart would not read as meant, with the reason."""

    def selects(self, group: PodGroup) -> bool:
        """Return whether pods have all labels of the selector. The API rejects an empty one, so it selects nothing."""
        return bool(self.selector) and self.selector.items() <= group.labels.items()


@dataclass(frozen=True)
class Neighbours:
    """What a pool file holds."""

    pools: Sequence[Pool]
    objects: Sequence[Object]


def read_pool(path: str) -> Neighbours:
    """Return the pools in a file.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it holds neither a pool nor values of a chart that makes one.
    """
    text = read_text(path)
    documents = load_documents(text, path)
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise ModelserviceError("neither values of a pool's chart nor manifests", file=path)
    if "kind" in documents[0]:
        objects = readable(read_objects(path), path)
        pools = list(pools_of(objects, path))
        if not pools:
            raise UsageError("no InferencePool among the objects", file=path, fix="give the rendered pool chart")
        return Neighbours(pools, objects)
    found = problem(POOL_VALUES, documents[0])
    if found:
        key, _, reason = found.partition(": ")
        raise ModelserviceError(reason, file=path, key=key)
    node = yaml.compose(text, Loader=yaml.SafeLoader) if len(documents) == 1 else None
    sources = Sources([Layer(path, documents[0], node)])
    values = documents[0]
    if isinstance(values.get("router"), dict):
        return Neighbours([_router(path, values["router"], sources)], [])
    if isinstance(values.get("inferencePool"), dict) or isinstance(values.get("inferenceExtension"), dict):
        return Neighbours([_inferencepool(path, values, sources)], [])
    raise ModelserviceError(
        "no values of a pool's chart: neither inferencePool nor router", file=path,
        fix="give values of inferencepool or llm-d-router, or an InferencePool",
    )  # fmt: skip


def pools_of(objects: Sequence[Object], file: str | None = None) -> Iterator[Pool]:
    """Yield the InferencePools among objects.

    Args:
        objects: the objects.
        file: the file that they were read from; None for a deployment's own objects, whose places have values keys.
    """
    sources = Sources([Layer(file, {}, None)]) if file else None

    def place(obj: Object, path: str, owner: str, field: str) -> Place:
        return Place(reference(obj), path, () if file else keys_of(owner, field), sources)

    pickers = _Pickers(objects)
    for obj in objects:
        if obj.get("kind") != "InferencePool":
            continue
        spec, metadata = obj.get("spec") or {}, obj.get("metadata") or {}
        group = str(obj.get("apiVersion", "")).partition("/")[0]
        old = group == V1ALPHA2
        selector = spec.get("selector") or {}
        picker = spec.get("extensionRef" if old else "endpointPickerRef") or {}
        yield Pool(
            place(obj, "", "InferencePool", ""),
            place(obj, "spec.selector" if old else "spec.selector.matchLabels", "InferencePool", "spec.selector"),
            place(obj, "spec.targetPortNumber" if old else "spec.targetPorts", "InferencePool", "spec.targetPorts"),
            name=str(metadata.get("name", "")),
            namespace=str(metadata.get("namespace") or ""),
            group=group,
            selector=_labels(selector if old else selector.get("matchLabels")),
            ports=_ports([spec.get("targetPortNumber")] if old else spec.get("targetPorts")),
            protocol=str(spec.get("appProtocol") or "http"),
            picker=_picker_of(pickers, str(picker.get("name", "")), str(metadata.get("namespace") or ""), place),
        )


class _Pickers:
    """Deployments that may be endpoint pickers, and ConfigMaps with their configurations."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.maps = [
            obj
            for obj in objects
            if obj.get("kind") == "ConfigMap"
            and any("EndpointPickerConfig" in str(text) for text in (obj.get("data") or {}).values())
        ]
        self._by_name: dict[str, list[Object]] = {}
        for obj in objects:
            if obj.get("kind") == "Deployment":
                self._by_name.setdefault(obj["metadata"]["name"], []).append(obj)

    def workload(self, name: str, namespace: str) -> Object | None:
        """Return the Deployment of a name, that of the namespace where there are several."""
        named = self._by_name.get(name, [])
        return next((obj for obj in named if _namespace(obj) == namespace), next(iter(named), None))

    def configs(self, pods: Object, namespace: str) -> list[Object]:
        """Return the ConfigMaps that pods mount; those of the namespace, or else all, where none is known."""
        mounted = {(volume.get("configMap") or {}).get("name") for volume in pods.get("volumes") or []}
        there = [obj for obj in self.maps if _namespace(obj) == namespace] or self.maps
        return [obj for obj in there if obj["metadata"]["name"] in mounted] or there


def _namespace(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")


def _picker_of(
    pickers: _Pickers, name: str, namespace: str, place: Callable[[Object, str, str, str], Place]
) -> EndpointPicker | None:
    """Return the endpoint picker that serves under a Service name."""
    workload = pickers.workload(name, namespace)
    group = next(pod_groups(workload), None) if workload else None
    maps = pickers.configs(group.spec if group else {}, namespace)
    configs = {str(key): str(text) for obj in maps for key, text in (obj.get("data") or {}).items()}
    if workload is None and not maps:
        return None
    container: Object = next(iter(group.spec.get("containers") or []), {}) if group else {}
    match = re.search(r"--?config-?file[= ](\S+)", " ".join(map(str, container.get("args") or [])))
    file = match[1].rsplit("/", 1)[-1] if match else next(iter(configs), "") if workload is None else ""
    holder = next((obj for obj in maps if file in obj["data"]), next(iter(maps), None))
    at = place(workload or holder or {}, "", "picker", "")
    return EndpointPicker(
        at,
        place(holder, f"data[{file}]", "picker", f"config[{file}]") if holder else at,
        str(container.get("image", "")),
        file,
        configs,
        complete=bool(maps),
    )


def _router(path: str, router: Mapping[str, Any], sources: Sources) -> Pool:
    """Return the pool that values of llm-d-router-gateway or -standalone make."""
    servers = router.get("modelServers") or {}
    epp = router.get("epp") or {}
    place = _places(path, sources)
    refusals = [
        (place(f"router.{key}"), f"the chart reads router.epp.{key}, so this one changes nothing")
        for key in ("pluginsConfigFile", "pluginsCustomConfig")
        if key in router
    ]
    return Pool(
        place("router"),
        place("router.modelServers.matchLabels"),
        place("router.modelServers.targetPorts"),
        selector=_labels(servers.get("matchLabels")),
        ports=_ports(servers.get("targetPorts") or [{"number": 8000}]),
        protocol=str(servers.get("protocol") or "http"),
        picker=_picker_in(epp, "router.epp", place),
        refusals=[*refusals, *_port_refusals(servers, "router.modelServers", place)],
    )


def _inferencepool(path: str, values: Mapping[str, Any], sources: Sources) -> Pool:
    """Return the pool that values of the inferencepool chart make."""
    pool = values.get("inferencePool") or {}
    place = _places(path, sources)
    extension = values.get("inferenceExtension") or {}
    server = extension.get("endpointsServer") or {}
    if server.get("endpointSelector") and not server.get("createInferencePool", True):
        return _standalone(server, _picker_in(extension, "inferenceExtension", place), place)
    # v0.3 to v0.5 make v1alpha2 pools and know only targetPortNumber; later ones make v1 unless told otherwise.
    old = pool.get("apiVersion", "").startswith(V1ALPHA2) or ("targetPorts" not in pool and "targetPortNumber" in pool)
    refusals = _port_refusals(pool, "inferencePool", place)
    if "targetPorts" in pool and "targetPortNumber" in pool and not old:
        where = place("inferencePool.targetPortNumber")
        refusals.append((where, "a v1 pool takes targetPorts, so this one changes nothing"))
    if old and "targetPortNumber" in pool:
        ports, key = _ports([pool["targetPortNumber"]]), "inferencePool.targetPortNumber"
    elif old:
        # A v1alpha2 pool of the chart takes targetPortNumber, whose default is 8000.
        ports, key = (8000,), "inferencePool.targetPortNumber"
    else:
        ports, key = _ports(pool.get("targetPorts") or [{"number": 8000}]), "inferencePool.targetPorts"
    return Pool(
        place("inferencePool"),
        place("inferencePool.modelServers.matchLabels"),
        place(key),
        group=V1ALPHA2 if old else V1,
        selector=_labels((pool.get("modelServers") or {}).get("matchLabels")),
        ports=ports,
        protocol=str(pool.get("modelServerProtocol") or "http"),
        picker=_picker_in(extension, "inferenceExtension", place),
        refusals=refusals,
    )


def _standalone(server: Mapping[str, Any], picker: EndpointPicker, place: Callable[[str], Place]) -> Pool:
    """Return what stands for the pool of a picker that selects pods by itself: labels and ports as text."""
    key = "inferenceExtension.endpointsServer"
    pairs = (item.replace("==", "=").partition("=") for item in str(server["endpointSelector"]).split(","))
    ports = str(server.get("targetPorts") or "").split(",")
    return Pool(
        place(key),
        place(f"{key}.endpointSelector"),
        place(f"{key}.targetPorts"),
        selector={name.strip(): value.strip() for name, equals, value in pairs if equals and not name.endswith("!")},
        ports=_ports([int(port) for port in map(str.strip, ports) if port.isdigit()]),
        picker=picker,
    )


def _places(path: str, sources: Sources) -> Callable[[str], Place]:
    """Return what makes a place of a key of a pool's values."""
    return lambda key: Place(f"InferencePool of {path}", key, (key,), sources)


def _picker_in(section: Mapping[str, Any], key: str, place: Callable[[str], Place]) -> EndpointPicker:
    """Return the endpoint picker in a section of a pool's values."""
    image = section.get("image") or {}
    registry = image.get("registry") or image.get("hub") or ""
    repository = image.get("repository") or image.get("name") or ""
    file = str(section.get("pluginsConfigFile") or "default-plugins.yaml")
    configs = _texts(section.get("pluginsCustomConfig"))
    return EndpointPicker(
        place(key),
        place(f"{key}.pluginsCustomConfig.{file}" if file in configs else f"{key}.pluginsConfigFile"),
        f"{registry}/{repository}:{image.get('tag', '')}",
        file,
        configs,
    )


def _port_refusals(section: Mapping[str, Any], key: str, place: Callable[[str], Place]) -> list[tuple[Place, str]]:
    ports = section.get("targetPorts")
    if ports is None:
        return []
    if not isinstance(ports, list):
        return [(place(f"{key}.targetPorts"), "not a list; set targetPorts: [{number: 8000}]")]
    return [
        (place(f"{key}.targetPorts[{index}]"), f"an entry is a map; set {{number: {entry}}}")
        for index, entry in enumerate(ports)
        if not (isinstance(entry, Mapping) and isinstance(entry.get("number"), int))
    ]


def _labels(labels: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}


def _ports(ports: Any) -> tuple[int, ...]:
    entries = ports if isinstance(ports, list) else [ports]
    numbers = (entry.get("number") if isinstance(entry, Mapping) else entry for entry in entries)
    return tuple(number for number in numbers if isinstance(number, int) and not isinstance(number, bool))


def _texts(configs: Any) -> dict[str, str]:
    if not isinstance(configs, Mapping):
        return {}
    return {str(name): text for name, text in configs.items() if isinstance(text, str)}
