"""The shapes of models: read as vLLM reads configurations, counted to the totals that are known, found by name."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelservice import facts
from modelservice.errors import UsageError
from modelservice.models.catalogue import find, names
from modelservice.models.fields import ConfigurationError
from modelservice.models.layers import Attention, Experts, LatentAttention, State
from modelservice.models.local_model import load
from modelservice.models.parameters import checkpoint, drafts, parts, total, weights_size
from modelservice.models.shape import ModelShape, shape_of
from modelservice.models.sizes import EXCEPTIONS, compared
from support.model_configs import LLAMA

GIB = 1024**3


def known(name: str) -> ModelShape:
    """The shape of a model in the catalogue."""
    found = find(name)
    assert found is not None, name
    return found.shape


# ---------------------------------------------------------------------------------------------
# Catalogue
# ---------------------------------------------------------------------------------------------


def test_at_least_140_models_are_known() -> None:
    assert len(names()) >= 140


@pytest.mark.parametrize("name", names())
def test_every_model_has_what_the_rules_need(name: str) -> None:
    shape = known(name)
    assert shape.architectures
    assert shape.hidden_size and shape.layer_count and shape.attention_heads and shape.longest
    assert shape.layers is not None or set(shape.unknown) == {"cache", "weights"}
    assert shape.layers is None or len(shape.layers) == shape.layer_count
    assert "weights" in shape.unknown or parts(shape)
    assert weights_size(shape) or "weights" in shape.unknown


def test_only_these_models_have_layers_that_are_not_known() -> None:
    assert {name for name in names() if known(name).layers is None} == {
        "deepseek-ai/DeepSeek-V4-Flash",
        "deepseek-ai/DeepSeek-V4-Flash-0731",
        "deepseek-ai/DeepSeek-V4-Pro",
        "google/gemma-4-12B-it",
        "google/gemma-4-E2B-it",
        "google/gemma-4-E4B-it",
        "mistralai/Mistral-Small-4-119B-2603",
        "mistralai/Mistral-Small-4-119B-2603-NVFP4",
        "nvidia/DeepSeek-V4-Flash-NVFP4",
        "nvidia/DeepSeek-V4-Pro-NVFP4",
        "nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16",
        "sgl-project/DeepSeek-V4-Flash-FP8",
        "sgl-project/DeepSeek-V4-Pro-FP8",
    }


def test_completions_are_of_models_without_a_whole_configuration() -> None:
    listed = facts.catalogue("kaito")["models"]
    given = [name for item in facts.completions().completions for name in item.models]
    assert len(given) == len(set(given))
    assert not set(given) & set(facts.catalogue("aiconfigurator")["models"])
    alone = [item.numbers for item in facts.completions().completions if not set(item.models) & set(listed)]
    assert all("architectures" in numbers and "max_position_embeddings" in numbers for numbers in alone)
    likes = {item.like for item in facts.completions().completions if item.like}
    assert likes <= set(facts.catalogue("aiconfigurator")["models"])
    assert {item.like for item in facts.completions().same_shapes} <= set(names())


def test_one_model_is_found_in_little_time() -> None:
    """Nothing is read but the two tables: ``check`` pays for it in every run with a known model."""
    facts.catalogue.cache_clear()
    begin = time.process_time()
    find.__wrapped__("Qwen/Qwen3-32B")
    assert time.process_time() - begin < 0.5


# ---------------------------------------------------------------------------------------------
# Names
# ---------------------------------------------------------------------------------------------

NAMES = [
    # name, taken as, note's end, whether the longest context is still known
    ("hf://openai/gpt-oss-120b", "", "", True),
    ("QWEN/qwen3-32b", "", "", True),
    ("gpt-oss-120b", "openai/gpt-oss-120b", "", True),
    ("/models/Qwen3-0.6B/", "Qwen/Qwen3-0.6B", "", True),
    ("meta-llama/Llama-3.1-8B", "meta-llama/Meta-Llama-3.1-8B", "", True),
    ("meta-llama/Llama-3.1-70B-Instruct", "meta-llama/Meta-Llama-3.1-70B", "", False),
    ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "meta-llama/Llama-3.3-70B-Instruct", "quantised as fp8", True),
    ("neuralmagic/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "meta-llama/Llama-3.1-8B-Instruct",
     "quantised as int4", True),
    ("unsloth/Llama-3.3-70B-Instruct-bnb-4bit", "meta-llama/Llama-3.3-70B-Instruct", "quantised as bitsandbytes", True),
    ("nvidia/Llama-3.3-70B-Instruct-FP4", "meta-llama/Llama-3.3-70B-Instruct", "quantised as nvfp4", True),
    ("Qwen/Qwen3-32B-AWQ", "Qwen/Qwen3-32B", "quantised as awq", True),
    ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-Coder-7B-Instruct", "quantised as gptq", False),
    ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "Qwen/Qwen3-30B-A3B", "quantised as fp8", False),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x7B-v0.1", "", False),
    ("unsloth/gpt-oss-20b-BF16", "openai/gpt-oss-20b", "not quantised", True),
    ("unsloth/Qwen3-32B-GGUF", "Qwen/Qwen3-32B", "quantised as gguf", True),
    ("hf://Qwen/Qwen3-4B-GGUF:Q4_K_M", "Qwen/Qwen3-4B", "quantised as gguf", True),
]  # fmt: skip


@pytest.mark.parametrize(("name", "taken_as", "end", "length"), NAMES)
def test_a_name_is_matched_and_the_result_says_how(name: str, taken_as: str, end: str, length: bool) -> None:
    found = find(name)
    assert found is not None
    assert (found.exact, found.taken_as) == (not taken_as, taken_as)
    assert found.note == (f"taken as the shape of {taken_as}" + (f", {end}" if end else "") if taken_as else "")
    assert (found.shape.longest is not None) is length


@pytest.mark.parametrize(
    "name",
    ["my/model", "", "/", "facebook/opt-125m", "Qwen/Qwen3-33B", "meta-llama/Llama-3.4-70B", "Qwen3", "70B", "8b-instruct"],
)  # fmt: skip
def test_another_model_is_not_guessed(name: str) -> None:
    assert find(name) is None


def test_weights_of_an_unknown_format_are_not_known() -> None:
    shape = known("unsloth/Qwen3-32B-GGUF")
    assert shape.layers is not None
    assert parts(shape) is None
    assert weights_size(shape) is None


# ---------------------------------------------------------------------------------------------
# Parameters and bytes
# ---------------------------------------------------------------------------------------------

TOTALS = [
    # What publishers and the metadata of safetensors say, in millions.
    ("meta-llama/Meta-Llama-3.1-8B", 8030),
    ("meta-llama/Meta-Llama-3.1-70B", 70554),
    ("meta-llama/Meta-Llama-3.1-405B", 405853),
    ("Qwen/Qwen3-0.6B", 596),  # 752 with the output layer, which the checkpoint holds again
    ("Qwen/Qwen3-8B", 8191),
    ("Qwen/Qwen3-32B", 32762),
    ("Qwen/Qwen3-30B-A3B", 30532),
    ("Qwen/Qwen3-235B-A22B", 235094),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct", 480155),
    ("Qwen/Qwen2.5-Coder-7B-Instruct", 7616),
    ("Qwen/Qwen2.5-Coder-32B-Instruct", 32764),
    ("mistralai/Mixtral-8x7B-v0.1", 46703),
    ("mistralai/Mixtral-8x22B-v0.1", 140621),
    ("mistralai/Mistral-7B-v0.3", 7248),
    ("deepseek-ai/DeepSeek-V3", 671026),
    ("openai/gpt-oss-20b", 20915),
    ("openai/gpt-oss-120b", 116829),
    ("microsoft/phi-4", 14660),
    ("microsoft/Phi-4-mini-instruct", 3836),
    ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", 49867),
    ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31578),
    ("MiniMaxAI/MiniMax-M2.5", 228690),
    ("moonshotai/Kimi-K2-Instruct", 1026408),
    ("XiaomiMiMo/MiMo-V2-Flash", 309000),
    ("meta-llama/Llama-3.2-1B", 1236),
    ("meta-llama/Llama-3.2-3B", 3213),
    ("Qwen/Qwen3-4B", 4022),
    ("Qwen/Qwen3-14B", 14768),
    ("Qwen/Qwen2.5-0.5B-Instruct", 494),
    ("Qwen/Qwen2.5-1.5B-Instruct", 1544),
    ("Qwen/Qwen2.5-3B-Instruct", 3086),
    ("Qwen/Qwen2.5-72B-Instruct", 72706),
    ("google/gemma-2-9b-it", 9242),
    ("google/gemma-2-27b-it", 27227),
    ("google/gemma-3-1b-it", 1000),
    ("google/gemma-3-12b-it", 12187),
    ("mistralai/Mistral-Small-24B-Instruct-2501", 23572),
    ("deepseek-ai/DeepSeek-V2-Lite", 15706),
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", 79674),
]


@pytest.mark.parametrize(("name", "millions"), TOTALS)
def test_parameters_are_counted_to_the_known_total(name: str, millions: float) -> None:
    found = parts(known(name))
    assert found is not None
    assert total(found).count == pytest.approx(millions * 10**6, rel=0.005)


@pytest.mark.parametrize("row", compared(), ids=lambda row: row.name)
def test_weights_are_as_large_as_the_files(row: Any) -> None:
    """Within 3 %, or the docs say why not."""
    assert (abs(row.difference) <= 0.03) != (row.name in EXCEPTIONS)


def test_most_of_the_catalogue_is_compared() -> None:
    assert len(compared()) >= 50
    assert set(EXCEPTIONS) <= {row.name for row in compared()}


def test_gpt_oss_takes_61_gib() -> None:
    assert weights_size(known("openai/gpt-oss-120b")) == pytest.approx(60.8 * GIB, rel=0.005)


def test_components_add_up_and_layers_for_speculation_are_apart() -> None:
    shape = known("deepseek-ai/DeepSeek-V3")
    serving, speculative = parts(shape), drafts(shape)
    assert serving is not None and speculative is not None
    assert {part.name for part in serving} >= {"embedding", "attention", "MLP", "experts", "router", "norms", "output"}
    assert {part.layer for part in speculative} == {61}
    both = checkpoint(shape)
    assert both is not None
    assert both.count == total(serving).count + total(speculative).count
    assert total(speculative).count == pytest.approx(13.46e9, rel=0.01)


def test_what_stays_in_16_bits_is_read_from_the_configuration() -> None:
    sizes: dict[str, set[float]] = {}
    for part in parts(known("nvidia/Gemma-4-31B-IT-NVFP4")) or ():
        sizes.setdefault(part.name, set()).add(round(part.size / part.count, 4))
    assert sizes["MLP"] == {0.5625}
    assert sizes["attention"] == sizes["embedding"] == {2.0}


def test_experts_beside_a_dense_network_are_not_taken_for_it() -> None:
    sizes = {part.name: part.size / part.count for part in parts(known("nvidia/Gemma-4-26B-A4B-NVFP4")) or ()}
    assert sizes["experts"] == 0.5625
    assert sizes["MLP"] == 2


# ---------------------------------------------------------------------------------------------
# Configurations
# ---------------------------------------------------------------------------------------------


def kinds(shape: ModelShape) -> list[str]:
    """The kind of each layer's mixer."""
    named = {LatentAttention: "latent", type(None): "none"}
    return [
        item.mixer.kind if isinstance(item.mixer, Attention)
        else item.mixer.family if isinstance(item.mixer, State)
        else named[type(item.mixer)]
        for item in shape.layers or ()
    ]  # fmt: skip


