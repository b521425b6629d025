"""Accelerators: do the pods get the devices that their engine uses, no fewer and no more?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.quantity import quantity
from modelservice.model.deployment import Deployment, Pods, device_requests, environment, reference

_COUNTED_OTHERWISE = ("google.com/tpu", "rebellions.ai/ATOM", "aws.amazon.com/neuron", "tpu.google.com (claim)")
"""Devices with several cores, each of which may hold a rank."""

_WORKERS = "https://docs.vllm.ai/en/latest/serving/parallelism_scaling/"


def _independent(deployment: Deployment, pods: Pods, found: dict[str, int]) -> bool:
    if any(name.startswith(_COUNTED_OTHERWISE) for name in found):
        return True
    kind = deployment.value(f"{pods.role}.accelerator.type") or deployment.value("accelerator.type")
    return kind == "cpu" or bool((deployment.value("accelerator.independentCount") or {}).get(kind))


@rule(
    Severity.error,
    reason="vLLM starts one worker for each tensor and pipeline rank of each local data parallel rank. With fewer "
    "accelerators it never starts; with more, some are paid for and idle.",
    link=_WORKERS,
    failing=Example(
        manifests="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
        args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size, "4"]
        resources: {limits: {nvidia.com/gpu: 8}}
"""
    ),
    passing="decode: {parallelism: {tensor: 4}, sharedMemory: {enabled: true}}",
)
def accelerator_count(deployment: Deployment) -> Iterator[Found]:
    """A pod has as many accelerators as its engine has ranks."""
    for pods in deployment.servers:
        ranks = pods.ranks()
        found = deployment.accelerators(pods)
        total = sum(found.values())
        if ranks is None or total == ranks or _independent(deployment, pods, found):
            continue
        claims = pods.spec.get("resourceClaims") or []
        if any(claim.all for claim in deployment.claims(pods)) or (claims and not deployment.claims(pods)):
            continue  # the claim's number of devices is not known here
        declared = deployment.value(f"{pods.role}.accelerator.count")
        declared = deployment.value("accelerator.count") if declared is None else declared
        if declared is not None and (total > ranks or total == 0):
            severity = Severity.warning  # said to be intended
        elif total == 0 and ("cpu" in str(pods.engine.get("image")) or ranks == 1):
            continue
        else:
            severity = Severity.error
        key = deployment.with_key(
            f"{pods.role}.containers[0].resources",
            f"{pods.role}.engine.resources",
            f"{pods.role}.parallelism.tensor",
            f"{pods.role}.accelerator.count",
            "accelerator.count",
            "engine.resources",
        )
        names = ", ".join(found) or "accelerators"
        yield Found(
            f"each {pods.part} of {pods.role} has {total} {names}, but its engine runs {ranks} ranks",
            deployment.flag_key(pods, "tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size-local")
            or key,
            pods.object,
            f"ask for {ranks}"
            + (f", or change the parallelism (tensor x pipeline x dataLocal) to {total}" if total else ""),
            "spec.template.spec.containers[].resources",
            severity,
        )


_VISIBLE = {
    "CUDA_VISIBLE_DEVICES": "nvidia",
    "NVIDIA_VISIBLE_DEVICES": "nvidia",
    "HIP_VISIBLE_DEVICES": "amd",
    "ROCR_VISIBLE_DEVICES": "amd",
}


