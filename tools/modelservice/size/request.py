"""What has to be served: a model that is known, the length of requests, and how many at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from modelservice.errors import UsageError
from modelservice.models import parameters
from modelservice.models.catalogue import KnownModel, names
from modelservice.models.engine_settings import size
from modelservice.models.lookup import GIVE_CONFIG, Models
from modelservice.suggest import nearest

_MOST = 10**6
"""Requests at once that no deployment of one model has."""


@dataclass(frozen=True)
class Need:
    """What has to be served.

    Args:
        context: tokens of a request, its answer included.
        concurrent: such requests at once.
    """

    context: int
    concurrent: int

    @property
    def text(self) -> str:
        """What it is, for sentences."""
        return f"{self.concurrent} {'request' if self.concurrent == 1 else 'requests'} of {self.context} tokens"


def model(name: str, models: Models) -> KnownModel:
    """Return the model with a name.

    Raises:
        UsageError: it is not known, or not enough of it.
    """
    name = name.removeprefix("hf://")
    known = models.find(name)
    if known is None:
        raise UsageError(f"the model {name} is not known", fix=_other(name))
    shape = known.shape
    if shape.is_pooling:
        raise UsageError(
            f"{name} computes embeddings or scores, so requests do not fill a cache",
            fix="name a model that writes text",
        )
    if shape.layers is None:
        reason = shape.unknown.get("cache", "its layers are not known")
        raise UsageError(f"the KV cache of {name} is not known: {reason}", fix=f"{GIVE_CONFIG}, if that says more")
    if parameters.parts(shape) is None:
        reason = shape.unknown.get("weights", "it is not known how they are stored")
        raise UsageError(f"the weights of {name} are not known: {reason}", fix=f"{GIVE_CONFIG}, if that says more")
    return replace(known, name=name)


def need(known: KnownModel, context: str | None, concurrent: int) -> Need:
    """Return what has to be served.

    Args:
        known: the model.
        context: tokens of a request as vLLM reads them, such as ``32k``; None for the longest of the model.
        concurrent: requests at once.

    Raises:
        UsageError: a number is none, zero or too large.
    """
    if not 1 <= concurrent <= _MOST:
        raise UsageError(f"--concurrent {concurrent}: not a number of requests", fix=f"set 1 to {_MOST}")
    tokens = known.shape.default_length if context is None else size(context)
    if context is None and not tokens:
        raise UsageError(f"the longest context of {known.name} is not known", fix="set --context, e.g. 32k")
    if not tokens or tokens < 1:
        raise UsageError(
            f"--context {context}: not a number of tokens", fix="set e.g. 32768, 32k (32000) or 32K (32768)"
        )
    longest = known.shape.longest
    if longest and tokens > longest:
        raise UsageError(
            f"--context {context} is {tokens} tokens, but {known.name} takes {longest}", fix=f"set {longest} or less"
        )
    return Need(tokens, concurrent)


def repository(known: KnownModel) -> None:
    """Reject a model that engines cannot download by its name.

    Raises:
        UsageError: the name is no repository on Hugging Face.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", known.name):
        meant = f"e.g. {known.taken_as}" if known.taken_as else "OWNER/NAME"
        raise UsageError(f"{known.name} is not a repository on Hugging Face", fix=f"name the model as {meant}")


def _other(name: str) -> str:
    """What to do about an unknown model."""
    last = {known.rpartition("/")[2].lower(): known for known in names()}
    near = nearest(name, names()) or last.get(nearest(name.rpartition("/")[2].lower(), last) or "")
    return (f"did you mean {near}? Else " if near else "") + f"{GIVE_CONFIG}, or add --fetch-model-config"
