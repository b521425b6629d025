"""KServe's InferenceService with the Hugging Face runtime, or with a container that runs an engine."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers import commandline
from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Outcome, Field, ConversionReport
from modelservice.importers.source.kubernetes_fields import OBJECT, POD
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.systems.kserve import storage
from modelservice.importers.systems.system import Source
from modelservice.importers.workload import RoleSource, ServedModel
from modelservice.kubernetes.merge import patched

PORT = 8080
"""Port of the Hugging Face server's HTTP API."""

CONTAINER = "kserve-container"

RUNTIME: dict[str, Any] = {
    "containers": [
        {
            "name": CONTAINER,
            "image": "kserve/huggingfaceserver:latest",
            "args": ["--model_name={{.Name}}"],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
            "volumeMounts": [{"name": "devshm", "mountPath": "/dev/shm"}],  # noqa: S108
        }
    ],
    "volumes": [{"name": "devshm", "emptyDir": {"medium": "Memory"}}],
}
"""The runtime that KServe installs for the model format huggingface."""

_FORMATS = ("huggingface", "vllm")
"""Model formats of language models, in lower case."""

_LOST = {
    "spec.predictor.containerConcurrency": "the engine queues; write max-num-seqs among its arguments",
    "spec.predictor.timeout": "a timeout belongs to the route; write it into the HTTPRoute",
    "spec.predictor.canaryTrafficPercent": "traffic is split by an HTTPRoute over two releases",
    "spec.predictor.logger": "the chart logs no requests; a gateway can",
    "spec.predictor.batcher": "vLLM batches by itself",
    "spec.transformer": "the chart serves the model only; deploy the transformer beside it",
    "spec.explainer": "the chart serves the model only; deploy the explainer beside it",
    "spec.predictor.model.storage.key": "credentials are not copied; give the container the store's environment",
    "spec.predictor.model.storage.parameters": "credentials are not copied; give the container the store's environment",
    "spec.predictor.model.storage.schemaPath": "schemas belong to other model formats",
}

_CONTAINER_FIELDS = (
    ("image", "string"),
    ("command", "strings"),
    ("args", "strings"),
    ("env", "core.v1.EnvVar[]"),
    ("envFrom", "core.v1.EnvFromSource[]"),
    ("resources", "core.v1.ResourceRequirements"),
    ("ports", "core.v1.ContainerPort[]"),
    ("volumeMounts", "core.v1.VolumeMount[]"),
    ("startupProbe", "core.v1.Probe"),
    ("livenessProbe", "core.v1.Probe"),
    ("readinessProbe", "core.v1.Probe"),
    ("securityContext", "core.v1.SecurityContext"),
    ("lifecycle", "core.v1.Lifecycle"),
    ("imagePullPolicy", "string"),
    ("workingDir", "string"),
    ("name", "string"),
)


_PLACES = {"envFrom": "engine.extraConfig.envFrom", "name": "decode.containers[].name"}
"""Fields of a container that ``engine`` has no key for."""


def _model(path: str) -> tuple[Field, ...]:
    return (
        Field(f"{path}.modelFormat.name", "engine.type", type="string"),
        Field(f"{path}.modelFormat.version", "", quiet=True, type="string"),
        Field(
            f"{path}.storageUri",
            "modelArtifacts.uri",
            Outcome.changed,
            "the engine loads hf:// and pvc:// itself; for other stores an init container of KServe's image downloads",
            type="string",
        ),
        Field(
            f"{path}.storageUris", "", Outcome.lost, "a release serves one model; its first place is taken", type="list"
        ),
        Field(f"{path}.storage.path", "modelArtifacts.uri", type="string"),
        Field(f"{path}.runtime", "engine", type="string"),
        Field(f"{path}.runtimeVersion", "engine.image", type="string"),
        Field(f"{path}.protocolVersion", "", Outcome.kept, quiet=True, type="string"),
        *(Field(f"{path}.{name}", _PLACES.get(name, f"engine.{name}"), type=kind) for name, kind in _CONTAINER_FIELDS),
    )


