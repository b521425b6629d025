"""Scripts of any form are read in a time that their length bounds."""

import time

import pytest

from modelservice.engines.command import EngineCommand

UNENDING = [
    "${",
    "$(",
    "$((",
    "`",
    '"',
    "${x:-",
    '"${x:-"',
    "a=(",
    "<<a ",
    "if ",
    "{ ",
    "f() { ",
    "case x in ",
    "[[ ",
    "eval ",
]
GROWING = {
    "text": 'X=aaaa;' + 'X="$X$X";' * 60,
    "unknown text": 'X="$X$Y$X";' * 60,
    "array": "X=(a b);" + "X=(${X[@]} ${X[@]});" * 60,
    "arguments": "set -- a b;" + "set -- $@ $@;" * 60,
    "one more": 'X="$X a";' * 3000,
}  # fmt: skip
LIMIT = 8
"""Seconds of processor time: the slowest takes one; what grows with a power of the length took minutes."""


@pytest.mark.parametrize("text", [*(mark * 5000 for mark in UNENDING), *GROWING.values()], ids=[*UNENDING, *GROWING])
def test_a_script_is_read_in_bounded_time(text: str) -> None:
    start = time.process_time()
    for words in ([f"vllm serve m {text}"], [f"{text} vllm serve m"]):
        EngineCommand.parse({"command": ["sh", "-c", *words]})
    assert time.process_time() - start < LIMIT
