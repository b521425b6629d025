"""The shape of a model: what its configuration says, as vLLM reads it.

    >>> shape = shape_of(json.loads(Path("config.json").read_text()))
    >>> shape.attention_heads, shape.longest, len(shape.layers)

What a configuration does not say, or what is not known of an architecture, is None, and :attr:`ModelShape.unknown` says
why. Nothing is taken for granted that the configuration's own class would not have as default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice.models.layers import Attention, Experts, LatentAttention, Layer


@dataclass(frozen=True)
class NumberFormat:
    """How quantised weights are stored.

    Args:
        bits: bits of an element.
        group: elements that share a scale; 0 for one scale for a whole row or matrix, which does not count.
        scale_bits: bits of a group's scale, and of its zero point where it has one.
    """

    bits: float
    group: int = 0
    scale_bits: float = 0

    @property
    def bytes(self) -> float:
        """Bytes of an element with its share of the scale."""
        return (self.bits + (self.scale_bits / self.group if self.group else 0)) / 8


@dataclass(frozen=True)
class Quantization:
    """How the checkpoint is quantised (``quantization_config``, ``compression_config``, ``hf_quant_config.json``).

    Args:
        method: ``quant_method`` as vLLM names it: ``fp8``, ``awq``, ``gptq``, ``mxfp4``, ``modelopt_fp4``, …
        form: how the weights that it quantises are stored; None where that is not known.
        excluded: patterns of modules that stay in the model's type: fnmatch patterns of vLLM's module names, or
            ``re:`` and a regular expression.
        forms: stored otherwise than ``form``, by pattern of the module: the first that matches holds.
        only_experts: quantises routed experts only (gpt-oss).
        cache: value of ``--kv-cache-dtype`` that ``auto`` becomes with it; empty for the model's type.
    """

    method: str
    form: NumberFormat | None
    excluded: tuple[str, ...] = ()
    forms: tuple[tuple[str, NumberFormat], ...] = ()
    only_experts: bool = False
    cache: str = ""


@dataclass(frozen=True)
class Tower:
    """A part of the model for other media than text, e.g. a vision transformer.

    Args:
        name: ``vision`` or ``audio``.
        hidden_size: elements of a patch's vector; 0 where the configuration does not say.
        intermediate: inner elements of its feed-forward networks.
        layers: number of its layers.
        gated: its feed-forward networks have three matrices.
    """

    name: str
    hidden_size: int = 0
    intermediate: int = 0
    layers: int = 0
    gated: bool = False

    @property
    def parameters(self) -> int | None:
        """Parameters of its layers, without embeddings and projections; None where they are not known."""
        block = 4 * self.hidden_size**2 + (3 if self.gated else 2) * self.hidden_size * self.intermediate
        return self.layers * block or None


@dataclass(frozen=True)
class RopeScaling:
    """How positions are scaled beyond the length that the model was trained on.

    Args:
        type: ``rope_type``: ``yarn``, ``llama3``, ``longrope``, ``linear``, ``dynamic``, …
        factor: by what ``max_position_embeddings`` is multiplied for a type that does not already include it.
    """

    type: str
    factor: float = 1.0


@dataclass(frozen=True)
class ModelShape:
    """What is known of a model from its configuration.

    Args:
        architectures: ``architectures``, the first decides.
        model_type: ``model_type`` of the language model, e.g. ``qwen3_5_text``.
        hidden_size: elements of a token's vector.
        layers: the layers of the language model in order; None where their kinds are not known.
        layer_count: number of layers (``num_hidden_layers``).
        attention_heads: heads that the tensor parallel size must divide (``num_attention_heads``); 0 without attention.
        kv_heads: heads of keys and values in the whole model, as vLLM's ``get_total_num_kv_heads``.
        head_dim: elements of a head, as vLLM's ``get_head_size``; of a latent cache its width.
        vocab_size: tokens of the vocabulary; None where the source leaves it out.
        tied: output layer and embeddings are one matrix (``tie_word_embeddings``); None where that is not known.
        longest: longest context in tokens, above which ``--max-model-len`` is refused; None where nothing says it.
        default_length: ``--max-model-len`` that vLLM takes without the flag; less than ``longest`` for LongRoPE.
        rope: scaling of positions; None without.
        dtype: type of the weights that are not quantised, and of activations; None where nothing says it.
        quantization: how the checkpoint is quantised; None where it is not.
        towers: parts for other media than text.
        drafts: layers for speculative decoding in the checkpoint (``num_nextn_predict_layers``), which are loaded only
            with a ``--speculative-config`` that uses them.
        own_draft_embeddings: those have embeddings and an output layer of their own in the checkpoint.
        is_pooling: it computes embeddings, scores or classes, not text.
        supports_pipeline: vLLM runs the architecture with pipeline parallelism; None for one that it does not list.
        per_layer_inputs: elements of the second embedding of each layer (Gemma 3n and 4 E-models); 0 without.
        per_layer_vocab: tokens of that embedding.
        file_bytes: bytes of the files, where they were measured, or where only their size is known.
        unknown: why something is None, by ``cache`` (layers as far as they are cached) and ``weights`` (their sizes).
    """

    architectures: tuple[str, ...]
    model_type: str
    hidden_size: int
    layers: tuple[Layer, ...] | None
    layer_count: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int | None = None
    tied: bool | None = None
    longest: int | None = None
    default_length: int | None = None
    rope: RopeScaling | None = None
    dtype: str | None = None
    quantization: Quantization | None = None
    towers: tuple[Tower, ...] = ()
    drafts: tuple[Layer, ...] = ()
    own_draft_embeddings: bool = False
    is_pooling: bool = False
    supports_pipeline: bool | None = None
    per_layer_inputs: int = 0
    per_layer_vocab: int = 0
    file_bytes: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def architecture(self) -> str:
        """The architecture that decides; empty where the configuration names none."""
        return self.architectures[0] if self.architectures else ""

    @property
    def experts(self) -> Experts | None:
        """The first layer's mixture of experts; None for a dense model, and where the layers are not known."""
        found = (layer.feed_forward for layer in self.layers or ())
        return next((item for item in found if isinstance(item, Experts)), None)

    @property
    def is_latent(self) -> bool:
        """Whether the cache is latent (MLA), which tensor parallelism does not divide."""
        return any(isinstance(layer.mixer, LatentAttention) for layer in self.layers or ())

    @property
    def is_hybrid(self) -> bool:
        """Whether layers keep different things, so that the hybrid KV cache manager matters."""
        kinds = {
            layer.mixer.kind if isinstance(layer.mixer, Attention) else type(layer.mixer).__name__
            for layer in self.layers or ()
            if layer.mixer is not None
        }
        return len(kinds) > 1


def shape_of(config: Mapping[str, Any], quantization: Mapping[str, Any] | None = None) -> ModelShape:
    """Return the shape that a ``config.json`` describes.

    Args:
        config: content of ``config.json``.
        quantization: content of ``hf_quant_config.json``, where there is one.

    Raises:
        ConfigurationError: the configuration is none of a language model, or a number in it is none.
    """
    from modelservice.models.configuration import read

    return read(config, quantization)