MIXERS = [
    ("Qwen/Qwen3-32B", {"full": 64}),  # sliding_window is there, but use_sliding_window is false
    ("openai/gpt-oss-20b", {"sliding": 12, "full": 12}),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", {"chunked": 36, "full": 12}),
    ("google/gemma-3-27b-it", {"sliding": 52, "full": 10}),
    ("google/gemma-4-31B-it", {"sliding": 50, "full": 10}),
    ("microsoft/Phi-3-mini-4k-instruct", {"sliding": 32}),
    ("mistralai/Mistral-7B-v0.3", {"full": 32}),
    ("Qwen/Qwen3.5-27B", {"gated_delta_net": 48, "full": 16}),
    ("Qwen/Qwen3.5-9B", {"gated_delta_net": 24, "full": 8}),
    ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", {"mamba2": 23, "full": 6, "none": 23}),
    ("moonshotai/Kimi-K3", {"kda": 69, "latent": 24}),
    ("deepseek-ai/DeepSeek-R1-0528", {"latent": 61}),
    ("XiaomiMiMo/MiMo-V2-Flash", {"sliding": 39, "full": 9}),
    ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", {"full": 49, "none": 31}),
]


@pytest.mark.parametrize(("name", "expected"), MIXERS)
def test_kinds_of_layers(name: str, expected: dict[str, int]) -> None:
    found = kinds(known(name))
    assert {kind: found.count(kind) for kind in found} == expected


