"""The InferencePool a deployment belongs to: from values of the chart that makes it, or from manifests.

Read are values of the inferencepool chart 0.3 to 1.5, of llm-d-router-gateway and -standalone from 0.9 on, and streams
of objects with InferencePools (v1 and v1alpha2), the endpoint picker's Deployment and ConfigMap, and HTTPRoutes.
https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelservice.errors import ModelserviceError, UsageError
from modelservice.inputs import load_documents, read_objects, read_text
from modelservice.kubernetes.decode import PICKER_CONFIG, POOL_VALUES, problem, readable
from modelservice.kubernetes.images import image_version
from modelservice.sources import Layer, Sources

Object = Mapping[str, Any]

V1 = "inference.networking.k8s.io"
V1ALPHA2 = "inference.networking.x-k8s.io"


@dataclass(frozen=True)
class Epp:
    """The endpoint picker of a pool."""

    image: str = ""
    config_file: str = ""
    """Name of the plugin configuration it reads."""
    configs: Mapping[str, str] = field(default_factory=dict)
    """Plugin configurations by file name, as YAML."""
    key: str = ""
    """Values key of its section; empty in manifests."""

    @property
    def version(self) -> tuple[int, ...] | None:
        """Version of the image, by its tag."""
        return image_version(self.image)

    @property
    def config(self) -> Object | None:
        """The plugin configuration in use; None when it is a built-in one or cannot be read."""
        parsed = self._parsed
        return parsed if isinstance(parsed, dict) and problem(PICKER_CONFIG, parsed) is None else None

    @property
    def config_problem(self) -> str:
        """Why the plugin configuration cannot be read."""
        parsed = self._parsed
        return (problem(PICKER_CONFIG, parsed) or "") if isinstance(parsed, dict) else "it is no YAML mapping"

    @property
    def _parsed(self) -> Any:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.safe_load(self.configs.get(self.config_file, ""))
        return None

    def plugin_types(self) -> set[str]:
        """Types of the plugins in use."""
        plugins = (self.config or {}).get("plugins") or []
        return {str(plugin.get("type")) for plugin in plugins if isinstance(plugin, Mapping)}


@dataclass(frozen=True)
class Pool:
    """An InferencePool as far as the deployment is concerned."""

    file: str
    """The file it was read from."""
    name: str = ""
    """Empty in values: the release has a name of its own."""
    namespace: str = ""
    group: str = V1
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    protocol: str = "http"
    epp: Epp | None = None
    selector_key: str = "spec.selector.matchLabels"
    ports_key: str = "spec.targetPorts"
    sources: Sources | None = None
    """The values it was read from, for their lines."""
    chart_version: tuple[int, ...] | None = None
    refusals: Sequence[tuple[str, str]] = ()
    """Keys of the values that the chart would not read as meant, with the reason."""

    def where(self, key: str) -> str:
        """A key with its file and line, for messages."""
        place = self.sources.place(key) if self.sources else None
        return f"{key} ({place or self.file})"


@dataclass(frozen=True)
class Neighbours:
    """What a pool file holds."""

    pools: Sequence[Pool]
    objects: Sequence[Object]


def read_pool(path: str) -> Neighbours:
    """The pools in a file.

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


def pools_of(objects: Sequence[Object], file: str) -> Iterator[Pool]:
    """The InferencePools among objects."""
    for obj in objects:
        if obj.get("kind") != "InferencePool":
            continue
        spec, metadata = obj.get("spec") or {}, obj.get("metadata") or {}
        group = str(obj.get("apiVersion", "")).partition("/")[0]
        old = group == V1ALPHA2
        selector = spec.get("selector") or {}
        picker = spec.get("extensionRef" if old else "endpointPickerRef") or {}
        yield Pool(
            file,
            name=str(metadata.get("name", "")),
            namespace=str(metadata.get("namespace") or ""),
            group=group,
            selector=_labels(selector if old else selector.get("matchLabels")),
            ports=_ports([spec.get("targetPortNumber")] if old else spec.get("targetPorts")),
            protocol=str(spec.get("appProtocol") or "http"),
            epp=_epp_of(objects, str(picker.get("name", ""))),
            selector_key="spec.selector" if old else "spec.selector.matchLabels",
            ports_key="spec.targetPortNumber" if old else "spec.targetPorts",
        )


