"""DigitalHub: function, task and run of the runtimes kubeai, vllmserve and huggingfaceserve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Outcome, ConversionReport
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.systems import kubeai
from modelservice.importers.systems.digitalhub.fields import BUNDLE, SINGLE, SWITCHES, camel
from modelservice.importers.systems.llm_d_operator.baseconfig import sanitised
from modelservice.importers.systems.system import Source, System
from modelservice.importers.workload import RoleSource, ServedModel

KINDS = (
    "kubeai-text", "kubeai-speech", "vllmserve-text", "vllmserve-speech", "vllmserve-pooling", "huggingfaceserve",
)  # fmt: skip
"""Kinds of functions that can be imported."""

IMAGES = {
    "vllm": "vllm/vllm-openai:latest",
    "vllm-cpu": "public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:latest",
    "huggingface": "kserve/huggingfaceserver:latest",
}
"""The platform's default images (digitalhub-core, runtime-modelserve.yml)."""

SHARED = "/shared"
"""Where the platform mounts the run's volume."""

VOLUME_SIZE = "10Gi"
"""Size of the run's volume where the source does not say."""

GPU = "nvidia.com/gpu"
"""The platform's default resource for accelerators."""


def _kind(text: Any) -> str:
    """The function's kind in a function's, task's or run's kind: ``vllmserve-text+serve:run`` is vllmserve-text."""
    return text.partition("+")[0].partition(":")[0] if isinstance(text, str) else ""


def _part(document: Document, name: str) -> dict[str, Any]:
    part = document.data.get(name)
    return part if isinstance(part, dict) else {}


def _is_function(document: Document) -> bool:
    """Whether a document is a function, by itself or with its run."""
    if any(_kind(_part(document, name).get("kind")) in KINDS for name in ("function", "run", "task")):
        return True
    return document.kind in KINDS and not document.group


def _is_run(document: Document) -> bool:
    """Whether a document is a task or a run by itself."""
    return "+" in document.kind and _kind(document.kind) in KINDS


def _is_part(document: Document) -> bool:
    return _is_run(document) or "runtime" in document.data or kubeai.SYSTEM.parts(document)


def _recognises(document: Document) -> bool:
    if _is_function(document):
        return True
    spec = _part(document, "spec")
    return _is_run(document) and ("url" in spec or "path" in spec)


def _convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel | None:
    functions = [item for item in source.documents if _is_function(item)]
    if _is_run(document) and functions:
        return None
    kind, name, function, run = _effective(document, source, report)
    if not function.get("url") and not function.get("path"):
        raise ModelserviceError("it names no model", file=document.where(), key="function.spec.url")
    if kind.startswith("kubeai"):
        return _kubeai(kind, name, function, run, document, source, report, secrets)
    return _ModelServe(kind, name, function, run, document, source, report, secrets).served()


def _effective(document: Document, source: Source, report: ConversionReport) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """Kind and name of the function, its spec and the run's over the task's; what the function says it says."""
    if any(part in document.data for part in ("function", "run", "task")):
        data = read_fields(document, BUNDLE)
        function_entity = data.get("function", {})
        function, task, run = (dict(data.get(part, {}).get("spec", {})) for part in ("function", "task", "run"))
        kind = _kind(function_entity.get("kind")) or _kind(data.get("run", data.get("task", {})).get("kind"))
        name = function_entity.get("name", "")
    else:
        data = read_fields(document, SINGLE)
        kind, name = _kind(data.get("kind")), data.get("name", "")
        function, task, run = dict(data.get("spec", {})), {}, {}
        if _is_run(document):
            function, run = {}, function
        for other in source.documents:
            if _is_run(other) and other is not document and _kind(other.kind) == kind:
                spec = read_fields(source.use(other), SINGLE).get("spec", {})
                if other.kind.endswith(":run"):
                    run = dict(spec)
                else:
                    task = dict(spec)
    run = {**task, **run}
    for key in ("url", "path"):
        if run.get(key) and function.get(key) and not run[key].startswith(function[key]):
            raise ModelserviceError(
                f"the run's {key} {run[key]} is not below the function's {function[key]}",
                file=document.where(),
                key=f"run.spec.{key}",
            )
        if run.get(key):
            function[key] = run[key]
    for key in ("image", "model_name", "engine", "adapters", "features"):
        if key in run:
            function.setdefault(key, run[key])
    reference = re.search(r"://[^/]+/([^:/]+)", run.get("function", ""))
    return kind, name or (reference[1] if reference else "model"), function, run


