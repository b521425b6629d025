"""Where the model is and what it is called, from the engines' options and what is mounted there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.engines.command import EngineCommand, Option
from modelservice.importers.chart import MOUNT_PATH
from modelservice.importers.source.go_templates import escaped
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder
from modelservice.importers.workload import Pod

_REPOSITORY = r"[\w.-]+/[\w.-]+"
"""A model of the Hugging Face Hub."""

_STREAMED = re.compile(r"(s3|gs)://[^/]+/.")


def locate_model(builder: ValuesBuilder) -> None:
    """Take ``--model``; give ``modelArtifacts.uri`` and ``mountPath``, one place for both roles, decode's first."""
    artifacts = builder.section("modelArtifacts")
    options = {role.name: _take_model(role) for role in builder.roles if role.derived}
    given = next((option.values[0] for option in options.values() if option), None)
    inferred = False
    if builder.uri is None and given:
        _infer_uri(builder, given)
        inferred = builder.uri is not None
    elif builder.uri is None:
        _read_scripts(builder)
    if builder.uri:
        artifacts["uri"] = escaped(builder.uri)
    if builder.mount_path != MOUNT_PATH and (builder.mounted or (builder.uri and not builder.uri.startswith("hf://"))):
        artifacts["mountPath"] = builder.mount_path
    derived = model_argument(builder.uri, builder.mount_path) if builder.uri else None
    for role in builder.roles:
        option = options.get(role.name)
        if option and not (_same_path(option.values[0], derived) or (inferred and option.values[0] == given)):
            role.engine.options.insert(0, option)
    builder.model_name = builder.model_name or given or derived
    for role in builder.roles:
        option = options.get(role.name)
        if option and option not in role.engine.options and "$(" in "".join(option.tokens):
            why = f"its variable is {option.values[0]}, which the values name; change it there, not in the variable"
            builder.report.changed(f"{role.place}: {' '.join(option.tokens)}", why, values="modelArtifacts.uri")


def name_model(builder: ValuesBuilder) -> None:
    """Take ``--served-model-name``; give ``modelArtifacts.name`` and ``aliases``.

    Where the roles differ, the first name of decode counts, and each role keeps its own as an option.
    """
    artifacts = builder.section("modelArtifacts")
    names: dict[str, list[str]] = {}
    for role in builder.roles:
        told = role.facts.model if role.derived and role.facts else None
        option = role.engine.get(told.name) if told else None
        if told and option and option.values and (told.aliases or len(option.values) == 1):
            separator = told.alias_separator
            given = option.values[0].split(separator) if separator else option.values
            names[role.name] = list(dict.fromkeys(given))
            role.engine.take(told.name)
    first = names.get("decode") or next(iter(names.values()), [])
    name = first[0] if first else builder.model_name or builder.name
    known = not any("$" in given for given in (name, *first))
    if not known:
        why = f"only the container knows {name}, which stays an option; set the name by which clients ask for the model"
        builder.report.changed(builder.served_by.place, why, values="modelArtifacts.name")
        for role in builder.roles:
            if role.derived and role.facts:
                names.setdefault(role.name, [name])
        name = builder.name
    artifacts["name"] = name
    if known and len(first) > 1 and all(names.get(role.name) == first for role in builder.roles if role.derived):
        artifacts["aliases"] = first[1:]
    else:
        for role in builder.roles:
            if names.get(role.name, [name]) != [name]:
                role.engine.options.append(_name_option(role, names[role.name]))


def _name_option(role: RoleBuilder, names: list[str]) -> Option:
    """Return the option that gives the engine of a role the names of its model."""
    assert role.facts is not None  # noqa: S101  # its names were read by the facts
    known = role.facts.model
    separator = known.alias_separator
    return Option.of(f"--{known.name}", *([separator.join(names)] if separator else names))


def model_argument(uri: str, mount_path: str) -> str | None:
    """Return what the chart gives to the engine as its model."""
    scheme, _, rest = uri.partition("://")
    if scheme in ("hf", "ms", "file"):
        return rest
    if scheme in ("s3", "gs", "oss"):
        return uri
    if scheme == "oci":
        return mount_path
    if scheme == "pvc":
        return f"{mount_path.rstrip('/')}/{rest.partition('/')[2]}"
    return "/".join(rest.split("/")[-2:]) if scheme == "pvc+hf" else None