@rule(
    Severity.warning,
    reason="The engine sees only the devices that these variables name, whatever the pod holds, and never starts with "
    "fewer than it has ranks.",
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
def visible_devices(deployment: Deployment) -> Iterator[Found]:
    """The engine sees as many devices as it has ranks."""
    for pods in deployment.servers:
        ranks = pods.ranks()
        found = deployment.accelerators(pods)
        for name, vendor in _VISIBLE.items():
            value = str(environment(pods.engine).get(name) or "")
            number = len(value.split(","))
            own = any(vendor in device for device in found)
            if own and ranks and number < ranks and re.fullmatch(r"\d+(,\d+)*", value):
                yield Found(
                    f"{name} shows {number} of the devices, but the engine runs {ranks} ranks",
                    deployment.env_key(pods, name),
                    pods.object,
                    "remove it: the pod sees exactly the devices that it was given",
                    pods.path("env"),
                )


@rule(
    Severity.error,
    reason="Extended resources cannot be overcommitted: the API server refuses a pod whose requests differ from its "
    "limits.",
    link="https://kubernetes.io/docs/tasks/configure-pod-container/extended-resource/",
    failing=Example(
        manifests="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
        resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}
"""
    ),
    passing="decode: {engine: {resources: {limits: {nvidia.com/gpu: 1}}}}",
)
def accelerator_requests_limits(deployment: Deployment) -> Iterator[Found]:
    """Requests of extended resources equal their limits."""
    for pods in deployment.pods:
        for container in pods.containers:
            resources = container.get("resources") or {}
            limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
            for name in {*limits, *requests}:
                if "/" not in name:
                    continue
                limit, request = limits.get(name), requests.get(name)
                if limit is None or (request is not None and quantity(limit) != quantity(request)):
                    yield Found(
                        f"container {container.get('name')} requests {request} of {name} but its limit is {limit}",
                        deployment.engine_key(pods, "resources"),
                        pods.object,
                        "write the number once, under limits",
                        f"containers[{container.get('name')}].resources",
                    )


@rule(
    Severity.error,
    reason="Only the engine uses accelerators. Those of another container are taken from the node for as long as the "
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
def accelerator_sidecar(deployment: Deployment) -> Iterator[Found]:
    """No container but the engine has accelerators."""
    for pods in deployment.servers:
        for container in [*pods.containers, *(pods.spec.get("initContainers") or [])]:
            found = pods.devices(container)
            if container is pods.engine or not found or pods.requester:
                continue
            if not pods.devices(pods.engine) and pods.ranks() is None:
                continue  # what the engine needs is not known
            index = next((at for at, item in enumerate(pods.spec.get("containers") or []) if item is container), None)
            proxy = container is pods.proxy
            yield Found(
                f"container {container.get('name')} asks for {', '.join(found)}, which only the engine uses",
                deployment.with_key(
                    "routing.proxy.resources"
                    if proxy
                    else f"{pods.role}.containers[{index}].resources"
                    if index is not None
                    else f"{pods.role}.initContainers"
                ),
                pods.object,
                "remove it from this container",
                f"containers[{container.get('name')}].resources",
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
def accelerator_twice(deployment: Deployment) -> Iterator[Found]:
    """A pod gets its accelerators by a claim or by a device plugin, not both."""
    for pods in deployment.servers:
        found = deployment.accelerators(pods)
        claimed = [name for name in found if name.endswith("(claim)")]
        plugin = [name for name in found if name not in claimed]
        if claimed and plugin:
            yield Found(
                f"the pods get {', '.join(plugin)} from a device plugin and {', '.join(claimed)} besides",
                deployment.engine_key(pods, "extraConfig"),
                pods.object,
                "remove the extended resource, or write dra: false",
                "spec.template.spec.resourceClaims",
            )


@rule(
    Severity.error,
    reason="Accelerators of two vendors need two different builds of the engine; one container cannot use both.",
    link="https://docs.vllm.ai/en/latest/getting_started/installation/",
    failing='decode: {engine: {extraConfig: {resources: {limits: {amd.com/gpu: "1"}, requests: {amd.com/gpu: "1"}}}}}',
    passing="accelerator: {type: amd}",
)
def accelerator_vendors(deployment: Deployment) -> Iterator[Found]:
    """An engine has accelerators of one vendor."""
    for pods in deployment.servers:
        vendors = {name.partition("/")[0].replace("gpu.", "") for name in pods.devices(pods.engine)}
        if len(vendors) > 1:
            yield Found(
                f"the engine asks for accelerators of {' and '.join(sorted(vendors))}",
                deployment.with_key(
                    f"{pods.role}.engine.extraConfig",
                    f"{pods.role}.containers[0].extraConfig",
                    f"{pods.role}.accelerator.type",
                    "accelerator.type",
                ),
                pods.object,
                "keep those the engine's image is built for",
                "containers[].resources",
            )


_BUILDS = {
    # word in an image's name or tag: what it is built for
    "rocm": "amd.com",
    "hpu": "habana.ai",
    "gaudi": "habana.ai",
    "tpu": "google.com",
    "xpu": "gpu.intel.com",
    "cpu": "",
    "xeon": "",
    "cuda": "nvidia.com",
    "vllm-openai": "nvidia.com",
}


def _built_for(image: str) -> str | None:
    """Domain of the accelerators an image is built for; empty for processors, None where its name does not tell."""
    name = image.partition("@")[0].rpartition("/")[2].lower()
    return next((built for word, built in _BUILDS.items() if re.search(rf"(?<![a-z]){word}(?![a-z])", name)), None)


@rule(
    Severity.error,
    reason="An engine is built for one kind of accelerator and ends at once where it finds none of them.",
    link="https://docs.vllm.ai/en/latest/getting_started/installation/",
    failing="accelerator: {type: amd}",
    passing="{accelerator: {type: amd}, engine: {image: 'vllm/vllm-openai-rocm:v0.32.0'}}",
)
def accelerator_image(deployment: Deployment) -> Iterator[Found]:
    """The engine's image is built for the accelerators of the pods."""
    for pods in deployment.servers:
        image = str(pods.engine.get("image", ""))
        built, found = _built_for(image), deployment.accelerators(pods)
        domains = {name.partition("/")[0].removesuffix(" (claim)").replace("gpu.nvidia", "nvidia") for name in found}
        if built is None or pods.command.engine not in ("vllm", "sglang") or len(domains) > 1:
            continue
        severity = None
        if not built and domains:
            what, severity = (
                "is built for processors, and the pods hold accelerators that it does not use",
                Severity.warning,
            )
        elif domains & set(_BUILDS.values()) and built not in domains:
            what = f"is built for accelerators of {built}"
        elif built and deployment.value("accelerator.type") == "cpu" and not (found or pods.spec.get("resourceClaims")):
            what = f"is built for accelerators of {built}, and the pods have none"
        else:
            continue
        yield Found(
            f"the image {image} {what}" + (f", the pods ask for {', '.join(found)}" if built and found else ""),
            deployment.engine_key(pods, "image"),
            pods.object,
            "write an image for these accelerators, or the accelerator.type that the image is built for",
            pods.path("image"),
            severity,
        )


_LABEL_VENDORS = {
    "nvidia.com": "nvidia.com",
    "amd.com": "amd.com",
    "habana.ai": "habana.ai",
    "gpu.intel.com": "gpu.intel.com",
    "cloud.google.com/gke-tpu-accelerator": "google.com",
    "cloud.google.com/gke-accelerator": "nvidia.com",
}


@rule(
    Severity.error,
    reason="A node with the label of one vendor's accelerators has none of another's, so the pod stays pending.",
    link="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/#node-labeller",
    failing="""\
accelerator: {type: amd}
decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [NVIDIA-H100-80GB-HBM3]}}
""",
    passing="decode: {acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [NVIDIA-H100-80GB-HBM3]}}",
)
def accelerator_node_label(deployment: Deployment) -> Iterator[Found]:
    """The node label a pod asks for is of the vendor of its accelerators."""
    for pods in deployment.servers:
        resources = [name for name in deployment.accelerators(pods) if not name.endswith("(claim)")]
        for label in node_labels(pods):
            vendor = next((value for prefix, value in _LABEL_VENDORS.items() if label.startswith(prefix)), None)
            if vendor and resources and not any(name.startswith(vendor) for name in resources):
                yield Found(
                    f"the pods ask for {', '.join(resources)} on nodes with the label {label}, which have other ones",
                    deployment.with_key(
                        f"{pods.role}.acceleratorTypes.labelKey", f"{pods.role}.nodeSelector", f"{pods.role}.affinity"
                    ),
                    pods.object,
                    "write the label of the same vendor, or accelerator.type for these nodes",
                    "spec.template.spec.affinity",
                )


def node_labels(pods: Pods) -> set[str]:
    """Keys of the node labels that pods require."""
    required = ((pods.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    keys = {
        str(item.get("key"))
        for term in required.get("nodeSelectorTerms") or []
        for item in term.get("matchExpressions") or []
        if item.get("operator") in ("In", "Exists", None)
    }
    return keys | set(pods.spec.get("nodeSelector") or {})


@rule(
    Severity.error,
    reason="A claim holds at most 32 devices (AllocationResultsMaxSize of the API), all its requests together.",
    link="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-claim-v1/",
    failing="""\
accelerator:
  dra: true
  resourceClaimTemplates: {nvidia: {requests: {rdma: {class: rdma.example.com, count: 32}}}}
""",
    passing="""\
accelerator:
  dra: true
  resourceClaimTemplates: {nvidia: {requests: {rdma: {class: rdma.example.com, count: 8}}}}
""",
)
def claim_size(deployment: Deployment) -> Iterator[Found]:
    """A claim asks for at most 32 devices."""
    for template in deployment.kind("ResourceClaimTemplate", "ResourceClaim"):
        total = sum(request.count for request in device_requests(template))
        if total > 32:
            yield Found(
                f"the claim asks for {total} devices, but one claim holds 32 at most",
                deployment.with_key("accelerator.resourceClaimTemplates"),
                reference(template),
                "spread the ranks over more pods, or split the claim",
                "spec.spec.devices.requests",
            )


@rule(
    Severity.error,
    reason="A pod waits for its claims for ever when the template they are made from does not exist.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
    failing=Example(
        manifests="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode, labels: {app: llm}}
spec:
  template:
    spec:
      resourceClaims: [{name: gpu, resourceClaimTemplateName: gpus-decode}]
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
        resources: {claims: [{name: gpu}]}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: gpu-decode}
spec: {spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu.nvidia.com}}]}}}
"""
    ),
    passing="accelerator: {dra: true}",
)
def claim_template_missing(deployment: Deployment) -> Iterator[Found]:
    """Every claim template that pods name exists."""
    own = {obj["metadata"]["name"] for obj in deployment.kind("ResourceClaimTemplate")}
    for pods in deployment.pods:
        for index, claim in enumerate(pods.spec.get("resourceClaims") or []):
            name = claim.get("resourceClaimTemplateName")
            if not name or name in own:
                continue
            cluster = deployment.cluster
            if cluster and cluster.find("ResourceClaimTemplate", name, deployment.namespace):
                continue
            near = difflib.get_close_matches(name, own, n=1, cutoff=0.8)
            if near or (cluster and cluster.lacks("ResourceClaimTemplate", name, deployment.namespace)):
                severity, fix = Severity.error, f"write {near[0]}" if near else "create it"
            else:
                # It may well exist: a ComputeDomain's controller makes the template of its channel.
                severity, fix = Severity.info, "create it before this is installed"
            yield Found(
                f"the pods' claim {claim.get('name')} is made from the template {name}, which is not among the objects",
                deployment.with_key(f"{pods.role}.resourceClaims[{index}]", f"{pods.role}.resourceClaims"),
                pods.object,
                fix,
                "spec.template.spec.resourceClaims",
                severity,
            )


@rule(
    Severity.error,
    reason="A claim of the pod that no container uses holds devices for nothing; one that a container names and the "
    "pod does not have is refused by the API server.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
    failing="""\
