"""Secrets in plain text in commands and variables, which the containers read from a Secret instead."""

from __future__ import annotations

from typing import Any

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
    for key in ("command", "args"):
        words = container.get(key) or []
        hidden = builder.secrets.words(words, env)
        if hidden != words:
            container |= {key: hidden, "env": env}
            why = "a secret was in plain text; the container reads it from a Secret, as a variable"
            builder.report.changed(f"{place}.{key}", why)
    if container.get("env"):
        container["env"] = builder.secrets.environment(container["env"], f"{place}.env")


def _take_api_key(builder: ValuesBuilder, role: RoleBuilder) -> dict[str, Any] | None:
    """Take ``--api-key`` in plain text; return the variable that the engine reads instead."""
    key = role.facts.api_key if role.derived and role.facts else None
    option = role.engine.get(key.flag) if key and key.flag else None
    if key is None or option is None or not option.values or any("$(" in token for token in option.tokens):
        return None
    value = role.engine.take(key.flag) or ""
    source = builder.secrets.reference(key.env, value, f"{role.place}.args (--{key.flag})")
    why = f"--{key.flag} was in plain text; the engine reads {key.env} from a Secret"
    builder.report.changed(f"{role.place}.args", why, values="engine.env")
    return {"name": key.env, "valueFrom": source}
