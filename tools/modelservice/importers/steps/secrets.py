"""Secrets in plain text in commands and variables, which the containers read from a Secret instead."""

from __future__ import annotations

from typing import Any

from modelservice.engines.command import EngineCommand, Option
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder


def hide_secrets(builder: ValuesBuilder) -> None:
    """Take secrets out of commands and variables, and the engine's options that are left; give references."""
    for role in builder.roles:
        key = _take_api_key(builder, role)
        if role.derived:
            role.container.update(command=[], args=role.engine.arguments)
        for kind in ("containers", "initContainers"):
            for container in role.pod.get(kind, []):
                hide_in_container(builder, container, f"{role.source.place}.{kind}[{container['name']}]")
        if key:
            role.container["env"] = [*role.container.get("env", []), key]


def hide_in_container(builder: ValuesBuilder, container: dict[str, Any], place: str) -> None:
    """Put references in place of the secrets in a container's command and variables."""
    env = list(container.get("env") or [])
    several = {option.spelling for option in EngineCommand.parse(container).options if len(option.values) > 1}
    for key in ("command", "args"):
        words = container.get(key) or []
        hidden = builder.secrets.words(words, env, several)
        if hidden != words:
            container |= {key: hidden, "env": env}
            why = "a secret was in plain text; the container reads it from a Secret, as a variable"
            builder.report.changed(f"{place}.{key}", why)
    if container.get("env"):
        words = [*(container.get("command") or []), *(container.get("args") or [])]
        container["env"] = builder.secrets.environment(container["env"], f"{place}.env", words)


def _take_api_key(builder: ValuesBuilder, role: RoleBuilder) -> dict[str, Any] | None:
    """Take the one ``--api-key`` in plain text, and what its variable held, which the flag overrides; return that
    variable. An engine that reads no variable keeps the flag, with a reference to it.
    """
    key = role.facts.api_key if role.derived and role.facts else None
    option = role.engine.get(key.flag) if key and key.flag else None
    if key is None or option is None or len(option.values) != 1 or any("$(" in token for token in option.tokens):
        return None
    role.container["env"] = [item for item in role.container.get("env", []) if item["name"] != key.env]
    source = builder.secrets.reference(key.env, option.values[0], f"{role.place}.args (--{key.flag})")
    if key.through_flag:
        reference = Option.of(f"--{key.flag}", f"$({key.env})")
        others = [given for given in role.engine.options if given is option or given.name != option.name]
        role.engine.options = [reference if given is option else given for given in others]
        why = f"--{key.flag} was in plain text; it is the variable {key.env}, which a Secret fills"
    else:
        role.engine.take(key.flag)
        why = f"--{key.flag} was in plain text; the engine reads {key.env} from a Secret"
    builder.report.changed(f"{role.place}.args", why, values="engine.env")
    return {"name": key.env, "valueFrom": source}
