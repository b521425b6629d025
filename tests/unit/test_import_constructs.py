"""Inputs that no sample has, made of the fields of the systems' definitions: what their controllers would run is what
the chart runs, by its own keys."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.cli import main
from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from support.equivalence import command_line, differences, environment, installed, mounts, probes, with_claims
from support.render import Objects

pytestmark = pytest.mark.slow


def imported(folder: Path, *texts: str) -> tuple[Imported, Objects]:
    """The one import of some documents, and what is installed of it."""
    files = []
    for number, text in enumerate(texts):
        file = folder / f"source-{number}.yaml"
        file.write_text(text)
        files.append(str(file))
    (found,) = import_files(None, files)
    return found, installed(found.values, found.namespace or "default")


def options(objects: Objects, role: str = "decode", part: str = "workerTemplate") -> dict[str, Any]:
    return dict(command_line(objects.engine(role, part))["options"])


# --- KServe --------------------------------------------------------------------------------------

LLM = """
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: big, namespace: llm}
spec:
  model:
    uri: hf://org/big
    name: big
    lora:
      maxRank: 32
      adapters: [{name: sql, uri: "hf://org/sql"}, {name: law, uri: "pvc://weights/law"}]
  parallelism: {tensor: 4, data: 4, dataLocal: 2, expert: true}
  scaling: {minReplicas: 1, maxReplicas: 3, keda: {pollingInterval: 15, triggers: [{type: cron, metadata: {timezone: UTC, start: 0 8 * * *, end: 0 18 * * *, desiredReplicas: "3"}}]}}
  router:
    route: {}
    gateway: {refs: [{name: inference, namespace: gateways}]}
    scheduler: {replicas: 2}
  template: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: 8}}, env: [{name: VLLM_ADDITIONAL_ARGS, value: --max-model-len 4096}]}]}
  worker: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: 8}}, env: [{name: VLLM_ADDITIONAL_ARGS, value: --max-model-len 4096}]}]}
  prefill:
    replicas: 3
    parallelism: {tensor: 8}
    template: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: 8}}}]}
"""


def test_kserve_with_both_roles_nodes_adapters_scaling_and_router(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, LLM)
    decode, prefill = objects.workload("decode"), objects.workload("prefill")
    assert (decode["kind"], decode["spec"]["leaderWorkerTemplate"]["size"]) == ("LeaderWorkerSet", 2)
    assert (prefill["kind"], prefill["spec"]["replicas"]) == ("Deployment", 3)
    leader = options(objects, "decode", "leaderTemplate")
    assert leader["data-parallel-size"] == ("4",)
    assert leader["data-parallel-size-local"] == ("2",)
    assert "enable-expert-parallel" in leader and leader["max-model-len"] == ("4096",)
    assert leader["api-server-count"] == ("8",)  # the preset's
    worker = objects.engine("decode", "workerTemplate")
    assert "--headless" in worker["args"] and "--api-server-count" not in worker["args"]
    adapters = ("sql=org/sql", "law=/adapters/law")
    for role, part in (("decode", "leaderTemplate"), ("prefill", "workerTemplate")):
        line = options(objects, role, part)
        assert (line["lora-modules"], line["max-lora-rank"], line["max-loras"]) == (adapters, ("32",), ("2",))
        engine, pod = objects.engine(role, part), objects.pod(role, part)
        assert mounts(engine, pod)["/adapters/law"][0] == {"persistentVolumeClaim": {"claimName": "weights"}}
        assert engine["resources"]["limits"]["nvidia.com/gpu"] == "8"
    scaler = objects.one("ScaledObject")["spec"]
    assert (scaler["scaleTargetRef"]["kind"], scaler["maxReplicaCount"], scaler["pollingInterval"]) == (
        "LeaderWorkerSet", 3, 15,
    )  # fmt: skip
    route = objects.one("HTTPRoute")["spec"]
    assert [(item["name"], item["namespace"]) for item in route["parentRefs"]] == [("inference", "gateways")]
    assert route["rules"][0]["matches"][0]["path"]["value"] == "/llm/big"
    pool = objects.one("InferencePool")
    assert route["rules"][0]["backendRefs"][0]["name"] == pool["metadata"]["name"]
    assert "extraObjects" not in found.values


def test_kserve_without_a_scheduler_routes_to_the_service(tmp_path: Path) -> None:
    document = yaml.safe_load(LLM)
    document["spec"] = {
        "model": {"uri": "oci://registry/image:v1", "name": "m"},
        "router": {"route": {}, "gateway": {}},
        "template": {
            "containers": [{"name": "main", "command": ["vllm", "serve"], "args": ["/mnt/models", "--port=8000"]}]
        },
    }
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    service, route = objects.one("Service"), objects.one("HTTPRoute")["spec"]
    assert route["rules"][0]["backendRefs"][0] == {"name": service["metadata"]["name"], "port": 8000}
    source, path, _ = mounts(objects.engine(), objects.pod())["/mnt/models"]
    assert (source["image"]["reference"], path) == ("registry/image:v1", "models")


def test_kserve_brings_the_model_for_a_command_of_the_users_and_leaves_its_certificate_out(tmp_path: Path) -> None:
    document = yaml.safe_load(LLM)
    tls = "/var/run/kserve/tls/tls"
    document["spec"] = {
        "model": {"uri": "s3://bucket/model", "name": "m"},
        "template": {
            "containers": [
                {
                    "name": "main",
                    "command": ["sh", "-c"],
                    "args": [f"run /mnt/models --ssl-certfile {tls}.crt --ssl-keyfile={tls}.key --seed 1"],
                }
            ]
        },
    }
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    (download,) = objects.pod()["initContainers"]
    assert download["args"] == ["s3://bucket/model", "/mnt/models"]
    assert "/mnt/models" in mounts(objects.engine(), objects.pod())
    assert objects.engine()["args"][0].split() == ["run", "/mnt/models", "--seed", "1"]


def test_kserve_workers_with_a_command_of_their_own_find_the_model_too(tmp_path: Path) -> None:
    document = yaml.safe_load(LLM)
    script = "ulimit -l; vllm serve /mnt/models --ssl-certfile /var/run/kserve/tls/tls.crt --seed 1"
    main = {"name": "main", "image": "i", "command": ["sh", "-c", script]}
    document["spec"] = {
        "model": {"uri": "hf://org/model", "name": "m"},
        "parallelism": {"data": 4, "dataLocal": 2},
        "template": {"containers": [main]},
        "worker": {"containers": [main]},
    }
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    for part in ("leaderTemplate", "workerTemplate"):
        assert objects.engine(part=part)["command"][2].split()[2:] == ["vllm", "serve", "org/model", "--seed", "1"]


ISVC = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: bert, namespace: nlp}
spec:
  predictor:
    minReplicas: 2
    maxReplicas: 6
    scaleMetric: cpu
    scaleTarget: 70
    model:
      modelFormat: {name: huggingface}
      storageUri: pvc://models/bert
      args: [--task=fill_mask, --backend=huggingface, --disable_lower_case, --max_length=512]
      resources: {limits: {cpu: "4", memory: 8Gi}}
"""


