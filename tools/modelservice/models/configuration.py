"""Reads the shape of a model from its configuration, by the rules of vLLM's ``ModelArchConfigConvertorBase``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.facts.model_shapes import ModelFamily
from modelservice.models.configured_layers import draft_layers, layers_of
from modelservice.models.fields import Fields, MissingError
from modelservice.models.layers import Attention, FeedForward, LatentAttention, Layer
from modelservice.models.quantized import quantization_of
from modelservice.models.shape import ModelShape, RopeScaling, Tower

LENGTHS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_target_positions",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)
"""Fields with a length of the context, of which the smallest holds."""
_INCLUDED = {"default", "su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling"}
"""Scalings of positions that ``max_position_embeddings`` already includes."""
_GATED_TOWERS = ("gemma4_vision", "pixtral")
_TOWERS = {"vision_config": "vision", "vision_encoder": "vision", "audio_config": "audio", "sound_config": "audio"}


def read(config: Mapping[str, Any], quantization: Mapping[str, Any] | None) -> ModelShape:
    """Return the shape that a configuration describes; see :func:`modelservice.models.shape.shape_of`."""
    fields = Fields(config)
    given = config.get("architectures") or fields.text.get("architectures")
    architectures = tuple(str(name) for name in given) if isinstance(given, list) else ()
    model_type = fields.text_of("model_type")
    family = family_of(model_type, architectures)
    layers, missing = _layers(fields, family)
    heads = fields.number("num_attention_heads", "n_head", "num_heads") or 0
    longest, default_length = _lengths(fields)
    return ModelShape(
        architectures=architectures,
        model_type=model_type or (family.types[0] if family else ""),
        hidden_size=fields.required("hidden_size", "n_embd", "d_model"),
        layers=layers,
        layer_count=len(layers) if layers else fields.required("num_hidden_layers", "n_layer", "num_layers"),
        attention_heads=heads,
        kv_heads=_kv_heads(fields, layers, heads),
        head_dim=_head_dim(fields, layers, heads),
        vocab_size=fields.number("vocab_size"),
        tied=fields.flag("tie_word_embeddings", default=family.tied) if family else None,
        longest=longest,
        default_length=default_length,
        rope=next(iter(_scalings(fields)), None),
        dtype=_dtype(fields),
        quantization=quantization_of(config, quantization),
        towers=tuple(_towers(config)),
        drafts=draft_layers(fields, family, layers) if family and layers else (),
        own_draft_embeddings=bool(family and family.own_draft_embeddings),
        is_pooling=_is_pooling(architectures[0] if architectures else ""),
        supports_pipeline=facts.supports_pipeline(architectures[0]) if architectures else None,
        unknown=_unknown(fields, architectures, layers, missing),
    )


def family_of(model_type: str, architectures: tuple[str, ...]) -> ModelFamily | None:
    """Return the family of a model; None for one that is not known."""
    families = facts.model_families().families
    by_type = (family for family in families if model_type in family.types)
    by_architecture = (family for family in families if set(architectures) & set(family.architectures))
    return next(by_type, None) or next(by_architecture, None)


def _layers(fields: Fields, family: ModelFamily | None) -> tuple[tuple[Layer, ...] | None, str]:
    """The layers, or why they are not known."""
    if family is None:
        return None, "it is not known how layers of this kind are built"
    if family.layers == "notKnown":
        return None, family.reason
    try:
        return layers_of(fields, family), ""
    except MissingError as error:
        return None, error.problems[0].message


def _unknown(
    fields: Fields, architectures: tuple[str, ...], layers: tuple[Layer, ...] | None, reason: str
) -> dict[str, str]:
    if layers is None:
        model_type = fields.text_of("model_type")
        about = f"model type {model_type}" if model_type else " ".join(architectures)
        return dict.fromkeys(("cache", "weights"), f"{about}: {reason}" if about else reason)
    missing = [] if fields.number("vocab_size") else ["vocab_size"]
    if any(layer.feed_forward is None for layer in layers) and not _attention_only(layers):
        missing.append("intermediate_size")
    return {"weights": f"its configuration without {' and '.join(missing)}"} if missing else {}


def _attention_only(layers: tuple[Layer, ...]) -> bool:
    """Whether layers without a feed-forward network are meant so: others have nothing else."""
    return any(layer.mixer is None for layer in layers) or any(
        isinstance(layer.feed_forward, FeedForward) for layer in layers
    )


def _kv_heads(fields: Fields, layers: tuple[Layer, ...] | None, heads: int) -> int:
    found = (layer.mixer.kv_heads for layer in layers or () if isinstance(layer.mixer, Attention))
    names = ("n_head_kv", "num_kv_heads", "num_key_value_heads", "multi_query_group_num", "num_attention_groups")
    return fields.number(*names) or next(found, heads)


def _head_dim(fields: Fields, layers: tuple[Layer, ...] | None, heads: int) -> int:
    latent = next((layer.mixer for layer in layers or () if isinstance(layer.mixer, LatentAttention)), None)
    if latent:
        return latent.latent + latent.rope
    given = fields.number("head_dim", "hidden_size_per_head")
    return given or (fields.required("hidden_size", "n_embd", "d_model") // heads if heads else 0)


def _lengths(fields: Fields) -> tuple[int | None, int | None]:
    """The longest context, and the one that vLLM takes without a flag."""
    found = [value for name in LENGTHS if (value := fields.number(name))]
    longest = fields.number("model_max_length") or min(found, default=None)
    if longest is None:
        return None, None
    default = longest
    for scaling in _scalings(fields):
        if scaling.type not in _INCLUDED and "gemma3" not in str(fields.root.get("model_type")):
            default = longest = int(longest * scaling.factor)
        if scaling.type == "longrope":
            original = fields.root.get("original_max_position_embeddings")
            default = original if isinstance(original, int) else default
    return longest, default


def _scalings(fields: Fields) -> Iterator[RopeScaling]:
    given = fields.text.get("rope_parameters") or fields.text.get("rope_scaling")
    if not isinstance(given, Mapping):
        return
    for item in (given, *given.values()):
        kind = item.get("rope_type", item.get("type")) if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and kind and kind not in ("default", "mrope", "proportional"):
            factor = item.get("factor")
            yield RopeScaling(str(kind), float(factor) if isinstance(factor, int | float) else 1.0)
            return


def _dtype(fields: Fields) -> str | None:
    found = fields.text_of("dtype", "torch_dtype").removeprefix("torch.")
    return found or None


def _towers(config: Mapping[str, Any]) -> Iterator[Tower]:
    for name, medium in _TOWERS.items():
        given = config.get(name)
        if isinstance(given, Mapping) and given:
            inner = Fields(given)
            yield Tower(
                medium,
                hidden_size=inner.number("vt_hidden_size", "hidden_size", "d_model") or 0,
                intermediate=inner.number("vt_intermediate_size", "intermediate_size", "encoder_ffn_dim") or 0,
                layers=inner.number("vt_num_hidden_layers", "num_hidden_layers", "depth", "encoder_layers") or 0,
                gated=str(given.get("model_type")) in _GATED_TOWERS,
            )


def _is_pooling(architecture: str) -> bool:
    known = facts.model_families().pooling
    if architecture.endswith(known.text):
        return False
    return architecture.endswith(known.pooling)
