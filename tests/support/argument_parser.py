"""Real :mod:`argparse` parsers of engines' arguments: the measure of the one that the tool has."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from modelservice.engines.arguments import table
from modelservice.engines.version import Version


@dataclass(frozen=True)
class Parsed:
    """What a parser makes of a command line.

    Args:
        model: the positional argument.
        flags: canonical name and values of each flag, in their order.
        rest: words that belong to nothing.
    """

    model: str | None
    flags: tuple[tuple[str, tuple[str, ...]], ...]
    rest: tuple[str, ...]


class _Seen(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        given = values if isinstance(values, list) else [] if values is None else [values]
        namespace.flags.append((self.dest, tuple(given)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


@functools.cache
def vllm_parser(version: Version | None) -> argparse.ArgumentParser:
    """A parser with the arguments of `vllm serve` in a version."""
    parser = _Parser(add_help=False)
    parser.add_argument("model_tag", nargs="?")
    for argument in dict.fromkeys(table(version).by_flag.values()):
        nargs = {1: None}.get(argument.arity, argument.arity)  # type: ignore[arg-type]
        parser.add_argument(*argument.flags, dest=argument.name, nargs=nargs, action=_Seen)
        for negation in argument.negations:
            parser.add_argument(negation, dest=negation.removeprefix("--"), nargs=0, action=_Seen)
    return parser


def parsed(words: Sequence[str], version: Version | None = None) -> Parsed | None:
    """What the real parser makes of the arguments of `vllm serve`; None where it rejects them.

    Underscores become dashes first, as vLLM's own subclass has it
    (https://github.com/vllm-project/vllm/blob/main/vllm/utils/argparse_utils.py).
    """
    end = list(words).index("--") if "--" in words else len(words)
    dashed = [re.sub(r"^--[^.=]*", lambda match: match[0].replace("_", "-"), word) for word in words[:end]]
    dashed += words[end:]
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            found, rest = vllm_parser(version).parse_known_args(dashed, argparse.Namespace(flags=[]))
        except ValueError:
            return None
    return Parsed(found.model_tag, tuple(found.flags), tuple(rest))