def test_kserve_hugging_face_server_on_a_claim_with_scaling(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, ISVC)
    huggingface = {"task": "fill_mask", "backend": "huggingface", "disableLowerCase": True, "maxModelLen": 512}
    assert found.values["engine"]["type"] == "huggingface"
    assert found.values["engine"]["huggingface"] == huggingface
    words = command_line(objects.engine())["words"]
    assert words[words.index("--model_dir") + 1] == "/mnt/models/bert"
    assert "--disable_lower_case" in words
    assert mounts(objects.engine(), objects.pod())["/mnt/models"][0] == {
        "persistentVolumeClaim": {"claimName": "models"}
    }
    scaler = objects.one("HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    assert objects.one("Service")["metadata"]["name"] == "bert-predictor"
    assert "extraObjects" not in found.values


RUNTIME = """
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: vllm-runtime}
spec:
  supportedModelFormats: [{name: vLLM, autoSelect: true}]
  containers:
  - name: kserve-container
    image: registry/vllm:1
    command: [python, -m, vllm.entrypoints.openai.api_server]
    args: ["--port=8080", "--model=/mnt/models", "--served-model-name={{.Name}}"]
    ports: [{containerPort: 8080}]
"""

PREDICTOR = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: chat
  annotations: {sidecar.istio.io/inject: "false", serving.kserve.io/deploymentMode: RawDeployment}
spec:
  predictor:
    model: {modelFormat: {name: vLLM}, storageUri: "%s", args: [%s], resources: {limits: {nvidia.com/gpu: 1}}}
"""


@pytest.mark.parametrize(
    ("uri", "args", "directory"),
    [
        ("pvc://models/a/b", "", ("models", "")),
        ("pvc://models/a/b", "--tokenizer=/mnt/models", ("models", "a/b")),
        ("pvc://models", "--max-model-len=9", ("models", "")),
    ],
)
def test_kserve_serves_a_directory_of_a_claim_by_a_runtime_of_vllm(
    uri: str, args: str, directory: tuple[str, str], tmp_path: Path
) -> None:
    _, objects = imported(tmp_path, PREDICTOR % (uri, args), RUNTIME)
    engine = objects.engine()
    source, path, _ = mounts(engine, objects.pod())["/mnt/models"]
    assert (source["persistentVolumeClaim"]["claimName"], path) == directory
    inside = uri.removeprefix("pvc://models").strip("/") if not path else ""
    model = options(objects)["model"][0].removesuffix("/.")
    assert (engine["image"], model) == ("registry/vllm:1", f"/mnt/models/{inside}".rstrip("/"))
    assert objects.template()["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}


def test_kserve_mounts_the_directory_of_a_modelcar(tmp_path: Path) -> None:
    _, objects = imported(tmp_path, PREDICTOR % ("oci://registry/model:1", ""), RUNTIME)
    source, path, _ = mounts(objects.engine(), objects.pod())["/mnt/models"]
    assert (source, path) == ({"image": {"reference": "registry/model:1"}}, "models")
    assert options(objects)["model"] == ("/mnt/models",)


def test_kserve_says_that_the_runtime_is_missing(tmp_path: Path) -> None:
    found, _ = imported(tmp_path, PREDICTOR % ("hf://org/model", ""))
    assert any("clusterservingruntime" in note.why for note in found.losses)
    with pytest.raises(ModelserviceError, match="no container is named kserve-container"):
        imported(tmp_path, PREDICTOR % ("hf://org/model", ""), RUNTIME.replace("name: kserve-container", "name: other"))


def test_kserve_brings_the_model_that_a_custom_container_names_by_its_variable(tmp_path: Path) -> None:
    document = yaml.safe_load(PREDICTOR % ("", ""))
    document["spec"]["predictor"] = {
        "containers": [
            {
                "name": "kserve-container",
                "image": "vllm/vllm-openai:v0.10.0",
                "args": ["--model=/mnt/models", "--port=8080"],
                "env": [{"name": "STORAGE_URI", "value": "pvc://models/a"}],
            }
        ]
    }
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    engine = objects.engine()
    source, path, _ = mounts(engine, objects.pod())["/mnt/models"]
    assert (source["persistentVolumeClaim"]["claimName"], path) == ("models", "a")
    assert environment(engine)["STORAGE_URI"] == "/mnt/models"


def test_kserve_groups_have_the_accelerators_of_their_workers_and_the_image_for_them(tmp_path: Path) -> None:
    document = yaml.safe_load(PREDICTOR % ("pvc://models/a", ""))
    document["spec"]["predictor"]["model"] |= {"modelFormat": {"name": "huggingface"}, "resources": {}}
    document["spec"]["predictor"]["workerSpec"] = {
        "pipelineParallelSize": 2,
        "containers": [{"name": "worker-container", "resources": {"limits": {"amd.com/gpu": 1}}}],
    }
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    engine = objects.engine()
    assert engine["image"] == "kserve/huggingfaceserver:latest-gpu"
    assert engine["resources"]["limits"]["amd.com/gpu"] == "1"


# --- KubeAI --------------------------------------------------------------------------------------

PROFILES = """
resourceProfiles:
  h100: {imageName: nvidia, limits: {nvidia.com/gpu: 1}, requests: {cpu: 2500m, memory: 1.5Gi}, nodeSelector: {gpu: h100}, runtimeClassName: nvidia}
cacheProfiles: {efs: {sharedFilesystem: {storageClassName: efs-sc}}}
modelServers: {VLLM: {images: {default: "vllm/vllm-openai:v0.8.3", nvidia: "vllm/vllm-openai:v0.9.0"}}}
"""

MODEL = """
apiVersion: kubeai.org/v1
kind: Model
metadata: {name: qwen}
spec:
  url: hf://org/qwen
  engine: VLLM
  features: [TextGeneration]
  resourceProfile: h100:2
  cacheProfile: efs
  minReplicas: 1
  maxReplicas: 5
  targetRequests: 32
  scaleDownDelaySeconds: 60
  args: [--tensor-parallel-size=2]
  adapters: [{name: a, url: "hf://org/a"}, {name: b, url: "s3://bucket/b"}]
  files: [{path: /etc/chat.jinja, content: "{{ messages }}"}]
  loadBalancing: {strategy: PrefixHash, prefixHash: {prefixCharLength: 400}}
"""


def test_kubeai_files_adapters_cache_scaling_and_prefix_hash(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, MODEL, PROFILES)
    assert "extraObjects" not in found.values
    engine, pod = objects.engine(), objects.pod()
    assert engine["image"] == "vllm/vllm-openai:v0.9.0"
    assert engine["resources"] == {
        "limits": {"nvidia.com/gpu": "2"},
        "requests": {"nvidia.com/gpu": "2", "cpu": "5000m", "memory": "3Gi"},
    }
    assert (pod["nodeSelector"], pod["runtimeClassName"]) == ({"gpu": "h100"}, "nvidia")
    config = next(item for item in objects.all("ConfigMap") if item["metadata"]["name"] == "qwen-files")
    assert list(config["data"].values()) == ["{{ messages }}"]
    assert "/etc/chat.jinja" in mounts(engine, pod)
    assert options(objects)["lora-modules"] == ("a=org/a", "b=/adapters/b")
    assert environment(engine)["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    scaler = objects.one("ScaledObject")["spec"]
    assert (scaler["minReplicaCount"], scaler["maxReplicaCount"], scaler["cooldownPeriod"]) == (1, 5, 60)
    assert scaler["triggers"][0]["metadata"]["threshold"] == "32"
    claim = objects.one("PersistentVolumeClaim")["spec"]
    assert (claim["accessModes"], claim["storageClassName"]) == (["ReadWriteMany"], "efs-sc")
    assert objects.all("Job")
    picker = next(item for item in objects.all("ConfigMap") if item["metadata"]["name"] == "qwen-epp")
    assert "blockSizeTokens: 100" in str(picker["data"])


@pytest.mark.parametrize(
    ("changes", "variables"),
    [
        ({}, {"HF_TOKEN": {"secretKeyRef": {"name": "kubeai-huggingface", "key": "token", "optional": True}}}),
        (
            {"url": "s3://bucket/m"},
            {"AWS_ACCESS_KEY_ID": {"secretKeyRef": {"name": "kubeai-aws", "key": "accessKeyID", "optional": True}}},
        ),
        (
            {"url": "oss://bucket/m", "env": {"OSS_ENDPOINT": "oss-cn-beijing.aliyuncs.com"}},
            {"RCLONE_S3_ENDPOINT": "https://oss-cn-beijing.aliyuncs.com"},
        ),
    ],
)
def test_kubeai_fills_a_cache_with_the_stores_credentials(
    changes: dict[str, Any], variables: dict[str, Any], tmp_path: Path
) -> None:
    model = yaml.safe_load(MODEL)
    model["spec"] |= changes
    _, objects = imported(tmp_path, yaml.safe_dump(model), PROFILES)
    (container,) = objects.one("Job")["spec"]["template"]["spec"]["containers"]
    assert variables.items() <= environment(container).items()


@pytest.mark.parametrize(
    ("url", "variable", "endpoint"),
    [
        ("s3://b/k", "AWS_ENDPOINT_URL", "http://minio:9000"),
        ("s3://b/k", "AWS_ENDPOINT_URL_S3", "http://minio:9000"),
        ("hf://o/m", "HF_ENDPOINT", "https://mirror.example"),
        ("s3://b/k", "AWS_ENDPOINT_URL", "$(ADDRESS)"),
    ],
)
def test_kubeai_fills_a_cache_from_the_store_that_the_engine_reads(
    url: str, variable: str, endpoint: str, tmp_path: Path
) -> None:
    env = {variable: endpoint, "AWS_REGION": "eu-1", "VLLM_LOGGING_LEVEL": "DEBUG"}
    spec = {
        "features": ["TextGeneration"],
        "engine": "VLLM",
        "url": url,
        "cacheProfile": "p",
        "minReplicas": 1,
        "env": env,
    }
    document = {"apiVersion": "kubeai.org/v1", "kind": "Model", "metadata": {"name": "m"}, "spec": spec}
    found, objects = imported(tmp_path, yaml.safe_dump(document))
    (download,) = objects.one("Job")["spec"]["template"]["spec"]["containers"]
    assert endpoint in environment(download).values()
    assert environment(download)["AWS_REGION"] == "eu-1" and "VLLM_LOGGING_LEVEL" not in environment(download)
    known = found.values["modelArtifacts"].get("endpoint")
    assert known == (None if "$" in endpoint else endpoint)


def test_kubeai_says_that_a_bucket_of_alibaba_has_no_region(tmp_path: Path) -> None:
    model = yaml.safe_load(MODEL)
    model["spec"]["url"] = "oss://bucket/m"
    found, _ = imported(tmp_path, yaml.safe_dump(model), PROFILES)
    (note,) = [note for note in found.notes if "region" in note.why]
    assert (note.path, "modelArtifacts.endpoint" in note.why) == ("spec.url", True)


def test_kubeai_needs_a_cache_for_buckets_of_alibaba(tmp_path: Path) -> None:
    model = "apiVersion: kubeai.org/v1\nkind: Model\nmetadata: {name: m}\nspec: {url: 'oss://b/m', engine: VLLM}\n"
    with pytest.raises(ModelserviceError, match=r"set spec\.cacheProfile"):
        imported(tmp_path, model)


def test_kubeai_pods_have_their_account_and_its_values_are_read_in_full(tmp_path: Path) -> None:
    values = PROFILES.replace("runtimeClassName: nvidia}", "runtimeClassName: nvidia, priority: 1}") + (
        "modelServerPods: {serviceAccountName: models, imagePullSecrets: [{name: registry}], hostNetwork: true}\n"
    )
    found, objects = imported(tmp_path, MODEL, values)
    assert objects.pod()["serviceAccountName"] == "models"
    assert objects.pod()["imagePullSecrets"] == [{"name": "registry"}]
    unknown = {note.path for note in found.notes if note.unknown}
    assert unknown == {"resourceProfiles.h100.priority", "modelServerPods.hostNetwork"}


def test_kubeai_from_an_object_store_and_a_speech_model_on_a_claim(tmp_path: Path) -> None:
    _, objects = imported(
        tmp_path, "apiVersion: kubeai.org/v1\nkind: Model\nmetadata: {name: m}\n"
        "spec: {url: 's3://bucket/m', engine: VLLM, autoscalingDisabled: true, replicas: 3}\n",
    )  # fmt: skip
    assert options(objects)["model"] == ("s3://bucket/m",)
    assert options(objects)["load-format"] == ("runai_streamer",)
    assert environment(objects.engine())["AWS_ACCESS_KEY_ID"]["secretKeyRef"]["name"] == "kubeai-aws"
    assert objects.workload()["spec"]["replicas"] == 3
    found, objects = imported(
        tmp_path, "apiVersion: kubeai.org/v1\nkind: Model\nmetadata: {name: w}\n"
        "spec: {url: 'pvc://models/whisper', engine: FasterWhisper, features: [SpeechToText]}\n",
    )  # fmt: skip
    assert found.values["engine"]["type"] == "fasterWhisper"
    assert environment(objects.engine())["WHISPER__MODEL"] == "/model-cache/whisper"


# --- LLMOS ---------------------------------------------------------------------------------------

LLMOS = """
apiVersion: ml.llmos.ai/v1
kind: ModelService
metadata:
  name: llama
  namespace: ai
  annotations: {llmos.ai/resource-stopped: "true"}
spec:
  modelRegistry: huggingface
  model: org/llama
  replicas: 2
  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}
  template:
    spec:
      schedulerName: volcano
      containers:
      - name: server
        image: vllm/vllm-openai:v0.10.0
        ports: [{name: http, containerPort: 8000}]
        resources: {limits: {volcano.sh/vgpu-number: "2", volcano.sh/vgpu-memory: "4096", volcano.sh/vgpu-cores: "50"}}
        env: [{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hf, key: token}}}, {name: HF_ENDPOINT, value: "https://hf-mirror.com"}]
        volumeMounts: [{name: cache, mountPath: /root/.cache/huggingface}]
  volumeClaimTemplates:
  - metadata: {name: cache}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}}
