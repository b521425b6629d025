"""Workloads and the objects around them: would the API server accept them, and do they select the right pods?"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.cures import certain, drop, offered, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.images import is_image_reference
from modelservice.kubernetes.quantity import quantity
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup, only_controllers_know, reference
from modelservice.model.provenance import Place

Object = Mapping[str, Any]

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode}
spec:
  replicas: 2
  selector: {matchLabels: {llm-d.ai/model: qwen3-8b, llm-d.ai/role: decode}}
  template:
    metadata: {labels: {llm-d.ai/model: qwen3-8b, llm-d.ai/role: decode}}
    spec:
      containers:
      - {name: vllm, image: "vllm/vllm-openai:v0.32.0", args: [--model, Qwen/Qwen3-8B]}
"""


@rule(
    Severity.error,
    reason="The API server rejects a container that requests more than its limit.",
    link="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    failing="engine: {resources: {requests: {cpu: 64, memory: 128Gi}, limits: {cpu: 32, memory: 128Gi}}}",
    passing="engine: {resources: {requests: {cpu: 16, memory: 128Gi}, limits: {cpu: 32, memory: 128Gi}}}",
)
def requests_above_limits(deployment: Deployment) -> Iterator[Violation]:
    """Requests of processors, memory and storage are at most the limits."""
    for group in deployment.groups:
        for container in group.all_containers:
            for name, request in container.requests.items():
                asked, limit = quantity(request), quantity(container.limits.get(name))
                if "/" not in name and asked is not None and limit is not None and asked > limit:
                    yield Violation(
                        f"container {container.name} requests {request} of {name}, but its limit is "
                        f"{container.limits[name]}",
                        container.at("resources"),
                        "raise the limit, or lower the request",
                    )


@rule(
    Severity.warning,
    reason="If a variable is repeated, the last value wins and the first is misleading.",
    link="https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/",
    failing="""\
decode:
  containers:
  - image: vllm/vllm-openai:v0.32.0
    modelCommand: vllmServe
    env: [{name: VLLM_LOGGING_LEVEL, value: INFO}, {name: VLLM_LOGGING_LEVEL, value: DEBUG}]
""",
    passing="""\
decode:
  containers:
  - image: vllm/vllm-openai:v0.32.0
    modelCommand: vllmServe
    env: [{name: VLLM_LOGGING_LEVEL, value: DEBUG}]
""",
)
def variable_twice(deployment: Deployment) -> Iterator[Violation]:
    """A variable of a container is set once."""
    for group in deployment.groups:
        # The chart joins variables of one name, so in values it is the lists there that tell.
        written = deployment.value(f"{group.role}.containers") or [] if deployment.sources else None
        for container in group.all_containers if written is None else group.main_containers[: len(written)]:
            listed = (container.fields if written is None else written[container.position]).get("env") or []
            names = [item.get("name") for item in listed]
            for name in (name for name, number in Counter(names).items() if number > 1):
                same = len({str(item) for item in listed if item.get("name") == name}) == 1
                last = len(names) - 1 - names[::-1].index(name)
                yield Violation(
                    f"{name} is set {names.count(name)} times" + ("" if same else ", with different values"),
                    container.at(f"env[{name}]").preferring(
                        f"{group.role}.containers[{container.position}].env[{last}]"
                    ),
                    "keep one of them",
                    cures=offered(drop(f"{group.role}.containers[{container.position}].env[{last}]")),
                )


def _selector(group: PodGroup) -> Mapping[str, str]:
    if group.requester is not None:
        return {}  # it is the requester that the workload selects
    selector = (group.workload.get("spec") or {}).get("selector") or {}
    return selector.get("matchLabels") or {} if not selector.get("matchExpressions") else {}


@rule(
    Severity.error,
    reason="The API server or the kubelet rejects the pods because of one such field, and none of them starts.",
    link="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/",
    failing="engine: {image: 'https://docker.io/vllm/vllm-openai:v0.32.0'}",
    passing="engine: {image: 'docker.io/vllm/vllm-openai:v0.32.0'}",
)
def pod_fields(deployment: Deployment) -> Iterator[Violation]:
    """Fields of the pods have values that Kubernetes accepts."""
    for group in deployment.groups:
        if group.requester is None:
            yield from _rejected_pod_fields(group)
            for container in group.all_containers:
                yield from _rejected_container_fields(container)


