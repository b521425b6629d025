"""The endpoint picker of a pool: its program, and the configuration that it reads.

https://llm-d.ai/docs/api-reference/endpointpickerconfig
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from modelservice import facts
from modelservice.documents import Source, documents
from modelservice.errors import ModelserviceError
from modelservice.facts.models import Plugin
from modelservice.facts.versions import holds, number
from modelservice.kubernetes.decode import PICKER_CONFIG, problem
from modelservice.kubernetes.images import image_name, image_version
from modelservice.model.provenance import Place
from modelservice.model.workloads import pod_groups
from modelservice.suggest import misspelt

Object = Mapping[str, Any]
PlaceOf = Callable[[Object, str, str, str], Place]
"""What makes a place of an object, a path in it, an owner and its field."""

KIND = "EndpointPickerConfig"
NONE: frozenset[str] = frozenset()
_EXPERIMENTAL = "allow-experimental-plugins"


@dataclass(frozen=True)
class EndpointPicker:
    """An endpoint picker."""

    at: Place
    """Its Deployment, or its section of the values."""
    config_at: Place
    """The plugin configuration in use."""
    image: str = ""
    config_file: str = ""
    """Name of the plugin configuration that it reads."""
    configs: Mapping[str, str] = field(default_factory=dict)
    """Plugin configurations by file name, as YAML."""
    flags: frozenset[str] = NONE
    """Names of its flags that are not off."""
    complete: bool = True
    """Whether every configuration that it could read is known."""
    stated_version: str = ""
    """Version that the user states, for an image whose tag does not tell it."""

    @property
    def version(self) -> tuple[int, ...] | None:
        """Version, as stated or by the tag of the image."""
        return number(self.stated_version) if self.stated_version else image_version(self.image)

    @functools.cached_property
    def project(self) -> Literal["llm-d", "extension", "unstated", "other"]:
        """Whose picker it is, by the name of the image: llm-d's, or that of Gateway API Inference Extension."""
        known = facts.endpoint_picker()
        name = image_name(self.image)
        if not name:
            return "unstated"
        if name == known.extension.name:
            return "extension"
        return "llm-d" if any(name == image.name for image in known.images) else "other"

    @functools.cached_property
    def release(self) -> tuple[int, ...] | None:
        """Version of llm-d's picker with the same plugins, if it is one whose plugins are known; else None."""
        known = facts.endpoint_picker()
        if self.version is None or self.project in ("unstated", "other"):
            return None
        minor = self.version[:2]
        if self.project == "extension":
            equal = known.extension.equivalent.get(".".join(map(str, minor)))
            return number(equal) if equal else None
        return self.version if minor in {number(release.version) for release in known.releases} else None

    def has(self, plugin: Plugin) -> bool:
        """Return whether a picker whose plugins are known has one."""
        if self.release is None or not holds(plugin, self.release):
            return False
        if self.project != "extension":
            return True
        return bool(plugin.gaie) and self.version is not None and number(plugin.gaie) <= self.version

    @property
    def allows_experimental(self) -> bool:
        """Whether it loads experimental plugins."""
        return _EXPERIMENTAL in self.flags

    @property
    def built_in(self) -> bool:
        """Whether the configuration in use is one of those that the charts of pools bring."""
        known = facts.endpoint_picker().chart_configs.names
        return self.config_file not in self.configs and self.config_file in known

    @functools.cached_property
    def config(self) -> Object | None:
        """The plugin configuration in use; None when it is a built-in one or cannot be read."""
        parsed = self._parsed
        return parsed if isinstance(parsed, dict) and problem(PICKER_CONFIG, parsed) is None else None

    @property
    def config_problem(self) -> str:
        """Why the plugin configuration cannot be read."""
        parsed = self._parsed
        return (problem(PICKER_CONFIG, parsed) or "") if isinstance(parsed, dict) else "it is not a YAML map"

    @functools.cached_property
    def _parsed(self) -> Any:
        with contextlib.suppress(ModelserviceError):
            return next(iter(documents(Source(self.config_file, self.configs.get(self.config_file, "")))), None)
        return None

    @property
    def plugins(self) -> list[Object]:
        """The plugins that the configuration in use declares."""
        return list((self.config or {}).get("plugins") or [])

    @property
    def plugin_types(self) -> set[str]:
        """Types of the plugins in use."""
        return {str(plugin.get("type")) for plugin in self.plugins}

    @property
    def disaggregates(self) -> bool:
        """Whether it looks for prefill pods."""
        return "prefill" in self.profiles or any(
            plugin.role in ("prefill", "disaggregation")
            for plugin in facts.endpoint_picker().plugins
            if plugin.type in self.plugin_types
        )

    @property
    def profiles(self) -> list[str]:
        """Names of the scheduling profiles."""
        return [str(profile["name"]) for profile in self._profiles if profile.get("name")]

    @property
    def _profiles(self) -> list[Object]:
        return list((self.config or {}).get("schedulingProfiles") or [])

    @property
    def missing(self) -> Iterator[tuple[str, str]]:
        """Plugins and profiles that lack what each needs: where, and which key."""
        for plugin in self.plugins:
            if not plugin.get("type"):
                yield f"the plugin {plugin.get('name') or '(without a name)'}", "type"
        for position, profile in enumerate(self._profiles):
            if not profile.get("name"):
                yield f"schedulingProfiles[{position}]", "name"
            for item in profile.get("plugins") or []:
                if not item.get("pluginRef"):
                    yield f"a plugin in profile {profile.get('name') or position}", "pluginRef"

    @property
    def misspelt_keys(self) -> Iterator[tuple[str, str]]:
        """Keys of the configuration that are almost one that the picker has, each with that one."""
        in_profiles = [item for profile in self._profiles for item in profile.get("plugins") or []]
        for known, maps in (
            (_KEYS, [self.config or {}]),
            (("name", "type", "parameters"), self.plugins),
            (("name", "plugins"), self._profiles),
            (("pluginRef", "weight"), in_profiles),
        ):
            for key in sorted({str(key) for each in maps for key in each} - set(known)):
                if near := misspelt(key, known):
                    yield key, near

    @property
    def weights(self) -> Iterator[tuple[str, str, float]]:
        """The weights of the scheduling profiles: the profile, the plugin and its weight."""
        for profile in self._profiles:
            for item in profile.get("plugins") or []:
                if item.get("weight") is not None:
                    yield str(profile.get("name")), str(item.get("pluginRef")), item["weight"]

    @property
    def references(self) -> Iterator[tuple[str, str]]:
        """The places of the configuration that name a plugin, each with the name."""
        config = self.config or {}
        for profile in self._profiles:
            yield from _named(f"profile {profile.get('name')}", profile.get("plugins") or [])
        handler, control, data = (config.get(key) or {} for key in ("requestHandler", "flowControl", "dataLayer"))
        yield from _named("requestHandler.parsers", handler.get("parsers") or [])
        yield from _named("flowControl.saturationDetector", [control.get("saturationDetector")])
        yield from _named("flowControl", [control], "usageLimitPolicyPluginRef")
        for band in ("defaultPriorityBand", "defaultNegativePriorityBand"):
            yield from _named(f"flowControl.{band}", [control.get(band)], *_POLICIES)
        yield from _named("flowControl.priorityBands", control.get("priorityBands") or [], *_POLICIES)
        yield from _named("dataLayer", [data], "crossReplicaSyncerPluginRef")
        yield from _named("dataLayer.discovery", [data.get("discovery")])
        for source in data.get("sources") or []:
            yield from _named("dataLayer.sources", [source, *(source.get("extractors") or [])])
        for plugin in self.plugins:
            for stage, name in ((plugin.get("parameters") or {}).get("deciders") or {}).items():
                yield f"deciders.{stage} of {plugin.get('name') or plugin.get('type')}", str(name)