def _environment(run: Mapping[str, Any]) -> dict[str, str]:
    found = dict(run.get("env", {}))
    for item in run.get("envs", []):
        if item.get("name"):
            found[item["name"]] = item.get("value", "")
    return {key: value for key, value in found.items() if key not in ("PROJECT_NAME", "RUN_ID")}


def _resolved(reference: str, document: Document, source: Source) -> str:
    """A model reference without the platform's registry.

    Raises:
        ModelserviceError: the registry's reference is not in the map.
    """
    if not reference.startswith("store://"):
        return reference.replace("huggingface://", "hf://")
    for key, uri in source.options.stores.items():
        if reference == key or reference.startswith(f"{key}:"):
            return uri
    raise ModelserviceError(
        f"{reference} is a reference into the platform's registry", file=document.where(), key="url",
        fix=f"say what it is with --store-map {reference}=hf://organisation/model",
    )  # fmt: skip


def _kubeai(
    kind: str,
    name: str,
    function: Mapping[str, Any],
    run: Mapping[str, Any],
    document: Document,
    source: Source,
    report: ConversionReport,
    secrets: SecretCollector,
) -> ServedModel:
    """The Model that the platform makes for KubeAI."""
    speech = kind == "kubeai-speech"
    engine = "FasterWhisper" if speech else function.get("engine", "")
    env = _environment(run)
    if engine == "OLlama":
        env = {"OLLAMA_DEBUG": "false", "GIN_MODE": "release", "OLLAMA_ORIGINS": "*", **env}
    scaling = run.get("scaling", {})
    balancing = scaling.get("load_balancing", {})
    spec: dict[str, Any] = {
        "url": _resolved(function["url"], document, source),
        "engine": engine,
        "features": ["SpeechToText"] if speech else function.get("features", []),
        "resourceProfile": f"{run.get('profile') or 'cpu'}:{run.get('processors', 1)}",
        "args": [*(["--uvicorn-log-level=warning"] if engine == "VLLM" else []), *run.get("args", [])],
        "env": env,
        "replicas": scaling.get("replicas", 1),
        "minReplicas": scaling.get("min_replicas", 1),
        "targetRequests": scaling.get("target_requests", scaling.get("target_request", 100)),
        "scaleDownDelaySeconds": scaling.get("scale_down_delay_seconds", 30),
        "autoscalingDisabled": scaling.get("autoscaling_disabled", False),
    }
    for key, value in (
        ("image", function.get("image")),
        ("maxReplicas", scaling.get("max_replicas")),
        ("cacheProfile", run.get("cache_profile") or run.get("caching_profile")),
        ("files", run.get("files")),
    ):
        if value:
            spec[key] = value
    if function.get("adapters"):
        spec["adapters"] = [
            {**item, "url": _resolved(item.get("url", ""), document, source)} for item in function["adapters"]
        ]
    if balancing:
        prefix = balancing.get("prefix_hash", {})
        spec["loadBalancing"] = {
            "strategy": balancing.get("strategy", "LeastLoad"),
            **(
                {"prefixHash": {"prefixCharLength": prefix["prefix_char_length"]}}
                if "prefix_char_length" in prefix
                else {}
            ),
        }
    model = sanitised(function.get("model_name") or name)[:39].strip("-") or "model"
    if run.get("secrets"):
        spec["envFrom"] = [{"secretRef": {"name": f"{model}-secrets"}}]
        secrets.need(f"{model}-secrets", run["secrets"], "the platform's secrets of the project")
    if model != function.get("model_name", model):
        report.changed("function.spec.model_name", f"names are DNS labels: {model}", values="modelArtifacts.name"
        )
    at = ("function", "spec") if "function" in document.data else ("spec",)
    return kubeai.convert({"metadata": {"name": model}, "spec": spec}, document, source, report, secrets, at)