"""


def test_llmos_with_parts_of_gpus_and_claim_templates(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, LLMOS)
    workload, engine = objects.workload(), objects.engine()
    assert (workload["kind"], workload["spec"]["replicas"]) == ("StatefulSet", 0)
    assert workload["spec"]["updateStrategy"]["rollingUpdate"] == {"partition": 1}
    limits = engine["resources"]["limits"]
    assert limits == {"volcano.sh/vgpu-number": "2", "volcano.sh/vgpu-memory": "4096", "volcano.sh/vgpu-cores": "50"}
    assert objects.pod()["schedulerName"] == "volcano"
    assert options(objects)["tensor-parallel-size"] == ("2",)
    mounted = mounts(engine, with_claims(objects.pod(), workload))
    assert "persistentVolumeClaim" in mounted["/root/.cache/huggingface"][0]
    (download,) = objects.pod()["initContainers"]
    assert environment(download)["HF_HOME"] == "/root/.cache/huggingface"
    assert environment(engine)["HF_TOKEN"] == {"secretKeyRef": {"name": "hf", "key": "token"}}
    assert environment(engine)["HF_ENDPOINT"] == "https://hf-mirror.com"
    artifacts = found.values["modelArtifacts"]
    assert (artifacts["authSecretKey"], artifacts["endpoint"]) == ("token", "https://hf-mirror.com")
    assert objects.one("Service")["metadata"]["name"] == "modelservice-llama"
    assert "extraObjects" not in found.values


@pytest.mark.parametrize(
    ("variable", "reference"),
    [
        ("{name: HF_TOKEN, value: hf_abcdefghijklmnopqrstuv}", {"name": "llama-secrets", "key": "HF_TOKEN"}),
        (
            "{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hf, key: token, optional: true}}}",
            {"name": "hf", "key": "token", "optional": True},
        ),
    ],
)
def test_llmos_downloads_with_the_environment_of_the_engine(
    variable: str, reference: dict[str, Any], tmp_path: Path
) -> None:
    text = LLMOS.replace("{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hf, key: token}}}", variable)
    _, objects = imported(tmp_path, text.replace("env: [", "env: [{name: https_proxy, value: 'http://proxy:3128'}, "))
    (download,) = objects.pod()["initContainers"]
    assert environment(download)["HF_TOKEN"] == {"secretKeyRef": reference}
    assert environment(download)["https_proxy"] == "http://proxy:3128"


@pytest.mark.parametrize(
    ("mount", "volume"),
    [
        ("", {"hostPath": {"path": "/data"}}),
        ("", {"persistentVolumeClaim": {"claimName": "c"}}),
        ("", {"emptyDir": {"medium": "Memory", "sizeLimit": "9Gi"}}),
        (", subPath: hf", {"nfs": {"server": "s", "path": "/x"}}),
    ],
)
def test_llmos_keeps_the_volume_of_the_cache(mount: str, volume: dict[str, Any], tmp_path: Path) -> None:
    document = yaml.safe_load(LLMOS.replace("/root/.cache/huggingface}", f"/root/.cache/huggingface{mount}}}"))
    document["spec"].pop("volumeClaimTemplates")
    document["spec"]["template"]["spec"]["volumes"] = [{"name": "cache", **volume}]
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    source, path, _ = mounts(objects.engine(), objects.pod())["/root/.cache/huggingface"]
    assert (source, path) == (volume, mount.removeprefix(", subPath: "))


def test_llmos_downloads_the_model_whatever_the_command_is(tmp_path: Path) -> None:
    text = LLMOS.replace("image: vllm", "command: [/start.sh]\n        image: vllm")
    _, objects = imported(tmp_path, text)
    (download,) = objects.pod()["initContainers"]
    assert download["command"] == ["hf", "download", "org/llama"]


# --- DigitalHub ----------------------------------------------------------------------------------

DIGITALHUB = """
function: {kind: huggingfaceserve, name: classify, spec: {path: "huggingface://org/bert:v2", model_name: bert}}
run:
  kind: huggingfaceserve+serve:run
  spec:
    backend: HUGGINGFACE
    huggingface_task: sequence_classification
    tokenizer_revision: r7
    disable_special_tokens: true
    trust_remote_code: false
    tensor_input_names: [input_ids, attention_mask]
    max_log_len: 80
    replicas: 2
    service_type: NodePort
    service_name: blue
    args: [--enable_latency_logging]
    volumes: [{volume_type: persistent_volume_claim, name: data, mount_path: /data, spec: {size: 3Gi}}]
