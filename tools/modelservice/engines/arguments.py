"""The arguments of `vllm serve`: which flags a version has, and what they take."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from modelservice.engines.version import Version

Arity = int | str
"""Number of values as :mod:`argparse` has it: 0, 1, ``?``, ``*`` or ``+``."""

_FACTS = Path(__file__).parents[1] / "facts" / "engines" / "arguments"


@dataclass(frozen=True, eq=False)
class Argument:
    """One form of a flag."""

    flags: tuple[str, ...]
    """Its spellings, the canonical one first."""
    negations: tuple[str, ...]
    """Spellings that turn a switch off, ``--no-enable-lora``."""
    arity: Arity
    type: str
    """``int``, ``float``, ``size`` (``8k``), ``json`` or empty for text."""
    choices: tuple[str, ...]
    default: Any
    """The parser's default; None where there is none or where vLLM derives it."""
    deprecated: bool
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
        if self.type and value == "None":
            return None  # vLLM's word for no value
        if self.choices and value not in self.choices:
            return f"{value!r} is not one of {', '.join(self.choices)}"
        if not _READERS[self.type](value):
            return f"{value!r} is not {_WORDS[self.type]}"
        return None

    def rejection(self, values: Sequence[str]) -> str | None:
        """Return why the flag does not take these values, of which there may be none; None when it does."""
        if self.arity == 0 and values:
            return f"takes no value, but {values[0]!r} follows"
        if self.arity in (1, "+") and not values:
            return "needs a value"
        if self.arity in ("+", "*"):
            script = next((value for value in values if re.search(r"^[^{\[]*\s--[a-z]", value)), None)
            if script:
                return f"takes the word {script[:40]!r} as one of its values, and that has flags of its own"
        return next((text for value in values if (text := self.refusal(value))), None)


class Table:
    """The arguments of one version.

    Args:
        wanted: a version of vLLM; None for the newest known.

    Attributes:
        version: the known version whose arguments these are: the newest that is not newer than the one wanted.
        exact: whether that is the version wanted. A flag that is not here is certain to be unknown only then.
        older: whether the version wanted is older than all known ones.
        newer: whether it is newer than all known ones.
        by_flag: the arguments by each of their flags, ``--port``, ``--no-enable-lora``.
    """

    def __init__(self, wanted: Version | None) -> None:
        known = versions()
        fitting = [version for version in known if wanted is None or version <= wanted]
        self.version = fitting[-1] if fitting else known[0]
        self.exact = wanted == self.version
        self.older = wanted is not None and wanted < known[0]
        self.newer = wanted is not None and wanted > known[-1]
        self.by_flag: Mapping[str, Argument] = {
            flag: argument
            for argument in arguments()
            if argument.first <= self.version <= argument.last
            for flag in (*argument.flags, *argument.negations)
        }

    def find(self, spelling: str) -> Argument | None:
        """Return the argument of a flag as written, abbreviated as :mod:`argparse` allows; None for an unknown one."""
        flag = canonical(spelling)
        if flag in self.by_flag:
            return self.by_flag[flag]
        base, dot, _ = flag.partition(".")
        if dot:
            # vLLM gathers --compilation-config.level 3 into the JSON of --compilation-config.
            known = self.by_flag.get(base)
            return replace(known, arity=1, type="", choices=()) if known and known.arity != 0 else None
        if flag.startswith("--"):
            near = {self.by_flag[known] for known in self.by_flag if known.startswith(flag)}
            return near.pop() if len(near) == 1 else None
        if flag.startswith("-O"):
            # -O3 is rewritten to --optimization-level 3 where that exists.
            level = self.by_flag.get("--optimization-level", self.by_flag.get("-O"))
            return replace(level, arity=1 if flag == "-O" else 0) if level else None
        attached = re.fullmatch(r"(-[A-Za-z])\d+", flag)
        short = self.by_flag.get(attached[1]) if attached else None
        return replace(short, arity=0) if short else None

    def nearest(self, spelling: str) -> str | None:
        """Return the known flag that resembles an unknown one most."""
        found = difflib.get_close_matches(canonical(spelling), list(self.by_flag), n=1, cutoff=0.75)
        return found[0] if found else None


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((_FACTS / "vllm.json").read_text(encoding="utf-8"))
    return data


@functools.cache
def versions() -> tuple[Version, ...]:
    """Return the versions of vLLM whose arguments are known, oldest first."""
    found = (Version.parse(version) for version in _data()["wheels"])
    return tuple(version for version in found if version)


