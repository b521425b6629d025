"""Mistakes of everyday deployments beside those in the examples of the rules: found, or rightly left alone."""

import pytest

from modelservice.check.examples import findings
from modelservice.check.rule import Example, rules
from modelservice.helm import EmbeddedHelm

PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode, namespace: llm}
spec:
  replicas: 2
  selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}
  template:
    metadata: {labels: {llm-d.ai/model: qwen3-8b, llm-d.ai/role: decode}}
    spec:
      containers:
      - {name: vllm, image: "vllm/vllm-openai:v0.32.0", args: [--model, Qwen/Qwen3-8B]}
---
"""
PREFILL = PODS.replace("decode", "prefill").replace(
    "selector: {matchLabels: {", "selector: {matchLabels: {llm-d.ai/role: prefill, "
)
POOL = """\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec: {selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}, targetPorts: [{number: 8000}]}
---
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: qwen, namespace: llm}
spec:
  parentRefs: [{name: inference-gateway}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: qwen}]}]
"""
SCALER = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: qwen, namespace: llm}
spec: {scaleTargetRef: {name: decode}, minReplicaCount: 4, maxReplicaCount: 2}
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: qwen, namespace: llm}
spec: {minAvailable: 100%, selector: {matchLabels: {llm-d.ai/role: decode}}}
"""
BUDGETS = "disruption-budget-blocks"

MANIFESTS = [
    ("workload-selector", PODS + PREFILL, "selects the pods of Deployment/prefill too"),
    ("object-twice", PODS + PODS, "2 objects have this kind and name"),
    ("image-latest", PODS.replace('image: "vllm/vllm-openai:v0.32.0", ', ""), "container vllm has no image"),
    ("pool-namespace", PODS + POOL.replace("namespace: llm", "namespace: gateways"), "the pool is in gateways"),
    ("route-backend", POOL + ROUTE.replace("namespace: llm", "namespace: gateways"), "in the namespace gateways"),
    ("autoscaler-target", PODS.replace("  replicas: 2\n", "") + SCALER, "at least 4 and at most 2 replicas"),
    (BUDGETS, PODS + BUDGET, "minAvailable is 100% of 2 pods"),
    (BUDGETS, PODS + BUDGET.replace("role: decode", "role: decoder"), "selects no pods here: llm-d.ai/role: decoder"),
]


@pytest.mark.parametrize(("name", "manifests", "message"), MANIFESTS)
def test_a_mistake_in_manifests_is_found(embedded: EmbeddedHelm, name: str, manifests: str, message: str) -> None:
    found = findings(rules()[name], Example(manifests=manifests), embedded)
    assert [item for item in found if message in item.message and item.fix], found


RIGHT = [
    ("workload-selector", PODS.replace("qwen3-8b", "llama") + PREFILL),
    ("object-twice", PODS + PODS.replace("namespace: llm", "namespace: other")),
    ("pool-namespace", PODS.replace(", namespace: llm", "") + POOL),
    ("pool-namespace", PODS + POOL),
    ("route-backend", POOL + ROUTE),
    ("autoscaler-target", PODS.replace("  replicas: 2\n", "") + SCALER.replace("Count: 4", "Count: 1")),
    (BUDGETS, PODS + BUDGET.replace("100%", "1")),
    ("service-name", PODS + "{apiVersion: v1, kind: Service, metadata: {name: vllm, namespace: other}}"),
    ("node-contradiction", PODS),
]


@pytest.mark.parametrize(("name", "manifests"), RIGHT)
def test_what_is_right_in_manifests_is_left_alone(embedded: EmbeddedHelm, name: str, manifests: str) -> None:
    assert findings(rules()[name], Example(manifests=manifests), embedded) == []
