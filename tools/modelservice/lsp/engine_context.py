"""The engine at a place of the values, with its version, and the flags and variables that it knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice.engines import variables
from modelservice.engines.arguments import Argument, canonical, help_of, history, table, versions
from modelservice.engines.grammar import grammar, table_of
from modelservice.engines.recognise import engine_of_image
from modelservice.engines.version import Version, vllm_version
from modelservice.inputs import Values
from modelservice.kubernetes.dotted import found_at
from modelservice.sources import Path

_ROLES = ("decode", "prefill")
_TYPES = {"int": "integer", "float": "number", "json": "JSON"}


@dataclass(frozen=True)
class Flag:
    """A flag of an engine.

    Args:
        name: its name without dashes.
        type: what it takes, for people.
        default: its default as JSON; empty without a known one.
        choices: the only values that it takes; empty where there are others.
        versions: the versions that know it, for people; empty where that is not known.
        help: the first sentence of the engine's own help; empty where it is not known.
        deprecated: whether the engine's version deprecates it.
        switch: whether it takes no value.
    """

    name: str
    type: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    versions: str = ""
    help: str = ""
    deprecated: bool = False
    switch: bool = False


@dataclass(frozen=True)
class Engine:
    """The engine of a container.

    Args:
        type: its type; None for an unknown one.
        version: version of vLLM; None where the image does not tell.
    """

    type: str | None
    version: Version | None

    @property
    def title(self) -> str:
        """The engine for people."""
        return f"vLLM {table(self.version).version}" if self.type == "vllm" else str(self.type or "")

    def flags(self) -> list[Flag]:
        """Return the flags of this version; those of the newest known version where it is not known."""
        if self.type == "vllm":
            known = dict.fromkeys(table(self.version).by_flag.values())
            return [_flag(argument) for argument in known]
        if table_of(self.type) == self.type:  # an engine with a table of its own
            found = {flag.name: flag for flag in grammar(self.type, None).flags.values()}
            return [Flag(name, switch=flag.arity == 0) for name, flag in sorted(found.items())]
        return []

    def flag(self, name: str) -> Flag | None:
        """Return a flag by any of its spellings without a value; None for an unknown one."""
        if self.type != "vllm":
            return next((flag for flag in self.flags() if flag.name == name.lstrip("-")), None)
        spelling = canonical(name if name.startswith("-") else f"--{name}")
        argument = table(self.version).find(spelling)
        return _flag(argument) if argument else None

    def variables(self) -> list[str]:
        """Return the environment variables that this version reads."""
        return variables.names(self.version) if self.type == "vllm" else []


def engine_at(path: Path, values: Values) -> Engine:
    """Return the engine of a place in the values.

    Args:
        path: the place: a key of a container, of a role or of the top-level ``engine``.
        values: the values in effect.
    """
    role = path[0] if path and path[0] in _ROLES else _ROLES[0]
    container: Path = (role, "containers", 0)
    if len(path) > 2 and path[1] in ("containers", "initContainers"):
        container = path[:3]
    places = [container, (role, "engine"), ("engine",)]
    if path[:1] == ("engine",):
        places = places[2:]
    elif container[2] != 0 or container[1] != "containers":
        places = places[:1]
    found = [given for place in places if isinstance(given := found_at(values, place), Mapping)]
    image = _first(found, "image")
    return Engine(_first(found, "type") or engine_of_image(image), vllm_version(image))


def _first(sections: list[Mapping[str, Any]], name: str) -> str:
    return next((str(section[name]) for section in sections if section.get(name)), "")


def _flag(argument: Argument) -> Flag:
    switch = argument.arity == 0
    kind = "switch" if switch else _TYPES.get(argument.type, argument.type)
    known = argument.default is not None and not (switch and argument.default is False)
    return Flag(
        name=argument.name,
        type=kind or ("one of its choices" if argument.choices else "text"),
        default=json.dumps(argument.default, ensure_ascii=False) if known else "",
        choices=argument.choices,
        versions=_versions(argument.flags[0]),
        help=help_of(argument.flags[0]),
        deprecated=argument.deprecated,
        switch=switch,
    )


def _versions(flag: str) -> str:
    """Return the versions of vLLM that know a flag, for people."""
    oldest, newest = versions()[0], versions()[-1]
    runs = []
    for first, last in history(flag):
        begin = "" if first == oldest else f"since {first}"
        end = "" if last == newest else f"until {last}"
        runs.append(" ".join(part for part in (begin, end) if part) or f"{oldest} to {newest}")
    return ", ".join(runs)
