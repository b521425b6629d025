"""Accelerators: do the pods get the devices that their engine uses, no fewer and no more?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.cures import certain, drop_variable
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.quantity import quantity
from modelservice.model.deployment import Deployment
from modelservice.model.devices import built_for, is_claimed, kind_of, vendor_of_label, vendors_of
from modelservice.model.engine_flags import own_name
from modelservice.model.pods import PodGroup

_PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
"""


def _runs_on_processors(group: PodGroup) -> bool:
    return any(kind.type == "cpu" for kind in built_for(group.engine.image))


def _needs_accelerator(group: PodGroup) -> bool:
    return group.facts is not None and group.facts.needs_accelerator


def _counts_cores(deployment: Deployment, group: PodGroup) -> bool:
    """Return whether the number of devices need not equal the ranks: each has several cores, or there are none."""
    kind = deployment.value(f"{group.role}.accelerator.type") or deployment.value("accelerator.type")
    if kind == "cpu" or (deployment.value("accelerator.independentCount") or {}).get(kind):
        return True
    return any(known.counts_cores for device in group.accelerators if (known := kind_of(device)))


@rule(
    Severity.error,
    reason="vLLM starts one worker for each tensor and pipeline rank of each local data parallel rank. With fewer "
    "accelerators, it fails to start; with more, the extra ones sit idle.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing=Example(
        manifests=_PODS
        + """\
        args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size, "4"]
        resources: {limits: {nvidia.com/gpu: 8}}
"""
    ),
    passing="decode: {parallelism: {tensor: 4}, sharedMemory: {enabled: true}}",
)
def accelerator_count(deployment: Deployment) -> Iterator[Violation]:
    """A pod has as many accelerators as its engine has ranks."""
    for group in deployment.servers:
        ranks, found = group.ranks, group.accelerators
        total = sum(found.values())
        if ranks is None or total == ranks or _counts_cores(deployment, group):
            continue
        if any(claim.all for claim in group.claims) or (group.spec.get("resourceClaims") and not group.claims):
            continue  # how many devices the claim gives is not known
        declared = deployment.value(f"{group.role}.accelerator.count")
        declared = deployment.value("accelerator.count") if declared is None else declared
        if declared is not None and (total > ranks or total == 0):
            severity = Severity.warning  # stated on purpose
        elif total == 0 and (_runs_on_processors(group) or ranks == 1):
            continue
        else:
            severity = Severity.error
        sizes = group.engine.flag("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size-local")
        yield Violation(
            f"each {group.part} of {group.role} has {total} {', '.join(found) or 'accelerators'}, but its engine runs "
            f"{ranks} ranks",
            group.engine.at("resources").preferring(*sizes.keys),
            _devices_fix(group, ranks, total),
            severity,
        )


def _devices_fix(group: PodGroup, ranks: int, total: int) -> str:
    """Return how to give the ranks of an engine the devices that they need."""
    nodes = own_name(group.facts, "nnodes")
    if group.group_size > 1 and total * group.group_size == ranks:
        return f"set --{nodes} {group.group_size} with its rank and address, or --distributed-executor-backend ray"
    parallelism = f", or change the parallelism (tensor x pipeline x dataLocal) to {total}" if total else ""
    return f"request {ranks}{parallelism}"


@rule(
    Severity.warning,
    reason="The engine sees only the devices in these variables, whatever the pod holds, and fails to start with fewer "
    "than it has ranks.",
    link="https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables",
    failing="""\
decode: {parallelism: {tensor: 4}, sharedMemory: {enabled: true}}
engine: {env: {CUDA_VISIBLE_DEVICES: "0"}}
""",
    passing="""\
decode: {parallelism: {tensor: 4}, sharedMemory: {enabled: true}}
engine: {env: {CUDA_VISIBLE_DEVICES: "0,1,2,3"}}
""",
)
def visible_devices(deployment: Deployment) -> Iterator[Violation]:
    """The engine sees as many devices as it has ranks."""
    for group in deployment.servers:
        ranks = group.ranks
        kinds = [kind for device in group.accelerators if (kind := kind_of(device)) and not kind.counts_cores]
        for name in sorted({name for kind in kinds for name in kind.visible_devices}):
            value = str(group.engine.env.get(name) or "")
            number = len(value.split(","))
            if ranks and number < ranks and re.fullmatch(r"\d+(,\d+)*", value):
                yield Violation(
                    f"{name} shows {number} of the devices, but the engine runs {ranks} ranks",
                    group.engine.at(f"env[{name}]"),
                    "remove it: the pod sees exactly the devices that it was given",
                    cures=certain(drop_variable(group.engine.at(f"env[{name}]"), name)),
                )


