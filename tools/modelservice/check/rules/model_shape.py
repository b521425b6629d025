"""Shape of the model: do its configuration and the engine's parallelism and context length agree?

The engine reads the configuration before anything else and exits if they do not. What is certain is an error only where
the configuration is the model's own; a model that is taken as the shape of another one gives warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.engines.version import Version
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.served_model import known_model

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel

_CHANGING = ("hf-overrides", "hf-config-path", "rope-scaling", "rope-theta", "model-impl")
"""Flags after which the engine reads another configuration than the model's, or runs it with other code."""
_ALLOWS_LONGER = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"


@rule(
    Severity.error,
    reason="Tensor parallelism gives every rank the same number of attention heads, so vLLM exits if its size does not "
    "divide them.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing="decode: {parallelism: {tensor: 3}}",
    passing="decode: {parallelism: {tensor: 4}}",
)
def heads_not_divisible(deployment: Deployment) -> Iterator[Violation]:
    """The tensor parallel size divides the model's attention heads."""
    for group in _engines(deployment):
        size = group.tensor or 1
        known = _known(deployment, group) if size > 1 else None
        if known is None or known.shape.attention_heads % size == 0:
            continue
        heads = known.shape.attention_heads
        below = next(number for number in range(size, 0, -1) if heads % number == 0)
        above = next((number for number in range(size, heads + 1) if heads % number == 0), None)
        yield Violation(
            f"--tensor-parallel-size {size} does not divide the {heads} attention heads of {known.described}",
            group.engine.flag("tensor-parallel-size"),
            f"set {group.role}.parallelism.tensor: {below}" + (f" or {above}" if above else ""),
            _severity(group, known),
        )


@rule(
    Severity.error,
    reason="vLLM exits if `--max-model-len` is longer than the context of the model's configuration: beyond it the "
    f"answers are noise. Positions are scaled with `--hf-overrides`, and {_ALLOWS_LONGER} accepts any length.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing="engine: {args: {max-model-len: 65536}}",
    passing="engine: {args: {max-model-len: 32768}}",
)
def context_longer_than_model(deployment: Deployment) -> Iterator[Violation]:
    """The engine's context is at most as long as the model's."""
    for group in _engines(deployment):
        text = group.command.value("max-model-len")
        known = _known(deployment, group) if text else None
        if text is None or known is None or known.shape.longest is None:
            continue
        from modelservice.models.engine_settings import size

        length, longest = size(text) or 0, known.shape.longest
        allowed = group.engine.env.get(_ALLOWS_LONGER)
        if length <= longest or (isinstance(allowed, str) and allowed.strip() == "1"):
            continue
        # A variable of a ConfigMap or of another object may allow it.
        open_ = allowed is not None or bool(group.engine.fields.get("envFrom"))
        yield Violation(
            f"--max-model-len {text} is longer than the {longest} tokens of context of {known.described}",
            group.engine.flag("max-model-len"),
            f"set {longest} or less, or scale the positions with --hf-overrides",
            Severity.warning if open_ else _severity(group, known),
        )


@rule(
    Severity.warning,
    reason="vLLM divides only those architectures into pipeline stages whose code supports it, and exits for others.",
    link="https://docs.vllm.ai/en/latest/models/supported_models/",
    failing="""\
modelArtifacts:
  name: nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16
  uri: hf://nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16
decode: {parallelism: {pipeline: 2}}
""",
    passing="decode: {parallelism: {pipeline: 2}}",
)
def pipeline_not_supported(deployment: Deployment) -> Iterator[Violation]:
    """The engine supports pipeline parallelism for the model's architecture."""
    for group in _engines(deployment):
        size = group.pipeline or 1
        known = _known(deployment, group) if size > 1 else None
        if known is None or known.shape.supports_pipeline is not False:
            continue
        yield Violation(
            f"--pipeline-parallel-size {size} is not supported for {known.shape.architecture}, the architecture of "
            f"{known.described}",
            group.engine.flag("pipeline-parallel-size"),
            f"remove {group.role}.parallelism.pipeline, and use tensor parallelism instead",
            Severity.error if _is_listed(group.command.version) and _is_certain(group, known) else None,
        )


@rule(
    Severity.error,
    reason="A draft model runs on one rank or on all ranks of the model; vLLM exits with another size.",
    link="https://docs.vllm.ai/en/latest/features/speculative_decoding/",
    failing="""\
decode:
  parallelism: {tensor: 4}
  engine:
    args:
      speculative-config: {model: Qwen/Qwen3-0.6B, num_speculative_tokens: 4, draft_tensor_parallel_size: 2}
""",
    passing="""\
decode:
  parallelism: {tensor: 4}
  engine:
    args:
      speculative-config: {model: Qwen/Qwen3-0.6B, num_speculative_tokens: 4, draft_tensor_parallel_size: 1}
""",
)
def draft_of_other_tensor_size(deployment: Deployment) -> Iterator[Violation]:
    """The draft model of speculative decoding has the model's tensor parallel size, or 1."""
    for group in _engines(deployment):
        size = group.command.json("speculative-config").get("draft_tensor_parallel_size")
        if group.tensor is None or not isinstance(size, int) or size in (1, group.tensor):
            continue
        yield Violation(
            f"the draft model has draft_tensor_parallel_size {size}, which is neither 1 nor --tensor-parallel-size "
            f"{group.tensor}",
            group.engine.flag("speculative-config"),
            "remove draft_tensor_parallel_size, or set 1",
            Severity.warning if group.command.partial or group.command.version is None else None,
        )


def _engines(deployment: Deployment) -> Iterator[PodGroup]:
    """Yield the pods whose engine checks the configuration; all pods of a group have the same command line."""
    for group in deployment.servers:
        if group.command.engine == "vllm" and group.loads_model and group.part != "worker":
            yield group


def _known(deployment: Deployment, group: PodGroup) -> KnownModel | None:
    """Return the model, unless flags change what its configuration says."""
    changed = any(group.command.has(name) for name in _CHANGING)
    return None if changed else known_model(deployment, group)


def _severity(group: PodGroup, known: KnownModel) -> Severity | None:
    return None if _is_certain(group, known) else Severity.warning


def _is_certain(group: PodGroup, known: KnownModel) -> bool:
    return known.certain and not group.command.partial


def _is_listed(version: Version | None) -> bool:
    """Return whether a version is among those whose architectures were read."""
    ends = [Version.parse(text) for text in facts.pipeline()["versions"]]
    first, last = ends[0], ends[-1]
    return version is not None and first is not None and last is not None and first <= version <= last