"""


def test_digitalhub_hugging_face_server_with_tokenizer_options(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, DIGITALHUB)
    words = command_line(objects.engine())["words"]
    for pair in (
        ("--model_id", "org/bert"), ("--model_revision", "v2"), ("--model_name", "bert"), ("--tokenizer_revision", "r7"),
        ("--tensor_input_names", "input_ids,attention_mask"), ("--task", "sequence_classification"),
    ):  # fmt: skip
        assert words[words.index(pair[0]) + 1] == pair[1]
    assert "--disable_special_tokens" in words and "--enable_latency_logging" in words
    assert "--trust_remote_code" not in words
    names = {item["metadata"]["name"]: item["spec"]["type"] for item in objects.all("Service")}
    assert names == {"classify": "NodePort", "classify-blue": "NodePort"}
    assert objects.one("PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"] == "3Gi"
    assert "/data" in mounts(objects.engine(), objects.pod())
    assert "extraObjects" not in found.values


def test_digitalhub_reads_numbers_without_quotes_and_names_its_secret(tmp_path: Path) -> None:
    text = """
function: {kind: vllmserve-text, name: f, spec: {url: "hf://org/m", model_name: m}}
run:
  kind: vllmserve-text+serve:run
  spec: {resources: {cpu: 2, mem: 8Gi, gpu: 1}, envs: [{name: MY_TOKEN, value: abcdefgh12345}]}
