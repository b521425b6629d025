"""Shape of the facts on the configurations of models; see :mod:`modelservice.facts.models`."""

from collections.abc import Mapping
from typing import Any, Literal

from modelservice.facts.models import NONE, Record, Source


class ModelFamily(Record):
    """Models whose configurations are read alike: what their classes take where a configuration says nothing."""

    source: Source
    types: tuple[str, ...]
    """``model_type`` of the language model."""
    architectures: tuple[str, ...] = ()
    """Architectures by which a configuration without ``model_type`` is recognised."""
    layers: Literal["decoder", "latent", "deltaNet", "nemotronH", "nemotronNas", "kimiLinear", "notKnown"] = "decoder"
    """How the kinds of its layers are found."""
    reason: str = ""
    """Why they are not known."""
    tied: bool = False
    """Output layer and embeddings are one matrix unless the configuration says otherwise."""
    bias: bool = False
    """Queries, keys and values have biases whatever the configuration says."""
    norm: Literal["", "head", "all"] = ""
    """Norm of queries and keys."""
    norms: int = 2
    """Norms of a layer besides those."""
    gated: bool = True
    """Feed-forward networks have three matrices."""
    attention_gate: bool = False
    """Queries have a gate unless the configuration says otherwise."""
    sinks: bool = False
    """Every head has a sink."""
    expert_bias: bool = False
    """Experts and router have biases."""
    shared_gate: bool = False
    """The shared expert has a gate."""
    shared_as_expert: bool = False
    """A shared expert as large as a routed one, which the configuration does not mention."""
    window: Literal["always", "asked", "never"] = "always"
    """Whether ``sliding_window`` holds without ``layer_types``: asked for with ``use_sliding_window``."""
    full_every: int = 0
    """Every so many layers one has full attention and the others a window, where the configuration does not say."""
    own_draft_embeddings: bool = False
    """Draft layers in the checkpoint have embeddings and an output layer of their own."""


class ModelFamilies(Record):
    """All families, and what holds for architectures."""

    families: tuple[ModelFamily, ...]
    pooling: "PoolingSuffixes"


class PoolingSuffixes(Record):
    """Ends of names of architectures that tell what a model computes; the first that matches decides."""

    source: Source
    text: tuple[str, ...]
    pooling: tuple[str, ...]


class Completion(Record):
    """Numbers of configurations that a catalogue leaves out, or of models that none has."""

    source: Source
    models: tuple[str, ...]
    """Names of models; all have the same numbers."""
    numbers: Mapping[str, Any] = NONE
    """By the key of ``config.json``."""
    like: str = ""
    """Name of a model in another catalogue with the same numbers."""
    quantized_alike: bool = False
    """It is quantised as that one too."""
    read: Mapping[str, Source] = NONE
    """Where the numbers were read, for the models of which they were."""


class SameShape(Record):
    """A model that no catalogue has, with the shape of one that does."""

    source: Source
    model: str
    like: str


class Completions(Record):
    """All completions."""

    about: str
    completions: tuple[Completion, ...]
    same_shapes: tuple[SameShape, ...]
