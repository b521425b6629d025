"""Secrets in a source: recognise them and keep them out of values, comments and messages."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_WORDS = (
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API[_-]?KEY|ACCESS[_-]?KEY([_-]ID)?|PRIVATE[_-]?KEY"
    r"|AUTH[_-]?KEY"
)
_NAME = re.compile(rf"(^|[_\-.])({_WORDS})($|[_\-.])", re.IGNORECASE)
_NOT_SECRET = re.compile(r"(_|-|\.)(FILE|PATH|NAME|DIR|URL|ENDPOINT|ENABLED|TYPE|HEADER|TTL)$", re.IGNORECASE)
_VALUE = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bglpat-[A-Za-z0-9_-]{16,}|\bnvapi-[A-Za-z0-9_-]{16,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[A-Za-z0-9_-]{35}\b|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
)
"""Tokens with an issuer's mark: Hugging Face, OpenAI and compatible, GitHub, AWS, GitLab, NVIDIA, Slack, Google, JSON
web tokens, passwords in URLs, private keys."""

_OPTION = (
    r"--(?:[a-z0-9]+[_-])*(?:(?:api|access|private|auth)[_-]?key|secret|password|passwd|passphrase"
    r"|(?:hf|hub|auth|access|bearer|api)[_-]token)|--token"
)
"""Options whose value is a secret; other tokens are those of a model's text."""

_SET = re.compile(
    rf"(?P<option>(?<![\w-])(?:{_OPTION}))(?P<between>=|[ \t]+)(?P<quote>[\"']?)"
    r"(?P<value>[^\s\"'$;&|-][^\s\"'$;&|]*)(?P=quote)(?=\s|$|[;&|])",
    re.IGNORECASE,
)
"""Such an option in a script, with its value."""

REMOVED = "secret-removed"
"""Text in place of a secret that nothing can refer to."""


def names_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret."""
    return bool(_NAME.search(name)) and not _NOT_SECRET.search(name)


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

    def reference(self, key: str, value: str, place: str) -> dict[str, Any]:
        """Return a reference that replaces a literal.

        Args:
            key: key in the Secret.
            value: the literal; only remembered to be searched for.
            place: where it was, for people.
        """
        self.remember(value)
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

    def environment(self, env: list[dict[str, Any]], place: str) -> list[dict[str, Any]]:
        """Return environment variables with references for literals that are secret by name or form."""
        result = []
        for variable in env:
            value = variable.get("value")
            if value and "$(" not in value and (names_secret(variable["name"]) or _VALUE.search(value)):
                source = self.reference(variable["name"], value, f"{place}.{variable['name']}")
                result.append({"name": variable["name"], "valueFrom": source})
            else:
                result.append(variable)
        return result

    def words(self, words: list[str], env: list[dict[str, Any]]) -> list[str]:
        """Return the words of a command with references to variables in place of secrets; Kubernetes expands them
        anywhere in a word (https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/).

        Args:
            words: words of a command or of its arguments.
            env: the container's variables; gets those that are referred to, with their literals.
        """

        def variable(secret: str) -> str:
            names = {item["value"]: item["name"] for item in env if item.get("value") and names_secret(item["name"])}
            if secret not in names:
                taken = {item["name"] for item in env}
                numbers = ("COMMAND_SECRET", *(f"COMMAND_SECRET_{number}" for number in range(2, len(env) + 3)))
                names[secret] = next(name for name in numbers if name not in taken)
                env.append({"name": names[secret], "value": secret})
            return f"$({names[secret]})"

        def option(match: re.Match[str]) -> str:
            quote = match["quote"]
            return f"{match['option']}{match['between']}{quote}{variable(match['value'])}{quote}"

        result = []
        for index, word in enumerate(words):
            before = words[index - 1] if index else ""
            if re.fullmatch(_OPTION, before, re.IGNORECASE) and not word.startswith(("-", "$")):
                result.append(variable(word))
            else:
                result.append(_VALUE.sub(lambda match: variable(match[0]), _SET.sub(option, word)))
        return result

    def cleaned(self, value: Any) -> tuple[Any, bool]:
        """Return a value without secrets in any of its strings, and whether there were any."""
        if isinstance(value, str):
            clean = _VALUE.sub(lambda match: self._take(match[0]), value)
            for secret in sorted(self.values, key=len, reverse=True):
                clean = clean.replace(secret, REMOVED) if len(secret) >= 8 or clean == secret else clean
            return clean, clean != value
        if isinstance(value, dict):
            items = {key: self.cleaned(item) for key, item in value.items()}
            return {key: item for key, (item, _) in items.items()}, any(found for _, found in items.values())
        if isinstance(value, list):
            results = [self.cleaned(item) for item in value]
            return [item for item, _ in results], any(found for _, found in results)
        return value, False

    def _take(self, secret: str) -> str:
        self.remember(secret)
        return REMOVED


def _strings(items: Any) -> list[str]:
    return [item for item in items.values() if isinstance(item, str)] if isinstance(items, dict) else []
