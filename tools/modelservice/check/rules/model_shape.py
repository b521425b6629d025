"""Shape of the model: do its configuration and the engine's parallelism and context length agree?

The engine reads the configuration before anything else and exits if they do not. What is certain is an error only where
the configuration is the model's own; a model that is taken as the shape of another one gives warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelservice import facts
from modelservice.check.cures import drop, offered, put_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.engines.version import Version
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.served_model import draft_model, known_model

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel
    from modelservice.models.tensor_sizes import Division, Obstacle

_CHANGING = ("hf-overrides", "hf-config-path", "rope-scaling", "rope-theta", "model-impl")
"""Flags after which the engine reads another configuration than the model's, or runs it with other code."""
_PREFILL = "prefill-context-parallel-size"
_ALLOWS_LONGER = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"


@rule(
    Severity.error,
    reason="Tensor parallelism gives every rank the same number of attention heads, and of heads of keys and values or "
    "a copy of one, so vLLM exits if its size does not divide them.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing="decode: {parallelism: {tensor: 3}}",
    passing="decode: {parallelism: {tensor: 4}}",
)
def heads_not_divisible(deployment: Deployment) -> Iterator[Violation]:
    """The tensor parallel size divides the model's heads."""
    for shared in _shared(deployment):
        if found := [item for item in shared.obstacles if item.heads]:
            yield shared.violation(found)


