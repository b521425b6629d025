"""Mistakes of everyday deployments beside those in the examples of the rules: found, or rightly left alone."""

import json
from decimal import Decimal

import pytest

from modelservice.check.examples import findings
from modelservice.check.rule import Example, rules
from modelservice.helm import EmbeddedHelm
from modelservice.model.weights import weights_of
from modelservice.models.lookup import Models

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
    ("route-backend", ROUTE.replace("name: qwen}]}]", "nam: qwen}]}]"), "backend of the route has no name"),
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


SGLANG = """\
engine:
  image: lmsysorg/sglang:v0.5.4
  modelCommand: sglangServe
  args: {kv-transfer-config: null, disaggregation-transfer-backend: nixl}
routing: {proxy: {connector: sglang}}
decode: {engine: {args: {disaggregation-mode: decode}}}
prefill: {engine: {args: {disaggregation-mode: prefill}}}
"""
OLD = "engine: {image: 'vllm/vllm-openai:v0.13.0'}\n"
NEW = "engine: {image: 'vllm/vllm-openai:v0.14.0'}\n"
WIDER = "prefill: {parallelism: {tensor: 4}}\ndecode: {parallelism: {tensor: 2}}\n"
LLM_D = "engine: {image: 'ghcr.io/llm-d/llm-d-cuda:v0.4.0'}\n"
UNKNOWN = "engine: {image: 'registry.example.com/engine:main'}\n"

TRANSFERS = [
    ("connector-mismatch", SGLANG.replace("connector: sglang", "connector: nixlv2"), "connector is nixlv2"),
    ("kv-role", SGLANG.replace("mode: prefill", "mode: decode"), "--disaggregation-mode of prefill is decode"),
    (
        "kv-transfer-missing",
        SGLANG.replace("prefill: {engine: {args: {disaggregation-mode: prefill}}}", ""),
        "prefill has no --disaggregation-mode",
    ),
    (
        "roles-differ",
        SGLANG.replace("mode: prefill", "mode: prefill, disaggregation-transfer-backend: mooncake"),
        "prefill runs with --disaggregation-transfer-backend mooncake, decode with nixl",
    ),
    ("kv-role", "engine: {args: {kv-transfer-config: {kv_connector: NIXLConnector}}}", "no KV connector NIXLConnector"),
    ("transfer-tensor", OLD + WIDER, "vLLM 0.13.0 cannot give"),
    ("transfer-tensor", LLM_D + WIDER, "vLLM 0.11.2 cannot give"),
    ("transfer-tensor", UNKNOWN + WIDER, "does not tell the version"),
]


@pytest.mark.parametrize(("name", "values", "message"), TRANSFERS)
def test_a_mistake_between_the_roles_is_found(embedded: EmbeddedHelm, name: str, values: str, message: str) -> None:
    found = findings(rules()[name], Example(values, base="pd"), embedded)
    assert [item for item in found if message in item.message and item.fix and item.values], found


@pytest.mark.parametrize("name", ["connector-mismatch", "kv-role", "kv-transfer-missing", "roles-differ"])
def test_sglang_with_one_role_each_is_right(embedded: EmbeddedHelm, name: str) -> None:
    assert findings(rules()[name], Example(SGLANG, base="pd"), embedded) == []


