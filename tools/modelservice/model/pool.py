"""The InferencePool a deployment belongs to: from values of the chart that makes it, or from manifests.

Read are values of the inferencepool chart 0.3 to 1.5, of llm-d-router-gateway and -standalone from 0.9 on, and streams
of objects with InferencePools (v1 and v1alpha2), the endpoint picker's Deployment and ConfigMap, and HTTPRoutes.
https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelservice.documents import Source, documents, objects_among, parse, read_source
from modelservice.errors import ModelserviceError, UsageError
from modelservice.kubernetes.decode import POOL_VALUES, problem, readable
from modelservice.model.picker import NONE, EndpointPicker, PickerObjects, picker_of
from modelservice.model.pods import PodGroup, reference
from modelservice.model.provenance import Place, keys_of
from modelservice.sources import Layer, Sources

Object = Mapping[str, Any]

V1 = "inference.networking.k8s.io"
V1ALPHA2 = "inference.networking.x-k8s.io"


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
    """Return the pools in a file, or of values files that are layered as Helm layers them.

    Args:
        path: the file, or values files with commas between them, the last one on top.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it holds neither a pool nor values of a chart that makes one.
    """
    paths = [path] if "," not in path or Path(path).exists() else path.split(",")
    sources = [read_source(part) for part in paths]
    if len(sources) > 1:
        return _made_by(path, Sources([_layer(source, _maps(source)) for source in sources]))
    (source,) = sources
    name, found = source.name, _maps(source)
    if "kind" in found[0]:
        objects = readable(objects_among(found, name), name)
        pools = list(pools_of(objects, name))
        if not pools:
            raise UsageError("no InferencePool among the objects", file=name, fix="give the rendered pool chart")
        return Neighbours(pools, objects)
    return _made_by(name, Sources([_layer(source, found)]))


def _maps(source: Source) -> list[Any]:
    """Return the documents of a file, all of them maps.

    Raises:
        ModelserviceError: one is not, or there is none.
    """
    found = documents(source)
    if not found or not all(isinstance(document, dict) for document in found):
        raise ModelserviceError("neither values of a pool's chart nor manifests", file=source.name)
    return found


def _layer(source: Source, found: Sequence[Any]) -> Layer:
    """Return the documents of a file as values of a chart that makes a pool.

    Raises:
        ModelserviceError: a value has another type.
    """
    misfit = problem(POOL_VALUES, found[0])
    if misfit:
        key, _, reason = misfit.partition(": ")
        raise ModelserviceError(reason, file=source.name, key=key)
    return Layer(source.name, found[0], parse(source)[0] if len(found) == 1 else None)


def _made_by(name: str, sources: Sources) -> Neighbours:
    """Return the pool that values make.

    Raises:
        ModelserviceError: they make none.
    """
    values = sources.values
    if isinstance(values.get("router"), dict):
        return Neighbours([_router(name, values["router"], sources)], [])
    if isinstance(values.get("inferencePool"), dict) or isinstance(values.get("inferenceExtension"), dict):
        return Neighbours([_inferencepool(name, values, sources)], [])
    raise ModelserviceError(
        "no values of a pool's chart: neither inferencePool nor router", file=name,
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

    pickers = PickerObjects(objects)
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
            picker=picker_of(pickers, str(picker.get("name", "")), str(metadata.get("namespace") or ""), place),
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
    flags = section.get("flags")
    return EndpointPicker(
        place(key),
        place(f"{key}.pluginsCustomConfig.{file}" if file in configs else f"{key}.pluginsConfigFile"),
        f"{registry}/{repository}:{image.get('tag', '')}" if repository else "",
        file,
        configs,
        frozenset(name for name, value in flags.items() if value is not False) if isinstance(flags, Mapping) else NONE,
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
