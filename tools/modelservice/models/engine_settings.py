"""The settings of an engine that decide on memory, read from the command line of its pods."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from modelservice import facts
from modelservice.engines.arguments import table
from modelservice.engines.command import EngineCommand
from modelservice.engines.version import Version
from modelservice.kubernetes.quantity import GIB
from modelservice.model.devices import built_for
from modelservice.model.pods import PodGroup

_DECIDING = (
    "tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size", "gpu-memory-utilization", "max-model-len",
    "max-num-seqs", "kv-cache-dtype", "kv-cache-memory-bytes", "cpu-offload-gb", "quantization", "dtype",
    "speculative-config", "kv-transfer-config",
)  # fmt: skip
"""Flags with a value that decides on memory."""
_CHANGING = ("hf-overrides", "offload-group-size", "cpu-offload-params")
"""Flags that change the model, or which of its weights are on the accelerator."""
_DRAFTLESS = ("ngram", "ngram_gpu", "suffix", "custom_class")
"""Methods of speculative decoding that load no weights."""


@dataclass(frozen=True)
class Speculation:
    """Speculative decoding.

    Args:
        method: how tokens are proposed; empty where the draft model decides.
        tokens: how many at a time.
        model: draft model; empty for layers of the model itself.
        tensor: tensor parallel size of the draft model; None for the model's.
    """

    method: str = ""
    tokens: int = 0
    model: str = ""
    tensor: int | None = None

    @property
    def loads_weights(self) -> bool:
        """Whether a draft model or layers for it are loaded."""
        return self.method not in _DRAFTLESS


@dataclass(frozen=True)
class EngineSettings:
    """What an engine is told, with its defaults; None for what is left to the model or the accelerator.

    Args:
        version: version of the engine; None where the image does not tell.
        tensor, pipeline, data: parallel sizes.
        expert_parallel: whether experts are spread whole over the tensor and data parallel ranks.
        context_parallel: decode context parallel size.
        partition: layers of each pipeline stage; empty where the engine divides them itself.
        redundant_experts: experts that are held twice, to balance load.
        utilization: share of the accelerator's memory that the engine may use.
        longest: longest request in tokens; None for the model's, -1 for as long as fits.
        sequences, batch_tokens: requests and tokens of a step.
        block_tokens: tokens of a block of the KV cache.
        cache_type: value of ``--kv-cache-dtype``.
        cache_bytes: size of the KV cache, where it is given outright.
        model_type: value of ``--dtype``.
        quantization: value of ``--quantization``; empty for what the checkpoint says.
        offloaded_bytes: weights that each rank keeps in the memory of processors.
        state_type: type of the recurrent state of layers; ``auto`` for the model's.
        hybrid_manager: None where only the model decides.
        connector: KV connector that switches the hybrid manager off; empty without.
        chunks_share: whether the hybrid manager stays on for models with chunked attention.
        prefix_caching: whether finished requests leave their cache behind.
        graphs: whether CUDA graphs are captured.
        overlaps: whether a step is scheduled while another one runs (async scheduling).
        adapters, adapter_rank: LoRA adapters at once, and their rank; 0 without.
        speculation: None without.
        sleeps: whether the engine can release its memory and take it again.
        processors: whether it runs on processors.
        unsure: words that may be flags, flags with a value that only the container knows, and flags whose effect on
            memory is not known.
    """

    version: Version | None = None
    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert_parallel: bool = False
    context_parallel: int = 1
    partition: tuple[int, ...] = ()
    redundant_experts: int = 0
    utilization: float = 0.92
    longest: int | None = None
    sequences: int | None = None
    batch_tokens: int | None = None
    block_tokens: int | None = None
    cache_type: str = "auto"
    cache_bytes: int | None = None
    model_type: str = "auto"
    quantization: str = ""
    offloaded_bytes: int = 0
    state_type: str = "auto"
    hybrid_manager: bool | None = None
    connector: str = ""
    chunks_share: bool = False
    prefix_caching: bool = True
    graphs: bool = True
    overlaps: bool = True
    adapters: int = 0
    adapter_rank: int = 0
    speculation: Speculation | None = None
    sleeps: bool = False
    processors: bool = False
    unsure: tuple[str, ...] = field(default=())


def settings_of(group: PodGroup) -> EngineSettings | None:
    """Return the settings of the pods' engine; None for an engine whose memory is not known."""
    command = group.command
    memory = facts.engine_memory()
    if command.engine != memory.engine:
        return None
    env = group.engine.env
    reader = _Reader(command)
    processors = not group.accelerators and _built_for_processors(group.engine.image)
    manager, connector = hybrid_manager(group, command.version)
    return EngineSettings(
        version=command.version,
        tensor=group.tensor or 1,
        pipeline=group.pipeline or 1,
        data=group.number("data-parallel-size", 1) or 1,
        expert_parallel=command.switch("enable-expert-parallel") or False,
        context_parallel=reader.integer("decode-context-parallel-size") or 1,
        partition=_partition(env.get(memory.cache.pipeline.partition_variable)),
        redundant_experts=_redundant(command),
        utilization=reader.decimal("gpu-memory-utilization") or default_utilization(command.version),
        longest=reader.size("max-model-len"),
        sequences=reader.integer("max-num-seqs"),
        batch_tokens=reader.size("max-num-batched-tokens"),
        block_tokens=reader.integer("block-size"),
        cache_type=command.value("kv-cache-dtype") or "auto",
        cache_bytes=reader.size("kv-cache-memory-bytes") or _processor_cache(env, processors=processors),
        model_type=command.value("dtype") or "auto",
        quantization=command.value("quantization") or "",
        offloaded_bytes=int((reader.decimal("cpu-offload-gb") or 0) * GIB),
        state_type=command.value("mamba-ssm-cache-dtype") or "auto",
        hybrid_manager=manager,
        connector=connector,
        chunks_share=env.get(memory.cache.hybrid_manager.chunked_variable) == "1",
        prefix_caching=command.switch("enable-prefix-caching") is not False,
        graphs=not command.switch("enforce-eager"),
        overlaps=command.switch("async-scheduling") is not False,
        adapters=(reader.integer("max-loras") or 1) if command.switch("enable-lora") else 0,
        adapter_rank=(reader.integer("max-lora-rank") or 16) if command.switch("enable-lora") else 0,
        speculation=_speculation(command),
        sleeps=command.switch("enable-sleep-mode") or False,
        processors=processors,
        unsure=(*(command.unread if command.partial else ()), *reader.unread()),
    )


