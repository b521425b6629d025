"""What DigitalHub makes for vllmserve and huggingfaceserve: a Deployment and Services
(https://github.com/scc-digitalhub/digitalhub-core, runtime-modelserve)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.engine import engine_of
from modelservice.importers.systems.digitalhub.documents import Function
from modelservice.importers.systems.digitalhub.fields import SWITCHES, camel
from modelservice.importers.systems.digitalhub.volumes import SHARED, Volumes
from modelservice.importers.systems.system import Source
from modelservice.importers.workload import RoleSource, ServedModel
from modelservice.kubernetes.names import dns_label
from modelservice.kubernetes.quantity import quantity

IMAGES = {
    "vllm": "vllm/vllm-openai:latest",
    "vllm-cpu": "public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:latest",
    "huggingface": "kserve/huggingfaceserver:latest",
}
"""The platform's default images (digitalhub-core, runtime-modelserve.yml)."""

GPU = "nvidia.com/gpu"
"""The platform's default resource for accelerators."""

_VLLM_OPTIONS = ("host", "port", "served-model-name", "otlp-traces-endpoint", "collect-detailed-traces")
"""Options of vLLM that the platform sets itself."""

_SERVER_OPTIONS = (
    "model-name", "model-id", "model-revision", "backend", "task", "enable-docs-url", "max-length", "max-log-len",
    "http-port", "protocol", "dtype", "tokenizer-revision", "tensor-input-names",
    *(name.replace("_", "-") for name in SWITCHES),
)  # fmt: skip
"""Options of the Hugging Face server that the platform sets itself."""

Container = dict[str, Any]


def convert_deployment(function: Function) -> ServedModel:
    """Return what the platform runs for a function of vllmserve or huggingfaceserve.

    Raises:
        ModelserviceError: the platform would reject it, or the chart cannot load the model.
    """
    conversion, run = function.conversion, function.run
    replicas = run.get("replicas", 1)
    if replicas < 1:
        raise function.error("the platform rejects less than one replica", key="replicas", fix="set 1 or more")
    name = dns_label(function.name) or "model"
    platform = _platform(conversion.source)
    served = ServedModel(name, namespace=conversion.source.options.namespace)
    container: Container = {"name": "server", "volumeMounts": [], "env": []}
    hugging_face = function.kind == "huggingfaceserve"
    if hugging_face:
        _set_hugging_face(function, platform, served, container)
    else:
        _set_vllm(function, platform, served, container)
    _set_resources(function, container)
    volumes = Volumes(function, container)
    volumes.add_all(platform.get("vllm.volume-size"))
    if volumes.claims:
        served.settings["volumeClaims"] = volumes.claims
    _set_variables(function, name, container)
    engine = EngineCommand.of(container["args"], engine="huggingface") if hugging_face else engine_of(container, "vllm")
    pod = {"containers": [container], "volumes": volumes.volumes}
    served.decode = RoleSource(pod, engine, "run.spec", replicas=replicas, labels={"app": name})
    _add_services(function, served, container["ports"][0]["containerPort"])
    if run.get("profile"):
        conversion.report.lost(
            "profile",
            f"the platform's administrator defines {run['profile']}; set its resources, node selector and tolerations "
            "in decode",
        )
    return served


def _platform(source: Source) -> dict[str, str]:
    """Return settings of the platform from its configuration among the files; of ``${NAME:default}`` the default."""
    found: dict[str, str] = {}
    for document in source.documents:
        runtime = document.data.get("runtime")
        if not isinstance(runtime, dict):
            continue
        source.use(document)
        for section, settings in runtime.items():
            for key, value in settings.items() if isinstance(settings, dict) else ():
                text = re.sub(r"^\$\{[A-Z0-9_]+:(.*)\}$", r"\1", str(value))
                if text and "${" not in text:
                    found[f"{section}.{key}"] = text
    return found


def _set_vllm(function: Function, platform: dict[str, str], served: ServedModel, container: Container) -> None:
    run = function.run
    cpu = bool(run.get("use_cpu_image"))
    audio = "-audio" if function.kind == "vllmserve-speech" else ""
    setting = "cpu-image" if cpu else "image"
    default = platform.get(f"vllm.{setting}", IMAGES["vllm-cpu" if cpu else "vllm"])
    container["image"] = function.spec.get("image") or platform.get(f"vllm.{setting}{audio}", default)
    container["ports"] = [{"containerPort": 8000, "name": "http"}]
    model, revision = _model(function, function.spec["url"])
    name = function.spec.get("model_name") or (model if not model.startswith(("/", "s3:")) else "model")
    served.adapters = function.adapters()
    if len(served.adapters) > 1:
        served.lora = {"maxLoras": 1}  # vLLM's default
    container["args"] = [
        *("--model", model),
        *(("--load-format", "runai_streamer") if model.startswith("s3://") else ()),
        *(("--revision", revision) if revision else ()),
        *("--host", "0.0.0.0", "--port", "8000", "--served-model-name", name),  # noqa: S104  # in its pod
        *_without(run.get("args", []), _VLLM_OPTIONS),
    ]
    if cpu:
        memory = quantity(str(run.get("resources", {}).get("mem") or platform.get("vllm.mem-size", "16Gi"))) or 0
        container["env"] += [
            {"name": "VLLM_CPU_KVCACHE_SPACE", "value": str(max(1, int(memory / 2**30 / 2)))},
            {"name": "VLLM_BACKEND", "value": "cpu"},
        ]
    if run.get("enable_telemetry"):
        endpoint = platform.get("vllm.llm-otel-endpoint")
        if endpoint:
            served.settings["tracing"] = {"enabled": True, "otlpEndpoint": endpoint}
        else:
            why = "the platform's endpoint is not in the source; set tracing.enabled and tracing.otlpEndpoint"
            function.conversion.report.changed("enable_telemetry", why, values="tracing.enabled")