class _ModelServe:
    """What the platform makes for vllmserve and huggingfaceserve: a Deployment and Services."""

    def __init__(
        self,
        kind: str,
        name: str,
        function: Mapping[str, Any],
        run: Mapping[str, Any],
        document: Document,
        source: Source,
        report: ConversionReport,
        secrets: SecretCollector,
    ) -> None:
        self.kind, self.function, self.run = kind, function, run
        self.document, self.source, self.report, self.secrets = document, source, report, secrets
        self.name = sanitised(name) or "model"
        self.platform = self._platform()
        self.container: dict[str, Any] = {"name": "server", "volumeMounts": [], "env": []}
        self.pod: dict[str, Any] = {"containers": [self.container], "volumes": []}
        self.mounts: dict[str, str] = {}

    def served(self) -> ServedModel:
        """The ServedModel."""
        replicas = self.run.get("replicas", 1)
        if replicas < 1:
            raise ModelserviceError(
                "the platform refuses less than one replica",
                file=self.document.where(),
                key="replicas",
                fix="write 1 or more",
            )
        served = ServedModel(self.name, self.report, self.secrets, namespace=self.source.options.namespace)
        port = 8000
        if self.kind == "huggingfaceserve":
            port = 8080
            self._huggingface(served)
        else:
            self._vllm(served)
        self._resources()
        self._volumes(served)
        self._environment()
        served.decode = RoleSource(
            self.pod, "run.spec", replicas=replicas, labels={"app": self.name}, engine="server", port=port,
            type="huggingface" if self.kind == "huggingfaceserve" else None, vllm=self.kind != "huggingfaceserve",
        )  # fmt: skip
        self._services(served, port)
        if self.run.get("profile"):
            self.report.lost("profile",
                f"what {self.run['profile']} means is set in the platform; write its resources, node "
                "selector and tolerations into decode",
            )
        return served

    def _platform(self) -> dict[str, str]:
        """Settings of the platform, where its configuration is among the files: ``${NAME:default}`` is the default."""
        found: dict[str, str] = {}
        for document in self.source.documents:
            runtime = document.data.get("runtime")
            if not isinstance(runtime, dict):
                continue
            self.source.use(document)
            for section, settings in runtime.items():
                for key, value in settings.items() if isinstance(settings, dict) else ():
                    text = re.sub(r"^\$\{[A-Z0-9_]+:(.*)\}$", r"\1", str(value))
                    if text and "${" not in text:
                        found[f"{section}.{key}"] = text
        return found

    def _vllm(self, served: ServedModel) -> None:
        cpu = bool(self.run.get("use_cpu_image"))
        audio = "-audio" if self.kind == "vllmserve-speech" else ""
        default = self.platform.get("vllm.cpu-image" if cpu else "vllm.image", IMAGES["vllm-cpu" if cpu else "vllm"])
        image = self.platform.get(f"vllm.{'cpu-image' if cpu else 'image'}{audio}", default)
        self.container["image"] = self.function.get("image") or image
        self.container["ports"] = [{"containerPort": 8000, "name": "http"}]
        model, revision = self._model(self.function["url"])
        name = self.function.get("model_name") or (model if not model.startswith(("/", "s3:")) else "model")
        own = {"host", "port", "served-model-name", "otlp-traces-endpoint", "collect-detailed-traces"}
        args = ["--model", model]
        if model.startswith("s3://"):
            args += ["--load-format", "runai_streamer"]
        if revision:
            args += ["--revision", revision]
        args += ["--host", "0.0.0.0", "--port", "8000", "--served-model-name", name]  # noqa: S104  # in its pod
        served.adapters = self._adapters()
        if len(served.adapters) > 1:
            served.lora = {"maxLoras": 1}  # as vLLM does where nothing is said
        args += _without(self.run.get("args", []), own)
        self.container["args"] = args
        if cpu:
            memory = str(self.run.get("resources", {}).get("mem") or self.platform.get("vllm.mem-size", "16Gi"))
            self.container["env"] += [
                {"name": "VLLM_CPU_KVCACHE_SPACE", "value": str(max(1, int(_gibibytes(memory) / 2)))},
                {"name": "VLLM_BACKEND", "value": "cpu"},
            ]
        if self.run.get("enable_telemetry"):
            endpoint = self.platform.get("vllm.llm-otel-endpoint")
            if endpoint:
                served.settings["tracing"] = {"enabled": True, "otlpEndpoint": endpoint}
            else:
                self.report.changed("enable_telemetry",
                    "the platform's endpoint is not in the source; write tracing.enabled and tracing.otlpEndpoint",
                    values="tracing.enabled",
                )

    def _model(self, url: str) -> tuple[str, str]:
        """Model argument and revision."""
        reference = _resolved(url, self.document, self.source)
        scheme, _, rest = reference.partition("://")
        if scheme == "hf":
            model, _, revision = rest.partition(":")
            return model, revision
        if scheme == "s3" and not reference.endswith(".zip"):
            self.report.changed("url",
                "vLLM streams the model from the object store, in place of the platform's download; give it "
                "the store's credentials",
                values="modelArtifacts.uri",
            )
            return reference.rstrip("/"), ""
        raise ModelserviceError(
            f"the platform downloads {reference}, and the chart has nothing that does",
            file=self.document.where(),
            key="url",
            fix="copy the model to a claim and write pvc://claim/path into the values, or use hf://",
        )

    def _adapters(self) -> list[dict[str, str]]:
        return [
            {
                "name": str(item.get("name", "model")),
                "uri": _resolved(item.get("url", ""), self.document, self.source),
            }
            for item in self.function.get("adapters", [])
        ]

    def _huggingface(self, served: ServedModel) -> None:
        self.container["image"] = self.function.get("image") or self.platform.get(
            "huggingfaceserve.image", IMAGES["huggingface"]
        )
        self.container["ports"] = [{"containerPort": 8080, "name": "http"}, {"containerPort": 8081, "name": "grpc"}]
        model, revision = self._model(self.function.get("path") or self.function.get("url", ""))
        if model.startswith("s3://"):
            raise ModelserviceError(
                "the Hugging Face server loads from the Hub or a path", file=self.document.where(), key="path",
                fix="copy the model to a claim",
            )  # fmt: skip
        served.uri = f"hf://{model}"
        served.model = self.function.get("model_name") or "model"
        backend = str(self.run.get("backend", "")).lower()
        task = str(self.run.get("huggingface_task", "")).lower() or None
        if task and backend == "vllm":
            self.report.lost("huggingface_task", "the server refuses --task with the backend vllm, which finds it out"
            )
            task = None
        options: dict[str, Any] = {
            "backend": backend, "task": task, "dtype": str(self.run.get("dtype", "")).lower(), "enableDocs": True,
            "maxModelLen": self.run.get("max_length"), "tokenizerRevision": self.run.get("tokenizer_revision"),
            "tensorInputNames": self.run.get("tensor_input_names"), "maxLogLen": self.run.get("max_log_len"),
            **{camel(name): True for name, default in SWITCHES.items() if self.run.get(name, default)},
        }  # fmt: skip
        served.settings["engine"] = {
            "huggingface": {key: value for key, value in options.items() if value not in (None, "", [])}
        }
        if revision:
            served.settings["modelArtifacts"] = {"revision": revision}
        taken = {"model-name", "model-id", "model-revision", "backend", "task", "enable-docs-url", "max-length"}
        taken |= {name.replace("_", "-") for name in ("dtype", "tokenizer_revision", "tensor_input_names", *SWITCHES)}
        taken |= {"max-log-len", "http-port", "protocol"}
        self.container["args"] = ["--protocol", "v2", *_without(self.run.get("args", []), taken)]
        ask = {"httpGet": {"path": "/v2/health/ready", "port": 8080}}
        self.container |= {
            "readinessProbe": ask,
            "livenessProbe": ask,
            "startupProbe": {**ask, "failureThreshold": 180, "periodSeconds": 10},
        }

    def _resources(self) -> None:
        given = self.run.get("resources", {})
        requests = {key: given[name] for name, key in (("cpu", "cpu"), ("mem", "memory")) if given.get(name)}
        resources: dict[str, Any] = {"requests": requests} if requests else {}
        if given.get("gpu") and given["gpu"] != "0":
            resources["limits"] = {GPU: str(given["gpu"])}
            resources.setdefault("requests", {})[GPU] = str(given["gpu"])
        if resources:
            self.container["resources"] = resources

    def _volumes(self, served: ServedModel) -> None:
        size = self.run.get("resources", {}).get("disk") or self.platform.get("vllm.volume-size", VOLUME_SIZE)
        self._volume("shared-dir", SHARED, _ephemeral({"size": size}), {})
        for index, item in enumerate(self.run.get("volumes", [])):
            name, spec = sanitised(item.get("name", "")) or f"volume-{index + 1}", item.get("spec", {})
            kind, path = item.get("volume_type"), item.get("mount_path", "")
            if not path.startswith("/"):
                raise ModelserviceError(
                    f"{path!r} is no absolute path", file=self.document.where(), key=f"volumes[{index}].mount_path"
                )
            if kind == "shared_volume":
                claim = spec.get("claimName") or spec.get("claim_name") or item.get("name", "")
                volume: dict[str, Any] = {"persistentVolumeClaim": {"claimName": claim}}
            elif kind == "persistent_volume_claim":
                served.settings.setdefault("volumeClaims", {})[name] = {
                    "spec": _claim(spec),
                    "retain": True,
                    **({} if _sub_path(spec) else {"mountPath": path}),
                }
                self._mount(name, path, spec, claimed=not _sub_path(spec))
                continue
            elif kind == "ephemeral":
                volume = _ephemeral(spec)
            elif kind == "empty_dir":
                limit = spec.get("sizeLimit") or spec.get("size_limit") or spec.get("size")
                volume = {
                    "emptyDir": {
                        **({"sizeLimit": limit} if limit else {}),
                        **({"medium": spec["medium"]} if spec.get("medium") else {}),
                    }
                }
            elif kind == "image":
                volume = {"image": {"reference": spec.get("image") or spec.get("reference", "")}}
            else:
                raise ModelserviceError(
                    f"no kind of volume {kind!r}", file=self.document.where(), key=f"volumes[{index}].volume_type"
                )
            self._volume(name, path, volume, spec)

    def _volume(self, name: str, path: str, volume: Mapping[str, Any], spec: Mapping[str, str]) -> None:
        self._mount(name, path, spec)
        self.pod["volumes"].append({"name": name, **volume})

    def _mount(self, name: str, path: str, spec: Mapping[str, str], claimed: bool = False) -> None:
        """Mounts a volume, once; the chart mounts one that it claims itself."""
        if name in self.mounts or path in self.mounts.values():
            raise ModelserviceError(
                f"the pod has two volumes {name} or at {path}", file=self.document.where(), key="volumes"
            )
        self.mounts[name] = path
        if not claimed:
            sub = _sub_path(spec)
            mount = {"name": name, "mountPath": path, **({"subPath": sub} if sub else {})}
            self.container["volumeMounts"].append(mount)

    def _environment(self) -> None:
        own = _environment(self.run)
        self.container["env"] = [item for item in self.container["env"] if item["name"] not in own]
        if "HF_HOME" not in own:
            self.container["env"].append({"name": "HF_HOME", "value": f"{SHARED}/huggingface"})
        self.container["env"] += [{"name": key, "value": value} for key, value in own.items()]
        if self.run.get("secrets"):
            secret = f"{self.name}-project"
            self.container["envFrom"] = [{"secretRef": {"name": secret}}]
            self.secrets.need(secret, self.run["secrets"], "the platform's secrets of the project")

    def _services(self, served: ServedModel, port: int) -> None:
        kind = self.run.get("service_type", "ClusterIP")
        if kind == "ExternalName":
            self.report.changed("service_type", "an ExternalName has no pods; it is a ClusterIP", values="service.type"
            )
            kind = "ClusterIP"
        names = [self.name]
        if self.run.get("service_name"):
            names.append(sanitised(f"{self.name}-{self.run['service_name']}"))
        for name in names:
            served.objects.append(
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": name},
                    "spec": {
                        "type": kind,
                        "selector": {"app": self.name},
                        "ports": [{"name": "http", "port": port, "targetPort": port}],
                    },
                }
            )
        self.report.changed("service", f"the Service is named {self.name}; the platform's name has the run's number, and "
            f"{self.name}-latest follows versions, which a chart does not know", values="service.enabled",
        )  # fmt: skip


