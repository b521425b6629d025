"""Print the KV cache that vLLM plans for a model, as JSON. Runs in the environment of the engine.

``python cache_capacity.py FOLDER ARGUMENTS`` starts the engine with random weights. FOLDER has only a ``config.json``,
ARGUMENTS are those of ``vllm.LLM`` as a JSON object. The last line has ``blocks``, ``tokens`` and ``concurrency``.
"""

from __future__ import annotations

import json
import sys

from vllm import LLM


def main(folder: str, arguments: str) -> None:
    """Start the engine, and print what it planned."""
    engine = LLM(
        model=folder, skip_tokenizer_init=True, load_format="dummy", enforce_eager=True, **json.loads(arguments)
    )
    cache = engine.llm_engine.vllm_config.cache_config
    planned = {
        "blocks": cache.num_gpu_blocks,
        "tokens": cache.kv_cache_size_tokens,
        "concurrency": cache.kv_cache_max_concurrency,
    }
    print(json.dumps(planned), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