ALONE = [
    ("transfer-tensor", WIDER),
    ("transfer-tensor", NEW + WIDER),
    ("transfer-pipeline", "prefill: {parallelism: {pipeline: 2}}"),
    ("transfer-tensor", OLD + "prefill: {parallelism: {tensor: 2}}\ndecode: {parallelism: {tensor: 4}}\n"),
    ("engine-variable", "engine: {env: {VLLM_LOGGING_LEVEL: DEBUG, VLLM_API_KEY: x, VLLM_ALL2ALL_BACKEND: naive}}"),
    ("engine-variable", "engine: {env: {VLLM_BLOCK_SIZE: 64}, args: {block-size: $(VLLM_BLOCK_SIZE)}}"),
    ("kv-role", "engine: {args: {kv-transfer-config: "
     "{kv_connector: OurConnector, kv_connector_module_path: our.kv, kv_role: kv_both}}}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), ALONE)
def test_what_is_right_in_values_is_left_alone(embedded: EmbeddedHelm, name: str, values: str) -> None:
    assert findings(rules()[name], Example(values, base="pd"), embedded) == []


CPU = "accelerator: {type: cpu}\n"
LLAMA = "modelArtifacts: {name: meta-llama/Llama-3.1-8B, uri: 'hf://meta-llama/Llama-3.1-8B'}\n"
PROCESSORS = CPU + "engine: {image: 'vllm/vllm-openai-cpu:v0.32.0', resources: {limits: {memory: %s}}}\n"
GPT_OSS = "modelArtifacts: {name: openai/gpt-oss-120b, uri: 'hf://openai/gpt-oss-120b', size: %s}\n"

ENGINES = [
    ("accelerator-image", CPU, "built for NVIDIA GPU, and the pods have no accelerators"),
    ("accelerator-image", "engine: {image: 'ghcr.io/llm-d/llm-d-cpu:v0.5.0'}", "is built for processors"),
    (
        "accelerator-image",
        "engine: {image: 'vllm/vllm-tpu:v0.12.0'}",
        "built for Google TPU, but the pods request nvidia.com/gpu",
    ),
    ("host-memory", PROCESSORS % "12Gi", "the weights 15 GiB"),
    (
        "host-memory",
        "engine: {env: {LMCACHE_MAX_LOCAL_CPU_SIZE: '400'}, resources: {limits: {memory: 250Gi}}}",
        "LMCACHE_MAX_LOCAL_CPU_SIZE 400 GiB",
    ),
    (
        "host-memory",
        "engine: {args: {kv-transfer-config: {kv_connector: OffloadingConnector, kv_role: kv_both, "
        "kv_connector_extra_config: {cpu_bytes_to_use: 500000000000}}}, resources: {limits: {memory: 250Gi}}}",
        "cpu_bytes_to_use 466 GiB",
    ),
    ("gated-model-without-token", LLAMA, "no HF_TOKEN"),
    ("model-volume", GPT_OSS % "50Gi", "the weights take about 61 GiB, but the volume holds 50 GiB"),
    ("pod-fields", "engine: {image: 'https://ghcr.io/llm-d/llm-d-cuda:v0.5.0'}", "is not a valid image reference"),
    ("pod-fields", "engine: {image: 'vllm/vllm-openai:v0.32.0:latest'}", "is not a valid image reference"),
    ("pod-fields", "engine: {image: 'vllm/vllm-openai@sha256:abc'}", "is not a valid image reference"),
    ("pod-fields", f"engine: {{image: 'vllm/vllm-openai@sha256:{'0' * 63}'}}", "is not a valid image reference"),
    ("pod-fields", "engine: {image: 'registry.example.com:90000/vllm:v0.32.0'}", "is not a valid image reference"),
    (
        "pod-fields",
        "modelArtifacts: {uri: 'oci://registry.example.com/m@sha256:abc'}",
        "is not a valid image reference",
    ),
    ("pod-fields", "modelArtifacts: {uri: 'oci://registry.example.com:90000/m:1'}", "is not a valid image reference"),
    ("pod-fields", "modelArtifacts: {uri: 'pvc://Model_Store/qwen'}", "the claim 'Model_Store'"),
    (
        "field-rejected",
        "decode: {tolerations: [{key: a, operator: Exists, value: b}]}",
        "operator: Exists and value exclude each other",
    ),
    (
        "disruption-budget-blocks",
        "decode: {replicas: 2, podDisruptionBudget: {enabled: true, minAvailable: 60%}}",
        "minAvailable is 60% of 2 pods",
    ),
    (
        "disruption-budget-blocks",
        "decode: {replicas: 1, podDisruptionBudget: {enabled: true, minAvailable: 1%}}",
        "minAvailable is 1% of 1 pod",
    ),
    (
        "update-stuck",
        "decode: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}",
        "maxSurge and maxUnavailable are both 0",
    ),
    (
        "pod-fields",
        "engine: {livenessProbe: {successThreshold: 2, httpGet: {path: /health, port: 8000}}}",
        "successThreshold of livenessProbe is not 1",
    ),
    (
        "field-rejected",
        "decode: {containers: [{env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}]}",
        "value and valueFrom exclude each other",
    ),
]


@pytest.mark.parametrize(("name", "values", "message"), ENGINES)
def test_a_mistake_about_the_engine_is_found(embedded: EmbeddedHelm, name: str, values: str, message: str) -> None:
    found = findings(rules()[name], Example(values), embedded)
    assert [item for item in found if message in item.message and item.fix and item.values], found


@pytest.mark.parametrize(
    ("name", "values", "severity"),
    [
        ("model-volume", GPT_OSS % "5Gi", "warning"),
        ("startup-budget", GPT_OSS % "80Gi" + "engine: {startupProbe: {httpGet: {port: 8000}}}", "warning"),
        ("host-memory", PROCESSORS % "12Gi", "warning"),
        ("host-memory", PROCESSORS % "12Gi" + "decode: {engine: {env: {VLLM_CPU_KVCACHE_SPACE: '11'}}}", "warning"),
        ("host-memory", PROCESSORS % "12Gi" + "decode: {engine: {env: {VLLM_CPU_KVCACHE_SPACE: '12'}}}", "error"),
    ],
)
def test_what_the_name_of_a_model_tells_is_no_error(
    embedded: EmbeddedHelm, name: str, values: str, severity: str
) -> None:
    found = findings(rules()[name], Example(values), embedded)
    assert {item.severity.name for item in found} == {severity}


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("Qwen/Qwen3-32B", 65.52),
        ("Qwen/Qwen3-32B-FP8", 34.33),
        ("nvidia/Gemma-4-31B-IT-NVFP4", 32.57),
        ("RedHatAI/Llama-3.3-70B-Instruct-quantized.w4a16", 39.77),
        ("openai/gpt-oss-20b", 13.76),
        ("openai/gpt-oss-120b", 65.25),
        ("mistralai/Mistral-Large-3-675B-Instruct-2512", 680.34),
        ("mistralai/Mistral-Large-3-675B-Instruct-2512-NVFP4", 386.57),
        ("mistralai/Mistral-Large-3-675B-Instruct-2512-BF16", 1351.83),
        ("Qwen/Qwen2.5-72B-Instruct-AWQ", 41.46),
    ],
)
def test_the_size_of_a_model_by_its_shape(model: str, billions: float) -> None:
    """Mistral's vision encoders are counted, and what quantisation leaves in 16 bits."""
    assert float(weights_of(model, Models()) or 0) == pytest.approx(billions * 10**9, rel=0.001)


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("mine/Thing-32B", 64),
        ("mine/Thing-32B-FP8", 32),
        ("mine/Thing-72B-Instruct-AWQ", 39.6),
        ("mine/Thing-72B-Instruct-GPTQ-Int4", 39.6),
        ("mine/Thing-72B-Instruct-GPTQ-Int8", 72),
        ("mine/Thing-31B-IT-NVFP4", 17.05),
        ("mine/Thing-70B-Instruct-quantized.w4a16", 38.5),
        ("mine/gpt-oss-30b", 16.5),
        ("unsloth/Qwen3-32B-GGUF", 17.6),
    ],
)
def test_the_size_of_another_model_by_its_name(model: str, billions: float) -> None:
    assert weights_of(model, Models()) == pytest.approx(Decimal(str(billions)) * 10**9)


