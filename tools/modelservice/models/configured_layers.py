"""What the layers of a model are, by its configuration: attention, states, latent attention, experts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from modelservice.facts.model_shapes import ModelFamily
from modelservice.models.configured_feed_forward import feed_forward
from modelservice.models.fields import ConfigurationError, Fields, MissingError
from modelservice.models.layers import Attention, Dense, LatentAttention, Layer, Mixer, State

_MOST = 10_000
"""More layers than any model has."""
_CHUNKED, _SLIDING, _LINEAR = "chunked_attention", "sliding_attention", "linear_attention"


def layers_of(fields: Fields, family: ModelFamily) -> tuple[Layer, ...]:
    """Return the layers of a model of a known family.

    Raises:
        ConfigurationError: a number is missing, or a list has not one item for each layer.
    """
    if family.layers == "nemotronH":
        return tuple(_nemotron_layer(fields, family, kind) for kind in _nemotron_kinds(fields))
    count = fields.required("num_hidden_layers", "n_layer", "num_layers")
    if count > _MOST:
        raise ConfigurationError(f"num_hidden_layers: {count} is not a number of layers")
    if family.layers == "nemotronNas":
        return tuple(_block(fields, block) for block in _per_layer(fields, "block_configs", count, Mapping))
    mixer = _MIXERS[family.layers]
    return tuple(
        Layer(mixer(fields, family, number), feed_forward(fields, family, number), norms=family.norms)
        for number in range(count)
    )


def draft_layers(fields: Fields, family: ModelFamily, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return the layers for speculative decoding: like the last one of the model, where its configuration has any."""
    count = fields.number("num_nextn_predict_layers", "mtp_num_hidden_layers", "mtp_transformer_layers") or 0
    if family.layers == "nemotronH":
        kinds = str(fields.text.get("mtp_hybrid_override_pattern") or "") or fields.items("mtp_layers_block_type")
        return tuple(_nemotron_layer(fields, family, _NEMOTRON.get(kind, kind)) for kind in kinds) * min(count, 1)
    if count > _MOST:
        raise ConfigurationError(f"{count} is not a number of layers for speculative decoding")
    attending = [layer for layer in layers if not isinstance(layer.mixer, State)]
    return tuple(attending or layers)[-1:] * count


def _per_layer(fields: Fields, name: str, count: int, kind: type = str) -> list[Any]:
    found = fields.items(name, kind)
    if len(found) < count:
        missing = f"has {len(found)} items for {count} layers" if found else "is missing"
        raise MissingError(f"{name} {missing}")
    return found


# --- attention ----------------------------------------------------------------------------------------------------


def _attention(fields: Fields, family: ModelFamily, number: int) -> Attention:
    kind = _kind(fields, family, number)
    heads = fields.required("num_attention_heads", "n_head", "num_heads")
    kv_heads = fields.number("num_key_value_heads", "num_kv_heads", "num_attention_groups") or heads
    key = fields.number("head_dim") or fields.required("hidden_size") // heads
    value = fields.number("v_head_dim") or key
    if kind == "sliding" and (swa := fields.number("swa_num_attention_heads")):  # MiMo
        heads, kv_heads = swa, fields.number("swa_num_key_value_heads") or kv_heads
        key = fields.number("swa_head_dim") or key
        value = fields.number("swa_v_head_dim") or key
    value_is_key = kind == "full" and fields.flag("attention_k_eq_v")
    if kind == "full" and (wide := fields.number("global_head_dim")):  # Gemma 4
        key = value = wide
        kv_heads = (fields.number("num_global_key_value_heads") if value_is_key else None) or kv_heads
    shared = fields.number("num_kv_shared_layers") or 0
    bias = family.bias or fields.flag("attention_bias")
    indexer = _sparse(fields, number)
    return Attention(
        kind, heads, kv_heads, key, value,
        window=_window(fields, kind),
        bias=bias,
        output_bias=fields.flag("attention_bias"),
        norm=family.norm,
        gated=fields.flag("attn_output_gate", default=family.attention_gate),
        value_is_key=value_is_key,
        sinks=family.sinks,
        indexer=(indexer.number("sparse_index_dim") or 0) if indexer else 0,
        indexer_heads=(indexer.number("sparse_num_index_heads") or 0) if indexer else 0,
        shares_cache=bool(shared) and number >= fields.required("num_hidden_layers") - shared,
    )  # fmt: skip


def _kind(fields: Fields, family: ModelFamily, number: int) -> Literal["full", "sliding", "chunked"]:
    if kinds := fields.items("layer_types"):
        kind = kinds[number] if number < len(kinds) else "full_attention"
        return "sliding" if kind == _SLIDING else "chunked" if kind == _CHUNKED else "full"
    if pattern := fields.items("hybrid_layer_pattern", int):  # MiMo
        return "sliding" if number < len(pattern) and pattern[number] == 1 else "full"
    every = fields.number("sliding_window_pattern") or family.full_every
    local: Literal["sliding", "chunked"] = "chunked" if fields.number("attention_chunk_size") else "sliding"
    if every and local == "sliding" and "sliding_window" not in fields.text:
        raise MissingError("layer_types and sliding_window are missing")
    if every:
        return "full" if (number + 1) % every == 0 or not _window(fields, local) else local
    if not fields.number("sliding_window") or family.window == "never":
        return "full"
    asked = fields.flag("use_sliding_window", default=family.window == "always")
    after = (fields.number("max_window_layers") or 0) if family.window == "asked" else 0
    return "sliding" if asked and number >= after else "full"