@rule(
    Severity.error,
    reason="Ranks share vocabulary, feed-forward networks and experts in equal parts that do not cut the blocks of a "
    "quantised checkpoint. vLLM exits if the tensor parallel size does not divide them.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing="""\
modelArtifacts: {name: Qwen/Qwen3-32B-FP8, uri: hf://Qwen/Qwen3-32B-FP8, size: 100Gi}
decode: {parallelism: {tensor: 16}, sharedMemory: {enabled: true}}
""",
    passing="""\
modelArtifacts: {name: Qwen/Qwen3-32B-FP8, uri: hf://Qwen/Qwen3-32B-FP8, size: 100Gi}
decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}}
""",
)
def weights_not_divisible(deployment: Deployment) -> Iterator[Violation]:
    """The tensor parallel size divides the model's weights."""
    for shared in _shared(deployment):
        if shared.obstacles and not any(item.heads for item in shared.obstacles):
            yield shared.violation(shared.obstacles)


@rule(
    Severity.error,
    reason="Decode context parallelism shares tokens among ranks that hold copies of the same heads of keys and "
    "values. vLLM exits if there are fewer copies, or if its size does not divide the queries of a head.",
    link="https://docs.vllm.ai/en/latest/serving/context_parallel_deployment/",
    failing="""\
decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}, engine: {args: {decode-context-parallel-size: 2}}}
""",
    passing="""\
modelArtifacts: {name: Qwen/Qwen3-30B-A3B, uri: hf://Qwen/Qwen3-30B-A3B, size: 100Gi}
decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}, engine: {args: {decode-context-parallel-size: 2}}}
""",
)
def context_parallel_without_copies(deployment: Deployment) -> Iterator[Violation]:
    """Ranks that share tokens hold copies of the same heads."""
    from modelservice.models.tensor_sizes import context_sizes

    for group in _engines(deployment):
        size = group.command.number("decode-context-parallel-size") or 1
        known = _known(deployment, group) if size > 1 and not group.command.has(_PREFILL) else None
        if known is None or known.shape.layers is None or not group.tensor:
            continue
        accepted = context_sizes(known.shape, group.tensor)
        if size not in accepted:
            heads = "" if known.shape.is_latent else f" and the {known.shape.kv_heads} heads of keys and values"
            yield Violation(
                f"--decode-context-parallel-size {size} does not go with --tensor-parallel-size {group.tensor}"
                f"{heads} of {known.described}",
                group.engine.flag("decode-context-parallel-size"),
                f"set {accepted[-1]}" if accepted[-1] > 1 else "remove it, or raise the tensor parallel size",
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
            cures=offered(put_flag(group.engine.flag("max-model-len"), "max-model-len", longest)),
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
            cures=offered(drop(f"{group.role}.parallelism.pipeline")),
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
            "remove draft_tensor_parallel_size",
            Severity.warning if group.command.partial or group.command.version is None else None,
            cures=offered(drop(group.engine.flag("speculative-config"), ("draft_tensor_parallel_size",))),
        )


@rule(
    Severity.error,
    reason="vLLM compares the token numbers of a draft model with those of the model, so both need a vocabulary of the "
    "same size, unless `use_heterogeneous_vocab` maps one to the other.",
    link="https://docs.vllm.ai/en/latest/features/speculative_decoding/",
    failing="""\
engine:
  args:
    speculative-config: {method: draft_model, model: meta-llama/Meta-Llama-3.1-8B, num_speculative_tokens: 4}
""",
    passing="""\
engine:
  args:
    speculative-config: {method: draft_model, model: Qwen/Qwen3-0.6B, num_speculative_tokens: 4}
""",
)
def draft_of_other_vocabulary(deployment: Deployment) -> Iterator[Violation]:
    """The draft model of speculative decoding has the model's vocabulary."""
    for group, draft in _drafts(deployment):
        known = _known(deployment, group)
        since = Version.parse(facts.engine_memory().drafts.same_vocabulary_since)
        if known is None or group.command.json("speculative-config").get("use_heterogeneous_vocab"):
            continue
        own, other, version = known.shape.vocab_size, draft.shape.vocab_size, group.command.version
        if not own or not other or own == other or (version and since and version < since):
            continue
        yield Violation(
            f"the draft model {draft.described} has a vocabulary of {other} tokens, and {known.described} one of {own}",
            group.engine.flag("speculative-config"),
            "use a draft model of the same family, or set use_heterogeneous_vocab in the speculative-config",
            None if version and draft.certain and _is_certain(group, known) else Severity.warning,
        )


@rule(
    Severity.error,
    reason="A draft model is divided by tensor parallelism as the model is, and vLLM exits if the size does not divide "
    "its heads.",
    link="https://docs.vllm.ai/en/latest/features/speculative_decoding/",
    failing="""\
decode: {parallelism: {tensor: 4}, sharedMemory: {enabled: true}}
engine:
  args:
    speculative-config: {method: draft_model, model: Qwen/Qwen2.5-0.5B-Instruct, num_speculative_tokens: 4}
""",
    passing="""\
decode: {parallelism: {tensor: 4}, sharedMemory: {enabled: true}}
engine:
  args:
    speculative-config: {method: draft_model, model: Qwen/Qwen3-0.6B, num_speculative_tokens: 4}
""",
)
def draft_not_divisible(deployment: Deployment) -> Iterator[Violation]:
    """The tensor parallel size divides the draft model's heads."""
    from modelservice.models.tensor_sizes import Division, obstacles

    for group, draft in _drafts(deployment):
        size = group.command.json("speculative-config").get("draft_tensor_parallel_size") or group.tensor
        if not isinstance(size, int) or size < 2:
            continue
        found = [item for item in obstacles(draft.shape, Division(size)) if item.heads and item.refused]
        if found:
            yield Violation(
                f"tensor parallel size {size} does not divide the {' and the '.join(item.what for item in found)} of "
                f"the draft model {draft.described}",
                group.engine.flag("speculative-config"),
                f"use another draft model, or another {group.role}.parallelism.tensor",
                None if draft.certain and not group.command.partial else Severity.warning,
            )


@dataclass(frozen=True)
class _Shared:
    """What the ranks of some pods cannot share evenly."""

    group: PodGroup
    known: KnownModel
    division: Division
    obstacles: list[Obstacle]

    def violation(self, found: list[Obstacle]) -> Violation:
        """Return the violation of the rule about these."""
        from modelservice.models.tensor_sizes import nearest_sizes

        certain = _is_certain(self.group, self.known) and any(item.refused for item in found)
        which = [item.what for item in found if item.refused or not certain]
        size = self.division.size
        below, above = nearest_sizes(self.known.shape, self.division)
        key = f"{self.group.role}.parallelism.tensor"
        return Violation(
            f"--tensor-parallel-size {size} does not divide the {' and the '.join(which)} of {self.known.described}",
            self.group.engine.flag("tensor-parallel-size"),
            f"set {key}: {below}" + (f" or {above}" if above else ""),
            None if certain else Severity.warning,
        )


def _shared(deployment: Deployment) -> Iterator[_Shared]:
    """Yield the pods with ranks that cannot share the model evenly, as far as vLLM does not work around it."""
    from modelservice.models.tensor_sizes import Division, obstacles

    for group in _engines(deployment):
        known = _known(deployment, group) if (group.tensor or 1) > 1 else None
        if known is None or group.tensor is None:
            continue
        data = group.number("data-parallel-size", 1) or 1
        expert = group.command.switch("enable-expert-parallel") or False
        division = Division(group.tensor, data, expert=expert, version=group.command.version)
        found = [item for item in obstacles(known.shape, division) if item.refused is not False]
        if found:
            yield _Shared(group, known, division, found)


def _engines(deployment: Deployment) -> Iterator[PodGroup]:
    """Yield the pods whose engine checks the configuration; all pods of a group have the same command line."""
    for group in deployment.servers:
        if group.command.engine == "vllm" and group.loads_model and group.part != "worker":
            yield group


def _drafts(deployment: Deployment) -> Iterator[tuple[PodGroup, KnownModel]]:
    """Yield the pods that speculate with a draft model of its own, and that model, where it is known."""
    for group in _engines(deployment):
        config = group.command.json("speculative-config")
        if config.get("method", "draft_model") == "draft_model":
            draft = draft_model(deployment, str(config.get("model") or ""), str(config.get("revision") or ""))
            if draft:
                yield group, draft


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