@pytest.mark.parametrize(
    ("changes", "longest", "default"),
    [
        ({}, 131072, 131072),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 131072, 131072),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, 131072, 131072),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, 524288, 524288),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, 262144, 262144),
        ({"rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 4096}, 131072, 4096),
        ({"max_seq_len": 8192}, 8192, 8192),
        ({"max_seq_len": 8192, "model_max_length": 200000}, 200000, 200000),
        ({"max_position_embeddings": None}, None, None),
    ],
)
def test_the_longest_context_is_the_one_that_vllm_derives(
    changes: dict[str, Any], longest: int | None, default: int | None
) -> None:
    shape = shape_of({**LLAMA, **changes})
    assert (shape.longest, shape.default_length) == (longest, default)


@pytest.mark.parametrize(
    ("quantization", "extra", "method", "size", "cache"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, None, "fp8", 1.0002, ""),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, None, "awq", 0.5195, ""),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, None, "gptq", 1, ""),
        ({"quant_method": "mxfp4"}, None, "mxfp4", 0.5312, ""),
        ({"quant_method": "compressed_tensors", "format": "pack-quantized", "config_groups": {"group_0": {
            "weights": {"num_bits": 4, "group_size": 32, "strategy": "group"}}}}, None, "compressed-tensors", 0.5625, ""),
        ({"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {
            "weights": {"num_bits": 8, "strategy": "channel"}}}}, None, "compressed-tensors", 1, ""),
        (None, {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}, "modelopt", 1, "fp8"),
        (None, {"quantization": {"quant_algo": "NVFP4", "group_size": 16}}, "modelopt_fp4", 0.5625, ""),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, None, "bitsandbytes", 0.5625, ""),
    ],
)  # fmt: skip
def test_quantisation_is_read(
    quantization: dict[str, Any] | None, extra: dict[str, Any] | None, method: str, size: float, cache: str
) -> None:
    found = shape_of({**LLAMA, "quantization_config": quantization}, extra).quantization
    assert found is not None and found.form is not None
    assert (found.method, found.cache) == (method, cache)
    assert found.form.bytes == pytest.approx(size, abs=1e-4)


