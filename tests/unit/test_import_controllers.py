"""What the controllers of KServe, KubeAI, LLMOS, DigitalHub and Dynamo run for a sample, written down from their
sources, and what the chart runs for its import."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.systems.system import Options
from support.equivalence import command_line, environment, installed, labels_kept, mounts, resources, with_claims
from support.render import shared
from support.samples import sample


@dataclass
class Expected:
    """The engine's pod as the original controller makes it."""

    files: tuple[str, ...]
    image: str
    options: dict[str, tuple[str, ...]] | None = None
    """Options of vLLM; those that the chart adds to everything are left out where the original has none."""
    words: list[str] | None = None
    """Command and arguments of another engine."""
    env: dict[str, Any] = field(default_factory=dict)
    accelerators: dict[str, str] = field(default_factory=dict)
    cpu_memory: dict[str, tuple[str, str]] = field(default_factory=dict)
    mounted: tuple[str, ...] = ()
    ports: tuple[int, ...] = (8000,)
    probes: tuple[Any, ...] = ()
    """Path or command, and failure threshold, of the startup probe."""
    prepared: tuple[str, ...] = ()
    """What the command of the init container that prepares the model says."""
    replicas: int | None = 1
    labels: dict[str, str] = field(default_factory=dict)
    role: str = "decode"
    part: str = "workerTemplate"


KUBEAI_TOKEN = {"secretKeyRef": {"name": "kubeai-huggingface", "key": "token", "optional": True}}
KSERVE_ENV = {"HOME": "/home", "HF_HUB_CACHE": "/models"}
KSERVE_MOUNTS = ("/dev/shm", "/home", "/models", "/tmp")

NIXL = '{"kv_connector": "NixlConnector", "kv_role": "kv_both"}'