@rule(
    Severity.error,
    reason="Extended resources cannot be overcommitted: the API server rejects a pod whose requests differ from its "
    "limits.",
    link="https://kubernetes.io/docs/tasks/configure-pod-container/extended-resource/",
    failing=Example(
        manifests=_PODS + "        resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}\n"
    ),
    passing="decode: {engine: {resources: {limits: {nvidia.com/gpu: 1}}}}",
)
def accelerator_requests_limits(deployment: Deployment) -> Iterator[Violation]:
    """Requests of extended resources equal their limits."""
    for group in deployment.groups:
        for container in group.containers:
            for name in sorted({*container.limits, *container.requests}):
                limit, request = container.limits.get(name), container.requests.get(name)
                same = request is None or quantity(limit) == quantity(request)
                if "/" in name and (limit is None or not same):
                    yield Violation(
                        f"container {container.name} requests {request} of {name}, but its limit is {limit}",
                        container.at("resources"),
                        "set the number once, under limits",
                    )


@rule(
    Severity.error,
    reason="Only the engine uses accelerators. Those of another container are reserved on the node for as long as the "
    "pod lives, and the engine cannot see them.",
    link="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/",
    failing="""\
decode:
  containers:
  - {name: vllm, image: "vllm/vllm-openai:v0.32.0", modelCommand: vllmServe}
  - {name: logger, image: "fluent/fluent-bit:4.0", command: [fluent-bit], resources: {limits: {nvidia.com/gpu: 1}}}
""",
    passing="""\
decode:
  containers:
  - {name: vllm, image: "vllm/vllm-openai:v0.32.0", modelCommand: vllmServe}
  - {name: logger, image: "fluent/fluent-bit:4.0", command: [fluent-bit], resources: {limits: {memory: 200Mi}}}
""",
)
def accelerator_sidecar(deployment: Deployment) -> Iterator[Violation]:
    """No container but the engine has accelerators."""
    for group in deployment.servers:
        if group.requester or (not group.engine.accelerators and group.ranks is None):
            continue  # what the engine needs is not known
        for container in group.all_containers:
            if container is not group.engine and container.accelerators:
                yield Violation(
                    f"container {container.name} requests {', '.join(container.accelerators)}, which only the engine "
                    "uses",
                    container.at("resources"),
                    "remove it from this container",
                )


@rule(
    Severity.error,
    reason="A claim and a device plugin allocate independently of each other: the pod would hold both sets of devices.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
    failing="""\
accelerator: {dra: true}
decode: {engine: {extraConfig: {resources: {limits: {nvidia.com/gpu: "1"}, requests: {nvidia.com/gpu: "1"}}}}}
""",
    passing="accelerator: {dra: true}",
)
def accelerator_twice(deployment: Deployment) -> Iterator[Violation]:
    """A pod gets its accelerators from a claim or from a device plugin, not both."""
    for group in deployment.servers:
        claimed = [name for name in group.accelerators if is_claimed(name)]
        plugin = [name for name in group.accelerators if not is_claimed(name)]
        if claimed and plugin:
            yield Violation(
                f"the pods get {', '.join(plugin)} from a device plugin and {', '.join(claimed)} as well",
                group.engine.at("resources"),
                "remove the extended resource, or set dra: false",
            )


@rule(
    Severity.error,
    reason="Accelerators of two vendors need two different builds of the engine; one container cannot use both.",
    link="https://docs.vllm.ai/en/latest/getting_started/installation/",
    failing='decode: {engine: {extraConfig: {resources: {limits: {amd.com/gpu: "1"}, requests: {amd.com/gpu: "1"}}}}}',
    passing="accelerator: {type: amd}",
)
def accelerator_vendors(deployment: Deployment) -> Iterator[Violation]:
    """An engine has accelerators of one vendor."""
    for group in deployment.servers:
        kinds = {name: kind_of(name) for name in group.engine.accelerators}
        vendors = {kind.vendor if kind else name.partition("/")[0] for name, kind in kinds.items()}
        if len(vendors) > 1:
            yield Violation(
                f"the engine requests accelerators of {len(vendors)} vendors: {' and '.join(sorted(kinds))}",
                group.engine.at("resources"),
                "keep those that the engine's image is built for",
            )


