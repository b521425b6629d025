"""KubeAI: Model (kubeai.org/v1), with the resource profiles and images of its chart's values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelservice.errors import ModelserviceError
from modelservice.importers.documents import Document, Path
from modelservice.importers.fields import Fate, Field, Ledger
from modelservice.importers.objects import OBJECT
from modelservice.importers.proposed import place
from modelservice.importers.secrets import Vault
from modelservice.importers.serving import Role, Serving, json_text
from modelservice.importers.system import Source, System

PORT = 8000
"""Port of every engine."""

IMAGES = {
    "VLLM": "vllm/vllm-openai:v0.8.3",
    "OLlama": "ollama/ollama:latest",
    "FasterWhisper": "fedirz/faster-whisper-server:latest-cpu",
    "Infinity": "michaelf34/infinity:latest",
}
"""Default images of KubeAI's chart 0.21, where its values are not among the files."""

_MULTIPLE = "profiles multiply the number after the colon; the product is in the resources"

FIELDS = (
    *OBJECT,
    Field("metadata.name", "fullnameOverride and modelArtifacts.name", type="string"),
    Field("metadata.labels", "modelArtifacts.labels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    *(
        Field(
            f"metadata.annotations.model-pod-{name}", "", Fate.lost, "it is for KubeAI's own development", type="string"
        )
        for name in ("ip", "port")
    ),
    Field("spec.url", "modelArtifacts.uri", type="string"),
    Field("spec.adapters[].name", place("adapters"), type="string"),
    Field(
        "spec.adapters[].url",
        place("adapters"),
        Fate.changed,
        "adapters are loaded at start, under the name <adapter>; KubeAI loads them while it runs, as <model>_<adapter>",
        type="string",
    ),
    Field(
        "spec.features",
        "",
        Fate.lost,
        "the engine tells what it serves; modelservice endpoints lists it",
        type="strings",
        quiet=True,
    ),
    Field("spec.engine", place("engine"), type="string"),
    Field("spec.resourceProfile", place("resourceProfile"), Fate.changed, _MULTIPLE, type="string"),
    Field(
        "spec.cacheProfile",
        "",
        Fate.lost,
        "KubeAI fills a shared volume with a Job; copy the model to a claim and write modelArtifacts.uri: "
        "pvc://claim/path",
        type="string",
    ),
    Field("spec.image", "decode.containers[].image", type="string"),
    Field("spec.args", "decode.containers[].args", type="strings"),
    Field("spec.env", "decode.containers[].env", type="map"),
    Field("spec.envFrom", "decode.containers[].extraConfig.envFrom", type="core.v1.EnvFromSource[]"),
    Field("spec.replicas", "decode.replicas", type="integer"),
    Field("spec.minReplicas", place("queueScaling"), type="integer"),
    Field("spec.maxReplicas", place("queueScaling"), type="integer"),
    Field(
        "spec.targetRequests",
        place("queueScaling"),
        Fate.changed,
        "KEDA asks vLLM for running and waiting requests; KubeAI counts them in its proxy over ten minutes",
        type="integer",
    ),
    Field("spec.scaleDownDelaySeconds", place("queueScaling"), type="integer"),
    Field("spec.autoscalingDisabled", "decode.autoscaling.enabled", type="boolean"),
    Field(
        "spec.loadBalancing",
        place("loadBalancing"),
        Fate.changed,
        "an endpoint picker scores pods by load and cached prefixes; there is no hash ring and no hard bound",
        type="object",
    ),
    Field("spec.files[].path", place("files"), type="string"),
    Field("spec.files[].content", place("files"), type="string"),
    Field("spec.priorityClassName", "decode.priorityClassName", type="string"),
    Field("spec.owner", "", Fate.lost, "the chart has no key for what only a model list shows", type="string"),
)

