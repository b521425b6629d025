"""Settings that contradict each other: what the engine rejects, or replaces, after it has parsed its flags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelservice import facts
from modelservice.check.cures import drop_flag, offered, put, put_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.facts.models import ExpertsOnly, Flags
from modelservice.facts.versions import number
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.served_model import known_model

_CONFIG = "https://docs.vllm.ai/en/latest/configuration/engine_args/"


def _known_flags(deployment: Deployment) -> Iterator[tuple[PodGroup, Flags]]:
    for group in deployment.servers:
        if group.facts and group.facts.flags:
            yield group, group.facts.flags


def _applies(deployment: Deployment, group: PodGroup, since: str, until: str = "") -> bool | None:
    """Return whether the engine's version is in a range; None where the version is not known."""
    version = deployment.engine_version(group)
    if version is None:
        return None if since or until else True
    return (not since or version >= number(since)) and (not until or version < number(until))


def _value(group: PodGroup, name: str) -> Any:
    """Return the value of a flag, or of ``flag.key`` in its JSON: None where it is not given, "" where not known."""
    flag, _, key = name.partition(".")
    if key:
        return group.command.json(flag).get(key)
    given = group.command.get(flag)
    return None if given is None else group.command.value(flag) or ""


def _matches(group: PodGroup, name: str, pattern: str) -> bool:
    value = _value(group, name)
    return value is not None and (not pattern or re.fullmatch(pattern, str(value)) is not None)


def _shown(group: PodGroup, name: str) -> str:
    value = _value(group, name)
    if "." in name:
        return f"{name.partition('.')[2]} in --{name.partition('.')[0]}"
    return f"--{name} {value}" if value else f"--{name}"


@rule(
    Severity.error,
    reason="vLLM checks its settings against each other when it starts, and exits on a pair that it does not support.",
    link=_CONFIG,
    failing="""\
multinode: true
decode: {parallelism: {tensor: 8, pipeline: 2, workers: 2}, sharedMemory: {enabled: true}}
engine: {args: {distributed-executor-backend: ray}}
""",
    passing="""\
multinode: true
decode: {parallelism: {tensor: 8, pipeline: 2, workers: 2}, sharedMemory: {enabled: true}}
engine: {args: {distributed-executor-backend: mp}}
""",
)
def engine_flag_conflict(deployment: Deployment) -> Iterator[Violation]:
    """Flags that exclude each other are not set together."""
    for group, known in _known_flags(deployment):
        for conflict in known.conflicts:
            applies = _applies(deployment, group, conflict.since, conflict.until)
            if applies is False or not all(_matches(group, *item) for item in conflict.given.items()):
                continue
            first, *others = conflict.given
            yield Violation(
                f"{_shown(group, first)} and {', '.join(_shown(group, name) for name in others)} exclude each other",
                group.engine.flag(first.partition(".")[0]),
                conflict.fix,
                None if applies else Severity.warning,
                cures=offered(drop_flag(group.engine.flag(first.partition(".")[0]), first.partition(".")[0])),
            )


@rule(
    Severity.error,
    reason="Some flags change the value of others after they are parsed, without an error. The engine starts and does "
    "something else than its command line says.",
    link="https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/vllm.py",
    failing=Example("engine: {args: {kv-offloading-size: 64}}", base="pd"),
    passing="engine: {args: {kv-offloading-size: 64}}",
)
def engine_flag_overridden(deployment: Deployment) -> Iterator[Violation]:
    """No flag is set that another one replaces."""
    for group, known in _known_flags(deployment):
        for override in known.overrides:
            if not group.command.has(override.flag) or _applies(deployment, group, override.since) is False:
                continue
            replaced = [name for name in override.replaces if _value(group, name) is not None]
            agrees = any(_matches(group, *item) for item in override.unless.items())
            if replaced and not agrees:
                yield Violation(
                    f"--{override.flag} replaces {_shown(group, replaced[0]).partition(' {')[0]}, so {override.effect}",
                    group.engine.flag(override.flag),
                    override.fix,
                    None if override.severe and deployment.engine_version(group) else Severity.warning,
                    cures=offered(drop_flag(group.engine.flag(override.flag), override.flag)),
                )


@rule(
    Severity.error,
    reason="vLLM supports expert parallelism, and data parallel ranks with a load balancer outside of it, for mixtures "
    "of experts only. With a dense model it exits after reading the model's configuration; use independent replicas.",
    link="https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/",
    failing="decode: {parallelism: {dataLocal: 2, dataMode: multiPort}}",
    passing="""\
modelArtifacts: {name: Qwen/Qwen3-30B-A3B, uri: hf://Qwen/Qwen3-30B-A3B, size: 100Gi}
decode: {parallelism: {dataLocal: 2, dataMode: multiPort, expert: true}}
""",
)
def dense_model(deployment: Deployment) -> Iterator[Violation]:
    """Settings for mixtures of experts are for such a model."""
    for group, known in _known_flags(deployment):
        experts, note = _has_experts(deployment, group)
        for item in known.experts_only if not experts else ():
            flag = next((name for name in item.flags if group.command.has(name)), None)
            applies = _applies(deployment, group, item.since)
            if flag is None or applies is False or (item.tempting and group.command.number("data-parallel-size") == 1):
                continue
            if experts is None and (not item.tempting or group.command.has("enable-expert-parallel")):
                continue
            certain = experts is False and applies is True and not note
            yield _for_dense(group, item, flag, note, certain=certain)