@rule(
    Severity.error,
    reason="An engine image targets one kind of accelerator and exits at startup if none is found.",
    link="https://docs.vllm.ai/en/latest/getting_started/installation/",
    failing="accelerator: {type: amd}",
    passing="{accelerator: {type: amd}, engine: {image: 'vllm/vllm-openai-rocm:v0.32.0'}}",
)
def accelerator_image(deployment: Deployment) -> Iterator[Violation]:
    """The engine's image is built for the accelerators of the pods."""
    for group in deployment.servers:
        image, found = group.engine.image, group.accelerators
        built, vendors = built_for(image), vendors_of(found)
        if not built or not _needs_accelerator(group) or vendors is None or len(vendors) > 1:
            continue
        severity = None
        if built[0].type == "cpu":
            if not found:
                continue
            severity, what = Severity.warning, f"is built for processors and does not use the {', '.join(found)}"
        elif vendors and built[0].vendor not in vendors:
            what = f"is built for {built[0].title}, but the pods request {', '.join(found)}"
        elif not found and not group.spec.get("resourceClaims") and deployment.value("accelerator.type") == "cpu":
            what = f"is built for {built[0].title}, and the pods have no accelerators"
        else:
            continue
        yield Violation(
            f"the image {image} {what}",
            group.engine.at("image"),
            "set an image for these accelerators, or the accelerator.type that the image is built for",
            severity,
        )


@rule(
    Severity.error,
    reason="A node with the label of one vendor's accelerators has none of another vendor's, so the pod stays pending.",
    link="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/#node-labeller",
    failing="""\
accelerator: {type: amd}
decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [NVIDIA-H100-80GB-HBM3]}}
""",
    passing="decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [NVIDIA-H100-80GB-HBM3]}}",
)
def accelerator_node_label(deployment: Deployment) -> Iterator[Violation]:
    """The node label that a pod requires is of the vendor of its accelerators."""
    for group in deployment.servers:
        vendors = vendors_of(group.accelerators)
        for label, field in sorted(group.required_labels.items()):
            vendor = vendor_of_label(label)
            if vendor and vendors and vendor not in vendors:
                yield Violation(
                    f"the pods request {', '.join(group.accelerators)} on nodes with the label {label}, which have "
                    "other ones",
                    group.at(field),
                    "set the label of the same vendor, or accelerator.type for these nodes",
                )


@rule(
    Severity.warning,
    reason="NCCL cannot connect two slices of one GPU, so a tensor parallel group over MIG slices does not start.",
    link="https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
    failing="""\
accelerator: {type: mig, resources: {mig: nvidia.com/mig-3g.40gb}}
decode: {parallelism: {tensor: 2}, sharedMemory: {enabled: true}}
""",
    passing="accelerator: {type: mig, resources: {mig: nvidia.com/mig-3g.40gb}}",
)
def mig_tensor_parallel(deployment: Deployment) -> Iterator[Violation]:
    """MIG slices are not joined by tensor parallelism."""
    for group in deployment.servers:
        slices = [name for name in group.engine.accelerators if name.startswith("nvidia.com/mig-")]
        if slices and (group.tensor or 1) > 1:
            yield Violation(
                f"tensor parallel size {group.tensor} over {slices[0]}: NCCL does not connect slices of one GPU",
                group.engine.flag("tensor-parallel-size"),
                "use one larger slice per rank, or whole GPUs",
            )


@rule(
    Severity.error,
    reason="Shares of a virtual GPU (memory, cores) belong to a number of virtual GPUs; without one the scheduler "
    "extender allocates nothing.",
    link="https://project-hami.io/docs/userguide/NVIDIA-device/specify-device-memory-usage",
    failing="""\
accelerator: {type: cpu}
decode: {engine: {resources: {limits: {nvidia.com/gpumem: 20000}}}}
""",
    passing="decode: {engine: {resources: {limits: {nvidia.com/gpumem: 20000}}}}",
)
def vgpu_share(deployment: Deployment) -> Iterator[Violation]:
    """A share of a virtual GPU comes with a number of virtual GPUs."""
    shares = {
        part: share.count
        for kind in facts.accelerators().types
        for share in kind.shares.values()
        for part in (share.memory, share.percentage, share.cores)
    }
    for group in deployment.groups:
        for container in group.containers:
            for part, number in shares.items():
                if part in container.limits and number not in container.limits:
                    yield Violation(
                        f"container {container.name} requests {part} but no {number}",
                        container.at("resources"),
                        f"set {number} too",
                    )
