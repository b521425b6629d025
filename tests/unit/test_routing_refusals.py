"""Contradictions of routing objects and autoscaling are refused, by Helm itself and by the tool, with key and fix."""

from typing import Any

import pytest

from modelservice.helm import EmbeddedHelm
from modelservice.helm_executable import HelmExecutable
from support.refusal import assert_refused, assert_refused_alike
from support.render import VLLM


def decode(**fields: Any) -> dict[str, Any]:
    return {"engine": VLLM, "decode": fields}


def layout(**sizes: Any) -> dict[str, Any]:
    return decode(parallelism=sizes)


def scaling(**fields: Any) -> dict[str, Any]:
    return decode(autoscaling={"enabled": True, **fields})


def routing(**objects: dict[str, Any]) -> dict[str, Any]:
    """Routing objects, created unless they say otherwise, beside a pool of somebody else's."""
    created = {name: {"create": True, **fields} for name, fields in objects.items()}
    return {"engine": VLLM, "routing": {"parentRefs": [{"name": "g"}], "inferencePool": {"name": "p"}, **created}}


def picker(values: dict[str, Any] | None = None, **epp: Any) -> dict[str, Any]:
    """A pool with a picker of the chart's."""
    own = {"inferencePool": {"create": True}, **(values or {}).get("routing", {}), "epp": {"create": True, **epp}}
    return {"engine": VLLM, **(values or {}), "routing": own}