SYSTEM_FIELDS = (
    Field("resourceProfiles.*.imageName", "decode.containers[].image", type="string"),
    Field("resourceProfiles.*.requests", "decode.containers[].resources", type="quantities"),
    Field("resourceProfiles.*.limits", "decode.containers[].resources", type="quantities"),
    Field("resourceProfiles.*.nodeSelector", "decode.nodeSelector", type="map"),
    Field("resourceProfiles.*.tolerations", "decode.tolerations", type="core.v1.Toleration[]"),
    Field("resourceProfiles.*.affinity", "decode.affinity", type="core.v1.Affinity"),
    Field("resourceProfiles.*.runtimeClassName", place("runtimeClassName"), type="string"),
    Field("resourceProfiles.*.schedulerName", "decode.schedulerName", type="string"),
    Field("modelServers.*.images", "decode.containers[].image", type="map"),
    Field("modelServerPods.securityContext", "decode.containers[].securityContext", type="core.v1.SecurityContext"),
    Field("modelServerPods.podSecurityContext", "decode.podSecurityContext", type="core.v1.PodSecurityContext"),
    Field("modelServerPods.jsonPatches", "", Fate.lost, "write what they change into decode.extraConfig", type="list"),
    Field("secrets.huggingface.name", "decode.containers[].env", type="string"),
    Field("secrets.aws.name", "decode.containers[].env", type="string"),
    Field("imagePullSecrets", "imagePullSecrets", type="list"),
)


def _is_values(document: Document) -> bool:
    """Whether a document is KubeAI's system configuration or values of its chart."""
    return not document.kind and any(
        isinstance(document.data.get(key), dict) for key in ("resourceProfiles", "modelServers")
    )


def is_model(document: Document) -> bool:
    """Whether a document is KubeAI's Model."""
    return document.kind == "Model" and document.group == "kubeai.org"


def _convert(document: Document, source: Source, ledger: Ledger, vault: Vault) -> Serving:
    data = ledger.read(document, FIELDS)
    return convert(data, document, source, ledger, vault)


def system_values(source: Source, ledger: Ledger) -> dict[str, Any]:
    """KubeAI's system configuration among the documents; empty where there is none.

    A values file of KubeAI's chart has much that is not about models, which is left aside.
    """
    for document in source.documents:
        if _is_values(document):
            source.use(document)
            tops = {item.path.split(".")[0] for item in SYSTEM_FIELDS}
            about = Document(
                {key: document.data[key] for key in tops if key in document.data}, document.file, document.node
            )
            inner = Ledger()
            values = inner.read(about, SYSTEM_FIELDS)
            ledger.notes += [note for note in inner.notes if note.fate is Fate.lost and not note.unknown]
            return values
    return {}


