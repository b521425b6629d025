"""The weights of one layer: how many parameters, what they are called, and how ranks share them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelservice.models.layers import Attention, Dense, Experts, LatentAttention, Layer, State

Share = Literal["tensor", "keys", "experts", "whole"]
"""How ranks of a stage share weights: by tensor parallelism; like heads of keys and values, of which each rank has at
least one; as experts, over data parallel ranks too; or not at all."""

Part = Literal["mixer", "dense", "shared", "experts"]
"""What a layer consists of: attention, and a dense feed-forward network, or shared and routed experts."""

_ATTENTION = ("self_attn.{}", "mixer.{}")
_STATE = ("linear_attn.{}", "mixer.{}", "self_attn.{}")
_DENSE = ("mlp.{}", "mixer.{}", "feed_forward.{}")
_ROUTED = ("mlp.experts.0.{}", "mixer.experts.0.{}", "block_sparse_moe.experts.0.{}", "mlp.experts",
           "feed_forward.experts.0.{}", "moe.experts.0.{}")  # fmt: skip
_BESIDE = ("experts.0.{}", "experts")
"""Experts next to a dense network, which has the name ``mlp`` then."""
_SHARED = ("mlp.shared_experts.{}", "mlp.shared_expert.{}", "mixer.shared_experts.{}",
           "block_sparse_moe.shared_experts.{}", "feed_forward.shared_expert.{}")  # fmt: skip


@dataclass(frozen=True)
class Weight:
    """One matrix, or several that are shared and stored alike.

    Args:
        name: the component it belongs to.
        count: number of parameters.
        modules: names below ``layers.N.`` by which configurations of quantisation call it; empty for what is never
            quantised.
        share: how ranks share it.
        pieces: heads of keys and values, or experts, that cannot be divided.
    """

    name: str
    count: int
    modules: tuple[str, ...] = ()
    share: Share = "tensor"
    pieces: int = 0


@functools.lru_cache(maxsize=512)
def layer_weights(layer: Layer, hidden: int) -> tuple[Weight, ...]:
    """Return the weights of a layer of a model with this hidden size."""
    return tuple(weight for weight in _weights(layer, hidden) if weight.count)


def down_projection(layer: Layer, part: Part) -> tuple[str, ...]:
    """Return the names below ``layers.N.`` of the matrix whose input the ranks share: the last one of a part."""
    if part == "mixer":
        return _modules(_ATTENTION, "o_proj")
    if part == "dense":
        return _modules(_DENSE, "down_proj")
    if part == "shared":
        return _modules(_SHARED, "down_proj")
    beside = isinstance(layer.feed_forward, Experts) and layer.feed_forward.dense
    return _modules(_BESIDE if beside else _ROUTED, "down_proj")


def _weights(layer: Layer, hidden: int) -> Iterator[Weight]:
    if isinstance(layer.mixer, Attention):
        yield from _attention(layer.mixer, hidden)
    elif isinstance(layer.mixer, LatentAttention):
        yield from _latent(layer.mixer, hidden)
    elif layer.mixer is not None:
        yield from _state(layer.mixer, hidden)
    if isinstance(layer.feed_forward, Dense):
        yield from _dense(layer.feed_forward, hidden)
    elif isinstance(layer.feed_forward, Experts):
        yield from _experts(layer.feed_forward, hidden)
    yield Weight("norms", layer.norms * hidden, share="whole")


def _modules(places: tuple[str, ...], *names: str) -> tuple[str, ...]:
    return tuple(place.format(name) for place in places for name in names)


def _attention(layer: Attention, hidden: int) -> Iterator[Weight]:
    queries = layer.heads * layer.key * (2 if layer.gated else 1)
    yield Weight("attention", hidden * queries, _modules(_ATTENTION, "q_proj"))
    yield Weight("attention", layer.heads * layer.value * hidden, _modules(_ATTENTION, "o_proj"))
    keys, values = layer.kv_heads * layer.key, layer.kv_heads * layer.value
    if not layer.shares_cache:
        both = keys + (0 if layer.value_is_key else values)
        yield Weight("attention", hidden * both, _modules(_ATTENTION, "k_proj"), "keys", layer.kv_heads)
        yield Weight("attention", (keys + values) * layer.bias, (), "keys", layer.kv_heads)
    yield Weight("attention", queries * layer.bias + layer.heads * layer.sinks)
    yield Weight("attention", hidden * layer.output_bias, share="whole")
    norms = {"": 0, "head": 2 * layer.key, "all": queries + keys}[layer.norm]
    yield Weight("norms", norms, share="whole")
    indexer = hidden * layer.indexer * (layer.indexer_heads + 1) + 2 * layer.indexer
    yield Weight("attention", indexer if layer.indexer else 0, _modules(_ATTENTION, "indexer.wk"), "whole")


def _latent(layer: LatentAttention, hidden: int) -> Iterator[Weight]:
    queries = layer.heads * (layer.nope + layer.rope)
    name = "attention"
    if layer.query_latent:
        yield Weight(name, hidden * layer.query_latent, _modules(_ATTENTION, "q_a_proj"), "whole")
        yield Weight(name, layer.query_latent * queries, _modules(_ATTENTION, "q_b_proj"))
    else:
        yield Weight(name, hidden * queries, _modules(_ATTENTION, "q_proj"))
    latent = hidden * (layer.latent + layer.rope)
    yield Weight(name, latent, _modules(_ATTENTION, "kv_a_proj_with_mqa"), "whole")
    yield Weight(name, layer.latent * layer.heads * (layer.nope + layer.value), _modules(_ATTENTION, "kv_b_proj"))
    yield Weight(name, layer.heads * layer.value * hidden, _modules(_ATTENTION, "o_proj"))
    if layer.gated:
        yield Weight(name, hidden * layer.heads * layer.value, _modules(_ATTENTION, "g_proj"))
    yield Weight("norms", layer.query_latent + layer.latent, share="whole")
    if layer.indexer and layer.indexes:
        queries = (layer.query_latent or hidden) * layer.indexer_heads * layer.indexer
        yield Weight(name, queries + hidden * layer.indexer, _modules(_ATTENTION, "indexer.wq_b"), "whole")
        yield Weight(name, hidden * layer.indexer_heads + 2 * layer.indexer, share="whole")


def _state(layer: State, hidden: int) -> Iterator[Weight]:
    inner, further = layer.heads * layer.head_dim, 2 * layer.groups * layer.state
    channels = inner + further
    heads, small = layer.heads, 0
    if layer.family == "mamba2":
        inputs = hidden * (inner + channels + heads)
        small = channels * (layer.kernel + 1) + 3 * heads + inner
    elif layer.family == "gated_delta_net":
        inputs = hidden * (channels + inner)
        small = hidden * 2 * heads + channels * layer.kernel + 2 * heads + layer.head_dim
    else:
        gate = hidden * inner if layer.full_gate else (hidden + inner) * layer.head_dim
        inputs = hidden * channels + gate + (hidden + inner) * layer.head_dim
        small = hidden * heads + channels * layer.kernel + heads + inner + layer.head_dim
    yield Weight("state", inputs, _modules(_STATE, "in_proj", "in_proj_qkvz", "in_proj_qkv"))
    yield Weight("state", inner * hidden, _modules(_STATE, "out_proj"))
    yield Weight("state", small)


def _dense(layer: Dense, hidden: int) -> Iterator[Weight]:
    matrices = 3 if layer.gated else 2
    names = ("gate_proj", "up_proj", "down_proj") if layer.gated else ("up_proj", "down_proj")
    yield Weight("MLP", matrices * hidden * layer.intermediate, _modules(_DENSE, *names))
    yield Weight("MLP", ((matrices - 1) * layer.intermediate + hidden) * layer.bias)


def _experts(layer: Experts, hidden: int) -> Iterator[Weight]:
    matrices = 3 if layer.gated else 2
    names = ("gate_proj", "up_proj", "down_proj", "w1")
    width = layer.latent or hidden
    routed = layer.count * matrices * width * layer.intermediate
    places = _BESIDE if layer.dense else _ROUTED
    yield Weight("experts", routed, _modules(places, *names), "experts", layer.count)
    biases = layer.count * ((matrices - 1) * layer.intermediate + width) * layer.bias
    yield Weight("experts", biases, (), "experts", layer.count)
    yield Weight("router", hidden * layer.count + layer.count * layer.bias, share="whole")
    latent = _modules(("mixer.{}", "mlp.{}"), "fc1_latent_proj")
    yield Weight("experts", 2 * hidden * layer.latent, latent, "whole")
    yield Weight("shared experts", matrices * hidden * layer.shared, _modules(_SHARED, *names))
    yield Weight("shared experts", hidden * bool(layer.shared and layer.shared_gate), share="whole")
    yield Weight("MLP", matrices * hidden * layer.dense, _modules(_DENSE, *names))
