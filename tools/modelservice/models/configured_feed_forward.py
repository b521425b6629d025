"""What works on each token alone in a layer, by the configuration of a model: a dense network or experts."""

from __future__ import annotations

from modelservice.facts.model_shapes import ModelFamily
from modelservice.models.fields import Fields
from modelservice.models.layers import Dense, Experts, FeedForward

_EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")
_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk", "moe_top_k")


def feed_forward(fields: Fields, family: ModelFamily, number: int) -> FeedForward | None:
    """Return the feed-forward part of a layer; None where its size is not known.

    Args:
        fields: the configuration.
        family: its family.
        number: number of the layer; -1 for one that has no experts for certain.
    """
    count = fields.number(*_EXPERTS) or 0
    if count and number >= 0 and _is_sparse(fields, number):
        inner = fields.number("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
        return _experts(fields, family, count, inner) if inner else None
    inner = fields.number("intermediate_size_mlp", "dense_intermediate_size", "intermediate_size")
    return Dense(inner, gated=family.gated, bias=fields.flag("mlp_bias")) if inner else None


def _experts(fields: Fields, family: ModelFamily, count: int, inner: int) -> Experts:
    beside = fields.flag("enable_moe_block")
    return Experts(
        count=count,
        per_token=fields.number(*_PER_TOKEN) or 0,
        intermediate=inner,
        shared=inner if family.shared_as_expert else _shared(fields, inner),
        shared_gate=family.shared_gate,
        latent=fields.number("moe_latent_size", "routed_expert_hidden_size") or 0,
        dense=(fields.number("intermediate_size") or 0) if beside else 0,
        gated=family.gated,
        bias=family.expert_bias,
    )


def _shared(fields: Fields, inner: int) -> int:
    """Inner elements of all shared experts."""
    if own := fields.number("shared_expert_intermediate_size", "share_expert_dim"):
        return own
    shared = fields.number("n_shared_experts", "num_shared_experts") or 0
    return shared * (fields.number("moe_shared_expert_intermediate_size", "shared_intermediate_size") or inner)


def _is_sparse(fields: Fields, number: int) -> bool:
    """Whether a layer of a model with experts has them."""
    if kinds := fields.items("mlp_layer_types"):
        return number < len(kinds) and kinds[number] == "sparse"
    if (listed := fields.text.get("moe_layers_enum")) and isinstance(listed, str):
        return str(number) in listed.replace(" ", "").split(",")
    if chosen := fields.items("moe_layer_freq", int):
        return number < len(chosen) and bool(chosen[number])
    if number in fields.items("mlp_only_layers", int):
        return False
    if step := fields.number("decoder_sparse_step", "interleave_moe_layer_step"):
        return (number + 1) % step == 0
    every = fields.number("moe_layer_freq") or 1
    return number >= (fields.number("first_k_dense_replace") or 0) and number % every == 0