"""
    _, objects = imported(tmp_path, text)
    engine = objects.engine()
    assert engine["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert str(engine["resources"]["requests"]["cpu"]) == "2"
    assert environment(engine)["MY_TOKEN"] == {"secretKeyRef": {"name": "f-secrets", "key": "MY_TOKEN"}}


# --- the llm-d operator --------------------------------------------------------------------------

MODEL_SERVICE = """
apiVersion: llm-d.ai/v1alpha1
kind: ModelService
metadata: {name: granite, namespace: llm}
spec:
  baseConfigMapRef: {name: base}
  routing: {modelName: ibm/granite, ports: [{name: app, port: 8000}], gatewayRefs: [{name: inference}]}
  modelArtifacts: {uri: "hf://ibm/granite", size: 30Gi}
  decode: {replicas: 2, acceleratorTypes: {labelKey: gpu, labelValues: [H100]}, containers: [{name: vllm, mountModelVolume: true, args: ["--max-model-len={{ mul 4 1024 }}"]}]}
"""

BASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: base}
data:
  decodeDeployment: |
    spec:
      template:
        spec:
          containers:
          - name: vllm
            image: {{ printf "vllm/vllm-openai:%s" "v0.11.0" }}
            command: [vllm, serve]
            args: ["{{ .HFModelName }}", "--port={{ "app" | getPort }}"]
            resources: {limits: {nvidia.com/gpu: "1"}}
  decodeService: |
    spec:
      ports: [{port: 80, targetPort: {{ "app" | getPort }}}]
  inferencePool: |
    spec: {targetPortNumber: {{ "app" | getPort }}}
  inferenceModel: |
    spec: {criticality: Critical}
  httpRoute: |
    spec:
      rules: [{matches: [{path: {type: PathPrefix, value: /granite}}], backendRefs: [{group: inference.networking.x-k8s.io, kind: InferencePool, name: "{{ .InferencePoolName }}", port: 8000}]}]
  eppDeployment: |
    spec: {replicas: 2, template: {spec: {containers: [{name: epp, image: "epp:1", resources: {requests: {cpu: "1"}}}]}}}
  eppService: |
    spec: {ports: [{port: 9002}]}
"""