def _for_dense(group: PodGroup, item: ExpertsOnly, flag: str, note: str, *, certain: bool) -> Violation:
    model = group.command.model or "the model"
    return Violation(
        f"--{flag} is for mixtures of experts, and {model} is "
        + ("dense" if certain else f"dense if {note}" if note else "not known to be one"),
        group.engine.flag(flag),
        f"remove dataMode, and set {group.role}.replicas to the number of ranks"
        if item.tempting
        else f"remove --{flag} (parallelism.expert)",
        None if certain else Severity.warning,
    )


def _has_experts(deployment: Deployment, group: PodGroup) -> tuple[bool | None, str]:
    """Return whether the model is a mixture of experts, by its shape or its name; None where that is not known.

    With it goes what was taken for granted, if the answer is not certain.
    """
    shaped = known_model(deployment, group)
    by_name = _named_with_experts(group)
    if shaped is None or not shaped.shape.layers:
        return by_name, ""
    by_shape = shaped.shape.experts is not None
    if shaped.certain or by_shape == by_name:
        return by_shape, ""
    return by_shape, shaped.note or "it is what its name says"


def _named_with_experts(group: PodGroup) -> bool | None:
    name = (group.command.model or "").rstrip("/").rpartition("/")[2]
    known = facts.models_by_name()
    if any(re.search(item.pattern, name, re.IGNORECASE) for item in known.experts):
        return True
    return False if any(re.search(item.pattern, name, re.IGNORECASE) for item in known.dense) else None


@rule(
    Severity.error,
    reason="An adapter is loaded by the API server that gets the request, and the others would not know it, so vLLM "
    "exits when loading at run time is allowed with several servers. By default it starts one for each rank.",
    link="https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/entrypoints/cli/serve.py",
    failing="{modelArtifacts: {lora: {dynamic: true}}, decode: {parallelism: {data: 2}}}",
    passing="""\
modelArtifacts: {lora: {dynamic: true}}
decode: {parallelism: {data: 2}}
engine: {args: {api-server-count: 1}}
""",
)
def adapters_several_servers(deployment: Deployment) -> Iterator[Violation]:
    """Adapters are loaded at run time by the one API server of a pod."""
    for group in deployment.servers:
        known = group.facts.adapters if group.facts else None
        if known is None or known.one_server is None or not known.dynamic_env:
            continue
        allowed = all(str(group.engine.env.get(name)).lower() in ("1", "true") for name in known.dynamic_env)
        flag = known.one_server.flag
        given = group.command.number(flag) if group.command.has(flag) else None
        by_ranks = given is None and _applies(deployment, group, known.one_server.by_ranks_since)
        servers = _servers_by_ranks(group) if by_ranks else given
        if allowed and servers and servers > 1:
            yield Violation(
                f"adapters may be loaded at run time, but the pods of {group.role} run {servers} API servers",
                group.engine.flag(flag, "data-parallel-size"),
                f"set engine.args.{flag}: 1, or remove modelArtifacts.lora.dynamic",
                cures=offered(put(f"engine.args.{flag}", 1)),
            )


def _servers_by_ranks(group: PodGroup) -> int | None:
    """Return how many API servers vLLM starts on its own: one for each rank that it balances itself."""
    if group.headless or group.multi_port or any(group.command.has(name) for name in _EXTERNAL):
        return 1
    if any(group.command.has(name) for name in _HYBRID):
        return group.command.number("data-parallel-size-local", 1)
    return group.command.number("data-parallel-size", 1)


_EXTERNAL = ("data-parallel-rank", "data-parallel-external-lb")
_HYBRID = ("data-parallel-hybrid-lb", "data-parallel-start-rank")


@rule(
    Severity.warning,
    reason="With the backend lmcache vLLM hands offloaded cache to LMCache's own server, which it asks on localhost; "
    "without one the engine waits for it.",
    link="https://github.com/vllm-project/vllm/blob/v0.23.0/vllm/config/vllm.py",
    failing="engine: {args: {kv-offloading-size: 64, kv-offloading-backend: lmcache}}",
    passing="engine: {args: {kv-offloading-size: 64, kv-offloading-backend: native}}",
)
def offloading_server_missing(deployment: Deployment) -> Iterator[Violation]:
    """The server that keeps offloaded cache runs next to the engine."""
    for group in deployment.servers:
        transfer = group.kv_transfer_facts
        server = transfer.offloading_server if transfer else None
        if server is None or group.command.value(server.flag) != server.value:
            continue
        alone = all(container in (group.engine, group.proxy) for container in group.containers)
        if alone and not group.spec.get("hostNetwork") and _applies(deployment, group, server.since):
            yield Violation(
                f"--{server.flag} {server.value} asks a server on port {server.port} of the pod, which has no other "
                "container",
                group.engine.flag(server.flag),
                f"add the server as a container, or set --{server.flag} native",
                cures=offered(put_flag(group.engine.flag(server.flag), server.flag, "native")),
            )