@pytest.mark.parametrize(
    ("architecture", "pipeline", "pooling"),
    [
        ("LlamaForCausalLM", True, False),
        ("MiMoV2FlashForCausalLM", True, False),
        ("WhisperForConditionalGeneration", False, False),
        ("Gemma3nForConditionalGeneration", False, False),
        ("BertModel", False, True),
        ("Qwen3ForSequenceClassification", None, True),
        ("NobodyKnowsForCausalLM", None, False),
    ],
)
def test_what_an_architecture_can_do(architecture: str, pipeline: bool | None, pooling: bool) -> None:
    shape = shape_of({**LLAMA, "architectures": [architecture]})
    assert (shape.supports_pipeline, shape.is_pooling) == (pipeline, pooling)


def test_a_model_of_an_unknown_kind_has_heads_and_length_but_no_layers() -> None:
    shape = shape_of({**LLAMA, "model_type": "new", "architectures": ["NewForCausalLM"]})
    assert (shape.attention_heads, shape.kv_heads, shape.head_dim, shape.longest) == (32, 8, 128, 131072)
    assert shape.layers is None
    assert shape.unknown["cache"] == "model type new: it is not known how layers of this kind are built"
    assert checkpoint(shape) is None


def test_nested_configurations_are_read() -> None:
    inner = {**LLAMA, "architectures": None}
    plain, nested = shape_of(LLAMA), shape_of({"architectures": LLAMA["architectures"], "text_config": inner})
    assert nested == plain