def _sizes(path: str) -> tuple[Field, ...]:
    return tuple(
        Field(f"{path}.{name}ParallelSize", f"decode.parallelism.{name}", type="integer")
        for name in ("pipeline", "tensor")
    )


FIELDS = (
    *OBJECT,
    Field(
        "metadata.name", "fullnameOverride", Outcome.changed, "the chart names the workload <name>-decode", type="string"
    ),
    Field("metadata.labels", "decode.podLabels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    Field(
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "",
        Outcome.changed,
        "the chart makes Deployments: there is no scaling from zero by requests",
        type="string",
        when=lambda value: value not in ("Standard", "RawDeployment"),
    ),
    *_model("spec.predictor.model"),
    *_model("spec.predictor.huggingface"),
    Field("spec.predictor", "decode.extraConfig", type=POD),
    Field("spec.predictor.labels", "decode.podLabels", type="map"),
    Field("spec.predictor.annotations", "decode.podAnnotations", type="map"),
    Field("spec.predictor.minReplicas", "decode.replicas", type="integer"),
    Field("spec.predictor.maxReplicas", "decode.autoscaling.maxReplicas", type="integer"),
    Field("spec.predictor.scaleMetric", "decode.autoscaling.metrics", type="string"),
    Field("spec.predictor.scaleTarget", "decode.autoscaling.metrics", type="integer"),
    Field("spec.predictor.scaleMetricType", "decode.autoscaling.metrics", type="string"),
    Field("spec.predictor.autoScaling.metrics", "decode.autoscaling.metrics", type="list"),
    Field("spec.predictor.autoScaling.behavior", "decode.autoscaling.behavior", type="object"),
    Field("spec.predictor.deploymentStrategy", "decode.strategy", type="apps.v1.DeploymentStrategy"),
    Field(
        "spec.predictor.workerSpec",
        "decode.parallelism",
        Outcome.changed,
        "vLLM forms the group itself over a LeaderWorkerSet, in place of Ray",
        type=POD,
    ),
    *_sizes("spec.predictor.workerSpec"),
    *(Field(path, "", Outcome.lost, why) for path, why in _LOST.items()),
)

RUNTIME_FIELDS = (
    *OBJECT,
    Field("metadata.labels", "", Outcome.lost, "the runtime's own", quiet=True),
    Field("metadata.annotations", "", Outcome.lost, "the runtime's own", quiet=True),
    Field("spec.containers", "engine", type="core.v1.Container[]"),
    Field("spec.volumes", "decode.volumes", type="core.v1.Volume[]"),
    Field("spec.labels", "decode.podLabels", type="map"),
    Field("spec.annotations", "decode.podAnnotations", type="map"),
    Field("spec.hostIPC", "decode.hostIPC", type="boolean"),
    Field("spec.workerSpec", "decode.parallelism", Outcome.changed, "vLLM forms the group itself", type=POD),
    *_sizes("spec.workerSpec"),
    *(
        Field(f"spec.{name}", "", Outcome.lost, "it tells KServe when to choose the runtime", quiet=True)
        for name in (
            "supportedModelFormats",
            "protocolVersions",
            "multiModel",
            "disabled",
            "builtInAdapter",
            "replicas",
        )
    ),
    *(
        Field(f"spec.{name}", f"decode.{name}")
        for name in ("nodeSelector", "tolerations", "affinity", "imagePullSecrets")
    ),
)

_OWN_ANNOTATION = re.compile(r"(kserve\.io|knative\.dev|kubectl\.kubernetes\.io)/")
"""Annotations that KServe reads itself; the others are the pods' too."""

_PREDICTOR_KEYS = {
    "model", "huggingface", "labels", "annotations", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget",
    "scaleMetricType", "autoScaling", "deploymentStrategy", "workerSpec", "containerConcurrency", "timeout",
    "canaryTrafficPercent", "logger", "batcher",
}  # fmt: skip


