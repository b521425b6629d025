"""The table of `vllm serve` arguments: which flag a version knows, and what it takes."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Version = tuple[int, ...]

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
    values: int | str
    """Number of values as :mod:`argparse` has it: 0, 1, ``?`` or ``+``."""
    type: str
    """``int``, ``float``, ``size`` (``8k``), ``json`` or empty for text."""
    choices: tuple[str, ...]
    first: int
    last: int

    @property
    def name(self) -> str:
        """The long form without dashes."""
        return self.flags[0].lstrip("-")

    def refusal(self, value: str) -> str | None:
        """Why the flag does not take this value; None when it does."""
        if "$" in value:
            return None  # known only in the container
        if self.choices and value not in self.choices:
            return f"{value!r} is none of {', '.join(self.choices)}"
        if not _READERS[self.type](value):
            return f"{value!r} is no {_WORDS[self.type]}"
        return None


class Table:
    """The arguments of one version.

    Args:
        index: position of the version among those of the data.
        exact: whether that is the version asked for, and not the nearest one.

    Attributes:
        by_flag: the arguments by each of their flags, ``--port``.
    """

    def __init__(self, index: int, exact: bool) -> None:
        self.index = index
        self.exact = exact
        self.version = versions()[index]
        self.by_flag: Mapping[str, Argument] = {
            flag: argument for argument in arguments() if argument.first <= index <= argument.last
            for flag in argument.flags
        }  # fmt: skip

    def find(self, spelling: str) -> Argument | None:
        """The argument of a flag as written, abbreviated as :mod:`argparse` allows; None for an unknown one."""
        flag = canonical(spelling)
        if flag in self.by_flag:
            return self.by_flag[flag]
        base, dot, _ = flag.partition(".")
        if dot:
            # vLLM gathers --compilation-config.level 3 into the JSON of --compilation-config.
            known = self.by_flag.get(base)
            return Argument(known.flags, 1, "", (), 0, 0) if known and known.values != 0 else None
        if flag.startswith("--"):
            near = {self.by_flag[known] for known in self.by_flag if known.startswith(flag)}
            return near.pop() if len(near) == 1 else None
        return self.by_flag.get("-O") if re.fullmatch(r"-O\d", flag) else None

    def nearest(self, spelling: str) -> str | None:
        """The known flag that resembles an unknown one most."""
        found = difflib.get_close_matches(canonical(spelling), list(self.by_flag), n=1, cutoff=0.75)
        return found[0] if found else None


@functools.cache
def _data() -> dict[str, Any]:
    text = Path(__file__).with_name("arguments.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def versions() -> list[str]:
    """Versions of vLLM that the data knows, oldest first."""
    return [str(version) for version in _data()["versions"]]


@functools.cache
def arguments() -> tuple[Argument, ...]:
    """Every form of every flag."""
    return tuple(
        Argument(
            tuple(entry["flags"]), entry.get("values", 1), entry.get("type", ""), tuple(entry.get("choices", ())),
            *entry["versions"],
        )
        for entry in _data()["arguments"]
    )  # fmt: skip


@functools.cache
def table(version: str | None) -> Table:
    """The table that fits a version best: the newest not newer than it, the newest of all for None."""
    known = [_parse(item) for item in versions()]
    if version is None:
        return Table(len(known) - 1, exact=False)
    wanted = _parse(version)
    fitting = [index for index, item in enumerate(known) if item <= wanted]
    return Table(fitting[-1] if fitting else 0, exact=bool(fitting) and known[fitting[-1]][:2] == wanted[:2])


def history(spelling: str) -> tuple[str, str] | None:
    """First and last version of the data that know a flag; None when none does."""
    found = [argument for argument in arguments() if canonical(spelling) in argument.flags]
    if not found:
        return None
    return versions()[min(item.first for item in found)], versions()[max(item.last for item in found)]


def older(version: str | None) -> bool:
    """Whether a version is older than the data."""
    return version is not None and _parse(version) < _parse(versions()[0])


def canonical(spelling: str) -> str:
    """A flag with dashes for underscores, as vLLM reads it (before a dot)."""
    if not spelling.startswith("--"):
        return spelling
    base, dot, rest = spelling.partition(".")
    return base.replace("_", "-") + dot + rest


def _parse(version: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


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