@functools.cache
def arguments() -> tuple[Argument, ...]:
    """Return every form of every argument, by name and then by version."""
    known = versions()
    return tuple(
        Argument(
            flags=tuple(entry["flags"]),
            negations=tuple(entry.get("negations", ())),
            arity=entry.get("arity", 1),
            type=entry.get("type", ""),
            choices=tuple(entry.get("choices", ())),
            default=entry.get("default"),
            deprecated=entry.get("deprecated", False),
            first=Version.parse(entry.get("since", "")) or known[0],
            last=Version.parse(entry.get("until", "")) or known[-1],
        )
        for entry in _data()["arguments"]
    )


@functools.cache
def table(version: Version | None) -> Table:
    """Return the table that fits a version best: the newest not newer than it, the newest of all for None."""
    return Table(version)


def history(spelling: str) -> tuple[tuple[Version, Version], ...]:
    """Return the runs of known versions that have a flag, oldest first, each by its first and last version."""
    having, known = _having().get(canonical(spelling), ()), versions()
    starts = [version for version in having if version == known[0] or known[known.index(version) - 1] not in having]
    ends = [version for version in having if version == known[-1] or known[known.index(version) + 1] not in having]
    return tuple(zip(starts, ends, strict=True))


@functools.cache
def _having() -> Mapping[str, tuple[Version, ...]]:
    """Return the known versions that have each flag, oldest first."""
    found: dict[str, set[Version]] = {}
    for argument in arguments():
        of_this_form = {version for version in versions() if argument.first <= version <= argument.last}
        for flag in (*argument.flags, *argument.negations):
            found.setdefault(flag, set()).update(of_this_form)
    return {flag: tuple(sorted(having)) for flag, having in found.items()}


def removed(spelling: str) -> Version | None:
    """Return the last version that had a flag, for one that went away before the first known version."""
    version = _data()["removed"].get(canonical(spelling))
    return Version.parse(version) if version else None


def replacement(spelling: str) -> str | None:
    """Return what to do instead of a flag that newer versions lack; None where that is not known."""
    return _replacements().get(canonical(spelling).lstrip("-"))


def help_of(flag: str) -> str:
    """Return the first sentence of vLLM's help of a flag by its canonical spelling; empty where it has none."""
    return _help().get(flag, "")


@functools.cache
def _help() -> Mapping[str, str]:
    found: dict[str, str] = json.loads((_FACTS / "vllm-help.json").read_text(encoding="utf-8"))["flags"]
    return found


@functools.cache
def _replacements() -> Mapping[str, str]:
    with (_FACTS / "vllm-replacements.yaml").open(encoding="utf-8") as file:
        found = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return {flag: entry["instead"] for entry in found for flag in entry["flags"]}


@functools.cache
def aliases(version: Version | None = None) -> Mapping[str, str]:
    """Return the canonical name, without dashes, of every other spelling of an argument, such as ``-tp``.

    Args:
        version: a version of vLLM; None for all versions together, of which the newest decides.
    """
    return {flag: argument.name for argument in _arguments(version) for flag in argument.flags[1:]}


@functools.cache
def negations(version: Version | None = None) -> Mapping[str, str]:
    """Return the canonical name, without dashes, of the switch that a spelling turns off, ``--no-enable-lora``.

    Args:
        version: as for :func:`aliases`.
    """
    return {flag: argument.name for argument in _arguments(version) for flag in argument.negations}


def arity(name: str, version: Version | None = None) -> Arity | None:
    """Return how many values an argument takes; None for an unknown one.

    Args:
        name: a canonical name without dashes, or a flag as it is written.
        version: a version of vLLM; None for the newest that has the argument.
    """
    flag = canonical(name if name.startswith("-") else f"--{name}")
    found = [item for item in _arguments(version) if flag in item.flags or flag in item.negations]
    return found[-1].arity if found else None


def canonical(spelling: str) -> str:
    """Return a flag with dashes for underscores, as vLLM reads it (before a dot)."""
    if not spelling.startswith("--"):
        return spelling
    base, dot, rest = spelling.partition(".")
    return base.replace("_", "-") + dot + rest


def _arguments(version: Version | None) -> list[Argument]:
    """Return the arguments of a version; of all versions the oldest form first."""
    if version is None:
        return sorted(arguments(), key=lambda argument: argument.last)
    return list(dict.fromkeys(table(version).by_flag.values()))


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
_WORDS = {"int": "an integer", "float": "a number", "size": "a size such as 8192 or 8k", "json": "JSON"}