INFINITY: dict[str, Any] = {
    "engine": {"type": "infinity", "image": "michaelf34/infinity:0.0.77"},
    "prefill": {"create": False},
    "routing": {"proxy": {"enabled": False}},
}
"""An engine without metrics of its requests."""

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    # name: (values, what the message holds: the key, then words of reason or fix)
    "an endpoint picker without a pool": (
        {"routing": {"epp": {"create": True}}},
        ["routing.epp.create", "routing.inferencePool.create: true", "routing.inferencePool.name"],
    ),
    "an objective without a pool": (
        {"routing": {"inferenceObjective": {"create": True}}},
        ["routing.inferenceObjective.create", "routing.inferencePool.name"],
    ),
    "a route without a pool": (
        {"routing": {"parentRefs": [{"name": "g"}], "httpRoute": {"create": True}}},
        ["routing.httpRoute.create", "routing.inferencePool.create: true"],
    ),
    "a pool without an endpoint picker": (
        {"routing": {"inferencePool": {"create": True}}},
        ["routing.inferencePool.create", "routing.epp.create: true", "endpointPickerRef.name"],
    ),
    "a pool with two endpoint pickers": (
        picker({"routing": {"inferencePool": {"create": True, "endpointPickerRef": {"name": "theirs"}}}}),
        ["routing.inferencePool.endpointPickerRef", "theirs", "remove one"],
    ),
    "a pool without labels": (
        picker({"modelArtifacts": {"labels": {"llm-d.ai/inference-serving": None}}}),
        ["modelArtifacts.labels", "llm-d.ai/model"],
    ),
    "a pool that leaves a role out": (
        picker({"routing": {"inferencePool": {"create": True, "matchLabels": {"llm-d.ai/role": "decode"}}}}),
        ["routing.inferencePool.matchLabels", "prefill", "llm-d.ai/role=decode"],
    ),
    "a pool that selects workers which do not serve": (
        picker({"multinode": True, "modelArtifacts": {"labels": {"llm-d.ai/inference-serving": None, "a": "b"}},
                "decode": {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}, "podLabels": {"a": "b"}}}),
        ["decode.podLabels", "workers of decode", "modelArtifacts.labels"],
    ),
    "more target ports than a pool has": (
        picker(layout(data=16, dataMode="multiPort")),
        ["decode.parallelism.dataMode", "16 ranks", "at most 8"],
    ),
    "a route without a Gateway": (
        {"routing": {"inferencePool": {"name": "p"}, "httpRoute": {"create": True}}},
        ["routing.httpRoute.create", "routing.parentRefs: [{name:"],
    ),
    "a Gateway without a name": (
        {"routing": {"inferencePool": {"name": "p"}, "httpRoute": {"create": True, "parentRefs": [{"kind": "Gateway"}]}}},
        ["routing.httpRoute.parentRefs[0].name", "without a Gateway's name"],
    ),
    "rules and a path prefix": (
        routing(httpRoute={"rules": [{}], "pathPrefix": "/a"}),
        ["routing.httpRoute.pathPrefix", "rules", "no effect"],
    ),
    "matches and a model header": (
        routing(httpRoute={"matches": [{}], "modelHeader": "x-model"}),
        ["routing.httpRoute.modelHeader", "matches", "remove one"],
    ),
    "rules and matches": (routing(httpRoute={"rules": [{}], "matches": [{}]}), ["routing.httpRoute.matches", "rules"]),
    "a timeout without a unit": (
        routing(httpRoute={"timeouts": {"request": "30"}}),
        ["routing.httpRoute.timeouts.request", "a duration", "30s"],
    ),
    "a strategy for nobody": (
        {"routing": {"loadBalancing": {"strategy": "LeastLoad"}}},
        ["routing.loadBalancing.strategy", "routing.epp.create: true"],
    ),
    "a prefix length for another strategy": (
        picker({"routing": {"loadBalancing": {"strategy": "LeastLoad", "prefixHash": {"prefixCharLength": 100}}}}),
        ["routing.loadBalancing.prefixHash", "strategy: PrefixHash"],
    ),
    "a strategy beside a whole configuration": (
        picker({"routing": {"loadBalancing": {"strategy": "LeastLoad"}}}, pluginsConfig={"plugins": []}),
        ["routing.loadBalancing.strategy", "routing.epp.pluginsConfig", "remove one"],
    ),
    "two configurations": (
        picker(pluginsConfig={"plugins": []}, pluginsConfigFile="a", pluginsCustomConfig={"a": "b"}),
        ["routing.epp.pluginsConfigFile", "keep one"],
    ),
    "a configuration file that is not there": (
        picker(pluginsConfigFile="a.yaml", pluginsCustomConfig={"b.yaml": "c"}),
        ["routing.epp.pluginsConfigFile", "no file a.yaml", "b.yaml"],
    ),
    "a configuration file that nobody names": (
        picker(pluginsCustomConfig={"b.yaml": "c"}),
        ["routing.epp.pluginsCustomConfig", "routing.epp.pluginsConfigFile: b.yaml"],
    ),
    "a picker older than its pools": (
        picker(image="ghcr.io/llm-d/llm-d-inference-scheduler:v0.2.1"),
        ["routing.epp.image", "v0.2.1", "newer image", "routing.epp.version"],
    ),
    "a picker without roles": (
        picker(image="registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0"),
        ["routing.epp.image", "does not know prefill and decode roles", "prefill.create: false"],
    ),
    "a picker that does not know SGLang": (
        {**picker(image="ghcr.io/llm-d/llm-d-inference-scheduler:v0.7.1"), "engine": {"image": "s", "modelCommand": "sglangServe"}},
        ["routing.epp.image", "SGLang", "newer image"],
    ),
    "a picker that does not know pods with fewer ports": (
        picker(layout(data=4, dataMode="multiPort"), image="ghcr.io/llm-d/llm-d-inference-scheduler:v0.5.1"),
        ["routing.epp.image", "dataMode: multiPort", "newer image"],
    ),
    "a picker that cannot hold requests": (
        picker({"decode": {"autoscaling": {"enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 2,
                                           "prometheus": {"serverAddress": "http://p"}}}},
               image="ghcr.io/llm-d/llm-d-inference-scheduler:v0.5.1"),
        ["routing.epp.image", "flow control", "newer image"],
    ),
    "an empty rule": (routing(httpRoute={"rules": [None]}), ["routing.httpRoute.rules[0]", "remove the dash"]),
    "an empty trigger": (scaling(type="keda", triggers=[None]), ["decode.autoscaling.triggers[0]", "remove the dash"]),
    "a picker without an image": (picker(image=""), ["routing.epp.image", "no image"]),
    "bounds of an autoscaler made elsewhere": (
        scaling(maxReplicas=4),
        ["decode.autoscaling.maxReplicas", "type is external", "type: hpa"],
    ),
    "an autoscaler without an upper bound": (scaling(type="wva"), ["decode.autoscaling.maxReplicas", "maxReplicas: 4"]),
    "more at least than at most": (
        scaling(type="wva", minReplicas=5, maxReplicas=4),
        ["decode.autoscaling.minReplicas", "5 is more than maxReplicas, 4"],
    ),
    "an HPA to zero": (
        scaling(type="hpa", minReplicas=0, maxReplicas=4, targetActiveRequests=8),
        ["decode.autoscaling.minReplicas", "type: keda", "minReplicas: 1"],
    ),
    "an HPA without a metric": (scaling(type="hpa", maxReplicas=4), ["decode.autoscaling.metrics", "targetActiveRequests"]),
    "KEDA without a trigger": (scaling(type="keda", maxReplicas=4), ["decode.autoscaling.triggers", "targetActiveRequests"]),
    "KEDA without Prometheus": (
        scaling(type="keda", maxReplicas=4, targetActiveRequests=8),
        ["decode.autoscaling.prometheus.serverAddress", "http://prometheus.monitoring:9090"],
    ),
    "zero pods and nobody who sees a request": (
        scaling(type="keda", minReplicas=0, maxReplicas=4, targetActiveRequests=8, prometheus={"serverAddress": "http://p"}),
        ["decode.autoscaling.minReplicas", "routing.epp.create: true", "decode.autoscaling.triggers"],
    ),
    "idle pods and nobody who sees a request": (
        scaling(type="keda", idleReplicas=0, maxReplicas=4, targetActiveRequests=8, prometheus={"serverAddress": "http://p"}),
        ["decode.autoscaling.idleReplicas", "routing.epp.create: true"],
    ),
    "zero pods said twice": (
        picker(scaling(type="keda", minReplicas=0, idleReplicas=0, maxReplicas=4, prometheus={"serverAddress": "http://p"})),
        ["decode.autoscaling.idleReplicas", "minReplicas is 0 already"],
    ),
    "triggers of an HPA": (
        scaling(type="hpa", maxReplicas=4, triggers=[{"type": "cron", "metadata": {}}]),
        ["decode.autoscaling.triggers", "does not apply to type hpa", "type: keda"],
    ),
    "metrics of KEDA": (
        scaling(type="keda", maxReplicas=4, metrics=[{"type": "Resource"}]),
        ["decode.autoscaling.metrics", "does not apply to type keda", "type: hpa"],
    ),
    "a cost without the variant autoscaler": (
        scaling(type="hpa", maxReplicas=4, targetActiveRequests=8, variantCost=1),
        ["decode.autoscaling.variantCost", "type: wva"],
    ),
    "requests of an engine that does not count them": (
        {**scaling(type="keda", maxReplicas=4, targetActiveRequests=8, prometheus={"serverAddress": "http://p"}), **INFINITY},
        ["decode.autoscaling.targetActiveRequests", "Infinity has none", "triggers"],
    ),
    "the variant autoscaler for an engine that does not count requests": (
        {**scaling(type="wva", maxReplicas=4), **INFINITY}, ["decode.autoscaling.type", "Infinity has none", "type: hpa"],
    ),
    "zero pods of an engine that always looks full": (
        {**scaling(type="keda", minReplicas=0, maxReplicas=4, prometheus={"serverAddress": "http://p"}), **INFINITY,
         "routing": {"proxy": {"enabled": False}, "inferencePool": {"create": True}, "epp": {"create": True}}},
        ["routing.epp.create", "none from Infinity", "minReplicas: 1"],
    ),
    "a picker that chooses by metrics alone for an engine without": (
        {**INFINITY, "routing": {"proxy": {"enabled": False}, "inferencePool": {"create": True},
         "epp": {"create": True, "image": "registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0"}}},
        ["routing.epp.image", "none of Infinity's requests", "llm-d-router-endpoint-picker"],
    ),
    "revisions of one role": (
        {"engine": VLLM, "prefill": {"create": False}, "routing": {"revisionGating": {"enabled": True}}},
        ["routing.revisionGating.enabled", "only one role", "remove it"],
    ),
    "revisions of dual pods": (
        {"engine": VLLM, "requester": {"enable": True}, "routing": {"revisionGating": {"enabled": True}}},
        ["routing.revisionGating.enabled", "dual pods", "remove one of them"],
    ),
    "revisions for a picker that does not know them yet": (
        picker({"routing": {"revisionGating": {"enabled": True}}}, image="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.9.0"),
        ["routing.revisionGating.enabled", "since 0.10", "routing.epp.image", "screener: false"],
    ),
    "revisions for another picker": (
        {"engine": VLLM, "routing": {"revisionGating": {"enabled": True}, "inferencePool": {"create": True},
         "epp": {"create": True, "image": "registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0"}}},
        ["routing.revisionGating.enabled", "since 0.10", "llm-d-router-endpoint-picker"],
    ),
    "revisions for a picker whose parameters are not known": (
        picker({"routing": {"revisionGating": {"enabled": True}}}, image="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.11.0"),
        ["routing.revisionGating.enabled", "version 0.11", "pluginsConfig"],
    ),
    "an unknown way of dividing requests": (
        {"engine": VLLM, "routing": {"revisionGating": {"enabled": True, "mode": "max"}}},
        ["routing.revisionGating.mode", "max-role"],
    ),
    "an unknown autoscaler": (scaling(type="vpa"), ["decode.autoscaling.type", "hpa"]),
}  # fmt: skip


@pytest.mark.parametrize(("values", "words"), CASES.values(), ids=CASES.keys())
def test_the_tool_refuses_and_names_key_and_fix(
    embedded: EmbeddedHelm, values: dict[str, Any], words: list[str]
) -> None:
    assert_refused(embedded, values, words)


@pytest.mark.executable
def test_helm_itself_refuses_all_of_them_in_the_same_words(executable: HelmExecutable, embedded: EmbeddedHelm) -> None:
    assert_refused_alike(executable, embedded, CASES)
