"""KubeAI: Model (kubeai.org/v1), with the resource profiles and images of its chart's values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Document, Path
from modelservice.importers.source.fields import Outcome, Field, ConversionReport
from modelservice.importers.source.kubernetes_fields import OBJECT
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps.engine_layers import value_of
from modelservice.importers.systems.system import Source, System
from modelservice.importers.workload import RoleSource, ServedModel

PORT = 8000
"""Port of every engine."""

IMAGES = {
    "VLLM": "vllm/vllm-openai:v0.8.3",
    "OLlama": "ollama/ollama:latest",
    "FasterWhisper": "fedirz/faster-whisper-server:latest-cpu",
    "Infinity": "michaelf34/infinity:latest",
}
"""Default images of KubeAI's chart 0.21, where its values are not among the files."""

TYPES = {"VLLM": None, "OLlama": "ollama", "Infinity": "infinity", "FasterWhisper": "fasterWhisper"}
"""Engines by the chart's name; vLLM is recognised by its command."""

CACHE_SIZE = "10Gi"
"""Size of the claim that KubeAI makes for a cache profile."""

OSS_ENDPOINT = "https://oss-cn-hangzhou.aliyuncs.com"
"""Address of a region of Alibaba Cloud's store, where a Model says none."""

_STORE_VARIABLES = ("HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Variables by which what loads a model is let into its store."""

PROMETHEUS = "http://prometheus-operated.monitoring:9090"
"""The address that the Prometheus Operator's Service has in many clusters."""

_PICKER = (
    "an endpoint picker scores pods by load and cached prefixes, and a Gateway has to send requests to the pool "
    "(routing.httpRoute)"
)

FIELDS = (
    *OBJECT,
    Field("metadata.name", "fullnameOverride and modelArtifacts.name", type="string"),
    Field("metadata.labels", "modelArtifacts.labels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    *(
        Field(
            f"metadata.annotations.model-pod-{name}", "", Outcome.lost, "it is for KubeAI's own development", type="string"
        )
        for name in ("ip", "port")
    ),
    Field("spec.url", "modelArtifacts.uri", type="string"),
    Field("spec.adapters[].name", "modelArtifacts.adapters", type="string"),
    Field(
        "spec.adapters[].url",
        "modelArtifacts.adapters",
        Outcome.changed,
        "adapters are loaded at start, under the name <adapter>; KubeAI's proxy calls them <model>_<adapter>",
        type="string",
    ),
    Field("spec.features", "modelArtifacts.features", type="strings"),
    Field("spec.engine", "engine.type", type="string"),
    Field("spec.resourceProfile", "decode.resourceProfile", type="string"),
    Field(
        "spec.cacheProfile",
        "modelArtifacts.persistence",
        Outcome.changed,
        "a Job fills a claim of the release, which ends with it; KubeAI's claim is for all models of the profile",
        type="string",
    ),
    Field("spec.image", "engine.image", type="string"),
    Field("spec.args", "engine.args", type="strings"),
    Field("spec.env", "engine.env", type="map"),
    Field("spec.envFrom", "engine.extraConfig.envFrom", type="core.v1.EnvFromSource[]"),
    Field("spec.replicas", "decode.replicas", type="integer"),
    Field("spec.minReplicas", "decode.autoscaling.minReplicas", type="integer"),
    Field("spec.maxReplicas", "decode.autoscaling.maxReplicas", type="integer"),
    Field(
        "spec.targetRequests",
        "decode.autoscaling.targetActiveRequests",
        Outcome.changed,
        "KEDA asks vLLM for running and waiting requests; KubeAI counts them in its proxy over ten minutes",
        type="integer",
    ),
    Field("spec.scaleDownDelaySeconds", "decode.autoscaling.scaleDownDelaySeconds", type="integer"),
    Field("spec.autoscalingDisabled", "decode.autoscaling.enabled", type="boolean"),
    Field(
        "spec.loadBalancing.strategy",
        "routing.loadBalancing.strategy",
        Outcome.changed,
        _PICKER,
        type="string",
        when=lambda value: value != "LeastLoad",
    ),
    Field(
        "spec.loadBalancing.prefixHash.prefixCharLength",
        "routing.loadBalancing.prefixHash.prefixCharLength",
        type="integer",
    ),
    *(
        Field(
            f"spec.loadBalancing.prefixHash.{name}", "", Outcome.lost, f"an endpoint picker has no {what}", type="integer"
        )
        for name, what in (("meanLoadFactor", "hard bound on the load"), ("replication", "hash ring"))
    ),
    Field("spec.files[].path", "files", type="string"),
    Field("spec.files[].content", "files", type="string"),
    Field("spec.priorityClassName", "decode.priorityClassName", type="string"),
    Field("spec.owner", "", Outcome.lost, "the chart has no key for what only a model list shows", type="string"),
)

SYSTEM_FIELDS = (
    Field("resourceProfiles.*.imageName", "engine.image", type="string"),
    Field("resourceProfiles.*.requests", "resourceProfiles.*.requests", type="quantities"),
    Field("resourceProfiles.*.limits", "resourceProfiles.*.limits", type="quantities"),
    Field("resourceProfiles.*.nodeSelector", "resourceProfiles.*.nodeSelector", type="map"),
    Field("resourceProfiles.*.tolerations", "resourceProfiles.*.tolerations", type="core.v1.Toleration[]"),
    Field("resourceProfiles.*.affinity", "resourceProfiles.*.affinity", type="core.v1.Affinity"),
    Field("resourceProfiles.*.runtimeClassName", "resourceProfiles.*.runtimeClassName", type="string"),
    Field("resourceProfiles.*.schedulerName", "resourceProfiles.*.schedulerName", type="string"),
    Field(
        "cacheProfiles.*.sharedFilesystem.storageClassName",
        "modelArtifacts.persistence.storageClassName",
        type="string",
    ),
    Field(
        "cacheProfiles.*.sharedFilesystem.persistentVolumeName", "modelArtifacts.persistence.volumeName", type="string"
    ),
    Field("modelServers.*.images", "engine.image", type="map"),
    Field("modelServerPods.securityContext", "engine.securityContext", type="core.v1.SecurityContext"),
    Field("modelServerPods.podSecurityContext", "decode.podSecurityContext", type="core.v1.PodSecurityContext"),
    Field("modelServerPods.serviceAccountName", "serviceAccountOverride", type="string"),
    Field("modelServerPods.serviceAccount.name", "serviceAccountOverride", type="string"),
    Field("modelServerPods.serviceAccount.create", "", quiet=True),
    Field("modelServerPods.serviceAccount.annotations", "", quiet=True),
    Field("modelServerPods.imagePullSecrets", "imagePullSecrets", type="list"),
    Field("modelServerPods.jsonPatches", "", Outcome.lost, "write what they change into decode.extraConfig", type="list"),
    Field("secrets.huggingface.name", "engine.env", type="string"),
    Field("secrets.aws.name", "engine.env", type="string"),
    Field("secrets.gcp.name", "modelArtifacts.credentials.gcp.name", type="string"),
    Field("secrets.alibaba.name", "modelArtifacts.credentials.alibaba.name", type="string"),
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


def _convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel:
    data = read_fields(document, FIELDS)
    return convert(data, document, source, report, secrets)


def system_values(source: Source, report: ConversionReport) -> dict[str, Any]:
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
            inner = ConversionReport()
            values = read_fields(about, SYSTEM_FIELDS)
            about_models = ("resourceProfiles.", "cacheProfiles.", "modelServerPods.")
            report.notes += [
                note
                for note in inner.notes
                if note.outcome is Outcome.lost and (not note.unknown or note.path.startswith(about_models))
            ]
            return values
    return {}


def convert(
    data: Mapping[str, Any],
    document: Document,
    source: Source,
    report: ConversionReport,
    secrets: SecretCollector,
    at: Path = ("spec",),
) -> ServedModel:
    """What KubeAI would run for a Model.

    Args:
        data: the Model, checked.
        document: where it is from.
        source: all documents.
        report: takes notes.
        secrets: takes secrets.
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
    system = system_values(source, report)
    served = ServedModel(
        name, report, secrets, namespace=data["metadata"].get("namespace", "") or source.options.namespace, model=name
    )
    features = spec.get("features", [])
    if features and (spec["engine"] != "VLLM" or {"TextGeneration", "SpeechToText"} & set(features)):
        # For the others the chart writes --runner, which the versions of KubeAI's images do not know.
        served.settings["modelArtifacts"] = {"features": features}
    container: dict[str, Any] = {
        "name": "server",
        "ports": [{"containerPort": PORT, "name": "http", "protocol": "TCP"}],
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],  # noqa: S108
        "env": [{"name": key, "value": value} for key, value in sorted(spec.get("env", {}).items())],
    }
    if spec.get("envFrom"):
        container["envFrom"] = spec["envFrom"]
    pod: dict[str, Any] = {"containers": [container], "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}]}
    engine = _Engine(name, spec, container, pod, served, document, at, system)
    engine.start()
    settings: dict[str, Any] = {}
    image_name = _profile(spec, settings, container, system, served)
    images = system.get("modelServers", {}).get(spec["engine"], {}).get("images", {})
    container["image"] = spec.get("image") or images.get(image_name) or images.get("default") or IMAGES[spec["engine"]]
    pods = system.get("modelServerPods", {})
    if pods.get("securityContext"):
        container["securityContext"] = pods["securityContext"]
    for key, value in (
        ("securityContext", pods.get("podSecurityContext")),
        ("serviceAccountName", pods.get("serviceAccountName") or pods.get("serviceAccount", {}).get("name")),
        ("imagePullSecrets", [*system.get("imagePullSecrets", []), *pods.get("imagePullSecrets", [])]),
    ):
        if value:
            pod[key] = value
    if spec.get("priorityClassName"):
        pod["priorityClassName"] = spec["priorityClassName"]
    files = {item["path"]: item.get("content", "") for item in spec.get("files", []) if item.get("path")}
    if files:
        served.settings["files"] = files
    annotations = data["metadata"].get("annotations", {})
    served.decode = RoleSource(
        pod,
        "spec",
        replicas=_replicas(spec),
        labels={"model": name, **data["metadata"].get("labels", {})},
        pod_annotations={key: value for key, value in annotations.items() if not key.startswith("model-pod-")},
        engine="server",
        port=PORT,
        type=TYPES[spec["engine"]],
        settings=settings,
    )
    _scaling(spec, served, served.decode)
    _balancing(spec, served)
    return served


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
        self, name: str, spec: Mapping[str, Any], container: dict[str, Any], pod: dict[str, Any], served: ServedModel,
        document: Document, at: Path, system: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.name, self.spec, self.container, self.pod, self.served = name, spec, container, pod, served
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
        elif scheme == "gs":
            name = secrets.get("gcp", {}).get("name") or "kubeai-gcp"
            self.served.settings.setdefault("modelArtifacts", {})["credentials"] = {"gcp": {"name": name}}

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
        elif scheme in ("s3", "gs"):
            model = f"{scheme}://{self.reference}"
            extra = ["--load-format=runai_streamer"]
        elif scheme == "oss":
            model = self._alibaba()
        elif scheme != "hf":
            raise self._refuse("vLLM cannot load it", "write hf://, pvc://, s3:// or gs://, or copy it to a claim")
        adapters = self.spec.get("adapters", [])
        self.container["command"] = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
        self.container["args"] = [
            f"--model={model}", f"--served-model-name={self.name}", *extra, *self.spec.get("args", []),
        ]  # fmt: skip
        self.served.adapters = [
            {"name": str(item.get("name", "")), "uri": str(item.get("url", ""))} for item in adapters
        ]
        if adapters:
            self.served.lora = {"dynamic": True}
            if len(adapters) > 1:
                self.served.lora["maxLoras"] = 1  # as vLLM does where nothing is said
        self._cache()
        self._health(5400)

    def _alibaba(self) -> str:
        """A bucket of Alibaba Cloud, which only a cache profile loads; the model as the engine's argument."""
        if not self.spec.get("cacheProfile"):
            raise self._refuse("vLLM cannot load it, and without a cache nothing does", "write spec.cacheProfile")
        env = self.spec.get("env", {})
        endpoint = env.get("OSS_ENDPOINT") or (
            f"https://oss-{env['OSS_REGION']}.aliyuncs.com" if env.get("OSS_REGION") else ""
        )
        if not endpoint:
            endpoint = OSS_ENDPOINT
            self.served.report.lost("spec.url",
                f"a Model does not say the region of its bucket: {endpoint} is written; write the bucket's own into "
                "modelArtifacts.endpoint",
            )
        self.served.uri = f"oss://{self.reference}"
        secret = self.system.get("secrets", {}).get("alibaba", {}).get("name") or "kubeai-alibaba"
        self.served.settings.setdefault("modelArtifacts", {}).update(
            {
                "endpoint": endpoint if "://" in endpoint else f"https://{endpoint}",
                "credentials": {"alibaba": {"name": secret}},
            }
        )
        return self.served.uri

    def _cache(self) -> None:
        """The shared volume of a cache profile, filled by a Job."""
        profile = self.spec.get("cacheProfile")
        if not profile or self.url.scheme == "pvc":
            return
        shared = self.system.get("cacheProfiles", {}).get(profile, {}).get("sharedFilesystem", {})
        keys = {"storageClassName": "storageClassName", "persistentVolumeName": "volumeName"}
        token = [item for item in self.container["env"] if item["name"] in _STORE_VARIABLES]
        env = {item["name"]: value_of(item) for item in self.served.secrets.environment(token, "spec.env")}
        self.served.settings.setdefault("modelArtifacts", {}).update(
            {
                "size": CACHE_SIZE,
                "download": {"job": True, **({"env": env} if env else {})},
                "persistence": {
                    "enabled": True,
                    **{name: shared[key] for key, name in keys.items() if shared.get(key)},
                    "accessModes": ["ReadWriteMany"],
                },
            }
        )
        self.served.settings["engine"] = {"mountModelVolume": True}
        if not shared:
            self.served.report.lost("spec.cacheProfile",
                f"the profile {profile} is not among the files, so the claim is of the cluster's default class; give "
                "the values of KubeAI's chart too",
            )

    def _ollama(self) -> None:
        engine: dict[str, Any] = {}
        if self.url.scheme == "pvc":
            model = self.query.get("model", "")
            if not model:
                raise self._refuse("which model of the claim?", "write pvc://claim?model=model:tag")
            engine["model"] = model
            self._on_claim()
            if model != self.name:
                self.served.settings["modelArtifacts"]["readOnly"] = False
                self.served.report.changed("metadata.name",
                    f"{self.name} is written into the claim's store as another name of {model}",
                    values="modelArtifacts.readOnly",
                )
        elif self.url.scheme == "ollama":
            self.served.uri = f"ollama://{self.reference}"
            if self.query.get("insecure") == "true":
                engine["insecure"] = True
            if self.query.get("pull") == "false":
                engine["pull"] = False
        else:
            raise self._refuse("Ollama cannot load it", "write ollama://model:tag or pvc://claim?model=model:tag")
        if self.spec.get("args"):
            self.container["args"] = list(self.spec["args"])
        if engine:
            self.served.settings["engine"] = {"ollama": engine}
        ask = {"httpGet": {"path": "/", "port": "http"}}
        self.container |= {
            "startupProbe": {**ask, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 1080},
            "readinessProbe": {**ask, "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
            "livenessProbe": {**ask, "initialDelaySeconds": 900, "periodSeconds": 30, "timeoutSeconds": 3},
        }
        self._mounted("the model is pulled before the engine starts, in place of its first probe")

    def _infinity(self) -> None:
        self._hub_or_claim("Infinity")
        if self.spec.get("args"):
            self.container["args"] = list(self.spec["args"])
        self._health(600)

    def _whisper(self) -> None:
        self._hub_or_claim("FasterWhisper")
        model = self.reference if self.url.scheme == "hf" else f"/model-cache/{self.reference.partition('/')[2]}"
        if self.served.model != model:
            self.served.model = model
            self.served.report.changed("metadata.name",
                f"the server loads what a request names, so requests name {model}; KubeAI's proxy wrote it there",
                values="modelArtifacts.name",
            )
        if self.spec.get("args"):
            self.container["args"] = list(self.spec["args"])
        self._health(900)

    def _hub_or_claim(self, engine: str) -> None:
        if self.url.scheme == "pvc":
            self._on_claim()
        elif self.url.scheme == "hf":
            self.served.uri = f"hf://{self.reference}"
        else:
            raise self._refuse(f"{engine} cannot load it", "write hf:// or pvc://")

    def _on_claim(self) -> None:
        """The model's claim, by the chart."""
        claim, _, path = self.reference.partition("/")
        self.served.uri = (
            f"pvc://{claim}/{path or '.'}" if self.spec["engine"] != "OLlama" or path else f"pvc://{claim}"
        )
        self._mounted("")

    def _mounted(self, why: str) -> None:
        self.served.settings["engine"] = {**self.served.settings.get("engine", {}), "mountModelVolume": True}
        self.served.settings.setdefault("modelArtifacts", {})
        if why:
            self.served.report.changed("spec.url", why, values="modelArtifacts.uri")


def _profile(
    spec: Mapping[str, Any], settings: dict[str, Any], container: dict[str, Any], system: Mapping[str, Any],
    served: ServedModel,
) -> str:  # fmt: skip
    """A resource profile as the chart's; its accelerators are the container's. Returns the name of its image."""
    text = spec.get("resourceProfile", "")
    if not text:
        return ""
    name, _, number = text.partition(":")
    if not re.fullmatch(r"\d*", number):
        raise ModelserviceError(f"{text!r} is not name:number", key="spec.resourceProfile")
    profile = system.get("resourceProfiles", {}).get(name)
    if profile is None:
        served.report.lost("spec.resourceProfile",
            f"the profile {name} is not among the files: resources, image and placement "
            "are missing; give the values of KubeAI's chart too",
        )
        return "cpu" if name == "cpu" else ""
    said = {key: value for key, value in profile.items() if key != "imageName" and value}
    accelerators = {
        key: str(int(value) * int(number or 1))
        for key, value in {**said.get("requests", {}), **said.get("limits", {})}.items()
        if "/" in key and str(value).isdigit()
    }
    for part in ("limits", "requests"):
        if part in said:
            said[part] = {key: value for key, value in said[part].items() if key not in accelerators}
    said = {key: value for key, value in said.items() if value}
    if accelerators:
        container["resources"] = {"limits": accelerators}
    if said:
        served.settings["resourceProfiles"] = {name: said}
        settings["resourceProfile"] = f"{name}:{number}" if int(number or 1) != 1 else name
    return str(profile.get("imageName", ""))


def _replicas(spec: Mapping[str, Any]) -> int:
    least = int(spec.get("minReplicas", 0))
    if "replicas" in spec:
        return max(int(spec["replicas"]), least)
    return least or (0 if spec.get("autoscalingDisabled") else 1)


def _scaling(spec: Mapping[str, Any], served: ServedModel, role: RoleSource) -> None:
    """KubeAI scales by active requests; KEDA does where there is a bound, and metrics that tell."""
    least, most = spec.get("minReplicas", 0), spec.get("maxReplicas")
    if spec.get("autoscalingDisabled"):
        return
    if spec["engine"] != "VLLM" or most is None:
        why = (
            "KubeAI scales without a bound where there is none, and from zero by holding requests; "
            f"{role.replicas} replica(s) are kept. Write maxReplicas to get an autoscaler"
            if spec["engine"] == "VLLM"
            else f"KubeAI scales by requests in its proxy; this engine tells none: {role.replicas} replica(s) are kept"
        )
        served.report.changed("spec.minReplicas", why, values="decode.replicas")
        return
    role.settings["autoscaling"] = {
        "enabled": True,
        "type": "keda",
        "minReplicas": max(1, least),
        "maxReplicas": most,
        "targetActiveRequests": spec.get("targetRequests", 100),
        "scaleDownDelaySeconds": spec.get("scaleDownDelaySeconds", 30),
        "prometheus": {"serverAddress": PROMETHEUS},
    }
    role.autoscaled = True
    served.report.changed("spec.maxReplicas",
        "a ScaledObject of KEDA scales; write the address of your Prometheus"
        + (", and zero replicas, which KubeAI's proxy wakes, become one" if least == 0 else ""),
        values="decode.autoscaling",
    )


def _balancing(spec: Mapping[str, Any], served: ServedModel) -> None:
    """An endpoint picker in place of KubeAI's proxy, where the spec asks for more than the least load."""
    balancing = spec.get("loadBalancing", {})
    if balancing.get("strategy", "LeastLoad") == "LeastLoad":
        return
    length = balancing.get("prefixHash", {}).get("prefixCharLength", 100)
    served.settings["routing"] = {
        "inferencePool": {"create": True},
        "epp": {"create": True},
        "loadBalancing": {"strategy": "PrefixHash", "prefixHash": {"prefixCharLength": length}},
    }


SYSTEM = System(
    name="kubeai",
    title="KubeAI's Model (kubeai.org)",
    recognises=is_model,
    parts=_is_values,
    fields={"Model": FIELDS, "values of KubeAI's chart": SYSTEM_FIELDS},
    convert=_convert,
)