_KEYS = ("plugins", "schedulingProfiles", "featureGates", "requestHandler", "flowControl", "dataLayer")
_POLICIES = ("fairnessPolicyRef", "orderingPolicyRef")


def _named(where: str, items: Sequence[Object | None], *keys: str) -> Iterator[tuple[str, str]]:
    """Yield the plugins that maps name under some keys, by default under ``pluginRef``."""
    for item in items:
        yield from ((where, str(item[key])) for key in keys or ("pluginRef",) if item and item.get(key))


class PickerObjects:
    """Deployments that may be endpoint pickers, and ConfigMaps with their configurations."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.maps = [obj for obj in objects if _configs(obj)]
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


def picker_of(objects: PickerObjects, name: str, namespace: str, place: PlaceOf) -> EndpointPicker | None:
    """Return the endpoint picker that serves under a Service name; None where nothing tells of it."""
    workload = objects.workload(name, namespace)
    pods = _pods(workload)
    maps = objects.configs(pods, namespace)
    if workload is None and not maps:
        return None
    configs = {str(key): str(text) for obj in maps for key, text in (obj.get("data") or {}).items()}
    container: Object = next(iter(pods.get("containers") or []), {})
    flags = flags_of(container)
    file = flags["config-file"].rpartition("/")[2] if "config-file" in flags else ""
    if workload is None:
        file = next(iter(configs), "")
    holder = next((obj for obj in maps if file in obj["data"]), next(iter(maps), None))
    at = place(workload or holder or {}, "", "picker", "")
    return EndpointPicker(
        at,
        place(holder, f"data[{file}]", "picker", f"config[{file}]") if holder else at,
        str(container.get("image", "")),
        file,
        configs,
        _on(flags),
        complete=bool(maps),
    )


def pickers_without_pool(objects: Sequence[Object], place: PlaceOf) -> Iterator[EndpointPicker]:
    """Yield a picker for each configuration among objects, for those that have no pool beside them."""
    readers = {
        flags["config-file"].rpartition("/")[2]: (container, flags)
        for obj in objects
        if obj.get("kind") == "Deployment"
        for container in (_pods(obj).get("containers") or [])[:1]
        for flags in [flags_of(container)]
        if "config-file" in flags
    }
    for obj in objects:
        texts = {"": json.dumps(obj)} if obj.get("kind") == KIND else _configs(obj)
        for file, text in texts.items():
            container, flags = readers.get(file, ({}, {}))
            at = place(obj, f"data[{file}]" if file else "", "picker", "")
            yield EndpointPicker(
                at, at, str(container.get("image", "")), file or KIND, {file or KIND: text}, _on(flags)
            )


def flags_of(container: Object) -> dict[str, str]:
    """Return the flags of a picker's container, which are Go's: ``--v=4``, ``-v 4``, or alone for true."""
    words = [str(word) for word in container.get("args") or []]
    found = {}
    for word, following in itertools.pairwise([*words, ""]):
        if match := re.fullmatch(r"--?([a-zA-Z][\w-]*)(?:=(.*))?", word, re.DOTALL):
            value = match[2] if match[2] is not None else "" if following.startswith("-") else following
            found[match[1]] = value
    return found


def _on(flags: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, value in flags.items() if value.lower() not in ("false", "f", "0"))


def _configs(obj: Object) -> dict[str, str]:
    """Return the configurations in a ConfigMap by file name; none of another object."""
    data = (obj.get("data") or {}) if obj.get("kind") == "ConfigMap" else {}
    return {str(key): str(text) for key, text in data.items() if KIND in str(text)}


def _namespace(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")


def _pods(workload: Object | None) -> Object:
    group = next(pod_groups(workload), None) if workload else None
    return group.spec if group else {}
