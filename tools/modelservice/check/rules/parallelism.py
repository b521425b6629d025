"""Parallelism: do the sizes and modes of the engine agree with each other and with the values?"""

from __future__ import annotations

from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.deployment import Deployment
from modelservice.model.engine_flags import own_name
from modelservice.model.pods import PodGroup


@rule(
    Severity.error,
    reason="Each data parallel mode of vLLM distributes requests its own way, and `vllm serve` rejects two at once.",
    link="https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/",
    failing="""\
multinode: true
decode:
  parallelism: {dataLocal: 2, workers: 2, dataMode: hybrid}
  engine: {args: {data-parallel-external-lb: true}}
""",
    passing="{multinode: true, decode: {parallelism: {dataLocal: 2, workers: 2, dataMode: hybrid}}}",
)
def data_parallel_modes(deployment: Deployment) -> Iterator[Violation]:
    """One data parallel mode is used, with everything that it needs."""
    for group in deployment.servers:
        if group.command.engine == "vllm":
            problem = _mode_problem(group) or _size_problem(group)
            if problem:
                name, message, fix = problem
                at = group.engine.flag(name).otherwise(f"{group.role}.parallelism.dataMode")
                yield Violation(message, at, fix)


def _modes(group: PodGroup) -> list[str]:
    """Return the flags of data parallel modes that are set; a rank alone means an external load balancer."""
    listed = ("data-parallel-hybrid-lb", "data-parallel-multi-port-external-lb")
    external = ("data-parallel-external-lb", "data-parallel-rank")
    modes = [name for name in listed if group.command.has(name)]
    return modes + [name for name in external if group.command.has(name)][:1]


def _mode_problem(group: PodGroup) -> tuple[str, str, str] | None:
    """Return the flag, what is wrong with the modes, and the fix."""
    command, modes = group.command, _modes(group)
    if len(modes) > 1:
        return modes[1], f"--{modes[0]} and --{modes[1]} exclude each other", "keep one"
    if group.headless and modes:
        return modes[0], f"--{modes[0]} lets every node serve, but --headless forbids it", "keep one of them"
    if group.headless and (command.number("api-server-count", 0) or 0) > 0:
        message = "--headless starts no API server, but --api-server-count requests some"
        return "api-server-count", message, "remove it"
    if "data-parallel-hybrid-lb" in modes and group.lacks("data-parallel-size-local"):
        return modes[0], "--data-parallel-hybrid-lb needs --data-parallel-size-local", "set both"
    several = (command.number("api-server-count", 1) or 1) > 1
    if "data-parallel-multi-port-external-lb" in modes and several:
        message = "with a port per rank each rank has one API server"
        return "api-server-count", message, "remove --api-server-count"
    return None


def _size_problem(group: PodGroup) -> tuple[str, str, str] | None:
    """Return the flag, what is wrong with the data parallel sizes, and the fix."""
    name = "data-parallel-size-local"
    size, local = group.command.number("data-parallel-size", 1), group.command.number(name)
    if not local:
        return None
    if "data-parallel-multi-port-external-lb" in _modes(group) and local < 2:
        return name, "a port per rank needs at least two ranks in a pod", "set 2 or more"
    if size and size % local:
        return name, f"--data-parallel-size {size} is not a multiple of {local}", "make it one"
    elsewhere = any(group.command.has(flag) for flag in ("data-parallel-address", "data-parallel-start-rank"))
    if size and local < size and group.size == 1 and group.part == "pod" and not elsewhere:
        return (
            name,
            f"{local} of {size} data parallel ranks run here, and no pod runs the others",
            f"set --data-parallel-size {local}, or several workers",
        )
    return None


@rule(
    Severity.error,
    reason="The values say how many accelerators a pod gets; with other sizes in the command they sit idle, or the "
    "engine fails to start.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing="""\
decode:
  parallelism: {tensor: 4}
  sharedMemory: {enabled: true}
  containers:
  - image: vllm/vllm-openai:v0.32.0
    command: [/bin/sh, -c]
    args: [vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2]
    resources: {limits: {nvidia.com/gpu: 4}}
""",
    passing="""\
decode:
  parallelism: {tensor: 2}
  sharedMemory: {enabled: true}
  containers:
  - image: vllm/vllm-openai:v0.32.0
    command: [/bin/sh, -c]
    args: [vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2]
    resources: {limits: {nvidia.com/gpu: 2}}
""",
)
def parallelism_mismatch(deployment: Deployment) -> Iterator[Violation]:
    """The command's parallel sizes are those of the values."""
    flags = {
        "tensor": "tensor-parallel-size",
        "pipeline": "pipeline-parallel-size",
        "dataLocal": "data-parallel-size-local",
    }
    for group in deployment.servers:
        for name, flag in flags.items():
            stated = deployment.value(f"{group.role}.parallelism.{name}")
            given = group.number(flag) if group.has(flag) else None
            missing = name == "tensor" and group.ranks is not None and not group.has(flag)
            given = 1 if missing and stated else given
            own = own_name(group.facts, flag)
            if stated and given and stated != given and not group.headless:
                yield Violation(
                    f"{group.role}.parallelism.{name} is {stated}, but the engine runs with "
                    + (f"no --{own}" if missing else f"--{own} {given}"),
                    group.engine.flag(flag),
                    f"set {stated} in both places",
                )


@rule(
    Severity.warning,
    reason="Several workers without a pipeline or `data: 1` are data parallel: every pod holds the whole tensor group. "
    "More accelerators than a node has are usually meant to be spread over the pods.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing="{multinode: true, decode: {parallelism: {tensor: 16, workers: 2}}}",
    passing="{multinode: true, decode: {parallelism: {tensor: 16, data: 1, workers: 2}}}",
)
def tensor_wider_than_node(deployment: Deployment) -> Iterator[Violation]:
    """A tensor group that is wider than a node is spread over the pods of its group."""
    for group in deployment.servers:
        sizes = deployment.value(f"{group.role}.parallelism") or {}
        unclear = not any(sizes.get(name) for name in ("data", "dataLocal", "pipeline"))
        if not unclear or (sizes.get("workers") or 1) < 2 or group.part == "worker":
            continue
        for accelerator in facts.accelerators().types:
            count = group.accelerators.get(accelerator.resource, 0)
            if accelerator.per_node and count > accelerator.per_node:
                yield Violation(
                    f"each of the {sizes['workers']} pods of {group.role} gets a tensor group of its own with {count} "
                    f"{accelerator.resource}, but a node has at most {accelerator.per_node}",
                    group.engine.flag("tensor-parallel-size"),
                    f"set {group.role}.parallelism.data: 1 for one instance over the pods, or data: {sizes['workers']} "
                    "if each pod is one",
                )