def _take_model(role: RoleBuilder) -> Option | None:
    """Take the model out of the engine's options; a positional one becomes an option."""
    engine = role.engine
    flags = ["model", role.facts.model.repository] if role.facts and role.facts.model.repository else ["model"]
    option = engine.get(*flags)
    if option and option.values:
        engine.take(*flags)
        return option
    positional = next((item for item in engine.options if not item.name and item.values), None)
    if positional is None or positional.values[0].startswith("-"):
        return None
    engine.options.remove(positional)
    return Option.of("--model", positional.values[0])


def _read_scripts(builder: ValuesBuilder) -> None:
    """Set the model's place and name by a command that the chart does not start itself."""
    for role in builder.roles:
        engine = role.engine
        if role.derived or not engine.flags_known:
            continue
        named = engine.value("served-model-name")
        model = engine.model if re.fullmatch(_REPOSITORY, engine.model or "") else None
        if model:
            builder.uri = f"hf://{model}"
        if named or model:
            builder.model_name = builder.model_name or named or model
            return


def _infer_uri(builder: ValuesBuilder, argument: str) -> None:
    """Set the model's place by the engine's model argument and what is mounted there."""
    if "$(" in argument:
        return
    if _STREAMED.match(argument):
        engines = [role.engine for role in builder.roles]
        if all(values_of(engine, "load-format") == ["runai_streamer"] for engine in engines):
            for engine in engines:
                engine.take("load-format")
            builder.uri = argument.rstrip("/")
    elif "://" in argument:
        return
    elif argument.startswith("/"):
        _infer_mounted(builder, argument)
    elif re.fullmatch(r"[\w.-]+(/[\w.-]+(:[\w.-]+)?)?", argument):
        builder.uri = f"hf://{argument}"


def _infer_mounted(builder: ValuesBuilder, argument: str) -> None:
    """Set the model's place by the volume that is mounted at a path; the path itself where there is none."""
    role = builder.served_by
    mount, volume = mounted_at(role.pod, argument) or ({}, {})
    inside = argument.rstrip("/").removeprefix(mount.get("mountPath", "").rstrip("/")).strip("/")
    claim = volume.get("persistentVolumeClaim")
    artifacts = builder.section("modelArtifacts")
    if claim and "subPathExpr" not in mount and not (mount.get("subPath") and _named_elsewhere(builder, mount)):
        path = "/".join(part for part in (mount.get("subPath", "").strip("/"), inside) if part) or "."
        builder.uri = f"pvc://{claim['claimName']}/{path}"
        if mount.get("subPath"):
            builder.report.changed(
                f"{role.place}.volumeMounts",
                "the chart mounts the whole claim, and the model's path names the directory",
                values="modelArtifacts.uri",
            )
        if not (claim.get("readOnly") or mount.get("readOnly")):
            artifacts["readOnly"] = False
    elif "image" in volume and not inside and not mount.get("subPath") and volume["image"].get("reference"):
        builder.uri = f"oci://{volume['image']['reference']}"
        if volume["image"].get("pullPolicy", "Always") != "Always":
            artifacts["imagePullPolicy"] = volume["image"]["pullPolicy"]
    else:
        builder.uri = f"file://{argument.rstrip('/')}"
        return
    builder.mount_path = mount["mountPath"].rstrip("/") or "/"
    builder.mounted = True


def mounted_at(pod: Pod, path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the engine's mount that holds a path, and its volume."""
    mounts = [
        mount
        for mount in pod["containers"][0].get("volumeMounts", [])
        if path == mount["mountPath"].rstrip("/") or path.startswith(mount["mountPath"].rstrip("/") + "/")
    ]
    for mount in sorted(mounts, key=lambda item: -len(item["mountPath"])):
        for volume in pod.get("volumes", []):
            if volume["name"] == mount["name"]:
                return mount, volume
    return None


def _named_elsewhere(builder: ValuesBuilder, mount: Mapping[str, Any]) -> bool:
    """Return whether more than the model's option names the directory, which is another one in the whole claim."""
    path = re.compile(re.escape(mount["mountPath"].rstrip("/")) + r"(?![\w.-])")
    words = [word for role in builder.roles for word in role.engine.arguments]
    words += [str(item.get("value", "")) for role in builder.roles for item in role.container.get("env", [])]
    return any(path.search(word) for word in words)


def values_of(engine: EngineCommand, name: str) -> list[str] | None:
    """Return the values of an option; None without it."""
    option = engine.get(name)
    return list(option.values) if option else None


def _same_path(argument: str, derived: str | None) -> bool:
    return derived is not None and argument.rstrip("/") == derived.removesuffix("/.").rstrip("/")
