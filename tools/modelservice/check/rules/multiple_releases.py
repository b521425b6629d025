"""Multiple releases: do deployments in one namespace or cluster keep out of each other's way?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule_together
from modelservice.check.rules.routes import DISTINGUISH
from modelservice.model.deployment import Deployment
from modelservice.model.pods import ROLE, PodGroup, reference
from modelservice.model.routes import matches
from modelservice.model.scheduling import place

_FIRST = "modelArtifacts: {name: Qwen/Qwen3-8B}"
_SECOND = """\
modelArtifacts: {name: Qwen/Qwen3-32B, uri: "hf://Qwen/Qwen3-32B", size: 100Gi, labels: {llm-d.ai/model: qwen3-32b}}
"""
Pairs = Iterator[tuple[Deployment, Violation]]


def _pool_labels(group: PodGroup) -> frozenset[tuple[str, str]]:
    own = (ROLE, "app.kubernetes.io/instance", "app.kubernetes.io/name")
    return frozenset((key, value) for key, value in group.labels.items() if key not in own)


def _names(deployment: Deployment) -> set[str]:
    """Return the names under which a deployment serves models, as far as they are known."""
    return {
        name
        for group in deployment.serving
        for flag in group.command.all("served-model-name")[-1:]
        for name in flag.values
        if "$" not in name
    }


@rule_together(
    Severity.error,
    reason="Pods with the same labels are in the same pool. Under one name, two deployments share the requests of one "
    "model, whatever differs between them.",
    link="https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/",
    failing=Example(_FIRST, beside="decode: {replicas: 2}"),
    passing=Example(_FIRST, beside=_SECOND),
)
def model_mismatch(deployments: Sequence[Deployment]) -> Pairs:
    """Only one deployment in a pool serves a model name."""
    for first, second in combinations(deployments, 2):
        names = _names(first) & _names(second)
        if names and _share_pool(first, second) and first.namespace == second.namespace:
            yield (
                second,
                Violation(
                    f"{', '.join(sorted(names))} is also served by {first.name}, in the same pool",
                    second.serving[0].engine.flag("served-model-name"),
                    "set another modelArtifacts.name, or other labels",
                ),
            )


def _share_pool(first: Deployment, second: Deployment) -> bool:
    """Return whether a pool selects pods of both; without any pool, whether the labels leave that open."""
    pools = [pool for pool in (*first.pools, *second.pools) if pool.selector]
    if pools:
        return any(all(any(map(pool.selects, item.serving)) for item in (first, second)) for pool in pools)
    labels = [{_pool_labels(group) for group in item.serving} for item in (first, second)]
    return any(one <= other or other <= one for one in labels[0] for other in labels[1])


@rule_together(
    Severity.error,
    reason="A pool that selects pods of two models sends each request to either, and half of them get 404.",
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
                Violation(
                    f"the pods of {second.name} and {first.name} are in the same pool, but serve different models",
                    second.serving[0].at("metadata.labels"),
                    "give each model its own labels",
                ),
            )


@rule_together(
    Severity.error,
    reason="Two releases cannot own one object: Helm rejects the second installation, kubectl overwrites the first.",
    link="https://helm.sh/docs/topics/charts_best_practices/conventions/",
    failing=Example("fullnameOverride: qwen", beside="fullnameOverride: qwen"),
    passing=Example("fullnameOverride: qwen", beside="fullnameOverride: llama"),
)
def same_object(deployments: Sequence[Deployment]) -> Pairs:
    """Objects have different names."""
    for first, second in combinations(deployments, 2):
        own = {reference(obj) for obj in first.objects}
        clashes = [obj for obj in second.objects if reference(obj) in own]
        if clashes and first.namespace == second.namespace:
            names = ("fullnameOverride", "nameOverride", "fullnameOverride")
            yield (
                second,
                Violation(
                    f"{len(clashes)} objects have the names of those of {first.name}, the first is "
                    f"{reference(clashes[0])}",
                    second.at(clashes[0], "metadata.name").otherwise(*names),
                    "set another fullnameOverride, or another name for the release",
                ),
            )


_ROUTED = (
    "routing: {proxy: {enabled: false}, parentRefs: [{name: inference-gateway}], httpRoute: {create: true}, "
    "inferencePool: {create: true}, epp: {create: true}}"
)


@rule_together(
    Severity.error,
    reason="Of routes with the same match, a Gateway uses the oldest, then the first by name; the model behind the "
    "other is unreachable.",
    link="https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule",
    failing=Example(_ROUTED, beside=_SECOND + _ROUTED),
    passing=Example(_ROUTED, beside=_SECOND + _ROUTED.replace("create: true}", "create: true, pathPrefix: /qwen}", 1)),
)
def shared_route(deployments: Sequence[Deployment]) -> Pairs:
    """The HTTPRoutes of a Gateway have different matches."""
    for first, second in combinations(deployments, 2):
        taken = list(matches(first.objects, first.namespace))
        for match in matches(second.objects, second.namespace):
            other = next((item for item in taken if item.hides(match)), None)
            if other:
                yield (
                    second,
                    Violation(
                        f"{reference(other.route)} of {first.name} takes the same requests ({match.description}), so "
                        "only one of the two gets any",
                        second.at(match.route, "spec.rules"),
                        DISTINGUISH,
                    ),
                )


@rule_together(
    Severity.error,
    reason="Each deployment fits by itself, but together they request more accelerators than the cluster has; the last "
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
        return  # pod-does-not-fit reports the one
    missed = Counter(placed.group for placed in place(deployments, cluster) if placed.node is None)
    total = sum((group.accelerators for item in deployments for group in item.groups), Counter[str]())
    listed = ", ".join(f"{count} {name}" for name, count in total.items())
    for deployment in deployments:
        for group in deployment.groups:
            if missed[group]:
                replicas, resources = group.workload_at("spec.replicas"), group.engine.at("resources")
                yield (
                    deployment,
                    Violation(
                        f"{missed[group]} of its pods find no node once the others run; all together request {listed}",
                        replicas.otherwise(*resources.keys, *replicas.keys[-1:]),
                        "run fewer replicas, or add nodes",
                    ),
                )
