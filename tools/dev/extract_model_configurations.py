"""Write the configurations of models that the tool knows: numbers of ``config.json`` from published catalogues.

    python -m dev.extract_model_configurations aiconfigurator 0.12.0
    python -m dev.extract_model_configurations kaito COMMIT model_catalog.yaml

The first are in the wheel of aiconfigurator-core on the package index. The second file is
``presets/workspace/models/model_catalog.yaml`` of a commit of KAITO. Only the fields that :mod:`modelservice.models`
reads are kept, and no file is copied.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from dev.wheels import index

PACKAGE = "aiconfigurator-core"
TABLES = Path(__file__).parents[1] / "modelservice" / "facts" / "configurations"
_CONFIG = re.compile(
    r"aiconfigurator_core/model_configs/(?P<owner>.+?)--(?P<name>.+?)(?P<extra>_hf_quant)?_config\.json"
)
# fmt: off
_FIELDS = {
    "architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "v_head_dim", "intermediate_size", "intermediate_size_mlp",
    "dense_intermediate_size", "moe_intermediate_size", "num_experts", "n_routed_experts", "num_local_experts",
    "n_shared_experts", "num_shared_experts", "num_experts_per_tok", "num_experts_per_token", "top_k_experts",
    "first_k_dense_replace", "moe_layer_freq", "decoder_sparse_step", "mlp_only_layers", "mlp_layer_types",
    "interleave_moe_layer_step", "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
    "shared_intermediate_size", "share_expert_dim", "moe_latent_size", "routed_expert_hidden_size",
    "enable_moe_block", "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "index_head_dim",
    "index_n_heads", "indexer_types", "sparse_attention_config", "mla_use_output_gate", "sliding_window",
    "use_sliding_window", "max_window_layers", "layer_types", "attention_chunk_size", "hybrid_layer_pattern",
    "swa_num_attention_heads", "swa_num_key_value_heads", "swa_head_dim", "swa_v_head_dim",
    "full_attention_interval", "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim", "linear_conv_kernel_dim", "linear_attn_config", "mamba_num_heads",
    "mamba_head_dim", "mamba_ssm_cache_dtype", "mamba_ssm_dtype", "ssm_state_size", "n_groups", "conv_kernel",
    "hybrid_override_pattern", "layers_block_type", "mtp_hybrid_override_pattern", "mtp_layers_block_type",
    "block_configs", "vocab_size", "tie_word_embeddings", "attention_bias", "mlp_bias", "attn_output_gate",
    "attention_k_eq_v", "global_head_dim", "num_global_key_value_heads", "num_kv_shared_layers",
    "max_position_embeddings", "model_max_length", "rope_scaling", "rope_parameters",
    "original_max_position_embeddings", "torch_dtype", "dtype", "num_nextn_predict_layers",
    "mtp_num_hidden_layers", "compress_ratios",
}
# fmt: on
_ROPE = ("rope_type", "type", "factor")
_TOWER = ("vt_hidden_size", "hidden_size", "vt_intermediate_size", "intermediate_size", "vt_num_hidden_layers",
          "num_hidden_layers", "depth", "model_type")  # fmt: skip
_KAITO = {
    "architectures": "architectures",
    "modelTokenLimit": "max_position_embeddings",
    "hiddenSize": "hidden_size",
    "numHiddenLayers": "num_hidden_layers",
    "numAttentionHeads": "num_attention_heads",
    "numKeyValueHeads": "num_key_value_heads",
    "headDim": "head_dim",
    "kvLoraRank": "kv_lora_rank",
    "qkRopeHeadDim": "qk_rope_head_dim",
}


def aiconfigurator(version: str) -> dict[str, dict[str, Any]]:
    """Return the configurations in AIConfigurator's wheel, by the name of the model."""
    with index() as packages:
        files = packages.sources(packages.wheel(PACKAGE, version), "aiconfigurator_core/model_configs", ".json")
    found: dict[str, dict[str, Any]] = {}
    extras: dict[str, Any] = {}
    for path, text in sorted(files.items()):
        if match := _CONFIG.fullmatch(path):
            content = json.loads(text)
            name = f"{match['owner']}/{match['name']}"
            if match["extra"]:
                extras[name] = _quantization(content.get("quantization") or content)
            else:
                found[name] = _configuration(content)
    for name, extra in extras.items():
        found[name].setdefault("quantization_config", {}).update(extra)
    return found