def _epp_of(objects: Sequence[Object], name: str) -> Epp | None:
    """The endpoint picker that serves under a Service name."""
    configs = {
        key: str(text)
        for obj in objects
        if obj.get("kind") == "ConfigMap"
        for key, text in (obj.get("data") or {}).items()
        if "EndpointPickerConfig" in str(text)
    }
    for obj in objects:
        if obj.get("kind") == "Deployment" and obj["metadata"]["name"] == name:
            spec = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
            container: Object = next(iter(spec.get("containers") or []), {})
            words = [str(word) for word in container.get("args") or []]
            text = " ".join(words)
            match = re.search(r"--?config-?file[= ](\S+)", text)
            return Epp(str(container.get("image", "")), match[1].rsplit("/", 1)[-1] if match else "", configs)
    return Epp(configs=configs, config_file=next(iter(configs), "")) if configs else None


def _router(path: str, router: Mapping[str, Any], sources: Sources) -> Pool:
    servers = router.get("modelServers") or {}
    epp = router.get("epp") or {}
    image = epp.get("image") or {}
    refusals = []
    for key in ("pluginsConfigFile", "pluginsCustomConfig"):
        if key in router:
            refusals.append((f"router.{key}", f"the chart reads router.epp.{key}, so this one changes nothing"))
    return Pool(
        path,
        selector=_labels(servers.get("matchLabels")),
        ports=_ports(servers.get("targetPorts") or [{"number": 8000}]),
        protocol=str(servers.get("protocol") or "http"),
        epp=Epp(
            f"{image.get('registry', '')}/{image.get('repository', '')}:{image.get('tag', '')}",
            str(epp.get("pluginsConfigFile") or "default-plugins.yaml"),
            _texts(epp.get("pluginsCustomConfig")),
            "router.epp",
        ),
        selector_key="router.modelServers.matchLabels",
        ports_key="router.modelServers.targetPorts",
        sources=sources,
        refusals=[*refusals, *_port_refusals(servers, "router.modelServers")],
    )


def _inferencepool(path: str, values: Mapping[str, Any], sources: Sources) -> Pool:
    pool = values.get("inferencePool") or {}
    extension = values.get("inferenceExtension") or {}
    image = extension.get("image") or {}
    repository = image.get("repository") or image.get("name") or ""
    # v0.3 to v0.5 make v1alpha2 pools and know only targetPortNumber; later ones make v1 unless told otherwise.
    old = pool.get("apiVersion", "").startswith(V1ALPHA2) or ("targetPorts" not in pool and "targetPortNumber" in pool)
    refusals = _port_refusals(pool, "inferencePool")
    if "targetPorts" in pool and "targetPortNumber" in pool and not old:
        refusals.append(("inferencePool.targetPortNumber", "a v1 pool takes targetPorts, so this one changes nothing"))
    if old and "targetPortNumber" in pool:
        ports, key = _ports([pool["targetPortNumber"]]), "inferencePool.targetPortNumber"
    elif old:
        # A v1alpha2 pool of the chart takes targetPortNumber, whose default is 8000.
        ports, key = (8000,), "inferencePool.targetPortNumber"
    else:
        ports, key = _ports(pool.get("targetPorts") or [{"number": 8000}]), "inferencePool.targetPorts"
    return Pool(
        path,
        group=V1ALPHA2 if old else V1,
        selector=_labels((pool.get("modelServers") or {}).get("matchLabels")),
        ports=ports,
        protocol=str(pool.get("modelServerProtocol") or "http"),
        epp=Epp(
            f"{image.get('registry') or image.get('hub') or ''}/{repository}:{image.get('tag', '')}",
            str(extension.get("pluginsConfigFile") or "default-plugins.yaml"),
            _texts(extension.get("pluginsCustomConfig")),
            "inferenceExtension",
        ),
        selector_key="inferencePool.modelServers.matchLabels",
        ports_key=key,
        sources=sources,
        refusals=refusals,
    )


def _port_refusals(section: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    ports = section.get("targetPorts")
    if ports is None:
        return []
    if not isinstance(ports, list):
        return [(f"{key}.targetPorts", "it is a list; write targetPorts: [{number: 8000}]")]
    return [
        (f"{key}.targetPorts[{index}]", f"an entry is a map; write {{number: {entry}}}")
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