def default_utilization(version: Version | None) -> float:
    """Return the share of the memory that a version uses by default."""
    argument = table(version).find("--gpu-memory-utilization")
    return float(argument.default) if argument and argument.default else 0.9


def size(text: str) -> int | None:
    """Return a size as vLLM reads it: ``8192``, ``8k`` (thousands), ``8K`` (1024), ``1.5m``; None for another text."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)([kKmMgGtT]?)", text.strip())
    if match is None:
        return -1 if text.strip() == "auto" else None
    power = "kmgt".find(match[2].lower()) + 1 if match[2] else 0
    return int(float(match[1]) * (1000 if match[2].islower() else 1024) ** power)


class _Reader:
    """Values of flags as numbers; None where they are not given or not known."""

    def __init__(self, command: EngineCommand) -> None:
        self._command = command

    def unread(self) -> list[str]:
        """Return the flags that decide on memory in a way that is not known here."""
        command = self._command
        given = [name for name in _DECIDING if command.has(name) and command.value(name) is None]
        return [f"--{name}" for name in (*given, *(name for name in _CHANGING if command.has(name)))]

    def integer(self, name: str) -> int | None:
        return self._command.number(name)

    def decimal(self, name: str) -> float | None:
        value = self._command.value(name)
        try:
            return float(value) if value is not None else None
        except ValueError:
            return None

    def size(self, name: str) -> int | None:
        value = self._command.value(name)
        return size(value) if value is not None else None


def hybrid_manager(group: PodGroup, version: Version | None) -> tuple[bool | None, str]:
    """Return whether a version's hybrid KV cache manager is on, and the connector that switches it off; None for the
    version's own choice."""
    told = group.command.switch("disable-hybrid-kv-cache-manager")
    if told is not None:
        return not told, ""
    known = facts.engine_memory().cache.hybrid_manager
    for name in group.kv_connectors:
        since = Version.parse(known.connectors.get(name, ""))
        automatic = Version.parse(known.automatic_since)
        if since is None or (version is not None and (version < since or (automatic and version < automatic))):
            return False, name
    return None, ""


def _partition(text: Any) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if isinstance(text, str) and re.fullmatch(r"\d+(,\d+)*", text) else ()


def _redundant(command: EngineCommand) -> int:
    return _whole(command.json("eplb-config").get("num_redundant_experts")) or 0


def _whole(number: Any) -> int | None:
    return int(str(number)) if str(number).isdigit() else None


def _processor_cache(env: dict[str, Any], *, processors: bool) -> int | None:
    value = env.get(facts.engine_memory().cache.processors.gib_variable)
    return int(value) * GIB if processors and isinstance(value, str) and value.isdigit() and int(value) else None


def _speculation(command: EngineCommand) -> Speculation | None:
    config = command.json("speculative-config")
    if not config:
        return None
    return Speculation(
        str(config.get("method") or ""),
        _whole(config.get("num_speculative_tokens")) or 0,
        str(config.get("model") or ""),
        _whole(config.get("draft_tensor_parallel_size")),
    )


def _built_for_processors(image: str) -> bool:
    return any(kind.vendor == "cpu" for kind in built_for(image))
