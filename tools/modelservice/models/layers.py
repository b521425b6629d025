"""What a layer of a model consists of: what mixes the tokens of a request, and what works on each token alone.

Numbers are those of the whole model, before ranks share them, and named as in ``config.json`` where that has one name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Attention:
    """Attention with keys and values for every token.

    Args:
        kind: ``full``; ``sliding`` or ``chunked`` where a token sees a window or its chunk only.
        heads: attention heads (``num_attention_heads``).
        kv_heads: heads of keys and values (``num_key_value_heads``).
        key: elements of a head of queries and keys (``head_dim``).
        value: elements of a head of values (``v_head_dim``, mostly ``head_dim``).
        window: tokens of the window or chunk; 0 for full attention.
        bias: biases of queries, keys and values.
        output_bias: bias of the output.
        norm: norm of queries and keys: none, for each head alike, or over all heads.
        gated: queries have a gate of the same size (``attn_output_gate``).
        value_is_key: values have no weights, but are the keys (``attention_k_eq_v``).
        sinks: a learned sink for each head.
        indexer: elements of a key that sparse attention chooses tokens by, stored beside the cache; 0 without.
        indexer_heads: heads of the queries to those keys.
        shares_cache: uses the keys and values of an earlier layer (``num_kv_shared_layers``) and has none.
    """

    kind: Literal["full", "sliding", "chunked"]
    heads: int
    kv_heads: int
    key: int
    value: int
    window: int = 0
    bias: bool = False
    output_bias: bool = False
    norm: Literal["", "head", "all"] = ""
    gated: bool = False
    value_is_key: bool = False
    sinks: bool = False
    indexer: int = 0
    indexer_heads: int = 0
    shares_cache: bool = False


@dataclass(frozen=True)
class LatentAttention:
    """Attention over one latent vector for every token (MLA), which ranks of a tensor group do not share.

    Args:
        heads: attention heads.
        latent: elements of the latent vector (``kv_lora_rank``).
        rope: elements of the positional key that all heads share (``qk_rope_head_dim``); cached beside the vector.
        nope: elements of a head's key without position (``qk_nope_head_dim``).
        value: elements of a head's value (``v_head_dim``).
        query_latent: elements of the latent query (``q_lora_rank``); 0 for queries projected directly.
        indexer: elements of the keys by which sparse attention chooses tokens (``index_head_dim``); 0 without.
        indexer_heads: heads of the queries to those keys (``index_n_heads``).
        indexes: this layer has the indexer's weights and cache, where several layers share a choice.
        gated: the output has a gate (Kimi K3).
    """

    heads: int
    latent: int
    rope: int
    nope: int
    value: int
    query_latent: int = 0
    indexer: int = 0
    indexer_heads: int = 0
    indexes: bool = True
    gated: bool = False


@dataclass(frozen=True)
class State:
    """A layer with a state whose size does not depend on the request.

    The convolution keeps ``kernel - 1`` tokens of ``heads * head_dim + 2 * groups * state`` channels (Mamba 2, gated
    delta net, KDA), or of ``heads * head_dim`` channels (Mamba 1, short convolution). The recurrent state has
    ``heads * head_dim * state`` elements; there is none with a short convolution.

    Args:
        family: what computes it, as vLLM's ``MambaStateShapeCalculator`` names it.
        heads: heads of the state (``mamba_num_heads``, ``linear_num_value_heads``).
        head_dim: elements of a head (``mamba_head_dim``, ``linear_value_head_dim``).
        state: size of the state for each of those (``ssm_state_size``, ``linear_key_head_dim``).
        groups: groups of further channels (``n_groups``, ``linear_num_key_heads``).
        kernel: tokens that the convolution sees (``conv_kernel``, ``linear_conv_kernel_dim``).
        state_type: type of the recurrent state (``mamba_ssm_cache_dtype``); empty for the model's.
        full_gate: KDA's gate is one matrix in place of two of low rank.
    """

    family: Literal["mamba1", "mamba2", "gated_delta_net", "kda", "linear_attention", "short_conv"]
    heads: int
    head_dim: int
    state: int = 0
    groups: int = 0
    kernel: int = 0
    state_type: str = ""
    full_gate: bool = False


Mixer = Attention | LatentAttention | State


@dataclass(frozen=True)
class Dense:
    """A feed-forward network that every token runs through.

    Args:
        intermediate: its inner elements (``intermediate_size``).
        gated: three matrices (SwiGLU, GeGLU) in place of two.
        bias: its matrices have biases.
    """

    intermediate: int
    gated: bool = True
    bias: bool = False


@dataclass(frozen=True)
class Experts:
    """A mixture of experts.

    Args:
        count: routed experts (``num_experts``, ``n_routed_experts``, ``num_local_experts``).
        per_token: experts that a token runs through (``num_experts_per_tok``).
        intermediate: inner elements of an expert (``moe_intermediate_size``).
        shared: inner elements of all shared experts together; 0 without.
        shared_gate: the shared expert has a gate of one output (Qwen).
        latent: elements that tokens are projected to before the routed experts (``moe_latent_size``); 0 without.
        dense: inner elements of a dense network beside the experts (Gemma 4, Llama 4 has none); 0 without.
        gated: three matrices for each expert in place of two.
        bias: experts and router have biases.
    """

    count: int
    per_token: int
    intermediate: int
    shared: int = 0
    shared_gate: bool = False
    latent: int = 0
    dense: int = 0
    gated: bool = True
    bias: bool = False


FeedForward = Dense | Experts


@dataclass(frozen=True)
class Layer:
    """A layer of the model.

    Args:
        mixer: attention or state; None for a layer without.
        feed_forward: dense network or experts; None for a layer without, or where its size is not known.
        norms: its norms over the whole hidden size.
    """

    mixer: Mixer | None
    feed_forward: FeedForward | None
    norms: int = 2