def test_the_operators_base_becomes_routing_by_the_charts_keys(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, MODEL_SERVICE, BASE)
    left = {item["kind"] for item in found.values.get("extraObjects", [])}
    assert left <= {"ServiceAccount"}
    assert options(objects) == {
        "model": ("ibm/granite",), "port": ("8000",), "served-model-name": ("ibm/granite",), "max-model-len": ("4096",),
    }  # fmt: skip
    pool, route, objective = (objects.one(kind) for kind in ("InferencePool", "HTTPRoute", "InferenceObjective"))
    picker = next(item for item in objects.all("Deployment") if "epp" in item["metadata"]["name"])
    assert picker["spec"]["replicas"] == 2
    assert picker["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "1"
    assert pool["spec"]["endpointPickerRef"]["name"] in {item["metadata"]["name"] for item in objects.all("Service")}
    rule = route["spec"]["rules"][0]
    assert (rule["matches"][0]["path"]["value"], rule["backendRefs"][0]["name"]) == (
        "/granite",
        pool["metadata"]["name"],
    )
    assert route["spec"]["parentRefs"][0]["name"] == "inference"
    assert (objective["spec"]["priority"], objective["spec"]["poolRef"]["name"]) == (1, pool["metadata"]["name"])
    service = next(item for item in objects.all("Service") if item["metadata"]["name"] == "granite-service-decode")
    assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [(80, 8000)]


# --- manifests -----------------------------------------------------------------------------------

GROUP = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: deepseek, namespace: llm}
spec:
  replicas: 2
  rolloutStrategy: {type: RollingUpdate, rollingUpdateConfiguration: {maxSurge: 1, maxUnavailable: 1}}
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      metadata: {labels: {app: deepseek}}
      spec:
        runtimeClassName: nvidia
        hostNetwork: true
        containers:
        - name: vllm
          image: vllm/vllm-openai:v0.11.0
          command: [sh, -c]
          args: ["if [ $LWS_WORKER_INDEX = 0 ]; then vllm serve org/ds --tensor-parallel-size 8 --nnodes 2; else sleep 1; fi"]
          resources: {limits: {nvidia.com/gpu: "8", rdma/ib: 1}}
          volumeMounts: [{name: shm, mountPath: /dev/shm}]
        volumes: [{name: shm, emptyDir: {medium: Memory, sizeLimit: 64Gi}}]
"""


def test_a_plain_group_of_pods(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, GROUP)
    source = yaml.safe_load(GROUP)["spec"]
    ours = objects.workload()["spec"]
    assert (ours["replicas"], ours["leaderWorkerTemplate"]["size"]) == (2, 2)
    assert ours["rolloutStrategy"] == source["rolloutStrategy"]
    assert differences(source["leaderWorkerTemplate"]["workerTemplate"]["spec"], objects.pod()) == []
    assert found.values["decode"]["extraConfig"] == {"hostNetwork": True}
    assert found.values["decode"]["runtimeClassName"] == "nvidia"


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.11.0
        command: [vllm, serve, org/m]
        args: [--revision, abc, --served-model-name, m, alias, --enable-lora, --lora-modules, sql=org/sql, --max-loras, "1"]
        ports: [{name: http, containerPort: 8000}]
        resources: {limits: {nvidia.com/gpu: "1"}}
        startupProbe: {httpGet: {path: /health, port: http}, failureThreshold: 60}
        readinessProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 5}
        livenessProbe: {tcpSocket: {port: http}}
"""