def _rejected_pod_fields(group: PodGroup) -> Iterator[Violation]:
    for volume in group.spec.get("volumes") or []:
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim is not None and not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", str(claim)):
            yield Violation(
                f"the claim {claim!r} of the volume {volume.get('name')} cannot exist under this name",
                group.at(f"spec.volumes[{volume.get('name')}]"),
                "use lower-case letters, digits, dashes and dots",
            )
        image = (volume.get("image") or {}).get("reference")
        if image:
            yield from _rejected_image(str(image), group.at(f"spec.volumes[{volume.get('name')}]"))


def _rejected_container_fields(container: Container) -> Iterator[Violation]:
    if container.image:
        yield from _rejected_image(container.image, container.at("image"))
    for probe in ("livenessProbe", "startupProbe"):
        if (container.fields.get(probe) or {}).get("successThreshold", 1) != 1:
            yield Violation(f"successThreshold of {probe} is not 1", container.at(probe), "remove it")


def _rejected_image(image: str, at: Place) -> Iterator[Violation]:
    if is_image_reference(image):
        return
    unfilled = "${" in image
    bare = re.sub(r"^https?://", "", image.strip())
    yield Violation(
        f"{image!r} is " + ("not filled in" if unfilled else "not a valid image reference"),
        at,
        "set registry[:port]/name:tag, the name in lower case and without https://; a digest is @sha256: and 64 "
        "hexadecimal digits",
        Severity.info if unfilled else None,
        certain(put(at, bare)) if is_image_reference(bare) else (),
    )


@rule(
    Severity.error,
    reason="The API server rejects a workload that does not select its own pods, and two workloads that select the "
    "same pods count and delete each other's.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
    failing=Example(manifests=_DEPLOYMENT.replace("role: decode}}\n  template", "role: decoder}}\n  template")),
    passing=Example(manifests=_DEPLOYMENT),
)
def workload_selector(deployment: Deployment) -> Iterator[Violation]:
    """A workload selects its own pods and no others."""
    selecting = [group for group in deployment.groups if _selector(group)]
    for group in selecting:
        wrong = {key: value for key, value in _selector(group).items() if group.labels.get(key) != value}
        for key, value in wrong.items():
            has = group.labels.get(key)
            yield Violation(
                f"the selector requires {key}: {value}, but the pods have "
                + (f"{key}: {has}" if has else "no such label"),
                group.at(f"metadata.labels[{key}]"),
                "set the same labels in spec.selector and spec.template.metadata.labels",
            )
    for one in selecting:
        for other in deployment.pods.of(_selector(one)):
            same = (one.object, one.namespace) == (other.object, other.namespace)
            if same or one.namespace != other.namespace or one.kind != other.kind or not _selector(other):
                continue
            yield Violation(
                f"it selects the pods of {other.object} too",
                one.workload_at("spec.selector.matchLabels"),
                "add a label to spec.selector and to the pods that only these have, such as llm-d.ai/role",
            )


@rule(
    Severity.error,
    reason="The second of two objects with one kind and name replaces the first, or its installation fails.",
    link="https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
    failing="""\
extraObjects:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: prompts}, data: {a: "1"}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: prompts}, data: {b: "1"}}
""",
    passing="""\
extraObjects:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: prompts-a}, data: {a: "1"}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: prompts-b}, data: {b: "1"}}
""",
)
def object_twice(deployment: Deployment) -> Iterator[Violation]:
    """No two objects have the same kind and name."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for obj in deployment.objects:
        metadata = obj.get("metadata") or {}
        if metadata.get("generateName"):
            continue
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        seen[group, str(metadata.get("namespace") or ""), reference(obj)] += 1
    for (_, _, name), number in seen.items():
        if number > 1:
            obj = next(item for item in deployment.objects if reference(item) == name)
            at = deployment.at(obj, "metadata.name")
            yield Violation(f"{number} objects have this kind and name", at, "give each a different name")


@rule(
    Severity.error,
    reason="A node has one value of a label. If the node selector and the affinity require different ones, no node "
    "has both, and the pods stay pending.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/",
    failing="""\
