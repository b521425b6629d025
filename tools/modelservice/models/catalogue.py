"""The models whose configuration the tool knows, found by the names that people give them.

A checkpoint that was quantised, tuned or published again by another organisation has the shape of the model it was made
of, but nothing else is certain of it: what is found so says what it was taken for.

    >>> known = find("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic")
    >>> known.exact, known.note
    (False, 'taken as the shape of meta-llama/Llama-3.3-70B-Instruct, quantised as fp8')
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelservice import facts
from modelservice.facts.model_shapes import Completion
from modelservice.kubernetes.quantity import GIB
from modelservice.models.configuration import read
from modelservice.models.names import Variant, variants
from modelservice.models.parameters import checkpoint
from modelservice.models.quantized import named
from modelservice.models.shape import ModelShape, Quantization


@dataclass(frozen=True)
class KnownModel:
    """A model whose shape is known.

    Args:
        name: the name that was asked for.
        shape: its shape.
        source: where its configuration is from, for sentences.
        taken_as: name of the model whose shape was taken for it; empty where the configuration is its own.
        quantized: how its name says that it is quantised, where the shape was taken; empty where it says nothing.
        verified: whether each number was read for the repository that the engine loads. It was not for some models that
            no catalogue has whole, nor where a path ends with the model's name.
    """

    name: str
    shape: ModelShape
    source: str
    taken_as: str = ""
    quantized: str = ""
    verified: bool = True

    @property
    def exact(self) -> bool:
        """Whether the configuration is the model's own."""
        return not self.taken_as

    @property
    def certain(self) -> bool:
        """Whether what follows from the shape holds for the model without doubt."""
        return self.exact and self.verified

    @property
    def note(self) -> str:
        """What was taken for what, as the end of a sentence; empty for a model's own configuration."""
        if self.exact:
            return ""
        method = {"": "", "none": ", not quantised"}.get(self.quantized, f", quantised as {self.quantized}")
        return f"taken as the shape of {self.taken_as}{method}"

    @property
    def described(self) -> str:
        """The name, and what was taken for the model, for sentences."""
        return f"{self.name} ({self.note})" if self.note else self.name


def names() -> tuple[str, ...]:
    """Return the names of all models with a configuration of their own."""
    listed = (name for table in facts.CATALOGUES for name in facts.catalogue(table)["models"])
    return tuple(sorted({*listed, *(name for item in facts.completions().completions for name in item.models)}))


@functools.lru_cache(maxsize=64)
def find(name: str) -> KnownModel | None:
    """Return what is known of a model; None for one that is not known.

    Args:
        name: its repository on Hugging Face, or what ends with that: a path, a URI, a served name.
    """
    for variant in variants(name):
        for own in _index().get(variant.name, ()):
            if variant.owner and own.partition("/")[0].lower() != variant.owner:
                continue
            return _known(name, own, variant)
    return None


@functools.cache
def _index() -> Mapping[str, tuple[str, ...]]:
    """The names in the catalogues by their last part in small letters, those with whole configurations first."""
    found: dict[str, list[str]] = {}
    whole = facts.catalogue(facts.CATALOGUES[0])["models"]
    others = [name for name in names() if name not in whole]
    for name in [*whole, *others, *(item.model for item in facts.completions().same_shapes)]:
        found.setdefault(name.rpartition("/")[2].lower(), []).append(name)
    return {name: tuple(owners) for name, owners in found.items()}


def _known(name: str, own: str, variant: Variant) -> KnownModel:
    like = next((item.like for item in facts.completions().same_shapes if item.model == own), own)
    shape, source = _own_shape(like)
    if variant.owner and like == own:
        unread = any(own in item.models and own not in item.read for item in facts.completions().completions)
        return KnownModel(name, shape, source, verified=not unread and name.lower() == own.lower())
    quantization = shape.quantization
    if variant.method == "none":
        quantization = None
    elif variant.method:
        quantization = _requantized(quantization, variant.method)
    taken = replace(
        shape,
        quantization=quantization,
        file_bytes=shape.file_bytes if quantization == shape.quantization else None,
        # Tuned models are often made for other lengths.
        longest=None if variant.tuned or like != own else shape.longest,
        default_length=None if variant.tuned or like != own else shape.default_length,
    )
    return KnownModel(name, taken, source, taken_as=like, quantized=variant.method)


def _requantized(before: Quantization | None, method: str) -> Quantization | None:
    """How a checkpoint is quantised whose name tells the method: as before, where that is the same."""
    found = named(method)
    if before and found and before.form and found.form and before.form.bits == found.form.bits:
        return before
    return found


@functools.lru_cache(maxsize=64)
def _own_shape(name: str) -> tuple[ModelShape, str]:
    """The shape of a model in the catalogues, and the source of its configuration."""
    tables = {table: facts.catalogue(table) for table in facts.CATALOGUES}
    whole = tables["aiconfigurator"]["models"].get(name)
    listed = tables["kaito"]["models"].get(name, {})
    size = listed.get("file_gib")
    if whole is not None:
        shape, source = read(whole, None), f"AIConfigurator {tables['aiconfigurator']['version']}"
    else:
        shape = _completed(name, listed)
        source = f"KAITO {tables['kaito']['version'][:8]}" if listed else "its config.json"
    # The files of a repository may hold the weights twice, so what they take counts only where nothing else is known.
    if size and checkpoint(shape) is None:
        shape = replace(shape, file_bytes=round(size * GIB))
    return shape, source


def _completed(name: str, listed: Mapping[str, Any]) -> ModelShape:
    """The shape of a model of a catalogue that leaves numbers out."""
    completion = next((item for item in facts.completions().completions if name in item.models), None)
    config = dict(_merged(listed, completion))
    quantization = config.pop("quantization", None)
    shape = read(config, None)
    if completion is None:
        reason = dict.fromkeys(("cache", "weights"), "the catalogue has only some numbers of its configuration")
        shape = replace(shape, layers=None, drafts=(), unknown=reason)
    if quantization and not shape.quantization:
        shape = replace(shape, quantization=named(quantization))
    return shape


def _merged(listed: Mapping[str, Any], completion: Completion | None) -> Iterator[tuple[str, Any]]:
    given = {name: value for name, value in listed.items() if name != "file_gib"}
    if completion and completion.like:
        base = dict(facts.catalogue("aiconfigurator")["models"][completion.like])
        if not completion.quantized_alike:
            base.pop("quantization_config", None)
        yield from base.items()
        # What the catalogue calls head_dim is the latent one for some models.
        given = {name: given[name] for name in ("architectures", "max_position_embeddings", "quantization")
                 if name in given}  # fmt: skip
    yield from given.items()
    if completion:
        yield from completion.numbers.items()