def test_experts_are_those_of_the_first_layer_that_has_them() -> None:
    experts = known("deepseek-ai/DeepSeek-V3").experts
    assert isinstance(experts, Experts)
    assert (experts.count, experts.per_token, experts.intermediate, experts.shared) == (256, 8, 2048, 2048)
    assert known("Qwen/Qwen3-32B").experts is None


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def write(directory: Path, **files: Any) -> Path:
    """Write JSON files, named with _ for . in their names."""
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        (directory / f"{name.replace('_safetensors', '.safetensors')}.json").write_text(json.dumps(content))
    return directory


def test_a_directory_is_read_with_its_index_and_quantisation(tmp_path: Path) -> None:
    directory = write(tmp_path / "own", config=LLAMA, hf_quant_config={"quantization": {"quant_algo": "FP8"}})
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 9_000_000_000}}))
    for path in (directory, directory / "config.json"):
        found = load(path)
        assert (found.name, found.exact, found.shape.file_bytes) == ("own", True, 9_000_000_000)
        assert found.shape.quantization is not None


def test_without_an_index_the_files_are_measured(tmp_path: Path) -> None:
    directory = write(tmp_path, config=LLAMA)
    for number in range(2):
        (directory / f"model-{number}.safetensors").write_bytes(bytes(1000))
    assert load(directory).shape.file_bytes == 2000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("[1]", "not a JSON object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "hidden_size is missing"),
        (json.dumps({**LLAMA, "hidden_size": "wide"}), "hidden_size: 'wide' is not a whole number"),
        (json.dumps({**LLAMA, "num_hidden_layers": 1.5}), "num_hidden_layers: 1.5 is not a whole number"),
        (json.dumps({**LLAMA, "vocab_size": -3}), "vocab_size: -3 is not a whole number"),
    ],
)
def test_a_file_that_is_no_configuration_is_rejected(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)
    with pytest.raises(UsageError) as caught:
        load(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_rejected_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give a model's directory"):
        load(tmp_path / "nothing")


def of_each_type() -> list[dict[str, Any]]:
    """A configuration of each model type."""
    found = {config.get("model_type"): config for config in facts.catalogue("aiconfigurator")["models"].values()}
    return [LLAMA, *found.values()]


DAMAGE: list[Any] = [None, "x", -1, [], {"a": None}]


def damaged(source: Any, values: Iterator[Any]) -> Iterator[Any]:
    """The source with each of its values replaced by the next of these, at any depth."""
    places = source.items() if isinstance(source, dict) else enumerate(source[:1]) if isinstance(source, list) else ()
    for place, inner in places:
        for other in (next(values), *damaged(inner, values)):
            copy = source.copy()
            copy[place] = other
            yield copy


@pytest.mark.slow
def test_a_damaged_configuration_is_rejected_in_words() -> None:
    quantized = {"quant_method": "awq", "bits": 4, "group_size": 128, "dynamic": {"-:.*": {}}}
    for source, start in itertools.product((*of_each_type(), {**LLAMA, "quantization_config": quantized}), range(2)):
        for config in damaged(source, itertools.cycle(DAMAGE[start * 2 :] + DAMAGE[: start * 2])):
            try:
                shape = shape_of(config)
            except ConfigurationError:
                continue
            if shape.quantization:
                checkpoint(shape)


def test_files_that_were_measured_go_before_the_sum(tmp_path: Path) -> None:
    directory = write(tmp_path, config=LLAMA)
    (directory / "model.safetensors").write_bytes(bytes(5000))
    assert weights_size(load(directory).shape) == 5000