COMPANIONS = """
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {team: a}}
spec: {selector: {app: web}, clusterIP: 10.0.0.7, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: others}
spec: {selector: {app: database}, ports: [{port: 5432}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, minAvailable: 2}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 9
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
"""


def test_what_goes_with_a_deployment_becomes_keys(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, f"{DEPLOYMENT}---\n{COMPANIONS}")
    source = yaml.safe_load(DEPLOYMENT)["spec"]["template"]["spec"]
    assert differences(source, objects.pod()) == []
    artifacts = found.values["modelArtifacts"]
    assert (artifacts["revision"], artifacts["aliases"]) == ("abc", ["alias"])
    assert artifacts["adapters"] == [{"name": "sql", "uri": "hf://org/sql"}]
    (other,) = found.values["extraObjects"]
    assert other["metadata"]["name"] == "others"
    service = next(item for item in objects.all("Service") if item["metadata"]["name"] == "web")
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 8000}]
    assert service["metadata"]["annotations"] == {"team": "a"} and "clusterIP" not in service["spec"]
    assert objects.one("PodDisruptionBudget")["spec"]["minAvailable"] == 2
    scaler = objects.one("HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"], scaler["scaleTargetRef"]["name"]) == (3, 9, "web-decode")
    assert scaler["metrics"] == list(yaml.safe_load_all(COMPANIONS))[3]["spec"]["metrics"]


@pytest.mark.parametrize(
    ("image", "args"),
    [
        ("vllm/vllm-openai:v0.11.0", ["--model", "org/m", "--seed", "1"]),
        ("vllm/vllm-openai:v0.11.0", ["org/m", "--seed=1"]),
        ("ghcr.io/mine/vllm-server:1", ["run", "--weights", "org/m"]),
        ("ghcr.io/mine/vllm-server:1", []),
    ],
)
def test_an_entry_point_of_the_image_gets_the_same_arguments(image: str, args: list[str], tmp_path: Path) -> None:
    document = yaml.safe_load(DEPLOYMENT)
    container = document["spec"]["template"]["spec"]["containers"][0]
    del container["command"]
    container |= {"image": image, "args": args}
    _, objects = imported(tmp_path, yaml.safe_dump(document))
    source = document["spec"]["template"]["spec"]
    assert differences(source, objects.pod()) == []
    assert "volumes" not in objects.pod()


def test_probes_are_the_charts_where_they_ask_the_same(tmp_path: Path) -> None:
    found, objects = imported(tmp_path, DEPLOYMENT)
    container = yaml.safe_load(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]
    assert probes(objects.engine()) == probes(container)
    assert found.values["engine"]["type"] == "vllm"
    assert found.values["decode"]["probes"] == {"loadSeconds": 600}


def test_nothing_that_the_chart_has_by_default_is_said(tmp_path: Path) -> None:
    found, _ = imported(tmp_path, DEPLOYMENT.replace("replicas: 3", "replicas: 1"))
    assert "replicas" not in found.values["decode"]
    assert "accelerator" not in found.values
    assert found.values["routing"] == {"proxy": {"enabled": False}}


def test_variables_that_refer_to_others_keep_their_order(tmp_path: Path) -> None:
    env = "        env: [{name: Z, value: a}, {name: A, value: $(Z)/b}]\n"
    found, objects = imported(tmp_path, DEPLOYMENT.replace("        ports: [{name", f"{env}        ports: [{{name"))
    assert [item["name"] for item in objects.engine()["env"]][:2] == ["Z", "A"]
    assert "env" not in found.values["engine"]


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        (LLM.replace("route: {}", "route: {http: {spec: {rules: all}}}"), [":15:", "rules", "a list is expected"], 1),
        (LLM.replace("data: 4", "data: four"), [":12:", "spec.parallelism.data", "an integer", "'four'"], 1),
        (MODEL.replace("strategy: PrefixHash, prefixHash: {prefixCharLength: 400}", "prefixHash: 4"), [":18:", "a mapping"], 1),
        (MODEL.replace("files: [", "files: [{path: etc}, "), [":17:", "files", "not absolute"], 1),
        (MODEL[:120], ["source.yaml:"], 1),
        (MODEL.replace("\n  url", "\n\turl"), [":6:", "invalid YAML"], 1),
        (LLMOS.replace("replicas: 2", "replicas: '2'"), [":11:", "spec.replicas", "an integer"], 1),
        (LLMOS.replace("huggingface\n", "docker\n"), [":9:", "spec.modelRegistry", "huggingface, modelscope or local"], 1),
        (DIGITALHUB.replace("replicas: 2", "replicas: 0"), ["replicas", "1 or more"], 1),
        (DIGITALHUB.replace("{size: 3Gi}", "[]"), [":17:", "volumes[0].spec", "a map of strings"], 1),
        (MODEL_SERVICE.replace("uri: \"hf", "uri: \"s3"), [":8:", "modelArtifacts.uri", "use hf://organisation/model or pvc://"], 1),
        (MODEL_SERVICE.replace("{name: inference}", "{name: ''}"), [":7:", "spec.routing.gatewayRefs[0].name", "missing"], 1),
        (MODEL_SERVICE.replace(", labelValues: [H100]", ""), [":9:", "acceleratorTypes.labelValues", "missing"], 1),
        (PREDICTOR % ("pvc://a", "") + "    workerSpec: {tensorParallelSize: many}\n", [":10:", "workerSpec.tensorParallelSize", "an integer"], 1),
        (DEPLOYMENT + "---\napiVersion: v1\nkind: Service\nspec: {ports: [{port: 1}]}\n", [":24:", "metadata.name", "it has no name"], 1),
        (GROUP.replace("size: 2", "size: [2]"), [":9:", "leaderWorkerTemplate.size", "an integer"], 1),
        (DEPLOYMENT + "---\n" + COMPANIONS.replace("{team: a}", "[a]"), [":27:", "metadata.annotations", "a map of strings"], 1),
        (DEPLOYMENT.replace("kind: Deployment", "kind: CronJob"), ["no importer takes", "CronJob web"], 1),
        ("---\n---\n", ["nothing to import"], 1),
    ],
)  # fmt: skip
def test_bad_input_is_answered_with_a_sentence(
    text: str, words: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "source.yaml"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["import", str(file)])
    shown = capsys.readouterr()
    assert ended.value.code == code
    assert shown.out == "" and "Traceback" not in shown.err
    for word in words:
        assert word in shown.err


