"""Several files at once: do deployments that stand side by side keep out of each other's way?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule_together
from modelservice.model.deployment import Deployment
from modelservice.model.pods import ROLE, PodGroup, reference
from modelservice.model.scheduling import place

_FIRST = "modelArtifacts: {name: Qwen/Qwen3-8B}"
_SECOND = """\
modelArtifacts: {name: Qwen/Qwen3-32B, uri: "hf://Qwen/Qwen3-32B", size: 100Gi, labels: {llm-d.ai/model: qwen3-32b}}
"""
Pairs = Iterator[tuple[Deployment, Found]]


def _serving(deployment: Deployment) -> list[PodGroup]:
    return [group for group in deployment.servers if not group.headless and group.replicas != 0]


def _pool_labels(group: PodGroup) -> frozenset[tuple[str, str]]:
    own = (ROLE, "app.kubernetes.io/instance", "app.kubernetes.io/name")
    return frozenset((key, value) for key, value in group.labels.items() if key not in own)


def _names(deployment: Deployment) -> set[str]:
    return {
        name
        for group in _serving(deployment)
        for flag in group.command.all("served-model-name")[-1:]
        for name in flag.values
        if "$" not in name
    }


@rule_together(
    Severity.error,
    reason="Pods with equal labels are in the same pool. Under one name, two deployments share the requests of one "
    "model, whatever differs between them.",
    link="https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/",
    failing=Example(_FIRST, beside="decode: {replicas: 2}"),
    passing=Example(_FIRST, beside=_SECOND),
)
def same_model(deployments: Sequence[Deployment]) -> Pairs:
    """A model name is served once in a pool."""
    for first, second in combinations(deployments, 2):
        names = _names(first) & _names(second)
        if names and _share_pool(first, second) and first.namespace == second.namespace:
            yield (
                second,
                Found(
                    f"{', '.join(sorted(names))} is served by {first.name} too, in the same pool",
                    second.with_key("modelArtifacts.name"),
                    _serving(second)[0].object,
                    "write another modelArtifacts.name, or other labels",
                    "containers[].args",
                ),
            )


def _share_pool(first: Deployment, second: Deployment) -> bool:
    pools = [pool for pool in (*first.pools, *second.pools) if pool.selector]
    if pools:
        return any(
            all(
                any(pool.selector.items() <= group.labels.items() for group in _serving(item))
                for item in (first, second)
            )
            for pool in pools
        )
    labels = [{_pool_labels(group) for group in _serving(item)} for item in (first, second)]
    return any(one <= other or other <= one for one in labels[0] for other in labels[1])


@rule_together(
    Severity.error,
    reason="A pool that selects pods of two models sends each request to either; half of them get 404.",
    link="https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/",
    failing=Example(
        _FIRST,
        beside="modelArtifacts: {name: Qwen/Qwen3-32B, uri: 'hf://Qwen/Qwen3-32B', size: 100Gi}",
        pool="inferencePool: {targetPorts: [{number: 8000}], modelServers: {matchLabels: {llm-d.ai/model: qwen3-8b}}}",
    ),
    passing=Example(_FIRST, beside=_SECOND),
)
def shared_labels(deployments: Sequence[Deployment]) -> Pairs:
    """Pods of different models have different labels."""
    for first, second in combinations(deployments, 2):
        names = _names(first), _names(second)
        different = names[0] and names[1] and not names[0] & names[1]
        if different and first.namespace == second.namespace and _share_pool(first, second):
            yield (
                second,
                Found(
                    f"the pods of {second.name} and {first.name} are in the same pool, but serve different models",
                    second.with_key("modelArtifacts.labels"),
                    _serving(second)[0].object,
                    "write labels of its own for each model",
                    "spec.template.metadata.labels",
                ),
            )


@rule_together(
    Severity.error,
    reason="Two releases cannot own one object: Helm refuses the second installation, kubectl overwrites the first.",
    link="https://helm.sh/docs/topics/charts_best_practices/conventions/",
    failing=Example("fullnameOverride: qwen", beside="fullnameOverride: qwen"),
    passing=Example("fullnameOverride: qwen", beside="fullnameOverride: llama"),
)
def same_object(deployments: Sequence[Deployment]) -> Pairs:
    """Objects have different names."""
    for first, second in combinations(deployments, 2):
        if first.namespace != second.namespace:
            continue
        own = {reference(obj) for obj in first.objects}
        clashes = [reference(obj) for obj in second.objects if reference(obj) in own]
        if clashes:
            yield (
                second,
                Found(
                    f"{len(clashes)} objects are named as those of {first.name}, the first is {clashes[0]}",
                    second.with_key("fullnameOverride", "nameOverride"),
                    clashes[0],
                    "write another fullnameOverride, or another name for the release",
                    "metadata.name",
                ),
            )


@rule_together(
    Severity.error,
    reason="Each deployment fits by itself, but together they ask for more accelerators than the cluster has; the last "
    "one stays pending.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/",
    failing=Example(
        "decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}}",
        beside="decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}}",
        nodes="pools: [{name: h100, count: 1, resources: {cpu: '64', memory: 1Ti, nvidia.com/gpu: '8'}}]",
    ),
    passing=Example(
        "decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}}",
        beside="decode: {parallelism: {tensor: 8}, sharedMemory: {enabled: true}}",
        nodes="pools: [{name: h100, count: 2, resources: {cpu: '64', memory: 1Ti, nvidia.com/gpu: '8'}}]",
    ),
)
def devices_in_all(deployments: Sequence[Deployment]) -> Pairs:
    """All deployments together fit on the nodes."""
    cluster = next((item.cluster for item in deployments if item.cluster), None)
    if cluster is None or not cluster.nodes or len(deployments) < 2:
        return
    if any(placed.node is None for item in deployments for placed in place([item], cluster)):
        return  # pods-fit says it of the one
    missed = Counter(placed.group.object for placed in place(deployments, cluster) if placed.node is None)
    total = sum((group.accelerators for item in deployments for group in item.groups), Counter[str]())
    for deployment in deployments:
        for group in deployment.groups:
            if group.object in missed:
                yield (
                    deployment,
                    Found(
                        f"{missed[group.object]} of its pods find no node once the others run; all together ask for "
                        + ", ".join(f"{count} {name}" for name, count in total.items()),
                        deployment.with_key(f"{group.role}.replicas", group.role),
                        group.object,
                        "run fewer replicas, or add nodes",
                        "spec.replicas",
                    ),
                )
