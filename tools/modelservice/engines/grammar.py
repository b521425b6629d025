"""How an engine reads the words of its command line: which of them are flags, and how many values follow."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from modelservice import facts
from modelservice.engines.arguments import Argument, Arity, arguments, canonical, table
from modelservice.engines.version import Version

_SGLANG = Path(__file__).parents[1] / "facts" / "engines" / "arguments" / "sglang.json"


class Flag(NamedTuple):
    """A flag as a word has it."""

    name: str
    """Canonical long name without dashes."""
    spelling: str
    """The flag with its dashes, without a value."""
    arity: Arity
    value: str | None = None
    """The value in the same word: ``--port=8000``, ``-O3``."""


class Grammar:
    """The flags of an engine, read as :mod:`argparse` reads them.

    Args:
        flags: the flags of this version by each of their spellings.
        others: those of other versions, whose number of values is known all the same.
        abbreviates: whether the beginning of a flag stands for it, and a value may follow a letter in the same word.
    """

    def __init__(self, flags: Mapping[str, Flag], others: Mapping[str, Flag], abbreviates: bool) -> None:
        self.flags = flags
        self.others = others
        self.abbreviates = abbreviates

    def flag(self, word: str) -> Flag | None:
        """Return the flag that a word is; None for a value or a positional argument.

        https://docs.python.org/3/library/argparse.html#arguments-containing
        """
        if not word.startswith("-") or word == "-":
            return None
        spelling, equals, value = word.partition("=")
        if found := self._find(spelling):
            return found._replace(spelling=spelling, value=value if equals else None)
        if self.abbreviates and (letter := self.flags.get(word[:2])) and letter.arity != 0:
            return letter._replace(spelling=word[:2], value=word[2:])
        if re.fullmatch(r"-(\d+|\d*\.\d+)", word) or " " in word:
            return None
        name = canonical(spelling).lstrip("-")
        # Only the name is known: it tells most switches; any other flag has one value.
        arity = 0 if re.match(r"(no|enable|disable)-", name) else 1
        return Flag(name, spelling, arity, value if equals else None)

    def canonical(self, name: str) -> str:
        """Return the canonical name of a flag by one of its long spellings without dashes."""
        found = self.flags.get(f"--{name}") or self.others.get(f"--{name}")
        return found.name if found else name

    def _find(self, spelling: str) -> Flag | None:
        """The flag of a spelling, abbreviated or not."""
        flag = canonical(spelling)
        if found := self.flags.get(flag) or self.others.get(flag):
            return found
        base, dot, path = flag.partition(".")
        if dot:
            # vLLM gathers --compilation-config.level 3 into the JSON of --compilation-config.
            nested = self.flags.get(base) or self.others.get(base)
            return Flag(f"{nested.name}.{path}", flag, 1) if nested and nested.arity != 0 else None
        if not self.abbreviates or not flag.startswith("--"):
            return None
        near = {self.flags[known] for known in self.flags if known.startswith(flag)}
        return near.pop() if len({found.name for found in near}) == 1 else None


@functools.cache
def grammar(engine: str | None, version: Version | None) -> Grammar:
    """Return how an engine reads its command line.

    Args:
        engine: the engine; None for an unknown program.
        version: its version; None where it is not known.
    """
    match table_of(engine):
        case "vllm" if engine == "vllm":
            return Grammar(_vllm(table(version).by_flag), _every_vllm(), abbreviates=True)
        case "vllm":
            return Grammar(_every_vllm(), {}, abbreviates=False)
        case "sglang":
            return Grammar(_sglang(), {}, abbreviates=True)
        case _:
            return Grammar(_by_facts(engine), {}, abbreviates=False)


def reads_flags(engine: str | None) -> bool:
    """Return whether the command lines of an engine can be read: by a table of its flags, or by its switches."""
    known = facts.engine(engine or "")
    return table_of(engine) is not None or bool(known and known.flags and known.flags.switches)


def _by_facts(engine: str | None) -> dict[str, Flag]:
    """The flags that the facts about an engine name: its switches, and all with several spellings."""
    known = facts.engine(engine or "")
    if known is None or known.flags is None:
        return {}
    names = {name: name for name in (*known.flags.switches, *known.flags.aliases.values())} | dict(known.flags.aliases)
    return {
        f"{dashes}{spelling}": Flag(name, f"{dashes}{spelling}", 0 if name in known.flags.switches else 1)
        for spelling, name in names.items()
        for dashes in ("-", "--")
    }


def table_of(engine: str | None) -> Literal["vllm", "sglang"] | None:
    """Return the engine whose table of arguments tells the flags of an engine; None where none does."""
    known = facts.engine(engine or "")
    like = (known.start.flags_like or known.type) if known else ""
    return "vllm" if like == "vllm" else "sglang" if like == "sglang" else None


@functools.cache
def _every_vllm() -> dict[str, Flag]:
    """The flags of all versions of vLLM, as the newest has them."""
    found = sorted(arguments(), key=lambda argument: argument.last)
    return _vllm({flag: argument for argument in found for flag in (*argument.flags, *argument.negations)})


def _vllm(by_flag: Mapping[str, Argument]) -> dict[str, Flag]:
    flags = {
        flag: Flag(flag.removeprefix("--") if flag in argument.negations else argument.name, flag, argument.arity)
        for flag, argument in by_flag.items()
    }
    if "--optimization-level" in flags:
        # vLLM reads -O3 as --optimization-level 3 before its parser sees it.
        flags["-O"] = flags["--optimization-level"]
    return flags


@functools.cache
def _sglang() -> dict[str, Flag]:
    data = json.loads(_SGLANG.read_text(encoding="utf-8"))
    return {
        flag: Flag((flag if flag.startswith("--no-") else item["flags"][0]).removeprefix("--"), flag, item["values"])
        for item in data["arguments"]
        for flag in item["flags"]
    }
