"""Plan KV caches with vLLM's own classes, without vLLM's dependencies: runs in a process of its own.

``python vllm_kv_cache.py SOURCES.zip < CASES > RESULTS``, both JSON. The zip holds vLLM's Python files; PyTorch is a
stand-in that knows the sizes of its types. A case has the layers of a model as their configuration says them and how
the engine is told to arrange them; see :class:`Case`. A result has the bytes of a block and of a request of each
length, by pipeline stage, or ``error``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict

SIZES = {
    "float64": 8, "int64": 8, "float32": 4, "float": 4, "int32": 4, "float16": 2, "half": 2, "bfloat16": 2, "int16": 2,
    "uint8": 1, "int8": 1, "float8_e4m3fn": 1, "float8_e5m2": 1, "bool": 1,
}  # fmt: skip


HOPPER = SimpleNamespace(get_name=lambda: "FLASHMLA_SPARSE")
"""Backend of sparse attention over a latent cache on Hopper."""


class Case(TypedDict):
    """How an engine arranges the cache of a model."""

    layers: list[dict[str, Any]]
    """By layer ``kind``, ``stage`` and: ``heads``, ``head``, ``value``, ``window``, or ``width`` of a latent cache,
    ``indexer`` in bytes, ``side`` elements of a key of the model's type, or ``state`` (method of ``MambaStateShapeCalculator``), ``arguments`` and ``dtypes``."""
    tensor: int
    dtype: str
    """``--kv-cache-dtype``."""
    model_dtype: str
    hybrid: bool
    block: int
    context_parallel: int
    in_flight: int
    prefix_caching: bool
    speculative: int
    lengths: list[int]


