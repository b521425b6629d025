"""Flags that mean the same in different engines. vLLM's names stand for all; the facts have the others."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from modelservice import facts
from modelservice.facts.models import Engine

_FACTS = (
    ("parallelism", "tensor"), ("parallelism", "pipeline"), ("parallelism", "data"), ("parallelism", "data_local"),
    ("parallelism", "expert"), ("groups", "nodes"), ("groups", "rank"), ("groups", "address"), ("groups", "headless"),
    ("port", "flag"), ("model", "flag"), ("model", "name"), ("shutdown", "flag"),
)  # fmt: skip
"""Facts of an engine that name a flag."""


def own_name(engine: Engine | None, name: str) -> str:
    """Return the flag by which an engine has the meaning of one of vLLM's, both without dashes; else vLLM's."""
    return _own_names(engine.type).get(name, name) if engine else name


def name_in_vllm(flag: str) -> str:
    """Return vLLM's flag with the meaning of an engine's, both without dashes; the flag itself where none is known."""
    return next(
        (name for engine in facts.engines() for name, own in _own_names(engine.type).items() if own == flag), flag
    )


@functools.cache
def _own_names(engine: str) -> Mapping[str, str]:
    known, vllm = facts.engine(engine), facts.engine("vllm")
    found = {_flag(vllm, *fact): _flag(known, *fact) for fact in _FACTS}
    return {name: own for name, own in found.items() if name and own}


def _flag(engine: Engine | None, section: str, name: str) -> str:
    """Return a flag of the facts as command lines have it: with dashes for underscores."""
    return str(getattr(getattr(engine, section, None), name, "")).replace("_", "-")