def is_service(document: Document) -> bool:
    """Whether a document is an InferenceService that serves a language model."""
    if document.kind != "InferenceService" or document.group != "serving.kserve.io":
        return False
    spec = document.data.get("spec")
    predictor = spec.get("predictor") if isinstance(spec, dict) else None
    if not isinstance(predictor, dict):
        return False
    model = predictor.get("model")
    form = model.get("modelFormat") if isinstance(model, dict) else None
    if "huggingface" in predictor or (isinstance(form, dict) and _format(form) in _FORMATS):
        return True
    containers = predictor.get("containers")
    return (
        any(_is_engine(item) for item in containers if isinstance(item, dict))
        if isinstance(containers, list)
        else False
    )


def _format(form: Mapping[str, Any]) -> str:
    """Name of a model format; that of vLLM is written in several ways."""
    return str(form.get("name", "")).lower()


def _is_engine(container: Mapping[str, Any]) -> bool:
    try:
        return bool(commandline.parse(container).engine) or "huggingfaceserver" in str(container.get("image"))
    except (TypeError, AttributeError, KeyError):
        return False


def is_runtime(document: Document) -> bool:
    """Whether a document is a runtime."""
    return document.kind in ("ClusterServingRuntime", "ServingRuntime") and document.group == "serving.kserve.io"


def convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel:
    """What KServe would run for an InferenceService."""
    data = read_fields(document, FIELDS)
    name = document.name
    if not name:
        raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
    predictor = data["spec"]["predictor"]
    model = predictor.get("model") or predictor.get("huggingface") or {}
    namespace = data["metadata"].get("namespace") or source.options.namespace
    served = ServedModel(name, report, secrets, namespace=namespace)
    own = {key: value for key, value in predictor.items() if key not in _PREDICTOR_KEYS}
    annotations = data["metadata"].get("annotations", {})
    runtime = _runtime(model, source, report) if model else {"containers": []}
    pod = _pod(runtime, model, own, name, nodes="workerSpec" in predictor)
    role = RoleSource(
        pod,
        "spec.predictor",
        replicas=predictor.get("minReplicas", 1),
        labels={
            "app": f"isvc.{name}-predictor",
            "serving.kserve.io/inferenceservice": name,
            **data["metadata"].get("labels", {}),
            **runtime.get("labels", {}),
            **predictor.get("labels", {}),
        },
        pod_annotations={
            **runtime.get("annotations", {}),
            **{key: value for key, value in annotations.items() if not _OWN_ANNOTATION.search(key)},
            **predictor.get("annotations", {}),
        },
        strategy=predictor.get("deploymentStrategy"),
        engine=next((item["name"] for item in pod["containers"] if item["name"] == CONTAINER), None),
        port=PORT,
    )
    served.decode = role
    worker = predictor.get("workerSpec") or (runtime.get("workerSpec") if "workerSpec" in predictor else None)
    role.group = worker is not None
    _place_model(served, role, model, document, name)
    if worker is None:
        _typed(served, role)
    else:
        _group(role, {**runtime.get("workerSpec", {}), **worker}, served, name)
    _scaling(role, predictor, served, name)
    _service(served, role, name)
    return served


def _runtime(model: Mapping[str, Any], source: Source, report: ConversionReport) -> dict[str, Any]:
    """The runtime that KServe takes: the one that is named, else one for the format, else KServe's own."""
    wanted = model.get("runtime")
    form = _format(model.get("modelFormat", {})) or "huggingface"
    runtimes = [item for item in source.documents if is_runtime(item)]
    for document in runtimes:
        formats = document.data.get("spec", {}).get("supportedModelFormats", [])
        fits = any(isinstance(item, dict) and _format(item) == form and item.get("autoSelect") for item in formats)
        if document.name == wanted or (wanted is None and fits and "workerSpec" not in document.data["spec"]):
            runtime = dict(read_fields(source.use(document), RUNTIME_FIELDS).get("spec", {}))
            if not any(item["name"] == CONTAINER for item in runtime.get("containers", [])):
                raise ModelserviceError(
                    f"no container is named {CONTAINER}, which is the one that KServe gives the model to",
                    file=document.where(("spec", "containers")),
                    key="spec.containers",
                )
            return runtime
    if wanted and wanted not in ("kserve-huggingfaceserver", "kserve-huggingfaceserver-multinode"):
        report.lost("spec.predictor.model.runtime",
            f"the runtime {wanted} is not among the files, so KServe's own is taken; "
            f"give what kubectl get clusterservingruntime {wanted} -o yaml prints",
        )
    elif not wanted and form != "huggingface":
        report.lost("spec.predictor.model.modelFormat.name",
            "the runtime is not among the files, so KServe's Hugging Face server is taken; give what kubectl get "
            "clusterservingruntime -o yaml prints",
        )
    return copy.deepcopy(RUNTIME)