TPU = "{accelerator: {type: google}, engine: {image: 'vllm/vllm-tpu:v0.12.0'}, decode: {parallelism: {tensor: 8}}}"

FITTING = [
    ("model-volume", GPT_OSS % "80Gi"),
    ("startup-budget", GPT_OSS % "80Gi" + "decode: {probes: {enabled: true, loadSeconds: 300}}"),
    ("shared-memory", TPU),
    ("pod-fields", f"engine: {{image: 'registry.example.com:5000/team/vllm:v0.32.0@sha256:{'0' * 64}'}}"),
    ("pod-fields", f"modelArtifacts: {{uri: 'oci://registry.example.com/m:1@sha256:{'0' * 64}'}}"),
    ("update-stuck", "decode: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}}"),
    ("disruption-budget-blocks", "decode: {replicas: 3, podDisruptionBudget: {enabled: true, minAvailable: 66%}}"),
    ("disruption-budget-blocks", "decode: {replicas: 1, podDisruptionBudget: {enabled: true, minAvailable: 0%}}"),
    ("visible-devices", "{decode: {parallelism: {tensor: 2}}, engine: {env: {NVIDIA_VISIBLE_DEVICES: all}}}"),
    ("accelerator-image", CPU + "engine: {image: 'vllm/vllm-openai-cpu:v0.32.0'}"),
    ("accelerator-image", "engine: {image: 'registry.example.com/serving:1.2'}"),
    ("accelerator-image", "accelerator: {dra: true}"),
    ("accelerator-image", "{accelerator: {type: amd}, engine: {image: 'rocm/vllm:v0.14.0'}}"),
    ("host-memory", PROCESSORS % "64Gi"),
    ("host-memory", "engine: {resources: {limits: {memory: 12Gi}}}"),
    ("gated-model-without-token", LLAMA.replace("'hf://", "'pvc+hf://hub/")),
    (
        "gated-model-without-token",
        LLAMA + "engine: {env: {HF_TOKEN: {valueFrom: {secretKeyRef: {name: hf, key: HF_TOKEN}}}}}",
    ),
    ("gated-model-without-token", LLAMA + "engine: {extraConfig: {envFrom: [{secretRef: {name: hf}}]}}"),
]


