"""The engines as layers of values: arguments and variables by name, and once what both roles share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.chart import DEFAULTS
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder
from modelservice.kubernetes import merge

_FLAG = re.compile(r"[a-z][a-z0-9-]*(\.[A-Za-z0-9_.-]+)?")
"""Names of ``engine.args``."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""Names of ``engine.env``."""

_FIRST = ("type", "modelCommand", "image", "imagePullPolicy", "args", "env")
"""Keys of an engine that come before the others."""

_LISTED = {"name", "command", "args", "env"}
"""What only a listed container has: its name, the words of a command, and variables in their order."""


DEFAULT_TYPE: str = DEFAULTS["accelerator"]["type"]
"""The chart's type of accelerators where none is stated."""


def share_engine(builder: ValuesBuilder) -> None:
    """Take the engine's containers from the roles; give ``engine``, what they share, and ``<role>.engine``, the rest.

    A container of which nothing is left but its name stays: it names the container.
    """
    values = builder.values
    engines: dict[str, dict[str, Any]] = {}
    for role in builder.roles:
        containers = values[role.name].get("containers")
        if containers:
            engines[role.name] = _take_engine(containers[0], role)
    shared = _common(list(engines.values()))
    for name, engine in engines.items():
        rest = _without(engine, shared)
        if rest:
            values[name] = {"engine": rest, **values[name]}
    engine = merge.helm(shared, values.pop("engine", {}))
    if engine.get("type") and engine.get("mountModelVolume"):
        del engine["mountModelVolume"]  # the default for an engine of a stated type
    first = list(values).index("decode")
    ordered = list(values.items())
    builder.values = dict([*ordered[:first], ("engine", engine), *ordered[first:]])


def leave_out_variables(builder: ValuesBuilder) -> None:
    """Take nothing; give ``null`` for each variable that the chart adds for accelerators, and that the source lacks."""
    values = builder.values
    accelerator = values.get("accelerator", {})
    lacking: dict[str, list[str]] = {}
    for role in builder.roles:
        kind = values[role.name].get("accelerator", {}).get("type") or accelerator.get("type") or DEFAULT_TYPE
        given = {item["name"] for item in role.source.pod["containers"][0].get("env", [])}
        lacking[role.name] = [name for name in _variables_of(role, kind) if name not in given]
    first = next(iter(lacking.values()))
    shared = [name for name in first if all(name in names for names in lacking.values())]
    for name in shared:
        values["engine"].setdefault("env", {})[name] = None
    for part, names in lacking.items():
        for name in names:
            if name not in shared:
                values[part].setdefault("engine", {}).setdefault("env", {})[name] = None


def _variables_of(role: RoleBuilder, kind: str) -> list[str]:
    """Return the names of the variables that the chart adds to a role's engine for accelerators of a type."""
    names = [item["name"] for item in DEFAULTS["accelerator"]["env"].get(kind, [])]
    cache = role.facts.cpu_cache if role.facts else None
    resources = role.source.pod["containers"][0].get("resources", {})
    memory = any("memory" in resources.get(part, {}) for part in ("limits", "requests"))
    sized = memory or "resourceProfile" in role.source.settings
    if cache and kind == "cpu" and sized and role.engine.start != "custom":
        names.append(cache.env)
    return names


def _take_engine(container: dict[str, Any], role: RoleBuilder) -> dict[str, Any]:
    """Take out of a listed container what ``engine`` has a key for."""
    engine = {key: container.pop(key) for key in list(container) if key not in _LISTED}
    if engine.get("modelCommand") == "custom":
        del engine["modelCommand"]  # a listed container with a command is custom
    elif "args" in container:
        flags, words = arguments(container["args"], role.engine.engine, underscores=role.derived)
        if flags:
            engine["args"] = flags
        if words:
            container["args"] = words
        else:
            del container["args"]
    variables = environment(container.get("env", []))
    if variables is not None:
        container.pop("env", None)
        if variables:
            engine["env"] = variables
    keys = [*(key for key in _FIRST if key in engine), *(key for key in engine if key not in _FIRST)]
    return {key: engine[key] for key in keys}


def arguments(words: list[str], engine: str | None, *, underscores: bool) -> tuple[dict[str, Any], list[str]]:
    """Return arguments by the flag's name, and those that have none, in their order.

    Args:
        words: the arguments.
        engine: the engine.
        underscores: a flag means the same with underscores as with dashes, which the names have.
    """
    flags: dict[str, Any] = {}
    rest: list[str] = []
    given = EngineCommand.of(words, engine=engine).options
    for option, following in zip(given, [*given[1:], None], strict=True):
        written = option.tokens[0].partition("=")[0]
        name = written.removeprefix("--").replace("_", "-")
        named = written.startswith("--") and _FLAG.fullmatch(name) and (underscores or "_" not in written)
        once = sum(other.name == option.name for other in given) == 1
        # A word after the option may belong to it; only its spelling tells a value with a dash from a flag.
        doubtful = (following is not None and not following.name) or any(v.startswith("-") for v in option.values)
        if not (named and once) or doubtful or (not option.values and name.startswith("no-")):
            rest += option.tokens
        elif not option.values:
            flags[name] = True
        else:
            found = [_scalar(value) for value in option.values]
            flags[name] = found if len(found) > 1 else found[0]
    return flags, rest


def _scalar(text: str) -> Any:
    """Return a number where it is printed as it was written, else the text."""
    if re.fullmatch(r"0|-?[1-9][0-9]{0,14}", text):
        return int(text)
    return float(text) if re.fullmatch(r"0\.[0-9]{0,8}[1-9]", text) else text


def environment(variables: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return variables by name; None where their order counts, because one refers to another."""
    result: dict[str, Any] = {}
    for item in variables:
        if not _VARIABLE.fullmatch(item["name"]) or "$(" in str(item.get("value", "")):
            return None
        result[item["name"]] = value_of(item)
    return result


def value_of(variable: Mapping[str, Any]) -> Any:
    """Return a variable as a map by name has it: its text, or the source of it."""
    return {"valueFrom": variable["valueFrom"]} if "valueFrom" in variable else variable.get("value", "")


def _common(engines: list[dict[str, Any]]) -> dict[str, Any]:
    first, *others = engines
    result = {}
    for key, value in first.items():
        if key in ("args", "env"):
            value = {name: item for name, item in value.items() if all(_has(o.get(key), name, item) for o in others)}
        elif not all(_has(other, key, value) for other in others):
            continue
        if value not in ({}, None):
            result[key] = value
    return result


def _has(holder: Any, key: str, value: Any) -> bool:
    return isinstance(holder, dict) and key in holder and holder[key] == value and type(holder[key]) is type(value)


def _without(engine: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in engine.items():
        if key in ("args", "env"):
            value = {name: item for name, item in value.items() if name not in shared.get(key, {})}
            if not value:
                continue
        elif key in shared:
            continue
        result[key] = value
    return result
