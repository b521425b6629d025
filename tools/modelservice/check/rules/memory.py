"""Memory: do /dev/shm, weights on processors and host caches fit?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from modelservice.check.cures import offered, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.kubernetes.quantity import GIB, quantity, shown
from modelservice.model.deployment import Deployment
from modelservice.model.devices import built_for, kind_of
from modelservice.model.pods import PodGroup
from modelservice.model.weights import weights

_SHARED = "/dev/shm"  # noqa: S108


@rule(
    Severity.warning,
    reason="Tensor parallel workers exchange tensors through /dev/shm, which is 64 MiB in a container: NCCL fails or "
    "hangs.",
    link="https://docs.vllm.ai/en/latest/deployment/docker/",
    failing="decode: {parallelism: {tensor: 2}}",
    passing="decode: {parallelism: {tensor: 2}, sharedMemory: {enabled: true}}",
)
def shared_memory(deployment: Deployment) -> Iterator[Violation]:
    """An engine with tensor parallelism has a large /dev/shm."""
    for group in deployment.servers:
        tensor = group.tensor or 1
        mounted = any(mount.get("mountPath") == _SHARED for mount in group.engine.mounts)
        shared = mounted or group.spec.get("hostIPC") or _is_one_process(group)
        if tensor > 1 and group.loads_model and not shared:
            sizes = group.engine.flag("tensor-parallel-size").keys
            yield Violation(
                f"{tensor} tensor parallel workers share the 64 MiB /dev/shm of a container",
                group.engine.at(f"volumeMounts[{_SHARED}]").otherwise(*sizes, f"{group.role}.sharedMemory.enabled"),
                f"set {group.role}.sharedMemory.enabled: true"
                if deployment.sources is not None
                else f"mount an emptyDir with medium: Memory at {_SHARED}",
                cures=offered(put(f"{group.role}.sharedMemory.enabled", True)),
            )


def _is_one_process(group: PodGroup) -> bool:
    """Return whether one process drives all devices of the pods, so nothing goes through /dev/shm."""
    kinds = [kind_of(device) for device in group.accelerators]
    return bool(kinds) and all(kind is not None and kind.one_process for kind in kinds)


@rule(
    Severity.warning,
    reason="What is written to a volume in memory counts against the container's memory limit: the kernel kills an "
    "engine that fills it.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
    failing="""\
decode:
  parallelism: {tensor: 2}
  sharedMemory: {enabled: true, sizeLimit: 32Gi}
  engine: {resources: {limits: {memory: 16Gi}}}
""",
    passing="""\
decode:
  parallelism: {tensor: 2}
  sharedMemory: {enabled: true, sizeLimit: 16Gi}
  engine: {resources: {limits: {memory: 64Gi}}}
""",
)
def shared_memory_limit(deployment: Deployment) -> Iterator[Violation]:
    """Volumes in memory fit into the memory limit."""
    for group in deployment.groups:
        volumes = {volume.get("name"): volume.get("emptyDir") or {} for volume in group.spec.get("volumes") or []}
        limit = quantity(group.engine.limits.get("memory"))
        for mount in group.engine.mounts:
            name = mount.get("name")
            volume = volumes.get(name) or {}
            size = quantity(volume.get("sizeLimit"))
            if volume.get("medium") == "Memory" and size and limit and size >= limit:
                yield Violation(
                    f"the memory volume {name} takes up to {shown(size)}, but the container's memory limit is "
                    f"{shown(limit)}",
                    group.at(f"spec.volumes[{name}]"),
                    "raise the memory limit, or lower the size",
                    None if group.loads_model else Severity.info,
                )


@rule(
    Severity.error,
    reason="Weights on processors, and caches that the engine keeps in the host's memory, count against the memory "
    "limit: the kernel kills an engine that exceeds it while it starts.",
    link="https://docs.vllm.ai/en/latest/getting_started/installation/cpu/",
    failing="""\
accelerator: {type: cpu}
engine:
  image: vllm/vllm-openai-cpu:v0.32.0
  env: {VLLM_CPU_KVCACHE_SPACE: 48}
  resources: {limits: {memory: 48Gi}}
""",
    passing="""\
accelerator: {type: cpu}
engine:
  image: vllm/vllm-openai-cpu:v0.32.0
  env: {VLLM_CPU_KVCACHE_SPACE: 24}
  resources: {limits: {memory: 48Gi}}
""",
)
def host_memory(deployment: Deployment) -> Iterator[Violation]:
    """Weights on processors and caches in the host's memory fit into the memory limit."""
    for group in deployment.servers:
        limit = quantity(group.engine.limits.get("memory"))
        if not limit or not group.loads_model:
            continue
        parts = dict(_host_caches(group))
        certain = sum(parts.values(), Decimal(0)) >= limit
        size = weights(deployment, group) if _on_processors(deployment, group) else None
        if size:
            parts["the weights"] = size
        needed = sum(parts.values(), Decimal(0))
        if needed >= limit:
            listed = ", ".join(f"{name} {shown(amount)}" for name, amount in parts.items())
            yield Violation(
                f"the engine takes more than the {shown(limit)} of its memory limit: {listed}",
                group.engine.at("resources"),
                f"set a memory limit of {int(needed * Decimal('1.2') / GIB) + 1}Gi, or smaller caches",
                None if certain else Severity.warning,
            )


def _on_processors(deployment: Deployment, group: PodGroup) -> bool:
    """Return whether the engine runs on processors."""
    stated = deployment.value(f"{group.role}.accelerator.type") or deployment.value("accelerator.type")
    by_image = any(kind.type == "cpu" for kind in built_for(group.engine.image))
    return not group.accelerators and (stated == "cpu" or by_image)


def _host_caches(group: PodGroup) -> Iterator[tuple[str, Decimal]]:
    """Yield the caches of one rank in the host's memory, by what sets their size."""
    variables = [group.facts.cpu_cache.env] if group.facts and group.facts.cpu_cache else []
    in_gib = {name: group.engine.env.get(name) for name in (*variables, "LMCACHE_MAX_LOCAL_CPU_SIZE")}
    in_gib |= {f"--{name}": group.command.value(name) for name in ("kv-offloading-size", "cpu-offload-gb")}
    for name, given in in_gib.items():
        amount = quantity(given)
        if amount:
            yield name, amount * GIB
    amount = quantity(group.kv_connector_settings.get("cpu_bytes_to_use"))
    if amount:
        yield "cpu_bytes_to_use", amount