def _pod(
    runtime: Mapping[str, Any], model: Mapping[str, Any], own: Mapping[str, Any], name: str, *, nodes: bool
) -> dict[str, Any]:
    """The pod: the runtime's, changed by the predictor's; arguments are appended.

    Args:
        runtime: the runtime.
        model: the predictor's model.
        own: the predictor's pod.
        name: name of the service.
        nodes: the model runs on several nodes.
    """
    keys = ("containers", "volumes", "hostIPC", "nodeSelector", "tolerations", "affinity", "imagePullSecrets")
    pod: dict[str, Any] = {key: copy.deepcopy(runtime[key]) for key in keys if key in runtime}
    if model:
        container = next(item for item in pod["containers"] if item["name"] == CONTAINER)
        fields = {key: model[key] for key, _ in _CONTAINER_FIELDS if key in model and key not in ("args", "name")}
        merged = patched(container, fields)
        merged["args"] = [*container.get("args", []), *model.get("args", [])]
        container.clear()
        container.update(merged)
        if "image" not in model:
            container["image"] = _image(container, model.get("runtimeVersion"), nodes)
    pod = patched(pod, own)
    for container in pod["containers"]:
        container["args"] = _last_wins([item.replace("{{.Name}}", name) for item in container.get("args", [])])
        if not container["args"]:
            del container["args"]
    return pod


def _image(container: Mapping[str, Any], version: str | None, nodes: bool) -> str:
    """The runtime's image, of the version that is asked for; with accelerators, and on several nodes, KServe takes its
    GPU variant."""
    name, _, tag = str(container.get("image", "")).partition(":")
    if tag == "replace":  # what stands in KServe's repository before a release
        name, tag = f"kserve/{name}", "latest"
    tag = version or tag
    limits = container.get("resources", {}).get("limits", {})
    if (
        name == "kserve/huggingfaceserver"
        and "gpu" not in tag
        and (nodes or "nvidia.com/gpu" in limits)
        and not version
    ):
        tag = f"{tag}-gpu"
    return f"{name}:{tag}" if tag else name


def _last_wins(args: list[str]) -> list[str]:
    """Arguments without ``--name=value`` that a later one of the name replaces."""
    names = [item.split("=")[0] if item.startswith("--") and "=" in item else "" for item in args]
    return [item for index, item in enumerate(args) if not names[index] or names[index] not in names[index + 1 :]]


def _argument(container: Mapping[str, Any], *names: str) -> str | None:
    """The value of one of the Hugging Face server's options."""
    for option in commandline.options(container.get("args", [])):
        if option.name in names and option.values:
            return option.values[0]
    return None


