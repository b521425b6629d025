"""The tool reads command lines of engines as the engines' own parser, argparse, does."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelservice.engines.arguments import Argument, arguments, table, versions
from modelservice.engines.command import EngineCommand
from modelservice.engines.shell import Script, plain_command, statements
from modelservice.engines.version import Version
from support.argument_parser import Parsed, parsed

VALUES = ("8000", "-1", "-0.5", '{"a": 1}', "a b", "", "x=y", "-", "org/model")


def ours(words: list[str], version: Version) -> Parsed:
    """What the tool makes of arguments."""
    line = EngineCommand.parse({"image": f"vllm/vllm-openai:v{version}", "command": ["vllm", "serve"], "args": words})
    assert line.version == version
    return Parsed(
        next(iter(line.positionals), None),
        tuple((flag.name, flag.values) for flag in line.flags),
        tuple(line.positionals[1:]),
    )


def agrees(words: list[str], version: Version) -> bool:
    """Whether both read a command line alike; where argparse rejects it there is nothing to compare."""
    real = parsed(words, version)
    return real is None or any(word.startswith("--") for word in real.rest) or ours(words, version) == real


def some(argument: Argument, value: str = "8000") -> list[str]:
    """A flag with a value, if it has one."""
    return [argument.flags[0], *([] if argument.arity == 0 else [value])]


def of_each_arity(version: Version) -> list[Argument]:
    """An argument of each number of values."""
    found = {argument.arity: argument for argument in table(version).by_flag.values()}
    return list(found.values())


@pytest.mark.parametrize("version", versions(), ids=str)
def test_the_model_and_two_flags_are_read_alike_in_any_order(version: Version) -> None:
    known = of_each_arity(version)
    assert len(known) >= 4
    for first, second in itertools.product(known, known):
        for order in itertools.permutations([["m"], some(first), some(second)]):
            words = [word for part in order for word in part]
            assert agrees(words, version), words


def test_every_form_of_every_flag_is_read_alike() -> None:
    for argument in arguments():
        for flag in (*argument.flags, *argument.negations):
            for value in ([], ["8000"], ["8000", "9000"]):
                for words in (["m", flag, *value], [flag, *value, "m"], ["m", "=".join([flag, *value[:1]])]):
                    assert agrees(words, argument.first), (argument.first, words)


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[list[str], Version]:
    """Arguments of a version in any order, each in one of its spellings."""
    version = draw(st.sampled_from(versions()))
    flags = st.sampled_from(sorted(table(version).by_flag))
    words: list[str] = []
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["flag", "flag", "equals", "underscores", "shortened", "value", "value"]))
        if kind == "value":
            words.append(draw(st.sampled_from(VALUES)))
            continue
        flag = draw(flags)
        if kind == "underscores":
            flag = "--" + flag[2:].replace("-", "_") if flag.startswith("--") else flag
        elif kind == "shortened" and flag.startswith("--"):
            flag = flag[: draw(st.integers(6, max(6, len(flag))))]
        words.append(f"{flag}={draw(st.sampled_from(VALUES))}" if kind == "equals" else flag)
    if draw(st.booleans()):
        words.insert(draw(st.integers(0, len(words))), "--")
    return words, version


@given(command_lines())
def test_command_lines_are_read_alike(case: tuple[list[str], Version]) -> None:
    words, version = case
    assume(parsed(words, version) is not None)
    assert agrees(words, version), words


PIECES = (
    "vllm serve ", "A=1", "B=(x ", "B+=(", "$A", '"$@"', "${A:-", "${B[@]}", "}", "$((", "$(", ")", "(", "`", "'", '"', "\\", "\\\n",
    "\n", " ", ";", ";;", "&&", "||", "|", "&", "<<E", "<", ">", "#", "if ", "then ", "else ", "fi", "case ", " in ", "esac", "for ",
    "do ", "done", "{ ", "f() ", "function ", "eval ", "set -- ", "shift", "export ", "sh -c ", "[[ ", "1+N))", "*", "\u00a0", "\x0b",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_no_script_is_too_strange_to_be_read(text: str) -> None:
    script, variables = Script(text, ("zero", "a b")), {"A": "1 2", "N": "3", "U": None}
    for words in statements(script, variables):
        assert words
    plain = plain_command(script, variables)
    assert plain is None or all(isinstance(word, str) for word in plain)
