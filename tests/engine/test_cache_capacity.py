"""Real vLLM plans the KV cache of a model with the blocks that the product says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localengine import environment
from modelservice.engines.version import Version
from modelservice.models.engine_settings import EngineSettings
from modelservice.models.rank_memory import rank_memory
from modelservice.models.shape import shape_of
from support.real_engine import OFFLINE, SCRIPTS

ROOM = 64 << 20
LENGTH = 4096
SMALL: dict[str, Any] = {
    "dtype": "bfloat16", "hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "vocab_size": 512,
    "max_position_embeddings": LENGTH, "rms_norm_eps": 1e-6, "tie_word_embeddings": False, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
MODELS: dict[str, dict[str, Any]] = {
    "full attention": {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 3, "num_key_value_heads": 2,
        "head_dim": 32,
    },
    "sliding windows": {
        "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "num_hidden_layers": 8,
        "num_key_value_heads": 2, "head_dim": 32, "sliding_window": 256, "query_pre_attn_scalar": 32,
        "hidden_activation": "gelu_pytorch_tanh",
        "layer_types": [*["sliding_attention"] * 3, "full_attention"] * 2,
        "rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE},
    },
    "latent": {
        "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "num_hidden_layers": 3,
        "num_key_value_heads": 4, "kv_lora_rank": 512, "q_lora_rank": None, "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 32, "v_head_dim": 32, "n_routed_experts": 4, "n_shared_experts": 1,
        "num_experts_per_tok": 2, "moe_intermediate_size": 64, "first_k_dense_replace": 1, "moe_layer_freq": 1,
        "topk_method": "greedy", "n_group": 1, "topk_group": 1, "routed_scaling_factor": 1.0, "norm_topk_prob": False,
        "scoring_func": "softmax",
    },
}  # fmt: skip
"""Tiny models of which only the shape matters."""


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", MODELS)
def test_the_engine_plans_the_blocks_that_are_foreseen(tmp_path: Path, name: str) -> None:
    configuration = SMALL | MODELS[name]
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    arguments = {
        "max_model_len": LENGTH,
        "max_num_seqs": 4,
        "max_num_batched_tokens": 1024,
        "kv_cache_memory_bytes": ROOM,
    }
    done = subprocess.run(
        [str(environment.python()), str(SCRIPTS / "cache_capacity.py"), str(tmp_path), json.dumps(arguments)],
        env={**os.environ, **OFFLINE}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr[-3000:]
    planned = json.loads(lines[-1])

    settings = EngineSettings(
        version=Version.parse(environment.VERSIONS["vllm"]),
        longest=LENGTH,
        batch_tokens=1024,
        cache_bytes=ROOM,
        processors=True,
    )
    found = rank_memory(shape_of(configuration), settings)
    assert found.cache and found.tokens
    assert planned == {
        "blocks": ROOM // found.cache.block_bytes,
        "tokens": found.tokens.least,
        "concurrency": found.cache.concurrency(ROOM, LENGTH),
    }
