"""Which inference engine an image holds, and which one a command starts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from modelservice import facts

_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_PRINTS = ("echo", "printf")


class Program(NamedTuple):
    """The words of a command that start an engine."""

    engine: str
    start: int
    """Place of the first of them; what stands before is a wrapper, such as ``exec`` or ``numactl``."""
    end: int


def engine_of_image(image: str) -> str | None:
    """Return the engine that an image holds; None for an unknown image."""
    return next((engine.type for engine in facts.engines() if re.search(engine.images.pattern, image)), None)


def find_program(words: Sequence[str]) -> Program | None:
    """Return where a command starts an engine; None where it does not."""
    names = [word.rsplit("/", 1)[-1] for word in words]
    if names and names[0] in _PRINTS:
        return None
    for start, name in enumerate(names):
        entry = _module(words, start) if _PYTHON.fullmatch(name) else start
        for program, engine in _programs().items():
            if entry is not None and tuple(names[entry : entry + len(program)]) == program:
                return Program(engine, start, entry + len(program))
    return None


@functools.cache
def _programs() -> Mapping[tuple[str, ...], str]:
    return {program: engine.type for engine in facts.engines() for program in engine.start.programs}


def _module(words: Sequence[str], python: int) -> int | None:
    """Place of the module that an interpreter runs: ``python -u -m MODULE``."""
    options = python + 1
    while options < len(words) and words[options].startswith("-") and words[options] != "-m":
        options += 1
    return options + 1 if words[options : options + 1] == ["-m"] else None