def _place_model(served: ServedModel, role: RoleSource, model: Mapping[str, Any], document: Document, name: str) -> None:
    """Where the engine gets the model from, without KServe's webhook."""
    container = next((item for item in role.pod["containers"] if item["name"] == CONTAINER), role.pod["containers"][0])
    line = commandline.parse(container)
    variable: dict[str, Any] = next((item for item in container.get("env", []) if item["name"] == "STORAGE_URI"), {})
    uri = model.get("storageUri") or variable.get("value") or (model.get("storageUris") or [{}])[0].get("uri", "")
    if not uri and model.get("storage"):
        raise ModelserviceError(
            "the store is in a Secret of the cluster", file=document.where(("spec", "predictor", "model", "storage")),
            key="spec.predictor.model.storage", fix="write storageUri",
        )  # fmt: skip
    if variable:
        variable["value"] = storage.MOUNT_PATH  # as KServe's webhook changes it
    served.model = _argument(container, "model-name") or (None if line.engine else name)
    scheme, _, rest = uri.partition("://")
    where = document.where(("spec", "predictor", "model", "storageUri"))
    if not uri:
        repository = _argument(container, "model-id")
        if repository and not line.engine:
            served.uri = f"hf://{repository}"
    elif scheme == "hf":
        repository, _, revision = rest.partition(":")
        served.uri = f"hf://{repository}"
        if not line.engine:
            container["args"] = [*container.get("args", []), f"--model_id={repository}"]
            container["args"] += [f"--model_revision={revision}"] if revision else []
    elif scheme == "pvc":
        claim, _, path = rest.strip("/").partition("/")
        if line.engine or role.group:
            storage.mount_claim(role.pod, container["name"], claim, path)
            _name_model(container, line)
        else:
            served.uri = f"pvc://{claim}/{path or '.'}"
            served.mount_path, served.mounted = storage.MOUNT_PATH, True
    elif scheme in storage.IMAGES and rest:
        storage.mount_image(role.pod, container["name"], rest)
        _name_model(container, line)
        if not line.engine:
            served.uri = f"file://{storage.MOUNT_PATH}"
    elif scheme in storage.SCHEMES:
        storage.initialise(role.pod, container["name"], uri)
    else:
        raise ModelserviceError(f"the chart cannot load {uri}", file=where, key="spec.predictor.model.storageUri")


def _name_model(container: dict[str, Any], line: commandline.CommandLine) -> None:
    """Gives an engine the model where KServe puts it, unless its command line names one."""
    if line.derived and line.get("model") is None and all(option.name for option in line.options):
        container["args"] = [*container.get("args", []), f"--model={storage.MOUNT_PATH}"]


_OPTIONS = {
    "backend": "backend", "task": "task", "dtype": "dtype", "max-length": "maxModelLen", "max-model-len": "maxModelLen",
    "max-log-len": "maxLogLen", "tokenizer-revision": "tokenizerRevision", "disable-lower-case": "disableLowerCase",
    "disable-special-tokens": "disableSpecialTokens", "trust-remote-code": "trustRemoteCode",
    "return-token-type-ids": "returnTokenTypeIds", "return-probabilities": "returnProbabilities",
    "disable-log-requests": "disableLogRequests",
}  # fmt: skip
"""Options of the Hugging Face server that the chart has keys for, by their names with dashes."""

_DERIVED = {"model-name", "model-id", "model-dir", "model-revision", "http-port"}
"""Options that the chart writes."""


def _typed(served: ServedModel, role: RoleSource) -> None:
    """Says the Hugging Face server as the chart's engine of that type, where nothing but it is started."""
    container = role.pod["containers"][0]
    if container.get("command") or "huggingfaceserver" not in container.get("image", "") or served.uri is None:
        return
    settings: dict[str, Any] = {}
    rest: list[str] = []
    for option in commandline.options(container.get("args", [])):
        key = _OPTIONS.get(option.name)
        if option.name == "model-revision" and option.values:
            served.settings.setdefault("modelArtifacts", {})["revision"] = option.values[0]
        elif option.name in _DERIVED:
            continue
        elif key and not option.values:
            settings[key] = True
        elif key in ("maxModelLen", "maxLogLen") and option.values[0].isdigit():
            settings[key] = int(option.values[0])
        elif key in ("backend", "task", "dtype", "tokenizerRevision") and len(option.values) == 1:
            settings[key] = option.values[0]
        else:
            rest += option.tokens
    role.type = "huggingface"
    container.pop("args", None)
    if rest:
        container["args"] = rest
    if settings:
        served.settings["engine"] = {"huggingface": settings}