def test_of_a_map_of_strings_the_key_that_is_none_is_named(tmp_path: Path) -> None:
    text = "apiVersion: kubeai.org/v1\nkind: Model\nmetadata: {name: m}\nspec: {url: 'hf://a/b', engine: VLLM,\n  env: {A: 'x', B: 1}}\n"
    with pytest.raises(ModelserviceError, match=r"source-0\.yaml:5: spec\.env\.B: a string is expected, not 1"):
        imported(tmp_path, text)


def test_odd_parts_that_count_for_nothing_do_not_stop_an_import(tmp_path: Path) -> None:
    document = yaml.safe_load(DEPLOYMENT)
    pod = document["spec"]["template"]["spec"]
    pod["volumes"] = [*pod.get("volumes", []), {"name": "home", "emptyDir": {}}]
    pod["containers"][0].setdefault("volumeMounts", []).append({"name": "home", "mountPath": "/home"})
    pod["containers"][0].setdefault("env", []).append({"name": "HF_HOME"})
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: [[a]]\n"
    found, _ = imported(tmp_path, yaml.safe_dump(document), secret)
    assert any(note.path == "Secret s" for note in found.notes)


def test_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    first, _ = imported(tmp_path, MODEL)
    second, _ = imported(tmp_path, MODEL.replace("\n", "\r\n"))
    assert first.values == second.values


def test_a_result_is_checked_explained_and_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = imported(tmp_path, DEPLOYMENT)
    file = tmp_path / "values.yaml"
    file.write_text(found.text)
    for arguments in (["check"], ["plan"], ["explain", "Deployment/web-decode.spec.replicas"]):
        with pytest.raises(SystemExit) as ended:
            main([arguments[0], "-f", str(file), *arguments[1:]])
        shown = capsys.readouterr().out
        assert not ended.value.code, arguments
        assert shown
    assert "decode.replicas" in shown


@pytest.mark.parametrize(
    ("command", "secret", "expected"),
    [
        ("[sh, -c, 'pip list; exec vllm serve org/llama --api-key=plainword --port 8000']", "plainword", None),
        ("[sh, -c, 'export HF_TOKEN=hf_abcdefghijklmnopqrstuv; exec vllm serve org/llama']", "hf_abcdefghijkl", None),
        ("[vllm, serve, org/llama, --hf-token, plainword]", "plainword", ["--hf-token", "$(COMMAND_SECRET)"]),
    ],
)
def test_secrets_of_a_command_are_read_from_a_secret(
    command: str, secret: str, expected: list[str] | None, tmp_path: Path
) -> None:
    text = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: llama}}
spec:
  selector: {{matchLabels: {{app: llama}}}}
  template:
    metadata: {{labels: {{app: llama}}}}
    spec:
      containers:
      - {{name: vllm, image: 'vllm/vllm-openai:v0.20.0', command: {command}, resources: {{limits: {{nvidia.com/gpu: 1}}}}}}
"""
    found, objects = imported(tmp_path, text)
    engine = objects.engine()
    words = [*(engine.get("command") or []), *(engine.get("args") or [])]
    assert secret not in found.text
    assert "removed" not in found.text
    assert environment(engine)["COMMAND_SECRET"]["secretKeyRef"]["name"] == "llama-secrets"
    assert sum(word.count("$(COMMAND_SECRET)") for word in words) == 1
    assert expected is None or words[words.index(expected[0]) :][:2] == expected


def test_a_secret_of_a_command_is_not_read_from_a_variable_in_plain_text(tmp_path: Path) -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  selector: {matchLabels: {app: llama}}
  template:
    metadata: {labels: {app: llama}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.20.0
        env: [{name: CALLER, value: plainword}]
        command: [sh, -c, 'pip list; exec vllm serve org/llama --api-key plainword']
        resources: {limits: {nvidia.com/gpu: 1}}
"""
    found, objects = imported(tmp_path, text)
    assert "--api-key $(COMMAND_SECRET)" in str(objects.engine()["command"])
    assert "plainword" not in found.text
