"""A container of a pod: its command, variables and resources, and the places of its fields."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelservice import facts
from modelservice.engines.arguments import aliases
from modelservice.engines.command import EngineCommand, Option
from modelservice.model import devices
from modelservice.model.cluster import amounts
from modelservice.model.engine_flags import own_name
from modelservice.model.provenance import Place, keys_of

if TYPE_CHECKING:
    from modelservice.model.pods import PodGroup

Object = Mapping[str, Any]

_DOWNLOADS = ("download-model", "wait-for-model")
"""Init containers by which the chart brings the model to a pod."""


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
        group = self.group
        return EngineCommand.parse(self.fields, group.platform_variables, group.config_maps, group.vllm_version)

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
    def amounts(self) -> Counter[str]:
        """What the scheduler counts: requests, and limits where nothing is requested."""
        return amounts({**self.limits, **self.requests})

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
        keys = self.group.keys(self.owner, path, position=str(self.position), container=self.name)
        if self.listed == "initContainers" and self.name in _DOWNLOADS:
            keys = (*keys, *keys_of("download", path))
        if self.group.requester is not None:
            patch = facts.fast_model_actuation().annotations.server_patch
            return Place(self.group.object, f"{self.group.template}.metadata.annotations[{patch}]", keys)
        above = f"{self.group.path('spec')}.{self.listed}[{self.name}]"
        return Place(self.group.object, f"{above}.{path}".rstrip("."), keys)

    def flag(self, *names: str) -> Place:
        """Return the place of the first of these flags that is given, else of the first one.

        Args:
            names: long names without dashes, as vLLM has them; an engine's own of the same meaning count too.
        """
        both = [each for name in names for each in dict.fromkeys((own_name(self.group.facts, name), name))]
        given = [name for name in both if self.program.has(name)] or both[:1]
        keys = [
            key
            for name in given
            for spelling in _spellings(name, self.program)
            for key in self.at(f"args[--{spelling}]").keys
        ]
        usual = self.at(f"args[--{given[0]}]").keys[-1:]
        return Place(self.group.object, self._flag_path(given[0]), (*dict.fromkeys(keys), *usual))

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
    """Return the spellings of a flag without dashes: those that are given first, the long one last."""
    given = [flag.spelling.lstrip("-") for flag in command.all(name)]
    short = [alias.lstrip("-") for alias, long in aliases().items() if long == name]
    others = dict.fromkeys([*given, *short, name.replace("-", "_"), name.removeprefix("no-")])
    return [*(spelling for spelling in others if spelling != name), name]