@pytest.mark.parametrize(("name", "values"), FITTING)
def test_a_fitting_engine_is_left_alone(embedded: EmbeddedHelm, name: str, values: str) -> None:
    assert findings(rules()[name], Example(values), embedded) == []


def test_accelerators_of_another_container_are_not_the_engines(embedded: EmbeddedHelm) -> None:
    wrong = PODS.replace("---\n", "") + (
        "      - {name: log, image: 'fluent/fluent-bit:4.0', resources: {limits: {nvidia.com/gpu: 1}}}\n"
    )
    found = findings(rules()["accelerator-sidecar"], Example(manifests=wrong), embedded)
    assert [item.message for item in found] == ["container log requests nvidia.com/gpu, which only the engine uses"]


def script(text: str) -> str:
    """Pods that a shell script starts."""
    return PODS.replace("args: [--model, Qwen/Qwen3-8B]", f"command: [/bin/bash, -c, {json.dumps(text)}]")


SCRIPTS = [
    ("vllm serve m \\ \n  --port 8000", "a space after its backslash"),
    ("vllm serve m\n  --port 8000", "does not end with a backslash"),
    ("vllm serve m \\\n  # the port\n  --port 8000", "does not end with a backslash"),
]


@pytest.mark.parametrize(("text", "message"), SCRIPTS)
def test_a_flag_that_is_cut_off_is_found(embedded: EmbeddedHelm, text: str, message: str) -> None:
    found = findings(rules()["script-lines"], Example(manifests=script(text)), embedded)
    assert [item for item in found if message in item.message], found


WHOLE = [
    "FLAGS=(\n  --port 8000\n)\nvllm serve m",
    'F="\n--port 8000"\nvllm serve m $F',
    "vllm serve m \\\n  --port 8000",
]


@pytest.mark.parametrize("text", WHOLE)
def test_whole_scripts_are_left_alone(embedded: EmbeddedHelm, text: str) -> None:
    assert findings(rules()["script-lines"], Example(manifests=script(text)), embedded) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("[vllm, server, org/model]", "vllm has no command server"),
        ("[sh, -c, 'exec vllm serv org/model']", "vllm has no command serv"),
        ("[sh, -c, 'vllm serve \"org/model']", "not understood"),
        ("[sh, -c, 'vllm bench latency']", ""),
        ("[/start.sh]", ""),
    ],
)
def test_a_start_that_is_not_understood_is_said(embedded: EmbeddedHelm, command: str, message: str) -> None:
    values = f"decode: {{containers: [{{image: engine, modelCommand: custom, command: {command}}}]}}"
    found = [item.message for item in findings(rules()["engine-unread"], Example(values), embedded)]
    assert (not found) if not message else message in found[0]