def _window(fields: Fields, kind: str) -> int:
    name = {"sliding": "sliding_window", "chunked": "attention_chunk_size"}.get(kind, "")
    return (fields.number(name) or 0) if name else 0


def _sparse(fields: Fields, number: int) -> Fields | None:
    """Settings of sparse attention (MiniMax M3) of a layer that has it; None for another."""
    given = fields.text.get("sparse_attention_config")
    if not isinstance(given, Mapping) or not given.get("use_sparse_attention"):
        return None
    layers = given.get("sparse_attention_freq")
    has = not isinstance(layers, list) or (number < len(layers) and layers[number])
    return Fields(given) if has else None


def _latent(fields: Fields, family: ModelFamily, number: int) -> LatentAttention:
    kinds = fields.items("indexer_types")
    return LatentAttention(
        heads=fields.required("num_attention_heads"),
        latent=fields.required("kv_lora_rank"),
        rope=fields.required("qk_rope_head_dim"),
        nope=fields.required("qk_nope_head_dim"),
        value=fields.required("v_head_dim"),
        query_latent=fields.number("q_lora_rank") or 0,
        indexer=fields.number("index_head_dim") or 0,
        indexer_heads=fields.number("index_n_heads") or 0,
        indexes=not kinds or number >= len(kinds) or kinds[number] == "full",
        gated=fields.flag("mla_use_output_gate"),
    )


# --- states -------------------------------------------------------------------------------------------------------


def _delta_net(fields: Fields, family: ModelFamily, number: int) -> Mixer:
    kinds = fields.items("layer_types")
    every = fields.number("full_attention_interval") or 4
    linear = kinds[number] == _LINEAR if number < len(kinds) else (number + 1) % every != 0
    if not linear:
        return _attention(fields, family, number)
    return State(
        "gated_delta_net",
        heads=fields.required("linear_num_value_heads"),
        head_dim=fields.required("linear_value_head_dim"),
        state=fields.required("linear_key_head_dim"),
        groups=fields.required("linear_num_key_heads"),
        kernel=fields.required("linear_conv_kernel_dim"),
        state_type=fields.text_of("mamba_ssm_dtype"),
    )


def _kimi_linear(fields: Fields, family: ModelFamily, number: int) -> Mixer:
    given = fields.text.get("linear_attn_config")
    inner = Fields(given if isinstance(given, Mapping) else {})
    if number + 1 not in inner.items("kda_layers", int):
        return _latent(fields, family, number)
    heads, head_dim = inner.required("num_heads"), inner.required("head_dim")
    return State(
        "kda",
        heads=heads,
        head_dim=head_dim,
        state=head_dim,
        groups=heads,
        kernel=inner.required("short_conv_kernel_size"),
        state_type="float32",
        full_gate=inner.flag("use_full_rank_gate"),
    )


_MIXERS: dict[str, Callable[[Fields, ModelFamily, int], Mixer]] = {
    "decoder": _attention,
    "latent": _latent,
    "deltaNet": _delta_net,
    "kimiLinear": _kimi_linear,
}


# --- Nemotron -----------------------------------------------------------------------------------------------------

_NEMOTRON = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}


def _nemotron_kinds(fields: Fields) -> list[str]:
    pattern = fields.text.get("hybrid_override_pattern")
    if not isinstance(pattern, str):
        return [str(kind) for kind in _per_layer(fields, "layers_block_type", fields.number("num_hidden_layers") or 1)]
    return [_NEMOTRON.get(letter, letter) for letter in pattern]


def _nemotron_layer(fields: Fields, family: ModelFamily, kind: str) -> Layer:
    """A layer with one part only."""
    if kind == "mamba":
        return Layer(_mamba2(fields), None, norms=family.norms)
    if kind == "attention":
        heads = fields.required("num_attention_heads")
        size = fields.number("head_dim", "attention_head_dim") or fields.required("hidden_size") // heads
        kv_heads = fields.number("num_key_value_heads") or heads
        return Layer(Attention("full", heads, kv_heads, size, size), None, norms=family.norms)
    if kind in ("moe", "mlp"):
        number = 0 if kind == "moe" else -1
        return Layer(None, feed_forward(fields, family, number), norms=family.norms)
    raise ConfigurationError(f"a layer of kind {kind!r} is not known")


def _mamba2(fields: Fields) -> State:
    return State(
        "mamba2",
        heads=fields.required("mamba_num_heads"),
        head_dim=fields.required("mamba_head_dim"),
        state=fields.required("ssm_state_size"),
        groups=fields.required("n_groups"),
        kernel=fields.required("conv_kernel"),
        state_type=fields.text_of("mamba_ssm_cache_dtype"),
    )


def _block(fields: Fields, block: Mapping[str, Any]) -> Layer:
    """A layer of a model whose layers were searched for (Nemotron NAS)."""
    attention, network = Fields(block.get("attention") or {}), Fields(block.get("ffn") or {})
    heads, hidden = fields.required("num_attention_heads"), fields.required("hidden_size")
    mixer = None
    if not attention.flag("no_op") and not attention.flag("replace_with_linear"):
        size = hidden // heads
        mixer = Attention("full", heads, heads // attention.required("n_heads_in_group"), size, size)
    inner = None
    if not network.flag("no_op"):
        # As transformers' DeciLM: two thirds of the multiple, rounded up to 256.
        inner = Dense(-(-int(2 * network.decimal("ffn_mult") * hidden / 3) // 256) * 256)
    return Layer(mixer, inner)