accelerator: {dra: true}
decode: {engine: {extraConfig: {resources: {claims: [{name: nvidia-claim-decode-x}]}}}}
""",
    passing="accelerator: {dra: true}",
)
def claim_unused(deployment: Deployment) -> Iterator[Found]:
    """The claims of a pod and those of its containers are the same."""
    for pods in deployment.pods:
        owned = {claim.get("name") for claim in pods.spec.get("resourceClaims") or []}
        used = {
            claim.get("name")
            for container in pods.all_containers
            for claim in (container.get("resources") or {}).get("claims") or []
        }
        key = deployment.with_key(
            f"{pods.role}.engine.extraConfig", f"{pods.role}.containers[0].resources", f"{pods.role}.resourceClaims"
        )
        for name in sorted(owned - used):
            yield Found(
                f"no container uses the pod's claim {name}, so its devices are held for nothing",
                key,
                pods.object,
                "name it in resources.claims of the engine, or remove it",
                "spec.resourceClaims",
            )
        for name in sorted(used - owned):
            yield Found(
                f"a container uses the claim {name}, which the pod does not have",
                key,
                pods.object,
                f"write one of {', '.join(sorted(owned)) or 'the claims'} of the pod",
                "resources.claims",
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
def mig_tensor_parallel(deployment: Deployment) -> Iterator[Found]:
    """MIG slices are not joined by tensor parallelism."""
    for pods in deployment.servers:
        slices = [name for name in pods.devices(pods.engine) if name.startswith("nvidia.com/mig-")]
        tensor = pods.tensor()
        if slices and tensor and tensor > 1:
            yield Found(
                f"tensor parallel size {tensor} over {slices[0]}: NCCL does not connect slices of one GPU",
                deployment.with_key(f"{pods.role}.parallelism.tensor"),
                pods.object,
                "use one larger slice a rank, or whole GPUs",
                "containers[].args",
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
def vgpu_share(deployment: Deployment) -> Iterator[Found]:
    """A share of a virtual GPU comes with a number of virtual GPUs."""
    shares = {
        "nvidia.com/gpumem": "nvidia.com/gpu",
        "nvidia.com/gpumem-percentage": "nvidia.com/gpu",
        "nvidia.com/gpucores": "nvidia.com/gpu",
        "volcano.sh/vgpu-memory": "volcano.sh/vgpu-number",
        "volcano.sh/vgpu-cores": "volcano.sh/vgpu-number",
    }
    for pods in deployment.pods:
        for container in pods.containers:
            limits = (container.get("resources") or {}).get("limits") or {}
            for share, number in shares.items():
                if share in limits and number not in limits:
                    yield Found(
                        f"container {container.get('name')} asks for {share} but for no {number}",
                        deployment.engine_key(pods, "resources"),
                        pods.object,
                        f"write {number} too",
                        "containers[].resources.limits",
                    )