def _configuration(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are kept, those of the language model and of the whole on one level."""
    text = config.get("text_config") or {}
    merged = {**config, **text, "architectures": config.get("architectures")}
    if config.get("tie_word_embeddings") is not None:
        merged["tie_word_embeddings"] = config["tie_word_embeddings"]
    kept = {name: value for name, value in merged.items() if name in _FIELDS and value is not None and value != []}
    if not text:
        kept.setdefault("model_type", "")
    for name in ("rope_scaling", "rope_parameters"):
        if name in kept:
            kept[name] = _rope(kept[name])
    if blocks := kept.get("block_configs"):
        kept["block_configs"] = [_block(block) for block in blocks]
    if isinstance(vision := config.get("vision_config"), dict):
        kept["vision_config"] = {name: vision[name] for name in _TOWER if name in vision}
    if quantization := merged.get("quantization_config") or merged.get("compression_config"):
        kept["quantization_config"] = _quantization(quantization)
    return {name: value for name, value in kept.items() if value not in ({}, "")}


def _rope(given: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: given[name] for name in _ROPE if name in given}
    return flat or {name: _rope(value) for name, value in given.items() if isinstance(value, dict)}


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    return {
        part: {name: block[part][name] for name in names if block[part].get(name)}
        for part, names in (("attention", ("n_heads_in_group", "no_op")), ("ffn", ("ffn_mult", "no_op")))
    }


def _quantization(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("quant_method", "quant_algo", "bits", "group_size", "fmt", "format", "weight_block_size", "moe_quant_algo",
             "kv_cache_quant_algo", "kv_cache_scheme", "producer")  # fmt: skip
    kept = {name: given[name] for name in names if given.get(name) is not None}
    if "producer" in kept:
        kept["producer"] = {"name": kept["producer"].get("name")}
    for name in ("modules_to_not_convert", "exclude_modules", "ignore"):
        if given.get(name):
            kept[name] = patterns(given[name])
    if groups := given.get("config_groups"):
        kept["config_groups"] = {name: _group(group) for name, group in groups.items()}
    if layers := given.get("quantized_layers"):
        by_algorithm = defaultdict(list)
        for module, about in layers.items():
            by_algorithm[about["quant_algo"]].append(re.sub(r"\.experts\.\d+\.", ".experts.*.", module))
        kept["quantized_layers"] = {
            pattern: {"quant_algo": algorithm}
            for algorithm, modules in sorted(by_algorithm.items())
            for pattern in patterns(modules)
        }
    return kept


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    weights = group.get("weights") or {}
    kept = {name: weights[name] for name in ("num_bits", "group_size", "type", "strategy") if weights.get(name)}
    about = {"targets": patterns(group["targets"])} if group.get("targets") else {}
    return {"weights": kept} | about | ({"format": group["format"]} if group.get("format") else {})


def patterns(modules: Iterable[str]) -> list[str]:
    """Return modules with those that differ by the number of their layer only as one regular expression."""
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    single = set()
    for module in modules:
        match = re.fullmatch(r"(.*\blayers\.)(\d+)(.*)", module)
        if match:
            numbers[match[1], match[3]].add(int(match[2]))
        else:
            single.add(module)
    return [*sorted(single), *(_joined(*around, sorted(found)) for around, found in sorted(numbers.items()))]


def _joined(before: str, after: str, numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"{before}{numbers[0]}{after}"
    tail = re.escape(after).replace(r"\*", ".*")
    return f"re:{re.escape(before)}({'|'.join(map(str, numbers))}){tail}$"


def kaito(catalogue: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the models of KAITO's catalogue with their names."""
    for model in yaml.safe_load(catalogue.read_text(encoding="utf-8"))["models"]:
        kept = {ours: model[theirs] for theirs, ours in _KAITO.items() if model.get(theirs)}
        if method := model.get("quantMethod"):
            kept["quantization"] = method
        yield model["name"], kept | {"file_gib": float(model["modelFileSize"].removesuffix("Gi"))}


def write(table: str, about: Mapping[str, str], models: Mapping[str, Any]) -> None:
    """Write a table, one line for each model."""
    head = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in about.items()]
    rows = [f"{json.dumps(name)}: {json.dumps(models[name], separators=(',', ':'))}" for name in sorted(models)]
    text = "{" + ",\n".join([*head, '"models": {\n' + ",\n".join(rows) + "\n}"]) + "}\n"
    (TABLES / table).write_text(text, encoding="utf-8")


def main(source: str, *arguments: str) -> None:
    """Write the table of a source."""
    if source == "aiconfigurator":
        version = arguments[0]
        about = {"source": "https://github.com/ai-dynamo/aiconfigurator", "package": PACKAGE, "version": version}
        write("aiconfigurator.json", about, aiconfigurator(version))
    else:
        commit, catalogue = arguments
        about = {"source": f"https://github.com/kaito-project/kaito/tree/{commit}", "version": commit}
        write("kaito.json", about, dict(kaito(Path(catalogue))))


if __name__ == "__main__":
    main(*sys.argv[1:])
