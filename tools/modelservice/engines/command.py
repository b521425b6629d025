"""Which engine a container runs, and with which flags: from its command, arguments, environment and image."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

_SHELLS = {"sh", "bash", "dash", "ash", "zsh"}
_UNKNOWN = "$_"
"""Stands for what only the shell in the container knows."""

ALIASES = {
    "tp": "tensor-parallel-size", "tp-size": "tensor-parallel-size", "pp": "pipeline-parallel-size",
    "pp-size": "pipeline-parallel-size", "dp": "data-parallel-size", "dp-size": "data-parallel-size",
    "dpl": "data-parallel-size-local", "dpa": "data-parallel-address", "dpp": "data-parallel-rpc-port",
    "dpn": "data-parallel-rank", "dpr": "data-parallel-start-rank", "dph": "data-parallel-hybrid-lb",
    "dpe": "data-parallel-external-lb", "dpm": "data-parallel-multi-port-external-lb", "ep": "enable-expert-parallel",
    "n": "nnodes", "r": "node-rank", "asc": "api-server-count", "q": "quantization", "model-path": "model",
}  # fmt: skip
"""Short spellings of flags (https://docs.vllm.ai/en/latest/configuration/engine_args/)."""


@dataclass(frozen=True)
class Flag:
    """A flag as it was given."""

    spelling: str
    """With its dashes."""
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its canonical long form, without dashes."""
        name = self.spelling.lstrip("-").replace("_", "-")
        return ALIASES.get(name, name)


@dataclass(frozen=True)
class CommandLine:
    """What starts an engine."""

    engine: str
    """``vllm``, ``sglang``, ``simulator`` or ``other``."""
    flags: tuple[Flag, ...]
    positionals: tuple[str, ...]
    script: bool
    """The flags stand in a shell script."""

    def all(self, name: str) -> list[Flag]:
        """Every occurrence of a flag."""
        return [flag for flag in self.flags if flag.name == name]

    def has(self, name: str) -> bool:
        """Whether a flag is given."""
        return bool(self.all(name))

    def value(self, name: str) -> str | None:
        """The value that counts, the last; None without the flag or where only the container knows."""
        found = self.all(name)
        if not found or not found[-1].values or "$" in found[-1].values[0]:
            return None
        return found[-1].values[0]

    def number(self, name: str, default: int | None = None) -> int | None:
        """An integer; the default without the flag, None where it is not known or no integer."""
        if not self.has(name):
            return default
        value = self.value(name)
        return int(value) if value is not None and re.fullmatch(r"-?\d+", value) else None


def command_line(container: Object) -> CommandLine:
    """The command line of a container's engine."""
    command = [str(word) for word in container.get("command") or []]
    args = [str(word) for word in container.get("args") or []]
    environment = {
        variable["name"]: str(variable["value"]) for variable in container.get("env") or [] if "value" in variable
    }
    image = str(container.get("image", ""))
    script = _script(command, args)
    words = script if script is not None else [_expand(word, environment, r"\$\((\w+)\)") for word in (*command, *args)]
    if script is not None:
        words = [_expand(word, environment, r"\$\{?(\w+)\}?") for word in words]
    engine, rest = _engine(words, command, image)
    flags, positionals = _flags(rest)
    return CommandLine(engine, tuple(flags), tuple(positionals), script is not None)


def proxy_flags(container: Object) -> CommandLine:
    """The flags of a container that runs a single program, such as the routing sidecar."""
    flags, positionals = _flags([str(word) for word in container.get("args") or []])
    return CommandLine("other", tuple(flags), tuple(positionals), script=False)


def image_version(image: str) -> tuple[int, ...] | None:
    """The version in an image's tag: ``v0.10.0`` as ``(0, 10, 0)``; None for ``latest`` and the like."""
    match = re.search(r":v?(\d+)\.(\d+)(?:\.(\d+))?[^/]*$", image.partition("@")[0])
    return tuple(int(part) for part in match.groups(default="0")) if match else None


def _script(command: Sequence[str], args: Sequence[str]) -> list[str] | None:
    """The words of the engine's command in a shell script; None where no shell runs."""
    words = [*command, *args]
    if not words or words[0].rsplit("/", 1)[-1] not in _SHELLS:
        return None
    index = next((at for at, word in enumerate(words) if re.fullmatch(r"-[a-z]*c", word)), None)
    if index is None or index + 1 >= len(words):
        return None
    positional = words[index + 3 :]
    for statement in _statements(words[index + 1]):
        for start in range(len(statement)):
            if _starts_engine(statement[start:]):
                found = statement[start:]
                at = next((at for at, word in enumerate(found) if word in ("$@", "${@}", "$*")), None)
                return found if at is None else [*found[:at], *positional, *found[at + 1 :]]
    return []


def _statements(script: str) -> list[list[str]]:
    """The simple commands of a script, as words."""
    text = re.sub(r"\\[ \t]*\n", " ", script)
    for pattern in (r"\$\(\([^()]*(?:\([^()]*\)[^()]*)*\)\)", r"\$\([^()]*\)", r"`[^`]*`"):
        text = re.sub(pattern, lambda _: _UNKNOWN, text)
    statements = []
    for line in _lines(text):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>()")
        lexer.whitespace_split = True
        lexer.commenters = ""
        try:
            words = list(lexer)
        except ValueError:
            continue  # a quote that does not end: bash itself would refuse it
        current: list[str] = []
        for word in [*words, ";"]:
            if re.fullmatch(r"[;&|()]+", word):
                if current:
                    statements.append(current)
                current = []
            elif word.startswith("#"):
                break
            elif not re.fullmatch(r"[<>]+&?", word):
                current.append(word)
        if current:
            statements.append(current)
    return statements


def _lines(text: str) -> list[str]:
    """Lines of a script, those inside of quotes joined."""
    lines: list[str] = []
    pending = ""
    for line in text.splitlines():
        pending = f"{pending}\n{line}" if pending else line
        bare = re.sub(r"\\.", "", re.sub(r"'[^']*'", "", pending)) if pending.count("'") else pending
        if (bare.count("'") + bare.count('"')) % 2 == 0:
            lines.append(pending)
            pending = ""
    return [*lines, pending] if pending else lines


def _starts_engine(words: Sequence[str]) -> bool:
    name = words[0].rsplit("/", 1)[-1]
    return (name == "vllm" and list(words[1:2]) == ["serve"]) or (
        name.startswith("python") and list(words[1:2]) == ["-m"] and len(words) > 2 and "server" in words[2]
    )


def _engine(words: Sequence[str], command: Sequence[str], image: str) -> tuple[str, Sequence[str]]:
    """Which engine the words start, and the words after its name."""
    for index, word in enumerate(words):
        if word.rsplit("/", 1)[-1] == "vllm" and list(words[index + 1 : index + 2]) == ["serve"]:
            return "simulator" if "inference-sim" in image else "vllm", words[index + 2 :]
        if word.startswith("vllm.entrypoints"):
            return "vllm", words[index + 1 :]
        if word.startswith("sglang.launch_server"):
            return "sglang", words[index + 1 :]
    if "inference-sim" in image:
        return "simulator", words[len(command) :]
    if command:
        return "other", words[len(command) :]
    name = image.rsplit("/", 1)[-1]
    if "sglang" in name:
        return "sglang", words
    serves = re.match(r"vllm|llm-d(-cuda|-cpu|-xpu|-dev|-hpu|-rocm|:|$)", name) or "/vllm" in image
    return "vllm" if serves else "other", words


def _flags(words: Sequence[str]) -> tuple[list[Flag], list[str]]:
    flags: list[Flag] = []
    positionals: list[str] = []
    spelling = ""
    values: list[str] = []
    for word in [*words, "--"]:
        if re.match(r"--?[A-Za-z]", word) or word == "--":
            if spelling:
                flags.append(Flag(spelling, tuple(values)))
            spelling, equals, value = word.partition("=")
            values = [value] if equals else []
            if word == "--":
                spelling = ""
        elif spelling:
            values.append(word)
        else:
            positionals.append(word)
    return flags, positionals


def _expand(word: str, environment: Mapping[str, str], pattern: str) -> str:
    """A word with variables of the container's environment; others stay as they are."""
    return re.sub(pattern, lambda match: environment.get(match[1], match[0]), word)
