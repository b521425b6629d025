"""What the command line of an engine says of its memory."""

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from modelservice import facts
from modelservice.models.engine_settings import EngineSettings, settings_of, size
from support.vllm_pods import group
from support.vllm_sources import vllm_sources


def settings(words: list[str], **more: Any) -> EngineSettings:
    """The settings of these arguments."""
    found = settings_of(group(words, **more))
    assert found
    return found


def connector(name: str, **more: Any) -> list[str]:
    """Arguments of a KV connector."""
    return ["--kv-transfer-config", json.dumps({"kv_connector": name, "kv_role": "kv_both", **more})]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"tensor": 1, "utilization": 0.92, "cache_type": "auto", "prefix_caching": True, "graphs": True, "longest": None}),
        (["-tp", "4", "--pipeline-parallel-size=2", "-dp", "8"], {"tensor": 4, "pipeline": 2, "data": 8}),
        (["--gpu-memory-utilization", "0.85"], {"utilization": 0.85}),
        (["--max-model-len", "32k"], {"longest": 32000}),
        (["--max-model-len", "32K"], {"longest": 32768}),
        (["--max-model-len", "auto"], {"longest": -1}),
        (["--max-num-seqs", "64", "--max-num-batched-tokens", "4096"], {"sequences": 64, "batch_tokens": 4096}),
        (["--kv-cache-dtype", "fp8"], {"cache_type": "fp8"}),
        (["--kv-cache-memory-bytes", "10G"], {"cache_bytes": 10 * 1024**3}),
        (["--cpu-offload-gb", "1.5"], {"offloaded_bytes": 3 * 1024**3 // 2}),
        (["--enforce-eager", "--no-enable-prefix-caching"], {"graphs": False, "prefix_caching": False}),
        (["--no-enable-prefix-caching", "--enable-prefix-caching"], {"prefix_caching": True}),
        (["--enable-lora", "--max-loras", "4"], {"adapters": 4, "adapter_rank": 16}),
        (["--max-loras", "4"], {"adapters": 0}),
        (["--enable-expert-parallel", "--eplb-config", '{"num_redundant_experts": 32}'],
         {"expert_parallel": True, "redundant_experts": 32}),
        (["--disable-hybrid-kv-cache-manager"], {"hybrid_manager": False}),
        (["--enable-hybrid-kv-cache-manager"], {"hybrid_manager": True}),
        (["--decode-context-parallel-size", "2"], {"context_parallel": 2}),
        (["--enable-sleep-mode"], {"sleeps": True}),
        (["--no-async-scheduling"], {"overlaps": False}),
        (["--quantization", "fp8", "--dtype", "float16"], {"quantization": "fp8", "model_type": "float16"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_flags_are_read(words: list[str], expected: Mapping[str, Any]) -> None:
    found = asdict(settings(words))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("version", "utilization"), [("0.11.0", 0.9), ("0.19.1", 0.9), ("0.20.0", 0.92), ("0.33.0", 0.92)]
)
def test_the_default_utilization_is_that_of_the_version(version: str, utilization: float) -> None:
    assert settings([], image=f"vllm/vllm-openai:v{version}").utilization == utilization


def test_speculative_decoding_is_read() -> None:
    found = settings(["--speculative-config", '{"method": "eagle3", "model": "d", "num_speculative_tokens": 3}'])
    assert found.speculation and (found.speculation.tokens, found.speculation.model) == (3, "d")
    assert found.speculation.loads_weights
    lookup = settings(["--speculative-config", '{"method": "ngram", "num_speculative_tokens": 3}'])
    assert lookup.speculation and not lookup.speculation.loads_weights


@pytest.mark.parametrize(
    ("words", "version", "expected"),
    [
        ([], "0.33.0", (None, "")),
        (connector("NixlConnector"), "0.33.0", (None, "")),
        (connector("LMCacheConnectorV1"), "0.33.0", (False, "LMCacheConnectorV1")),
        (connector("NixlConnector"), "0.20.0", (False, "NixlConnector")),
        (connector("MoRIIOConnector"), "0.29.0", (False, "MoRIIOConnector")),
        (connector("MoRIIOConnector"), "0.30.0", (None, "")),
        (
            connector("MultiConnector", kv_connector_extra_config={
                "connectors": [{"kv_connector": "NixlConnector"}, {"kv_connector": "LMCacheMPConnector"}]
            }),
            "0.33.0", (False, "LMCacheMPConnector"),
        ),
        ([*connector("LMCacheConnectorV1"), "--no-disable-hybrid-kv-cache-manager"], "0.33.0", (True, "")),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_connector_may_switch_the_hybrid_manager_off(
    words: list[str], version: str, expected: tuple[Any, str]
) -> None:
    found = settings(words, image=f"vllm/vllm-openai:v{version}")
    assert (found.hybrid_manager, found.connector) == expected


def test_the_cache_on_processors_is_that_of_the_variable() -> None:
    found = settings([], image="vllm/vllm-openai-cpu:v0.33.0", env={"VLLM_CPU_KVCACHE_SPACE": "40"}, limits={})
    assert found.processors and found.cache_bytes == 40 * 1024**3
    assert settings([], env={"VLLM_CPU_KVCACHE_SPACE": "40"}).cache_bytes is None


def test_stages_may_be_given_their_layers() -> None:
    words = ["--pipeline-parallel-size", "2"]
    assert settings(words, env={"VLLM_PP_LAYER_PARTITION": "30,34"}).partition == (30, 34)


def test_models_with_chunks_share_blocks_where_they_are_told_to() -> None:
    assert settings([], env={"VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE": "1"}).chunks_share
    assert not settings([]).chunks_share


def test_flags_that_only_the_container_knows_are_named() -> None:
    assert settings(["$(OPTIONS)"]).unsure == ("$(OPTIONS)",)


@pytest.mark.parametrize("words", [["--hf-overrides", '{"num_hidden_layers": 2}'], ["--offload-group-size", "8"]])
def test_flags_that_change_the_model_are_named(words: list[str]) -> None:
    assert settings(words).unsure == (words[0],)


def test_another_engine_has_no_settings() -> None:
    assert settings_of(group([], image="lmsysorg/sglang:v0.5.23")) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("8192", 8192), ("8k", 8000), ("8K", 8192), ("1.5m", 1_500_000), ("auto", -1), ("-1", -1), ("x", None)],
)
def test_sizes_are_read_as_vllm_does(text: str, number: int | None) -> None:
    assert size(text) == number


def connectors(version: str) -> dict[str, bool]:
    """The connectors that a release registers, and whether their class supports the hybrid manager."""
    bases: dict[str, list[str]] = {}
    registered: dict[str, str] = {}
    with zipfile.ZipFile(vllm_sources(version)) as archive:
        for name in archive.namelist():
            if "/kv_connector/" in name:
                text = archive.read(name).decode()
                bases |= {
                    match[1]: [base.strip() for base in match[2].split(",")]
                    for match in re.finditer(r"^class (\w+)\(([^)]*)\)", text, re.MULTILINE)
                }
                bases |= {
                    match[1]: [match[2]] for match in re.finditer(r"^(\w+Connector) = (\w+)$", text, re.MULTILINE)
                }
                registered |= dict(re.findall(r'register_connector\(\s*"(\w+)",\s*"[\w.]+",\s*"(\w+)"', text))

    def supports(name: str) -> bool:
        return any(base == "SupportsHMA" or supports(base) for base in bases.get(name, []))

    return {name: supports(base) for name, base in registered.items()}


@pytest.mark.parametrize("version", ["0.32.0", "0.33.0"])
def test_the_connectors_are_those_whose_class_supports_the_manager(version: str) -> None:
    known = facts.engine_memory().cache.hybrid_manager.connectors
    assert {name for name, supported in connectors(version).items() if supported} == set(known)


def test_batch_sizes_are_those_of_the_wheel() -> None:
    with zipfile.ZipFile(vllm_sources("0.33.0")) as archive:
        text = archive.read("vllm/engine/arg_utils.py").decode()
    defaults = text[text.index("def get_batch_defaults") :]
    served = re.findall(r"UsageContext\.OPENAI_API_SERVER: (\d+),", defaults)[:6]
    memory = re.findall(r"device_memory >= (\d+) \* GiB_bytes", defaults)
    sizes = facts.engine_memory().batches.sizes
    assert [str(item.from_gib) for item in sizes] == [*memory, "0"]
    assert [str(number) for item in sizes for number in (item.tokens, item.sequences)] == served