decode:
  nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}
  acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [NVIDIA-H200]}
""",
    passing="""\
decode:
  nodeSelector: {nvidia.com/gpu.product: NVIDIA-H200}
  acceleratorTypes: {labelKey: nvidia.com/gpu.product, labelValues: [NVIDIA-H200, NVIDIA-H100-80GB-HBM3]}
""",
)
def node_contradiction(deployment: Deployment) -> Iterator[Violation]:
    """Node selector and affinity can be true of one node."""
    for group in deployment.groups:
        chosen = group.spec.get("nodeSelector") or {}
        required = ((group.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution"
        ) or {}
        terms = required.get("nodeSelectorTerms") or []
        conflicts = [next((item for item in _expressions(term) if _excludes(item, chosen)), None) for term in terms]
        if conflicts and all(conflicts):
            item = conflicts[0] or {}
            key = str(item.get("key"))
            wanted = " ".join([str(item.get("operator")), ", ".join(map(str, item.get("values") or []))]).strip()
            yield Violation(
                f"the node selector requires {key}: {chosen[key]}, the affinity {wanted}",
                group.at("spec.affinity").otherwise(*group.at("spec.nodeSelector").keys),
                "set the label in one of the two",
            )


def _expressions(term: Object) -> list[Object]:
    return term.get("matchExpressions") or []


def _excludes(item: Object, chosen: Mapping[str, str]) -> bool:
    """Return whether an expression of an affinity excludes every node with the chosen labels."""
    if item.get("key") not in chosen:
        return False
    among = str(chosen[item["key"]]) in map(str, item.get("values") or [])
    return {"In": not among, "NotIn": among, "DoesNotExist": True}.get(str(item.get("operator")), False)


@rule(
    Severity.error,
    reason="A budget that allows no eviction blocks every node drain and every upgrade of the cluster; one that "
    "selects no pods protects nothing.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    failing=Example(
        manifests=_DEPLOYMENT
        + """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: decode}
spec: {minAvailable: 2, selector: {matchLabels: {llm-d.ai/role: decode}}}
"""
    ),
    passing=Example(
        manifests=_DEPLOYMENT
        + """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: decode}
spec: {maxUnavailable: 1, selector: {matchLabels: {llm-d.ai/role: decode}}}
"""
    ),
)
def disruption_budget_blocks(deployment: Deployment) -> Iterator[Violation]:
    """A PodDisruptionBudget selects pods and allows evicting one at a time."""
    for budget in deployment.kind("PodDisruptionBudget"):
        spec = budget.get("spec") or {}
        selector = spec.get("selector") or {}
        labels = selector.get("matchLabels") or {}
        namespace = str((budget.get("metadata") or {}).get("namespace") or "")
        if not labels or selector.get("matchExpressions"):
            continue
        chosen = [
            group
            for group in deployment.groups
            if labels.items() <= group.running_labels.items() and group.namespace == namespace
        ]
        least = str(spec.get("minAvailable", ""))
        share = int(least[:-1]) if re.fullmatch(r"[0-9]+%", least) else 0
        number = sum(group.count for group in chosen)
        known = all(group.replicas is not None for group in chosen)
        if not chosen and deployment.groups and not only_controllers_know(labels):
            yield Violation(
                "it selects no pods here: " + ", ".join(f"{name}: {value}" for name, value in labels.items()),
                deployment.at(budget, "spec.selector.matchLabels"),
                "set labels of the pods",
                Severity.warning,
            )
        # Kubernetes rounds a share up: 60 % of 2 pods are 2.
        elif share == 100 or (
            known and number and (int(least) if least.isdigit() else math.ceil(share * number / 100)) >= number
        ):
            yield Violation(
                f"minAvailable is {least} of {number} pods, so none can ever be evicted",
                deployment.at(budget, "spec.minAvailable"),
                "set maxUnavailable: 1 instead",
                Severity.warning if number < 2 and known else None,
            )
        elif str(spec.get("maxUnavailable", "")) in ("0", "0%"):
            yield Violation(
                "maxUnavailable is 0, so no pod is ever evicted: a drain waits until somebody deletes it",
                deployment.at(budget, "spec.maxUnavailable"),
                "set maxUnavailable: 1, unless it is meant",
                Severity.info,
            )