CASES: dict[str, Expected] = {
    "kubeai vllm with a gpu profile": Expected(
        ("kubeai/llama-3.1-8b-instruct-fp8-l4.yaml", "kubeai/system-values.yaml"),
        "vllm/vllm-openai:v0.8.3",
        {
            "model": ("neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8",), "served-model-name": ("llama-3.1-8b-instruct-fp8-l4",),
            "port": ("8000",), "max-model-len": ("16384",), "max-num-batched-tokens": ("16384",),
            "gpu-memory-utilization": ("0.9",), "disable-log-requests": (),
        },
        env={"HF_TOKEN": KUBEAI_TOKEN},
        accelerators={"nvidia.com/gpu": "1"},
        cpu_memory={"requests": ("6", "24Gi")},
        mounted=("/dev/shm",),
        probes=("/health", 5400),
    ),
    "kubeai vllm from a claim": Expected(
        ("kubeai/vllm-pvc.constructed.yaml", "kubeai/system-values.yaml"),
        "substratusai/vllm:v0.6.3.post1-cpu",
        {"model": ("/model",), "served-model-name": ("opt-125m-cpu",), "port": ("8000",)},
        env={"VLLM_CPU_KVCACHE_SPACE": "1"},
        cpu_memory={"requests": ("1", "2Gi")},
        mounted=("/dev/shm", "/model"),
        probes=("/health", 5400),
        replicas=2,
    ),
    "kubeai ollama from a claim": Expected(
        ("kubeai/ollama-pvc.constructed.yaml", "kubeai/system-values.yaml"),
        "ollama/ollama:latest",
        words=["serve"],
        env={"OLLAMA_HOST": "0.0.0.0:8000", "OLLAMA_KEEP_ALIVE": "-1", "OLLAMA_MODELS": "/model-cache"},
        cpu_memory={"requests": ("1", "2Gi")},
        mounted=("/dev/shm", "/model-cache"),
        probes=("hi", 1080),
        prepared=("ollama cp", "qwen:0.5b", "qwen-500m-cpu"),
        replicas=2,
    ),
    "kubeai ollama that pulls": Expected(
        ("kubeai/qwen2-500m-cpu.yaml", "kubeai/system-values.yaml"),
        "ollama/ollama:latest",
        words=["serve"],
        env={"OLLAMA_HOST": "0.0.0.0:8000", "OLLAMA_KEEP_ALIVE": "-1"},
        cpu_memory={"requests": ("1", "2Gi")},
        mounted=("/dev/shm", "/model-cache"),
        probes=("hi", 1080),
        prepared=("ollama pull", "qwen2:0.5b", "qwen2-500m-cpu"),
    ),
    "kubeai infinity": Expected(
        ("kubeai/bge-embed-text-cpu.yaml", "kubeai/system-values.yaml"),
        "michaelf34/infinity:latest",
        words=["v2"],
        env={
            "INFINITY_MODEL_ID": "BAAI/bge-small-en-v1.5", "INFINITY_SERVED_MODEL_NAME": "bge-embed-text-cpu",
            "INFINITY_URL_PREFIX": "/v1", "INFINITY_ENGINE": "torch", "INFINITY_PORT": "8000", "HF_TOKEN": KUBEAI_TOKEN,
        },
        cpu_memory={"requests": ("1", "2Gi")},
        mounted=("/dev/shm",),
        probes=("/health", 600),
    ),
    "llmos with a cache volume": Expected(
        ("llmos/facebook-opt-125m.yaml",),
        "vllm/vllm-openai:latest",
        {"model": ("facebook/opt-125m",), "port": ("8000",), "served-model-name": ("facebook/opt-125m",)},
        env={"HF_ENDPOINT": "https://hf-mirror.com"},
        accelerators={"nvidia.com/gpu": "1"},
        mounted=("/dev/shm", "/root/.cache/huggingface"),
        probes=("/health", 30),
        labels={"ml.llmos.ai/type": "model-service", "ml.llmos.ai/model-service-name": "facebook-opt-125m"},
    ),
    "llmos with a local model on a vGPU": Expected(
        ("llmos/local-model.yaml",),
        "docker.io/vllm/vllm-openai:v0.10.0",
        {
            "model": ("/root/.cache/huggingface/hub/models/default/facebook-opt-125m",), "dtype": ("half",),
            "served-model-name": ("/root/.cache/huggingface/hub/models/default/facebook-opt-125m",), "port": ("8000",),
        },
        accelerators={"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "8192"},
        cpu_memory={"limits": ("8", "16Gi"), "requests": ("4", "10Gi")},
        mounted=("/dev/shm", "/root/.cache/huggingface/hub/models"),
        probes=("/health", 30),
    ),
    "digitalhub vllm on a cpu": Expected(
        ("digitalhub/sdk-vllmserve-text.constructed.yaml",),
        "public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:latest",
        {
            "model": ("Qwen/Qwen2.5-0.5B",), "revision": ("main",), "host": ("0.0.0.0",), "port": ("8000",),
            "served-model-name": ("my-text-model",), "enable-lora": (), "lora-modules": ("sql=org/qwen-sql-lora",),
            "max-model-len": ("4096",), "enforce-eager": (),
        },
        env={
            "VLLM_CPU_KVCACHE_SPACE": "8", "VLLM_BACKEND": "cpu", "HF_HOME": "/shared/huggingface", "VLLM_LOGGING_LEVEL": "DEBUG",
        },
        accelerators={"nvidia.com/gpu": "1"},
        cpu_memory={"requests": ("4", "16Gi")},
        mounted=("/data", "/models", "/scratch", "/shared", "/tmp", "/weights"),
        replicas=2,
    ),
    "digitalhub on kubeai, with an adapter": Expected(
        ("digitalhub/sdk-kubeai-text-adapter.constructed.yaml",),
        "vllm/vllm-openai:v0.8.3",
        {
            "model": ("TinyLlama/TinyLlama-1.1B-Chat-v0.3",), "served-model-name": ("tinyllama-chat",), "port": ("8000",),
            "uvicorn-log-level": ("warning",), "enable-prefix-caching": (), "max-model-len": ("8192",),
            "enable-lora": (), "lora-modules": ("colorist=jashing/tinyllama-colorist-lora",),
        },
        env={"HF_TOKEN": KUBEAI_TOKEN, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"},
        mounted=("/dev/shm",),
        probes=("/health", 5400),
    ),
    "digitalhub on kubeai, speech": Expected(
        ("digitalhub/sdk-kubeai-speech.constructed.yaml", "kubeai/system-values.yaml"),
        "fedirz/faster-whisper-server:latest-cpu",
        words=[],
        env={"WHISPER__MODEL": "openai/whisper-large-v3", "ENABLE_UI": "false", "HF_TOKEN": KUBEAI_TOKEN},
        cpu_memory={"requests": ("1", "2Gi")},
        mounted=("/dev/shm",),
        probes=("/health", 900),
    ),
    "kserve hugging face runtime": Expected(
        ("kserve-isvc/huggingfaceserver-readme-03.yaml", "kserve-isvc/runtime--kserve-huggingfaceserver.yaml"),
        "kserve/huggingfaceserver:latest-gpu",
        words=["--model_name", "llama2", "--model_id", "meta-llama/Llama-2-7b-chat-hf", "--http_port", "8080"],
        env={"LMCACHE_USE_EXPERIMENTAL": "True"},
        accelerators={"nvidia.com/gpu": "1"},
        cpu_memory={"limits": ("6", "24Gi"), "requests": ("6", "24Gi")},
        mounted=("/dev/shm",),
        ports=(8080, 8081),
        labels={"app": "isvc.huggingface-llama2-predictor"},
    ),
    "kserve llm, decode of a disaggregated service": Expected(
        ("kserve-llmisvc/single-node-gpu--llm-inference-service-pd-qwen2-7b-gpu.yaml",),
        "ghcr.io/llm-d/llm-d-cuda:v0.9.0",
        {
            "model": ("Qwen/Qwen2.5-7B-Instruct",), "port": ("8001",),
            "served-model-name": ("Qwen/Qwen2.5-7B-Instruct", "publishers/default/models/Qwen/Qwen2.5-7B-Instruct"),
            "kv-transfer-config": ('{"kv_connector": "NixlConnector", "kv_role": "kv_consumer"}',),
        },
        env={
            **KSERVE_ENV, "VLLM_LOGGING_LEVEL": "INFO", "UCX_PROTO_INFO": "y", "UCX_TLS": "rc,sm,self,cuda_copy,cuda_ipc",
            "VLLM_NIXL_SIDE_CHANNEL_HOST": {"fieldRef": {"fieldPath": "status.podIP"}},
        },
        accelerators={"nvidia.com/gpu": "1", "rdma/roce_gdr": "1"},
        cpu_memory={"limits": ("4", "32Gi"), "requests": ("2", "16Gi")},
        mounted=KSERVE_MOUNTS,
        ports=(8001,),
        probes=("/health", 60),
        labels={"kserve.io/component": "workload", "app.kubernetes.io/name": "qwen2-7b-instruct-pd"},
    ),
    "kserve llm, prefill of a disaggregated service": Expected(
        ("kserve-llmisvc/single-node-gpu--llm-inference-service-pd-qwen2-7b-gpu.yaml",),
        "ghcr.io/llm-d/llm-d-cuda:v0.9.0",
        {
            "model": ("Qwen/Qwen2.5-7B-Instruct",), "port": ("8000",), "served-model-name": ("Qwen/Qwen2.5-7B-Instruct",),
            "kv-transfer-config": ('{"kv_connector": "NixlConnector", "kv_role": "kv_producer"}',),
        },
        env={
            **KSERVE_ENV, "VLLM_LOGGING_LEVEL": "INFO", "UCX_PROTO_INFO": "y", "UCX_TLS": "rc,sm,self,cuda_copy,cuda_ipc",
            "VLLM_NIXL_SIDE_CHANNEL_HOST": {"fieldRef": {"fieldPath": "status.podIP"}},
        },
        accelerators={"nvidia.com/gpu": "1", "rdma/roce_gdr": "1"},
        cpu_memory={"limits": ("4", "32Gi"), "requests": ("2", "16Gi")},
        mounted=KSERVE_MOUNTS,
        probes=("/health", 60),
        replicas=2,
        role="prefill",
    ),
    "kserve llm with adapters on a cpu": Expected(
        ("kserve-llmisvc/lora-adapters--test-examples--02-lora-multi-hf-cpu.yaml",),
        "vllm/vllm-openai-cpu:v0.19.0",
        {
            "model": ("facebook/opt-125m",), "port": ("8000",), "enable-lora": (),
            "served-model-name": ("facebook/opt-125m", "publishers/kserve-ci-e2e-test/models/facebook/opt-125m"),
            "lora-modules": ("adapter-1=edbeeching/opt-125m-lora", "adapter-2=edbeeching/opt-125m-lora"),
            "max-lora-rank": ("64",), "max-loras": ("2",), "max-cpu-loras": ("4",),
        },
        env={**KSERVE_ENV, "VLLM_LOGGING_LEVEL": "DEBUG", "VLLM_CPU_KVCACHE_SPACE": "1"},
        cpu_memory={"limits": ("2", "7Gi"), "requests": ("200m", "2Gi")},
        mounted=KSERVE_MOUNTS,
        probes=("/health", 60),
    ),
    "kserve llm, leader of data and expert parallel groups": Expected(
        ("kserve-llmisvc/dp-ep--deepseek-r1-gpu-rdma-roce--llm-inference-service-dp-ep-deepseek-r1-gpu-naive.yaml",),
        "ghcr.io/llm-d/llm-d-cuda:v0.9.0",
        {
            "model": ("deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct",), "port": ("8000",),
            "served-model-name": (
                "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct",
                "publishers/default/models/deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct",
            ),
            "data-parallel-size": ("16",), "data-parallel-size-local": ("8",), "enable-expert-parallel": (),
            "data-parallel-address": ("$(LWS_LEADER_ADDRESS)",), "data-parallel-rpc-port": ("5555",),
            "api-server-count": ("1",), "gpu-memory-utilization": ("0.95",), "max-model-len": ("8192",), "enforce-eager": (),
        },
        env={**KSERVE_ENV, "NVSHMEM_REMOTE_TRANSPORT": "ucx", "NCCL_SOCKET_IFNAME": "eth0", "VLLM_ALL2ALL_BACKEND": "naive"},
        accelerators={"nvidia.com/gpu": "8"},
        cpu_memory={"limits": ("128", "512Gi"), "requests": ("64", "256Gi")},
        mounted=KSERVE_MOUNTS,
        probes=("/health", 60),
        part="leaderTemplate",
    ),
    "kserve llm with a cache on disk": Expected(
        ("kserve-llmisvc/kv-cache-offloading--llm-inference-service-kv-cache-offloading.yaml",),
        "ghcr.io/llm-d/llm-d-cuda:v0.9.0",
        accelerators={"nvidia.com/gpu": "1"},
        cpu_memory={"limits": ("8", "64Gi"), "requests": ("4", "32Gi")},
        env=KSERVE_ENV,
        mounted=("/dev/shm", "/home", "/kv-cache/0", "/models", "/tmp"),
        probes=("/health", 60),
    ),
    "dynamo vllm, decode of a graph by names": Expected(
        ("dynamo/vllm-disaggregated-v1alpha1.yaml",),
        "nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.8.1",
        {
            "model": ("Qwen/Qwen3-32B",), "served-model-name": ("Qwen/Qwen3-32B",), "port": ("8200",),
            "tensor-parallel-size": ("2",), "kv-transfer-config": (NIXL,),
        },
        env={
            "HF_HOME": "/cache/hf", "VLLM_CACHE_ROOT": "/root/.cache/vllm",
            "VLLM_NIXL_SIDE_CHANNEL_HOST": {"fieldRef": {"fieldPath": "status.podIP"}},
        },
        accelerators={"nvidia.com/gpu": "2", "rdma/ib": "1"},
        cpu_memory={"requests": ("8", "64Gi")},
        mounted=("/cache/hf", "/dev/shm", "/root/.cache/vllm"),
        ports=(8200,),
        probes=("/health", 60),
        replicas=2,
        labels={"tier": "decode"},
    ),
    "dynamo vllm, prefill of a graph by names": Expected(
        ("dynamo/vllm-disaggregated-v1alpha1.yaml",),
        "nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.8.1",
        {
            "model": ("Qwen/Qwen3-32B",), "served-model-name": ("Qwen/Qwen3-32B",), "port": ("8000",),
            "max-model-len": ("16384",), "kv-transfer-config": (NIXL,),
        },
        env={"HF_HOME": "/cache/hf"},
        accelerators={"nvidia.com/gpu": "1"},
        probes=("/health", 720),
        replicas=4,
        role="prefill",
    ),
    "dynamo sglang over two nodes": Expected(
        ("dynamo/sglang-multinode.yaml",),
        "nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.6.1",
        words=[
            "python3", "-m", "sglang.launch_server", "--model-path", "deepseek-ai/DeepSeek-R1", "--host", "0.0.0.0",
            "--port", "8000", "--enable-metrics", "--tp-size", "16", "--nnodes", "2", "--node-rank",
            "$(LWS_WORKER_INDEX)", "--dist-init-addr", "$(LWS_LEADER_ADDRESS):5000", "--served-model-name",
            "deepseek-r1", "--page-size", "16", "--trust-remote-code",
        ],
        accelerators={"nvidia.com/gpu": "8"},
        mounted=("/dev/shm",),
        probes=("/health", 720),
        labels={"app": "deepseek"},
        part="leaderTemplate",
    ),
    "dynamo tensorrt-llm": Expected(
        ("dynamo/tensorrt-llm-picker.yaml",),
        "nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:1.6.1",
        words=[
            "trtllm-serve", "serve", "Qwen/Qwen3-8B", "--host", "0.0.0.0", "--port", "8000", "--tp_size", "2",
            "--served_model_name", "Qwen/Qwen3-8B", "--extra_llm_api_options", "/conf/engine.yaml",
            "--kv_cache_free_gpu_memory_fraction", "0.8",
        ],
        env={"HF_TOKEN": {"secretKeyRef": {"name": "trt-secrets", "key": "HF_TOKEN"}}},
        accelerators={"nvidia.com/gpu": "2"},
        mounted=("/cache", "/dev/shm"),
        probes=("/health", 720),
        replicas=3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_chart_runs_what_the_controller_runs(name: str) -> None:
    expected = CASES[name]
    (found,) = import_files(None, [str(sample(file)) for file in expected.files])
    objects = installed(found.values, found.namespace or "default")
    engine = objects.engine(expected.role, expected.part)
    pod = with_claims(objects.pod(expected.role, expected.part), objects.workload(expected.role))
    assert engine["image"] == expected.image
    line = command_line(engine)
    if expected.options is not None:
        ours = dict(line["options"])
        ours["model"] = tuple(item.removesuffix("/.") for item in ours["model"])
        assert ours == expected.options
    if expected.words is not None:
        assert line.get("words") == expected.words
    assert expected.env.items() <= environment(engine).items()
    counted = {key: value for key, value in resources(engine)["limits"].items() if "/" in key}
    assert counted == expected.accelerators
    for part, (cpu, memory) in expected.cpu_memory.items():
        assert (resources(engine)[part]["cpu"], resources(engine)[part]["memory"]) == (cpu, memory)
    assert tuple(sorted(mounts(engine, pod))) == expected.mounted
    assert all(source for source, _, _ in mounts(engine, pod).values())
    assert tuple(port["containerPort"] for port in engine.get("ports", [])) == expected.ports
    if expected.probes:
        probe = engine["startupProbe"]
        asked = probe.get("httpGet", {}).get("path") or probe["exec"]["command"][-1]
        assert (asked, probe["failureThreshold"]) == expected.probes
    if expected.prepared:
        (init,) = pod["initContainers"]
        assert all(word in " ".join(init["command"]) for word in expected.prepared)
        assert init["image"] == expected.image
    assert objects.workload(expected.role)["spec"].get("replicas") == expected.replicas
    assert labels_kept(expected.labels, objects.template(expected.role, expected.part)["metadata"]["labels"])


def test_kserve_devices_become_the_charts_claim() -> None:
    sample = "samples/kserve-llmisvc/managed-dra--llm-inference-service-managed-dra-multi-device.yaml"
    (found,) = import_files(None, [str(shared(sample))])
    objects = installed(found.values)
    request = objects.one("ResourceClaimTemplate")["spec"]["spec"]["devices"]["requests"][0]
    exactly = request["exactly"]
    assert (exactly["deviceClassName"], exactly["count"]) == ("gpu.nvidia.com", 2)
    assert len(exactly["selectors"]) == 2
    assert objects.engine()["name"] == "main"


def test_kubeai_profiles_place_the_pod() -> None:
    files = ["samples/kubeai/llama-3.1-8b-instruct-fp8-l4.yaml", "samples/kubeai/system-values.yaml"]
    (found,) = import_files(None, [str(shared(file)) for file in files])
    (toleration,) = installed(found.values).pod()["tolerations"]
    assert toleration["key"] == "nvidia.com/gpu"


def test_llmos_urls_stay() -> None:
    (found,) = import_files(None, [str(shared("samples/llmos/facebook-opt-125m.yaml"))])
    service = installed(found.values).one("Service")
    assert service["metadata"]["name"] == "modelservice-facebook-opt-125m"
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"][0]["name"] == "http"


GROUP = """
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: g, namespace: llm}
spec:
  model: {uri: "s3://bucket/m", name: m}
  scaling: {minReplicas: 1, maxReplicas: 4, wva: {}}
  parallelism: {tensor: 2, pipeline: 2}
  worker: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: 2}}}]}
  template: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: 2}}}]}
"""


def test_kserve_groups_scaling_and_object_stores(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(GROUP)
    (found,) = import_files(None, [str(file)])
    objects = installed(found.values, "llm")
    workload = objects.workload()
    assert (workload["kind"], workload["spec"]["leaderWorkerTemplate"]["size"]) == ("LeaderWorkerSet", 2)
    assert "replicas" not in workload["spec"]
    target = objects.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("LeaderWorkerSet", workload["metadata"]["name"])
    line = command_line(objects.engine(part="leaderTemplate"))["options"]
    assert (line["tensor-parallel-size"], line["pipeline-parallel-size"], line["model"]) == (
        ("2",),
        ("2",),
        ("/mnt/models",),
    )
    (download,) = objects.pod(part="leaderTemplate")["initContainers"]
    assert download["args"] == ["s3://bucket/m", "/mnt/models"]


def test_digitalhub_registry_references_need_a_map(tmp_path: Path) -> None:
    function, run = tmp_path / "function.yaml", tmp_path / "run.json"
    function.write_text(
        "kind: vllmserve-text\nname: f\nspec: {url: 'store://p/model/huggingface/x:1', model_name: m}\n"
    )
    run.write_text('{"kind": "vllmserve-text+serve:run", "spec": {"args": ["--port", "9", "--max-model-len", "10"]}}')
    with pytest.raises(ModelserviceError, match="--store-map"):
        import_files(None, [str(function), str(run)])
    stores = {"store://p/model/huggingface/x": "hf://o/x"}
    (found,) = import_files(None, [str(function), str(run)], Options(stores=stores))
    options = command_line(installed(found.values).engine())["options"]
    assert (options["model"], options["port"], options["max-model-len"]) == (("o/x",), ("8000",), ("10",))