def _claim(spec: Mapping[str, str]) -> dict[str, Any]:
    storage_class = spec.get("storageClass") or spec.get("storage_class") or spec.get("storageClassName")
    return {
        "accessModes": [spec.get("accessMode", "ReadWriteOnce")],
        "resources": {"requests": {"storage": spec.get("size", VOLUME_SIZE)}},
        **({"storageClassName": storage_class} if storage_class else {}),
    }


def _sub_path(spec: Mapping[str, str]) -> str | None:
    return spec.get("subPath") or spec.get("sub_path")


def _ephemeral(spec: Mapping[str, str]) -> dict[str, Any]:
    return {"ephemeral": {"volumeClaimTemplate": {"spec": _claim(spec)}}}


def _without(args: list[str], names: set[str]) -> list[str]:
    """Arguments without the options that the platform sets itself, with their values."""
    result, skipping = [], False
    for item in args:
        if item.startswith("--"):
            skipping = item.lstrip("-").partition("=")[0].replace("_", "-") in names
        if not skipping:
            result.append(item)
    return result


def _gibibytes(quantity: str) -> float:
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", quantity)
    units = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    return float(match[1]) * units.get(match[2], 1) / 2**30 if match else 0


SYSTEM = System(
    name="digitalhub",
    title="DigitalHub's functions and runs",
    recognises=_recognises,
    parts=_is_part,
    fields={"function, task and run": BUNDLE},
    convert=_convert,
)