def _model(function: Function, url: str) -> tuple[str, str]:
    """Return the engine's model argument and revision."""
    reference = function.resolve(url)
    scheme, _, rest = reference.partition("://")
    if scheme == "hf":
        model, _, revision = rest.partition(":")
        return model, revision
    if scheme == "s3" and not reference.endswith(".zip"):
        function.conversion.report.changed(
            "url",
            "vLLM streams the model from the object store, in place of the platform's download; give it the store's "
            "credentials",
            values="modelArtifacts.uri",
        )
        return reference.rstrip("/"), ""
    raise function.error(
        f"the platform downloads {reference}, and the chart cannot",
        key="url",
        fix="copy the model to a claim and set pvc://claim/path in the values, or use hf://",
    )


def _set_hugging_face(function: Function, platform: dict[str, str], served: ServedModel, container: Container) -> None:
    run = function.run
    container["image"] = function.spec.get("image") or platform.get("huggingfaceserve.image", IMAGES["huggingface"])
    container["ports"] = [{"containerPort": 8080, "name": "http"}, {"containerPort": 8081, "name": "grpc"}]
    model, revision = _model(function, function.spec.get("path") or function.spec.get("url", ""))
    if model.startswith("s3://"):
        message = "the Hugging Face server loads from the Hub or a path"
        raise function.error(message, key="path", fix="copy the model to a claim")
    served.uri = f"hf://{model}"
    served.model = function.spec.get("model_name") or "model"
    backend = str(run.get("backend", "")).lower()
    task = str(run.get("huggingface_task", "")).lower() or None
    if task and backend == "vllm":
        why = "the server rejects --task with the backend vllm, which finds it out"
        function.conversion.report.lost("huggingface_task", why)
        task = None
    options: dict[str, Any] = {
        "backend": backend, "task": task, "dtype": str(run.get("dtype", "")).lower(), "enableDocs": True,
        "maxModelLen": run.get("max_length"), "tokenizerRevision": run.get("tokenizer_revision"),
        "tensorInputNames": run.get("tensor_input_names"), "maxLogLen": run.get("max_log_len"),
        **{camel(name): True for name, default in SWITCHES.items() if run.get(name, default)},
    }  # fmt: skip
    settings = {key: value for key, value in options.items() if value not in (None, "", [])}
    served.settings["engine"] = {"huggingface": settings}
    if revision:
        served.settings["modelArtifacts"] = {"revision": revision}
    container["args"] = ["--protocol", "v2", *_without(run.get("args", []), _SERVER_OPTIONS)]
    ask = {"httpGet": {"path": "/v2/health/ready", "port": 8080}}
    container |= {
        "readinessProbe": ask,
        "livenessProbe": ask,
        "startupProbe": {**ask, "failureThreshold": 180, "periodSeconds": 10},
    }


def _set_resources(function: Function, container: Container) -> None:
    given = function.run.get("resources", {})
    requests = {key: given[name] for name, key in (("cpu", "cpu"), ("mem", "memory")) if given.get(name)}
    resources: dict[str, Any] = {"requests": requests} if requests else {}
    if given.get("gpu") and given["gpu"] != "0":
        resources["limits"] = {GPU: str(given["gpu"])}
        resources.setdefault("requests", {})[GPU] = str(given["gpu"])
    if resources:
        container["resources"] = resources


def _set_variables(function: Function, name: str, container: Container) -> None:
    own = function.variables
    container["env"] = [item for item in container["env"] if item["name"] not in own]
    if "HF_HOME" not in own:
        container["env"].append({"name": "HF_HOME", "value": f"{SHARED}/huggingface"})
    container["env"] += [{"name": key, "value": value} for key, value in own.items()]
    secrets = function.run.get("secrets")
    if secrets:
        container["envFrom"] = [{"secretRef": {"name": f"{name}-project"}}]
        function.conversion.secrets.need(f"{name}-project", secrets, "the platform's secrets of the project")


def _add_services(function: Function, served: ServedModel, port: int) -> None:
    report, run = function.conversion.report, function.run
    kind = run.get("service_type", "ClusterIP")
    if kind == "ExternalName":
        report.changed("service_type", "an ExternalName has no pods; it is a ClusterIP", values="service.type")
        kind = "ClusterIP"
    names = [served.name]
    if run.get("service_name"):
        names.append(dns_label(f"{served.name}-{run['service_name']}"))
    for name in names:
        ports = [{"name": "http", "port": port, "targetPort": port}]
        spec = {"type": kind, "selector": {"app": served.name}, "ports": ports}
        served.objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    report.changed(
        "service",
        f"the Service is named {served.name}; the platform's name has the run's number, and {served.name}-latest "
        "follows versions, which a chart does not know",
        values="service.enabled",
    )


def _without(args: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return arguments without the options that the platform sets itself, and without their values."""
    result, skipping = [], False
    for item in args:
        if item.startswith("--"):
            skipping = item.lstrip("-").partition("=")[0].replace("_", "-") in names
        if not skipping:
            result.append(item)
    return result