class DType:
    """A type of PyTorch's."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.itemsize = name, size

    def __repr__(self) -> str:
        return f"torch.{self.name}"


class Vllm:
    """The modules of vLLM that plan caches."""

    def __init__(self, archive: str) -> None:
        sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "dev"))
        parser: Any = importlib.import_module("vllm_parser")
        torch = parser.Absent("torch")
        torch.dtype = DType
        torch.tensor = lambda *_, dtype: SimpleNamespace(element_size=lambda: dtype.itemsize)
        for name, size in SIZES.items():
            setattr(torch, name, DType(name, size))
        sys.modules["torch"] = torch
        with zipfile.ZipFile(archive) as sources:
            sys.meta_path.insert(0, parser.Sources(sources))
        self.torch = torch
        self.specs: Any = importlib.import_module("vllm.v1.kv_cache_interface")
        planning: Any = importlib.import_module("vllm.v1.core.kv_cache_planning")
        if isinstance(planning, parser.Absent) or not hasattr(planning, "__file__"):  # before 0.33
            planning = importlib.import_module("vllm.v1.core.kv_cache_utils")
        self.planning = planning
        mamba: Any = importlib.import_module("vllm.model_executor.layers.mamba.mamba_utils")
        self.states = mamba.MambaStateShapeCalculator
        self.latent: Any = importlib.import_module("vllm.model_executor.layers.attention.mla_attention")
        self.platform: Any = importlib.import_module("vllm.platforms.interface").Platform
        self.model_config: Any = importlib.import_module("vllm.config.model").ModelConfig
        utils: Any = importlib.import_module("vllm.utils.torch_utils")
        self.dtypes: dict[str, DType] = utils.STR_DTYPE_TO_TORCH_DTYPE
        self.backends = {
            "int4": "triton_attn.TritonAttentionBackend",
            "int8": "triton_attn.TritonAttentionBackend",
            "fp8_per": "triton_attn.TritonAttentionBackend",
            "nvfp4": "flashinfer.FlashInferBackend",
            "turboquant": "turboquant_attn.TurboQuantAttentionBackend",
        }

    def customized(self, spec: Any, dtype: str) -> Any:
        """Return a specification as the backend of a cache type packs it."""
        for prefix, path in self.backends.items():
            if dtype.startswith(prefix) and not dtype.endswith("ds_mla"):
                module, _, name = path.partition(".")
                backend: Any = getattr(importlib.import_module(f"vllm.v1.attention.backends.{module}"), name)
                return backend.customize_spec(spec)
        return spec


class Planner:
    """The plan of one case."""

    def __init__(self, vllm: Vllm, case: Case) -> None:
        self.vllm, self.case = vllm, case
        self.dtype = vllm.dtypes[case["model_dtype"] if case["dtype"] == "auto" else case["dtype"]]
        self.config = self._config()

    def _config(self) -> Any:
        case = self.case
        layout = self.vllm.specs.KVCacheLayout.LBNHC
        return SimpleNamespace(
            model_config=SimpleNamespace(max_model_len=0, original_max_model_len=0),
            parallel_config=SimpleNamespace(
                tensor_parallel_size=case["tensor"],
                decode_context_parallel_size=case["context_parallel"],
                prefill_context_parallel_size=1,
            ),
            scheduler_config=SimpleNamespace(disable_hybrid_kv_cache_manager=not case["hybrid"]),
            cache_config=SimpleNamespace(
                mamba_cache_mode="align" if case["prefix_caching"] else "none",
                cache_dtype=case["dtype"],
                block_size=case["block"],
                num_gpu_blocks_override=None,
                kv_cache_dtype_skip_layers=[],
                mamba_page_size_padded=None,
                mamba_block_size=None,
                get_resolved_kv_cache_layout=lambda: layout,
            ),
            attention_config=SimpleNamespace(hisparse_config=None),
            speculative_config=None,
            max_in_flight_tokens=case["in_flight"],
            num_prefill_lookahead_tokens=0,
            num_speculative_tokens=case["speculative"],
        )

    def result(self) -> dict[str, Any]:
        """Return the bytes of a block and of requests, by stage."""
        planning = self.vllm.planning
        specs = self._specs()
        groups = planning.get_kv_cache_groups(self.config, dict(specs))
        stages = sorted({layer["stage"] for layer in self.case["layers"]})
        return {"stages": [self._stage(groups, specs, stage) for stage in stages]}

    def _stage(self, groups: Any, specs: dict[str, Any], stage: int) -> dict[str, Any]:
        planning = self.vllm.planning
        own = {name: spec for name, spec in specs.items() if int(name.split(".")[0]) == stage}
        projected = planning._project_kv_cache_groups_to_worker(groups, own)
        block = planning._pool_bytes_per_block(self.config, projected)
        needed = []
        for length in self.case["lengths"]:
            self.config.model_config.max_model_len = length
            needed.append(self._needed(projected, block))
        return {"block": block, "requests": needed}

    def _needed(self, groups: Any, block: int) -> int:
        planning = self.vllm.planning
        if hasattr(planning, "_pool_bytes_per_block_from_builder"):
            builder = SimpleNamespace(_get_pool_bytes_per_block=lambda *_: block)
            return int(planning._max_memory_usage_bytes_from_groups(builder, self.config, groups))
        return int(planning._max_memory_usage_bytes_from_groups(self.config, groups))

    def _specs(self) -> dict[str, Any]:
        self._align()
        found: dict[str, Any] = {}
        for number, layer in enumerate(self.case["layers"]):
            name = f"{layer['stage']}.{number}"
            found[name] = getattr(self, f"_{layer['kind']}")(layer)
            if layer.get("indexer"):
                found[f"{name}.indexer"] = self._keys(layer["indexer"], self.vllm.torch.uint8)
            if layer.get("side"):
                found[f"{name}.side"] = self._keys(layer["side"], self.vllm.dtypes[self.case["model_dtype"]])
        return found

    def _keys(self, size: int, dtype: DType) -> Any:
        """Keys that sparse attention chooses tokens by."""
        return self.vllm.specs.MLAAttentionSpec(
            block_size=self.config.cache_config.block_size, num_kv_heads=1, head_size=size, dtype=dtype,
            cache_role=self.vllm.specs.SparseCacheRole.INDEXER,
        )  # fmt: skip

    def _attention(self, kind: str, layer: dict[str, Any], block: int, **more: Any) -> Any:
        model = SimpleNamespace(use_mla=False, model_arch_config=SimpleNamespace(total_num_kv_heads=layer["heads"]))
        heads = self.vllm.model_config.get_num_kv_heads(model, self.config.parallel_config)
        plain = layer.get("plain", False)
        dtype = "auto" if plain else self.case["dtype"]
        spec = getattr(self.vllm.specs, kind)(
            block_size=block,
            num_kv_heads=heads,
            head_size=layer["head"],
            dtype=self.vllm.dtypes[self.case["model_dtype"]] if plain else self.dtype,
            kv_quant_mode=self.vllm.specs.get_kv_quant_mode(dtype),
            **({} if kind == "ChunkedLocalAttentionSpec" else {"head_size_v": layer["value"]}),
            **more,
        )
        return self.vllm.customized(spec, dtype)

    def _full(self, layer: dict[str, Any]) -> Any:
        return self._attention("FullAttentionSpec", layer, self.config.cache_config.block_size)

    def _sliding(self, layer: dict[str, Any]) -> Any:
        block = self.config.cache_config.block_size
        return self._attention("SlidingWindowSpec", layer, block, sliding_window=layer["window"])

    def _chunked(self, layer: dict[str, Any]) -> Any:
        block = self.config.cache_config.block_size
        return self._attention("ChunkedLocalAttentionSpec", layer, block, attention_chunk_size=layer["window"])

    def _latent(self, layer: dict[str, Any]) -> Any:
        dtype = self.case["dtype"]
        if layer["sparse"]:
            dtype = self.vllm.latent._canonicalize_sparse_mla_kv_cache_dtype(HOPPER, dtype)
        return self.vllm.specs.MLAAttentionSpec(
            block_size=self.config.cache_config.block_size, num_kv_heads=1, head_size=layer["width"], dtype=self.dtype,
            cache_dtype_str=dtype, kv_quant_mode=self.vllm.specs.get_kv_quant_mode(dtype),
            state_content_bytes={"fp8_ds_mla": 656, "nvfp4_ds_mla": 352}.get(dtype),
        )  # fmt: skip

    def _state(self, layer: dict[str, Any]) -> Any:
        cache = self.config.cache_config
        return self.vllm.specs.MambaSpec(
            shapes=self._shapes(layer),
            dtypes=tuple(self.vllm.dtypes[name] for name in layer["dtypes"]),
            block_size=cache.block_size,
            page_size_padded=cache.mamba_page_size_padded,
            mamba_cache_mode=cache.mamba_cache_mode,
            num_speculative_blocks=self.case["speculative"],
        )

    def _shapes(self, layer: dict[str, Any]) -> Any:
        function = getattr(self.vllm.states, layer["state"])
        names = function.__code__.co_varnames
        size = "tp_size" if "tp_size" in names else "tp_world_size"
        spec = {"num_spec": self.case["speculative"]} if "num_spec" in names else {}
        return function(**{size: self.case["tensor"]}, **layer["arguments"], **spec)

    def _align(self) -> None:
        """Enlarge the block as vLLM's platform does where attention stands next to states."""
        states = [layer for layer in self.case["layers"] if layer["kind"] == "state"]
        attention = next((layer for layer in self.case["layers"] if layer["kind"] != "state"), None)
        if not states or attention is None:
            return
        cache, latent = self.config.cache_config, attention["kind"] == "latent"
        shapes, dtypes = self._shapes(states[0]), tuple(self.vllm.dtypes[name] for name in states[0]["dtypes"])
        backend = SimpleNamespace(
            customize_spec=lambda spec: self.vllm.customized(spec, self.case["dtype"]),
            get_supported_kernel_block_sizes=lambda *_: [self.case["block"]],
        )
        registry: Any = importlib.import_module("vllm.model_executor.models")
        model = SimpleNamespace(
            get_mamba_state_shape_from_config=lambda _: shapes, get_mamba_state_dtype_from_config=lambda _: dtypes
        )
        registry.ModelRegistry = SimpleNamespace(resolve_model_cls=lambda *_, **__: (model, ""))
        abstract: Any = importlib.import_module("vllm.model_executor.layers.mamba.abstract")
        abstract.get_mamba_prefill_checkpoint_alignment = lambda _: None
        settings: Any = importlib.import_module("vllm.config.vllm")
        settings.set_current_vllm_config = lambda _: contextlib.nullcontext()
        heads = 1 if latent else max(1, attention["heads"] // self.case["tensor"])
        self.config.model_config = SimpleNamespace(
            max_model_len=0, original_max_model_len=0, use_mla=latent, architecture="",
            dtype=self.vllm.dtypes[self.case["model_dtype"]],
            get_num_kv_heads=lambda _: heads, get_head_size=lambda: attention.get("head") or attention["width"],
        )  # fmt: skip
        platform = type("Own", (), {"_find_non_ssm_backends": classmethod(lambda _, __: [backend])})
        self.vllm.platform._align_hybrid_block_size.__func__(platform, self.config, backend)
        cache.mamba_block_size = cache.block_size


def main() -> None:
    """Plan all cases."""
    vllm, results = Vllm(sys.argv[1]), []
    for case in json.load(sys.stdin):
        try:
            results.append(Planner(vllm, case).result())
        except Exception as error:
            results.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
