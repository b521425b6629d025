"""Secrets in a source: keep them out of values, comments and messages."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelservice.secrets import (
    field_is_secret,
    filled_from,
    is_literal,
    names_secret,
    replaced,
    variable_is_secret,
    words_replaced,
)

REMOVED = "secret-removed"
"""Text in place of a secret that nothing can refer to."""


@dataclass(frozen=True)
class NeededSecret:
    """A Secret that the result refers to and that a person has to create.

    Args:
        name: name of the Secret.
        keys: its keys.
        why: where the value was.
    """

    name: str
    keys: tuple[str, ...]
    why: str

    def command(self, namespace: str) -> str:
        """Return the command that creates it; it reads the values from files, so that no shell history has them."""
        literals = " ".join(f"--from-file={key}=<file with the value>" for key in self.keys)
        space = f" --namespace {namespace}" if namespace else ""
        return f"kubectl create secret generic {self.name}{space} {literals}"


@dataclass
class SecretCollector:
    """Secrets that were taken out of a source, so that the result can be searched for them.

    Args:
        secret: name of the Secret that takes the place of literals.
    """

    secret: str
    values: set[str] = field(default_factory=set)
    needed: dict[str, dict[str, str]] = field(default_factory=dict)
    """Keys by Secret, each with the place of its value in the source."""
    literals: dict[str, str] = field(default_factory=dict)
    """The literals by their keys in the Secret that takes their place; no two share a key."""

    def reference(self, key: str, value: str, place: str) -> dict[str, Any]:
        """Return a reference that replaces a literal.

        Args:
            key: key in the Secret; gets a number where another literal has it.
            value: the literal; only remembered to be searched for.
            place: where it was, for people.
        """
        self.remember(value)
        keys = itertools.chain([key], (f"{key}_{number}" for number in itertools.count(2)))
        key = next(name for name in keys if self.literals.setdefault(name, value) == value)
        self.needed.setdefault(self.secret, {})[key] = place
        return {"secretKeyRef": {"name": self.secret, "key": key}}

    def need(self, name: str, keys: Iterable[str], place: str) -> None:
        """Note a Secret that the result refers to and that is not copied."""
        known = self.needed.setdefault(name, {})
        for key in keys:
            known[key] = place

    def remember(self, value: str) -> None:
        """Remember a value that must not be in the result."""
        if len(value) >= 4:
            self.values.add(value)

    def remember_secret(self, document: Mapping[str, Any]) -> None:
        """Remember the values of a Secret object, encoded and decoded."""
        for encoded in _strings(document.get("data")):
            self.remember(encoded)
            try:
                self.remember(base64.b64decode(encoded, validate=True).decode().strip())
            except ValueError:
                continue
        for value in _strings(document.get("stringData")):
            self.remember(value)

    def all_needed(self) -> list[NeededSecret]:
        """Return the Secrets that a person has to create, by name."""
        return [
            NeededSecret(name, tuple(sorted(keys)), ", ".join(sorted(set(keys.values()))))
            for name, keys in sorted(self.needed.items())
        ]

    def environment(self, env: list[dict[str, Any]], place: str, words: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return environment variables with references for literals that are secret by name, form or use.

        Args:
            env: the variables.
            place: where they are, for people.
            words: the words of the container's command.
        """
        result = []
        used = filled_from(words, {variable["name"]: variable.get("value") for variable in env})
        for variable in env:
            name, value = variable["name"], variable.get("value") or ""
            secret = variable_is_secret(name, value) or (name in used and is_literal(value))
            if secret and "$(" not in value:
                result.append({"name": name, "valueFrom": self.reference(name, value, f"{place}.{name}")})
            else:
                result.append(variable)
        return result

    def words(self, words: list[str], env: list[dict[str, Any]], several: Container[str] = ()) -> list[str]:
        """Return the words of a command with references to variables in place of secrets; Kubernetes expands them
        anywhere in a word (https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/).

        Args:
            words: words of a command or of its arguments.
            env: the container's variables; gets those that are referred to, with their literals.
            several: the options, with their dashes, that take more than one value.
        """

        def variable(secret: str) -> str:
            names = {item["value"]: item["name"] for item in env if item.get("value") and names_secret(item["name"])}
            if secret not in names:
                taken = {item["name"] for item in env}
                numbers = ("COMMAND_SECRET", *(f"COMMAND_SECRET_{number}" for number in range(2, len(env) + 3)))
                names[secret] = next(name for name in numbers if name not in taken)
                env.append({"name": names[secret], "value": secret})
            return f"$({names[secret]})"

        return words_replaced(words, variable, several)

    def cleaned(self, value: Any) -> tuple[Any, bool]:
        """Return a value without secrets in any of its strings, and whether there were any."""
        if isinstance(value, str):
            clean = replaced(value, self._take)
            for secret in sorted(self.values, key=len, reverse=True):
                clean = clean.replace(secret, REMOVED) if len(secret) >= 8 or clean == secret else clean
            return clean, clean != value
        if isinstance(value, dict):
            items = {key: self._field(key, item) for key, item in value.items()}
            return {key: item for key, (item, _) in items.items()}, any(found for _, found in items.values())
        if isinstance(value, list):
            results = [self.cleaned(item) for item in value]
            return [item for item, _ in results], any(found for _, found in results)
        return value, False

    def _field(self, name: str, value: Any) -> tuple[Any, bool]:
        secret = isinstance(value, str) and field_is_secret(name, value)
        return (self._take(value), True) if secret else self.cleaned(value)

    def _take(self, secret: str) -> str:
        self.remember(secret)
        return REMOVED


def _strings(items: Any) -> list[str]:
    return [item for item in items.values() if isinstance(item, str)] if isinstance(items, dict) else []
