"""The arguments of `vllm serve`: which flags a version has, and what they take."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice.engines.version import Version

Arity = int | str
"""Number of values as :mod:`argparse` has it: 0, 1, ``?``, ``*`` or ``+``."""

_DATA = Path(__file__).parents[1] / "facts" / "engines" / "arguments" / "vllm.json"

BEFORE = {
    "disable-log-requests": "request logging is off by default; remove it",
    "disable-log-request": "request logging is off by default; remove it",
    "enable-reasoning": "write --reasoning-parser alone",
    "num-scheduler-steps": "the engine has no multi-step scheduling any more; remove it",
    "use-v2-block-manager": "it is the only block manager; remove it",
    "max-seq-len-to-capture": "write --compilation-config with cudagraph_capture_sizes",
    "worker-use-ray": "write --distributed-executor-backend ray",
    "engine-use-ray": "remove it",
    "device": "the device follows from the installed vLLM; remove it",
    "preemption-mode": "remove it",
    "num-lookahead-slots": "write --speculative-config",
    "speculative-model": "write --speculative-config",
    "num-speculative-tokens": "write --speculative-config",
    "enable-prompt-adapter": "prompt adapters were removed",
    "guided-decoding-backend": "write --structured-outputs-config",
    "rope-scaling": "write --hf-overrides",
    "rope-theta": "write --hf-overrides",
    "task": "write --runner or --convert",
    "swap-space": "write --kv-offloading-size",
    "cpu-offload-params": "remove it",
    "enable-chunked-prefill-mode": "remove it",
    "disable-sliding-window": "remove it",
    "disable-async-output-proc": "remove it",
    "scheduling-steps": "remove it",
    "collect-model-forward-time": "write --collect-detailed-traces",
    "disable-frontend-multiprocessing": "remove it",
    "multi-step-stream-outputs": "remove it",
    "scheduler-delay-factor": "remove it",
}
"""Flags that older versions had, some of them before the first version of the table, and what to write instead."""


@dataclass(frozen=True)
class Argument:
    """One form of a flag."""

    flags: tuple[str, ...]
    arity: Arity
    type: str
    """``int``, ``float``, ``size`` (``8k``), ``json`` or empty for text."""
    choices: tuple[str, ...]
    first: Version
    """The first version that has it in this form."""
    last: Version

    @property
    def name(self) -> str:
        """The long form without dashes."""
        return self.flags[0].lstrip("-")

    def refusal(self, value: str) -> str | None:
        """Return why the flag does not take a value; None when it does."""
        if "$" in value:
            return None  # known only in the container
        if self.choices and value not in self.choices:
            return f"{value!r} is none of {', '.join(self.choices)}"
        if not _READERS[self.type](value):
            return f"{value!r} is no {_WORDS[self.type]}"
        return None


class Table:
    """The arguments of one version.

    Attributes:
        version: the version whose arguments these are.
        exact: whether that is the minor version asked for, and not the nearest known one.
        older: whether the version asked for is older than all known ones.
        newer: whether it is newer than all known ones.
        by_flag: the arguments by each of their flags, ``--port``.
    """

    def __init__(self, wanted: Version | None) -> None:
        known = versions()
        fitting = [version for version in known if wanted is None or version[:2] <= wanted[:2]]
        self.version = fitting[-1] if fitting else known[0]
        self.exact = wanted is not None and wanted[:2] == self.version[:2]
        self.older = wanted is not None and not fitting
        self.newer = wanted is not None and wanted[:2] > known[-1][:2]
        by_flag = {
            flag: argument
            for argument in arguments()
            if argument.first <= self.version <= argument.last
            for flag in argument.flags
        }
        if "--optimization-level" in by_flag:
            # vLLM reads -O3 as this before its parser sees it (vllm/utils/argparse_utils.py).
            by_flag.setdefault("-O", by_flag["--optimization-level"])
        self.by_flag: Mapping[str, Argument] = by_flag

    def find(self, spelling: str) -> Argument | None:
        """Return the argument of a flag as written, abbreviated as :mod:`argparse` allows; None for an unknown one."""
        flag = canonical(spelling)
        if flag in self.by_flag:
            return self.by_flag[flag]
        base, dot, _ = flag.partition(".")
        if dot:
            # vLLM gathers --compilation-config.level 3 into the JSON of --compilation-config.
            known = self.by_flag.get(base)
            return Argument(known.flags, 1, "", (), known.first, known.last) if known and known.arity != 0 else None
        if flag.startswith("--"):
            near = {self.by_flag[known] for known in self.by_flag if known.startswith(flag)}
            return near.pop() if len(near) == 1 else None
        return self.by_flag.get("-O") if re.fullmatch(r"-O\d", flag) else None

    def nearest(self, spelling: str) -> str | None:
        """Return the known flag that resembles an unknown one most."""
        found = difflib.get_close_matches(canonical(spelling), list(self.by_flag), n=1, cutoff=0.75)
        return found[0] if found else None


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return data


@functools.cache
def versions() -> tuple[Version, ...]:
    """Return the versions of vLLM whose arguments are known, oldest first."""
    found = (Version.parse(version) for version in _data()["versions"])
    return tuple(version for version in found if version)


@functools.cache
def arguments() -> tuple[Argument, ...]:
    """Return every form of every flag."""
    known = versions()
    return tuple(
        Argument(
            tuple(entry["flags"]), entry.get("values", 1), entry.get("type", ""), tuple(entry.get("choices", ())),
            *(known[index] for index in entry["versions"]),
        )
        for entry in _data()["arguments"]
    )  # fmt: skip


@functools.cache
def table(version: Version | None) -> Table:
    """Return the table that fits a version best: the newest not newer than it, the newest of all for None."""
    return Table(version)


def history(spelling: str) -> tuple[Version, Version] | None:
    """Return the first and last known version that have a flag; None when none does."""
    found = [argument for argument in arguments() if canonical(spelling) in argument.flags]
    return (min(item.first for item in found), max(item.last for item in found)) if found else None


@functools.cache
def aliases(version: Version | None = None) -> Mapping[str, str]:
    """Return the long name, without dashes, of every other spelling of an argument, such as ``-tp``.

    Args:
        version: a version of vLLM; None for those of all versions, of which the newest wins.
    """
    return {
        flag: argument.name
        for argument in _arguments(version)
        for flag in argument.flags[1:]
        if flag not in _negations(argument)
    }


@functools.cache
def negations(version: Version | None = None) -> Mapping[str, str]:
    """Return the long name, without dashes, of the switch that a ``--no-`` form turns off."""
    return {flag: argument.name for argument in _arguments(version) for flag in _negations(argument)}


def arity(name: str, version: Version | None = None) -> Arity | None:
    """Return how many values an argument takes; None for an unknown one.

    Args:
        name: the long name without dashes, or a flag as it is written.
        version: a version of vLLM; None for the newest that has the argument.
    """
    flag = canonical(name if name.startswith("-") else f"--{name}")
    found = [argument for argument in _arguments(version) if flag in argument.flags]
    return found[-1].arity if found else None


def canonical(spelling: str) -> str:
    """Return a flag with dashes for underscores, as vLLM reads it (before a dot)."""
    if not spelling.startswith("--"):
        return spelling
    base, dot, rest = spelling.partition(".")
    return base.replace("_", "-") + dot + rest


def _arguments(version: Version | None) -> list[Argument]:
    """The arguments of a version; of all versions the oldest form first."""
    if version is None:
        return sorted(arguments(), key=lambda argument: argument.last)
    return list(table(version).by_flag.values())


def _negations(argument: Argument) -> list[str]:
    if argument.arity != 0:
        return []
    positive = {flag for flag in argument.flags if not flag.startswith("--no-")}
    return [flag for flag in argument.flags if flag.startswith("--no-") and positive]


def _is_int(value: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(_\d+)*", value) is not None


def _is_float(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_size(value: str) -> bool:
    return value in ("auto", "-1") or re.fullmatch(r"\d+(\.\d+)?[kKmMgGtT]?", value) is not None


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


_READERS = {"": lambda _: True, "int": _is_int, "float": _is_float, "size": _is_size, "json": _is_json}
_WORDS = {"int": "integer", "float": "number", "size": "size such as 8192 or 8k", "json": "JSON"}
