"""Memory of accelerators: do the model's weights and the KV cache of its longest request fit?

Weights and cache are known to the byte, memory and overhead as ranges: an error is what no accelerator of the kind can
hold, a warning what does not fit at best, and an info what depends on the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelservice.check.cures import offered, put_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.served_model import draft_shape, known_model, names
from modelservice.models.accelerator_memory import DeviceMemory, accelerator_memory

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel
    from modelservice.models.engine_settings import EngineSettings
    from modelservice.models.overhead import Band
    from modelservice.models.rank_memory import RankMemory

_L4 = "nodeSelector: {nvidia.com/gpu.product: NVIDIA-L4}"
_LARGE = "modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}"


@dataclass(frozen=True)
class _Engine:
    """Pods of an engine whose accelerators' memory is known."""

    group: PodGroup
    settings: EngineSettings
    device: DeviceMemory


@dataclass(frozen=True)
class _Rank:
    """What fills an accelerator of such pods."""

    engine: _Engine
    known: KnownModel
    memory: RankMemory


@rule(
    Severity.error,
    reason="Every rank holds its share of the weights on its accelerator. If they exceed what the engine may use of it "
    "(`--gpu-memory-utilization`), it runs out of memory while it loads them, and the pod crash-loops.",
    link="https://docs.vllm.ai/en/latest/configuration/conserving_memory/",
    failing=f"{_LARGE}\ndecode: {{{_L4}}}\n",
    passing=f"{_LARGE}\ndecode: {{{_L4}, parallelism: {{tensor: 8}}, sharedMemory: {{enabled: true}}}}\n",
)
def weights_do_not_fit(deployment: Deployment) -> Iterator[Violation]:
    """The weights fit into the memory of the accelerators."""
    for rank in _ranks(deployment):
        group, memory, device = rank.engine.group, rank.memory, rank.engine.device
        if not memory.overfull or memory.weights is None or memory.budget is None:
            continue
        from modelservice.models.overhead import gibibytes

        usable = device.most if memory.given is not None else int(memory.budget.most)
        tensor = _enough(rank, deployment)
        yield Violation(
            f"each rank of {group.role} holds {gibibytes(memory.weights)} of weights of {rank.known.described}, but "
            f"the engine may use at most {gibibytes(usable)} of its accelerator ({device.source})",
            group.engine.flag("tensor-parallel-size").preferring(*group.engine.flag("model").keys),
            (f"set {group.role}.parallelism.tensor: {tensor}, or " if tensor else "")
            + "use accelerators with more memory or a quantised model",
            None if rank.known.certain else Severity.warning,
        )


@rule(
    Severity.warning,
    reason="The engine exits if the KV cache of one request of the longest length (`--max-model-len`, or the model's "
    "context without it) does not fit next to weights and overhead. The overhead is known as a range only.",
    link="https://docs.vllm.ai/en/latest/configuration/conserving_memory/",
    failing=f"decode: {{{_L4}, engine: {{args: {{max-model-len: 40960, gpu-memory-utilization: 0.8}}}}}}\n",
    passing="decode: {nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}}",
)
def context_does_not_fit(deployment: Deployment) -> Iterator[Violation]:
    """The KV cache of the longest request fits next to the weights."""
    told = False
    for rank in _ranks(deployment):
        memory = rank.memory
        if memory.overfull or memory.fits or memory.is_open or memory.needed is None or memory.room is None:
            continue
        if memory.fits is None and told:
            continue
        told = told or memory.fits is None
        from modelservice.models.overhead import Band

        yield _too_long(rank, memory.needed, Band(max(0, memory.room.least), max(0, memory.room.most)))


def _too_long(rank: _Rank, needed: int, room: Band) -> Violation:
    from modelservice.models.overhead import gibibytes

    group, memory = rank.engine.group, rank.memory
    certain, tokens = memory.fits is False, memory.longest_request
    there = f"at most {gibibytes(int(room.most))}" if certain else gibibytes(room)
    longest = int(tokens.most if certain else tokens.least) if tokens else 0
    return Violation(
        f"a request of {memory.longest} tokens to {rank.known.described} needs {gibibytes(needed)} of KV cache on "
        f"each rank of {group.role}, and weights and overhead leave {there} of its accelerator "
        f"({rank.engine.device.source})",
        group.engine.flag("max-model-len"),
        f"set max-model-len to {longest} or less, or use more accelerators"
        if longest
        else "use more accelerators, or some with more memory",
        None if certain else Severity.info,
        cures=offered(put_flag(group.engine.flag("max-model-len"), "max-model-len", longest)) if longest else (),
    )


@rule(
    Severity.info,
    reason="Whether a model fits follows from its configuration, and that of models which are not in the catalogue "
    "has to be given.",
    link="https://docs.vllm.ai/en/latest/configuration/conserving_memory/",
    failing=f"""\
modelArtifacts: {{name: example/own-model, uri: hf://example/own-model}}
decode: {{{_L4}}}
""",
    passing=f"decode: {{{_L4}}}",
)
def memory_not_known(deployment: Deployment) -> Iterator[Violation]:
    """It is known what fills the accelerators."""
    for engine in _engines(deployment):
        known = known_model(deployment, engine.group)
        memory = _memory(deployment, engine, known) if known else None
        if memory and memory.weights is not None and "weights" not in memory.unknown:
            continue
        name = known.name if known else next(names(deployment, engine.group), "the model")
        why = memory.unknown.get("weights", "its weights are not known") if memory else "its configuration is not known"
        yield Violation(
            f"whether {name} fits its accelerators ({engine.device.source}) is not checked: {why}",
            engine.group.engine.flag("model"),
            "give its config.json to the check with --model-config",
        )
        return


# Without the memory of an accelerator there is nothing to compare, so the modules that model it are imported late.


def _engines(deployment: Deployment) -> Iterator[_Engine]:
    """Yield the engines whose accelerators' memory is known; all pods of a group have the same ranks."""
    for group in deployment.servers:
        if not group.loads_model or group.part == "worker":
            continue
        if group.accelerators and accelerator_memory(group, deployment.cluster) is None:
            continue
        from modelservice.models.engine_settings import settings_of
        from modelservice.models.group_memory import device_of

        settings = settings_of(group)
        device = device_of(group, settings, deployment.cluster) if settings else None
        if settings and device:
            yield _Engine(group, settings, device)


def _ranks(deployment: Deployment) -> Iterator[_Rank]:
    for engine in _engines(deployment):
        known = known_model(deployment, engine.group)
        memory = _memory(deployment, engine, known) if known else None
        if known and memory:
            yield _Rank(engine, known, memory)


def _memory(deployment: Deployment, engine: _Engine, known: KnownModel) -> RankMemory:
    from modelservice.models.rank_memory import rank_memory

    return rank_memory(known.shape, engine.settings, engine.device, draft=draft_shape(deployment, engine.settings))


def _enough(rank: _Rank, deployment: Deployment) -> int | None:
    """Return the smallest larger tensor parallel size with which the weights fit; None for more than 16."""
    from modelservice.models.tensor_sizes import tensor_sizes

    settings = rank.engine.settings
    for size in tensor_sizes(rank.known.shape, 16, expert=settings.expert_parallel):
        wider = replace(rank.engine, settings=replace(settings, tensor=size))
        if size > settings.tensor and _memory(deployment, wider, rank.known).fits is not False:
            return size
    return None