def _group(role: RoleSource, worker: Mapping[str, Any], served: ServedModel, name: str) -> None:
    """Several nodes, by vLLM itself."""
    container = role.pod["containers"][0]
    tensor, pipeline = worker.get("tensorParallelSize", 1), worker.get("pipelineParallelSize", 1)
    options = list(commandline.options(container.get("args", [])))
    rest = [o for o in options if o.name not in ("model-name", "model-id", "model-dir", "model-revision", "")]
    model, revision = _argument(container, "model-id") or storage.MOUNT_PATH, _argument(container, "model-revision")
    container["command"] = ["vllm", "serve"]
    container["args"] = [
        model, "--served-model-name", served.model or name, "--port", str(PORT),
        *(("--revision", revision) if revision else ()),
        *(token for option in rest for token in option.tokens),
    ]  # fmt: skip
    container["env"] = [item for item in container.get("env", []) if item["name"] not in ("RAY_PORT", "RAY_ADDRESS")]
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if "exec" in container.get(kind, {}):
            probe = {key: value for key, value in container[kind].items() if key != "exec"}
            container[kind] = {"httpGet": {"path": "/health", "port": PORT}, **probe}
    role.native = True
    role.size = max(1, pipeline)
    role.parallelism = {"data": 1} if role.size > 1 else {}
    role.parallelism |= {key: size for key, size in (("tensor", tensor), ("pipeline", pipeline)) if size > 1}
    if role.size > 1:
        role.parallelism["workers"] = role.size
    resources = container.setdefault("resources", {})
    if not any("/" in key for key in resources.get("limits", {})):
        limits = {
            key: str(value)
            for item in worker.get("containers", [])
            for key, value in item.get("resources", {}).get("limits", {}).items()
            if "/" in key
        }
        resources["limits"] = {**resources.get("limits", {}), **(limits or {"nvidia.com/gpu": str(tensor)})}
    role.strategy = None


def _scaling(role: RoleSource, predictor: Mapping[str, Any], served: ServedModel, name: str) -> None:
    least, most = predictor.get("minReplicas", 1), predictor.get("maxReplicas", 0)
    given = predictor.get("autoScaling", {}).get("metrics", [])
    if most <= least and not given:
        return
    metric = predictor.get("scaleMetric", "cpu")
    metrics = [item for item in given if item.get("type") == "Resource"]
    hpa = [_resource_metric(item["resource"]) for item in metrics if "resource" in item]
    if not given and metric in ("cpu", "memory"):
        hpa = [
            _resource_metric(
                {
                    "name": metric,
                    "target": {"type": "Utilization", "averageUtilization": predictor.get("scaleTarget", 80)},
                }
            )
        ]
    triggers = [trigger for item in given if (trigger := _trigger(item))]
    behaviour = predictor.get("autoScaling", {}).get("behavior")
    if triggers or hpa:
        role.autoscaled = True
        role.settings["autoscaling"] = {
            "enabled": True,
            "type": "keda" if triggers else "hpa",
            "minReplicas": least if triggers else max(1, least),
            "maxReplicas": max(most, least, 1),
            **({"triggers": triggers} if triggers else {"metrics": hpa}),
            **({"behavior": behaviour} if behaviour else {}),
        }
    else:
        served.report.lost("spec.predictor.scaleMetric",
            f"{metric} is measured by Knative; {least} replicas are kept. Scale on "
            "vllm:num_requests_running with KEDA instead",
        )


def _resource_metric(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": resource.get("name", "cpu"), "target": resource.get("target", {})}}


def _trigger(metric: Mapping[str, Any]) -> dict[str, Any] | None:
    """A KEDA trigger for an external metric that Prometheus answers."""
    external = metric.get("external", {})
    question = external.get("metric", {})
    value = external.get("target", {}).get("value") or external.get("target", {}).get("averageValue")
    if metric.get("type") != "External" or question.get("backend") != "prometheus" or value is None:
        return None
    return {
        "type": "prometheus",
        "metadata": {
            "serverAddress": question.get("serverAddress", ""),
            "query": question.get("query", ""),
            "threshold": str(value),
        },
    }


def _service(served: ServedModel, role: RoleSource, name: str) -> None:
    """The Service under which KServe's clients know the model."""
    served.objects.append(
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{name}-predictor"},
            "spec": {
                "selector": {"app": role.labels["app"], "serving.kserve.io/inferenceservice": name},
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": PORT}],
            },
        }
    )  # fmt: skip