def convert(
    data: Mapping[str, Any],
    document: Document,
    source: Source,
    ledger: Ledger,
    vault: Vault,
    at: Path = ("spec",),
) -> Serving:
    """What KubeAI would run for a Model.

    Args:
        data: the Model, checked.
        document: where it is from.
        source: all documents.
        ledger: takes notes.
        vault: takes secrets.
        at: path of the spec in the document.

    Raises:
        ModelserviceError: KubeAI would refuse it, or the chart cannot load the model.
    """
    spec = data.get("spec", {})
    name = data.get("metadata", {}).get("name", "")
    for key, value in (("metadata.name", name), ("spec.url", spec.get("url")), ("spec.engine", spec.get("engine"))):
        if not value:
            raise ModelserviceError("it is missing, and KubeAI needs it", file=document.where(at), key=key)
    if spec["engine"] not in IMAGES:
        raise ModelserviceError(
            f"no engine {spec['engine']}",
            file=document.where((*at, "engine")),
            key="spec.engine",
            fix=f"write {', '.join(sorted(IMAGES))}",
        )
    _check(spec, document, at)
    system = system_values(source, ledger)
    serving = Serving(
        name, ledger, vault, namespace=data["metadata"].get("namespace", "") or source.options.namespace, model=name
    )
    container: dict[str, Any] = {
        "name": "server",
        "ports": [{"containerPort": PORT, "name": "http", "protocol": "TCP"}],
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],  # noqa: S108
        "env": [{"name": key, "value": value} for key, value in sorted(spec.get("env", {}).items())],
    }
    if spec.get("envFrom"):
        container["envFrom"] = spec["envFrom"]
    pod: dict[str, Any] = {"containers": [container], "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}]}
    engine = _Engine(name, spec, container, pod, serving, document, at, system)
    engine.start()
    image_name = _profile(spec, pod, container, system, serving)
    images = system.get("modelServers", {}).get(spec["engine"], {}).get("images", {})
    container["image"] = spec.get("image") or images.get(image_name) or images.get("default") or IMAGES[spec["engine"]]
    for key in ("securityContext",):
        if system.get("modelServerPods", {}).get(key):
            container[key] = system["modelServerPods"][key]
    if system.get("modelServerPods", {}).get("podSecurityContext"):
        pod["securityContext"] = system["modelServerPods"]["podSecurityContext"]
    if system.get("imagePullSecrets"):
        pod["imagePullSecrets"] = system["imagePullSecrets"]
    if spec.get("priorityClassName"):
        pod["priorityClassName"] = spec["priorityClassName"]
    _files(name, spec, pod, container, serving)
    annotations = data["metadata"].get("annotations", {})
    serving.decode = Role(
        pod,
        "spec",
        replicas=_replicas(spec),
        labels={"model": name, **data["metadata"].get("labels", {})},
        pod_annotations={key: value for key, value in annotations.items() if not key.startswith("model-pod-")},
        engine="server",
        port=PORT,
    )
    _scaling(spec, serving, serving.decode)
    _balancing(spec, serving)
    return serving


def _check(spec: Mapping[str, Any], document: Document, at: Path) -> None:
    """Refuses what KubeAI's own schema refuses.

    Raises:
        ModelserviceError: two fields contradict each other.
    """
    paths = [item.get("path", "") for item in spec.get("files", [])]
    for broken, key, why in (
        (spec.get("minReplicas", 0) > spec.get("maxReplicas", 10**9), "maxReplicas", "it is less than minReplicas"),
        (bool(spec.get("adapters")) and spec["engine"] != "VLLM", "adapters", "only the engine VLLM has adapters"),
        (len(set(paths)) < len(paths), "files", "two files have one path"),
        (any(not path.startswith("/") for path in paths), "files", "a path is not absolute"),
    ):
        if broken:
            raise ModelserviceError(why, file=document.where((*at, key)), key=f"spec.{key}")


class _Engine:
    """How KubeAI starts an engine (https://github.com/substratusai/kubeai, internal/modelcontroller)."""

    def __init__(
        self, name: str, spec: Mapping[str, Any], container: dict[str, Any], pod: dict[str, Any], serving: Serving,
        document: Document, at: Path, system: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.name, self.spec, self.container, self.pod, self.serving = name, spec, container, pod, serving
        self.document, self.at, self.system = document, at, system
        self.url = urlsplit(spec["url"])
        self.reference = f"{self.url.netloc}{self.url.path}".strip("/")
        self.query = {key: values[-1] for key, values in parse_qs(self.url.query).items()}

    def start(self) -> None:
        """Fills in command, environment and probes."""
        self._credentials()
        {
            "VLLM": self._vllm, "OLlama": self._ollama, "Infinity": self._infinity, "FasterWhisper": self._whisper,
        }[self.spec["engine"]]()  # fmt: skip

    def _refuse(self, why: str, fix: str) -> ModelserviceError:
        return ModelserviceError(
            f"{self.spec['url']}: {why}", file=self.document.where((*self.at, "url")), key="spec.url", fix=fix
        )

    def _credentials(self) -> None:
        """Keys of the stores, from the Secrets of KubeAI's chart; all of them optional."""
        secrets = self.system.get("secrets", {})
        scheme = self.url.scheme
        if scheme == "hf":
            name = secrets.get("huggingface", {}).get("name") or "kubeai-huggingface"
            self._from_secret("HF_TOKEN", name, "token")
        elif scheme == "s3":
            name = secrets.get("aws", {}).get("name") or "kubeai-aws"
            self._from_secret("AWS_ACCESS_KEY_ID", name, "accessKeyID")
            self._from_secret("AWS_SECRET_ACCESS_KEY", name, "secretAccessKey")
        elif scheme in ("gs", "oss"):
            raise self._refuse(
                "KubeAI serves it from its cache only", "copy the model to a claim and write pvc://claim/path"
            )

    def _from_secret(self, variable: str, secret: str, key: str) -> None:
        if variable not in self.spec.get("env", {}):
            reference = {"name": secret, "key": key, "optional": True}
            self.container["env"].append({"name": variable, "valueFrom": {"secretKeyRef": reference}})

    def _claim(self, mount: str) -> None:
        """The model's claim, as KubeAI mounts it."""
        claim, _, path = self.reference.partition("/")
        self.pod["volumes"].append({"name": "model", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
        mounted: dict[str, Any] = {"name": "model", "mountPath": mount, "readOnly": True}
        self.container["volumeMounts"].append({**mounted, **({"subPath": path} if path else {})})

    def _health(self, failures: int) -> None:
        probe = {"httpGet": {"path": "/health", "port": "http"}}
        self.container |= {
            "startupProbe": {
                **probe,
                "initialDelaySeconds": 2,
                "periodSeconds": 2,
                "timeoutSeconds": 2,
                "failureThreshold": failures,
            },
            "readinessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
            "livenessProbe": {**probe, "periodSeconds": 30, "timeoutSeconds": 3, "failureThreshold": 3},
        }

    def _vllm(self) -> None:
        scheme = self.url.scheme
        model = self.reference
        extra: list[str] = []
        if scheme == "pvc":
            self._claim("/model")
            model = "/model"
        elif scheme == "s3":
            model = f"s3://{self.reference}"
            extra = ["--load-format=runai_streamer"]
        elif scheme != "hf":
            raise self._refuse("vLLM cannot load it", "write hf://, pvc:// or s3://")
        adapters = self.spec.get("adapters", [])
        self.container["command"] = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
        self.container["args"] = [
            f"--model={model}",
            f"--served-model-name={self.name}",
            *extra,
            *self.spec.get("args", []),
            *self._adapters(adapters),
        ]
        if adapters:
            self.container["env"].append({"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "True"})
        self._health(5400)

    def _adapters(self, adapters: list[dict[str, Any]]) -> list[str]:
        modules = []
        for index, adapter in enumerate(adapters):
            scheme, _, rest = str(adapter.get("url", "")).partition("://")
            if scheme == "hf":
                modules.append(f"{adapter.get('name', '')}={rest}")
            else:
                self.serving.ledger.add(
                    Fate.lost,
                    f"spec.adapters[{index}].url",
                    "vLLM loads adapters from the Hugging Face Hub or a path; copy "
                    "it to a claim and add --lora-modules",
                )
        return ["--enable-lora", *(["--lora-modules", *modules] if modules else [])] if adapters else []

    def _ollama(self) -> None:
        if self.url.scheme not in ("ollama", "pvc"):
            raise self._refuse("Ollama cannot load it", "write ollama://model:tag or pvc://claim?model=model:tag")
        model = self.query.get("model", "") if self.url.scheme == "pvc" else self.reference
        steps = []
        defaults = {"OLLAMA_HOST": f"0.0.0.0:{PORT}", "OLLAMA_KEEP_ALIVE": "999999h"}
        if self.url.scheme == "pvc":
            self._claim("/model")
            defaults["OLLAMA_MODELS"] = "/model"
            if not model:
                raise self._refuse("which model of the claim?", "write pvc://claim?model=model:tag")
        elif self.query.get("pull") != "false":
            insecure = " --insecure" if self.query.get("insecure") == "true" else ""
            steps.append(f"/bin/ollama pull{insecure} {model}")
        steps.append(f"/bin/ollama cp {model} {self.name}")
        if "TextGeneration" in self.spec.get("features", []):
            steps.append(f"/bin/ollama run {self.name} hi")
        if self.spec.get("args"):
            self.container["args"] = list(self.spec["args"])
        own = {item["name"] for item in self.container["env"]}
        self.container["env"] = [{"name": k, "value": v} for k, v in defaults.items() if k not in own] + self.container[
            "env"
        ]
        ask = {"httpGet": {"path": "/", "port": "http"}}
        self.container |= {
            "startupProbe": {
                "exec": {"command": ["bash", "-c", " && ".join(steps)]},
                "initialDelaySeconds": 1,
                "periodSeconds": 3,
                "failureThreshold": 10,
                "timeoutSeconds": 10800,
            },
            "readinessProbe": {**ask, "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
            "livenessProbe": {
                **ask,
                "initialDelaySeconds": 900,
                "periodSeconds": 30,
                "timeoutSeconds": 3,
                "failureThreshold": 3,
            },
        }

    def _infinity(self) -> None:
        model = self.reference
        if self.url.scheme == "pvc":
            self._claim("/model")
            model = "/model"
        elif self.url.scheme != "hf":
            raise self._refuse("Infinity cannot load it", "write hf:// or pvc://")
        else:
            self.serving.uri = f"hf://{model}"
        self.container["args"] = ["v2", *self.spec.get("args", [])]
        self._defaults(
            {
                "INFINITY_MODEL_ID": model, "INFINITY_SERVED_MODEL_NAME": self.name, "INFINITY_URL_PREFIX": "/v1",
                "INFINITY_ENGINE": "torch", "INFINITY_PORT": str(PORT),
            }
        )  # fmt: skip
        self._health(600)

    def _whisper(self) -> None:
        model = self.reference
        if self.url.scheme == "pvc":
            self._claim("/model")
            model = "/model"
        elif self.url.scheme != "hf":
            raise self._refuse("FasterWhisper cannot load it", "write hf:// or pvc://")
        else:
            self.serving.uri = f"hf://{model}"
        if self.spec.get("args"):
            self.container["args"] = list(self.spec["args"])
        self._defaults({"WHISPER__MODEL": model, "ENABLE_UI": "false"})
        self._health(900)

    def _defaults(self, variables: Mapping[str, str]) -> None:
        own = {item["name"] for item in self.container["env"]}
        self.container["env"] = [
            *({"name": key, "value": value} for key, value in variables.items() if key not in own),
            *self.container["env"],
        ]


def _profile(
    spec: Mapping[str, Any], pod: dict[str, Any], container: dict[str, Any], system: Mapping[str, Any], serving: Serving
) -> str:
    """Resources and placement of a resource profile, multiplied; the name of its image."""
    text = spec.get("resourceProfile", "")
    if not text:
        return ""
    name, _, number = text.partition(":")
    if not re.fullmatch(r"\d*", number):
        raise ModelserviceError(f"{text!r} is not name:number", key="spec.resourceProfile")
    count = int(number or 1)
    profile = system.get("resourceProfiles", {}).get(name)
    if profile is None:
        serving.ledger.add(
            Fate.lost,
            "spec.resourceProfile",
            f"the profile {name} is not among the files: resources, image and placement "
            "are missing; give the values of KubeAI's chart too",
        )
        return "cpu" if name == "cpu" else ""
    resources = {
        part: {key: times(value, count) for key, value in profile[part].items()}
        for part in ("limits", "requests")
        if profile.get(part)
    }
    if resources:
        container["resources"] = resources
    for key in ("nodeSelector", "tolerations", "affinity", "runtimeClassName", "schedulerName"):
        if profile.get(key):
            pod[key] = profile[key]
    return str(profile.get("imageName", ""))


def times(quantity: str | int | float, count: int) -> str:
    """A quantity, multiplied."""
    match = re.fullmatch(r"([0-9]+)(\.[0-9]+)?([A-Za-z]*)", str(quantity))
    if match is None:
        return str(quantity)
    if match[2]:
        product = float(match[1] + match[2]) * count
        return f"{product:g}{match[3]}"
    return f"{int(match[1]) * count}{match[3]}"


def _replicas(spec: Mapping[str, Any]) -> int:
    least = int(spec.get("minReplicas", 0))
    if "replicas" in spec:
        return max(int(spec["replicas"]), least)
    return least or (0 if spec.get("autoscalingDisabled") else 1)


def _scaling(spec: Mapping[str, Any], serving: Serving, role: Role) -> None:
    """KubeAI scales by active requests; KEDA does where there is a bound, and metrics that tell."""
    least, most = spec.get("minReplicas", 0), spec.get("maxReplicas")
    if spec.get("autoscalingDisabled"):
        return
    if spec["engine"] != "VLLM" or most is None:
        why = (
            "KubeAI scales without a bound where there is none, and from zero by holding requests; "
            f"{role.replicas} replica(s) are kept. Write maxReplicas to get a ScaledObject"
            if spec["engine"] == "VLLM"
            else f"KubeAI scales by requests in its proxy; this engine tells none: {role.replicas} replica(s) are kept"
        )
        serving.ledger.add(Fate.changed, "spec.minReplicas", why, values="decode.replicas")
        return
    role.autoscaled = True
    workload = f"{serving.name}-decode"
    pods = f'{{pod=~"{workload}-.*"}}'
    query = f"sum(vllm:num_requests_running{pods}) + sum(vllm:num_requests_waiting{pods})"
    serving.objects.append(
        {
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": workload},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload},
                "minReplicaCount": max(1, least), "maxReplicaCount": most,
                "advanced": {
                    "horizontalPodAutoscalerConfig": {
                        "behavior": {"scaleDown": {"stabilizationWindowSeconds": spec.get("scaleDownDelaySeconds", 30)}}
                    }
                },
                "triggers": [
                    {
                        "type": "prometheus",
                        "metadata": {
                            "serverAddress": "http://prometheus-operated.monitoring:9090", "query": query,
                            "threshold": str(spec.get("targetRequests", 100)),
                        },
                    }
                ],
            },
        }
    )  # fmt: skip
    serving.ledger.add(
        Fate.changed,
        "spec.maxReplicas",
        "a ScaledObject of KEDA scales; write the address of your Prometheus"
        + (", and zero replicas, which KubeAI's proxy wakes, become one" if least == 0 else ""),
        values="decode.autoscaling",
    )


def _balancing(spec: Mapping[str, Any], serving: Serving) -> None:
    balancing = spec.get("loadBalancing", {})
    if balancing.get("strategy", "LeastLoad") == "LeastLoad" and "prefixHash" not in balancing:
        return
    prefix = balancing.get("strategy") == "PrefixHash"
    scorers = (
        ["running-requests-size-scorer"] if not prefix else ["prefix-cache-scorer", "running-requests-size-scorer"]
    )
    length = balancing.get("prefixHash", {}).get("prefixCharLength", 100)
    plugins: list[dict[str, Any]] = [{"type": name} for name in scorers]
    if prefix:
        tokens = max(1, -(-length // 4))
        plugins.insert(0, {"type": "approx-prefix-cache-producer", "parameters": {"maxPrefixBlocksToMatch": tokens}})
    config = {
        "apiVersion": "llm-d.ai/v1alpha1",
        "kind": "EndpointPickerConfig",
        "plugins": [*plugins, {"type": "max-score-picker"}],
        "schedulingProfiles": [
            {
                "name": "default",
                "plugins": [*({"pluginRef": name, "weight": 1} for name in scorers), {"pluginRef": "max-score-picker"}],
            }
        ],
    }
    serving.objects.append(
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{serving.name}-epp-config"},
            "data": {"config.yaml": json_text(config)},
        }
    )  # fmt: skip


def _files(
    name: str, spec: Mapping[str, Any], pod: dict[str, Any], container: dict[str, Any], serving: Serving
) -> None:
    """Files in the container, from a ConfigMap."""
    files = [item for item in spec.get("files", []) if item.get("path")]
    if not files:
        return
    keys = {item["path"]: item["path"].strip("/").replace("/", "_") for item in files}
    config = f"model-{name}-files"
    serving.objects.append(
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": config},
            "data": {keys[item["path"]]: item.get("content", "") for item in files},
        }
    )  # fmt: skip
    pod["volumes"].append({"name": "files", "configMap": {"name": config}})
    container["volumeMounts"] += [{"name": "files", "mountPath": path, "subPath": key} for path, key in keys.items()]


SYSTEM = System(
    name="kubeai",
    title="KubeAI's Model (kubeai.org)",
    recognises=is_model,
    parts=_is_values,
    fields={"Model": FIELDS, "values of KubeAI's chart": SYSTEM_FIELDS},
    convert=_convert,
)
