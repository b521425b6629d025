"""LLMOS: ModelService (ml.llmos.ai/v1)."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.source import claims
from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Outcome, Field, ConversionReport
from modelservice.importers.source.kubernetes_fields import OBJECT, POD
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps.engine_layers import value_of
from modelservice.importers.systems.system import Source, System
from modelservice.importers.workload import RoleSource, ServedModel

CACHE = "/root/.cache/huggingface"
"""Where LLMOS expects the cache volume."""

LOCAL = f"{CACHE}/hub/models"
"""Where a local model is (llmos-operator, pkg/controller/master/modelservice/common.go)."""

MODELSCOPE = "/root/.cache/modelscope"
"""Where ModelScope's library keeps models."""

VGPU = "volcano.sh/vgpu-number"

_DOWNLOADS = re.compile(
    r"(HF_(?!HOME$|ENDPOINT$)|HUGGING_?FACE|MODELSCOPE|.*_PROXY$|.*CA_BUNDLE$|SSL_CERT)", re.IGNORECASE
)
"""Variables that what downloads a model reads: the container's environment is the download's too."""

_NOT_COPIED = ("kubectl", "notebook")

FIELDS = (
    *OBJECT,
    Field(
        "metadata.name",
        "fullnameOverride",
        Outcome.changed,
        "the Service keeps its name and so its URL; the workload is named modelservice-<name>-decode",
        type="string",
    ),
    Field("metadata.labels", "modelArtifacts.labels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    Field(
        "metadata.annotations.llmos.ai/resource-stopped",
        "suspend",
    ),
    Field(
        "metadata.annotations.llmos.ai/on-delete-volumes",
        "",
        Outcome.lost,
        "claims of the release are kept when it ends; delete them with kubectl delete pvc",
    ),
    Field("spec.modelRegistry", "modelArtifacts.uri", type="string"),
    Field("spec.model", "modelArtifacts.uri", type="string"),
    Field("spec.servedModelName", "modelArtifacts.name", type="string"),
    Field("spec.replicas", "decode.replicas", type="integer"),
    Field("spec.selector.matchLabels", "modelArtifacts.labels", type="map"),
    Field("spec.selector.matchExpressions", "", Outcome.lost, "the chart selects by its own labels", type="list"),
    Field("spec.serviceType", "service.type", type="string"),
    *claims.fields("spec.volumeClaimTemplates"),
    Field("spec.updateStrategy", "decode.updateStrategy", type="apps.v1.StatefulSetUpdateStrategy"),
    Field("spec.template.spec", "engine, decode.volumes, … and decode.extraConfig", type=POD),
    Field(
        "spec.template.spec.initContainers",
        "",
        Outcome.lost,
        "LLMOS replaces them by its own download; write them into decode.initContainers if they are wanted",
        type="list",
    ),
    Field("spec.template.spec.runtimeClassName", "decode.runtimeClassName", type="string"),
    Field("spec.template.spec.schedulerName", "decode.schedulerName", type="string"),
    Field("spec.template.metadata.labels", "decode.podLabels", type="map"),
    Field("spec.template.metadata.annotations", "decode.podAnnotations", type="map"),
    Field(
        "spec.accelerators", "", Outcome.lost, "LLMOS does not read it; the limits of the container count", type="object"
    ),
    Field(
        "spec.enableGUI",
        "",
        Outcome.lost,
        "LLMOS does not read it; point Open WebUI at the Service",
        type="boolean",
        when=bool,
    ),
    Field("spec.tags", "", Outcome.lost, "only the user interface of LLMOS shows them", type="strings", quiet=True),
    Field("spec.pipelineTag", "", Outcome.lost, "only the user interface of LLMOS shows it", type="string", quiet=True),
    Field("spec.libraryName", "", Outcome.lost, "only the user interface of LLMOS shows it", type="string", quiet=True),
)


def _is(document: Document) -> bool:
    return document.kind == "ModelService" and document.group == "ml.llmos.ai"


def _convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel:
    data = read_fields(document, FIELDS)
    metadata, spec = data.get("metadata", {}), data.get("spec", {})
    if not document.name:
        raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
    if not spec.get("model"):
        raise ModelserviceError("it names no model", file=document.where(("spec",)), key="spec.model")
    pod = copy.deepcopy(spec.get("template", {}).get("spec", {}))
    if not pod.get("containers") or not pod["containers"][0].get("image"):
        raise ModelserviceError(
            "it has no container with an image",
            file=document.where(("spec", "template")),
            key="spec.template.spec.containers",
        )
    pod.pop("initContainers", None)
    name = f"modelservice-{document.name.replace('.', '-')}"
    served = ServedModel(name, report, secrets, namespace=metadata.get("namespace", "") or source.options.namespace)
    annotations = metadata.get("annotations", {})
    role = RoleSource(
        pod,
        "spec.template.spec",
        replicas=spec.get("replicas", 1),
        labels={
            "ml.llmos.ai/type": "model-service",
            "ml.llmos.ai/model-service-name": document.name,
            **metadata.get("labels", {}),
            **spec.get("selector", {}).get("matchLabels", {}),
            **spec.get("template", {}).get("metadata", {}).get("labels", {}),
        },
        pod_annotations={
            key: value
            for key, value in {
                **annotations,
                **spec.get("template", {}).get("metadata", {}).get("annotations", {}),
            }.items()
            if not any(word in key for word in _NOT_COPIED) and not key.startswith("llmos.ai/")
        },
        engine=pod["containers"][0]["name"],
        vllm=True,
    )
    served.decode = role
    container = pod["containers"][0]
    container["args"] = _arguments(container, spec)
    _probes(container)
    if spec.get("updateStrategy"):
        role.settings["updateStrategy"] = spec["updateStrategy"]
    if "llmos.ai/resource-stopped" in annotations:
        served.settings["suspend"] = True
    if container.get("command") and container["command"][:1] not in (["vllm"], ["python3"], ["python"]):
        report.kept("spec.template.spec.containers[0].command",
            "the command is kept, with the arguments that LLMOS adds",
        )
    claims.add_claims(role, spec.get("volumeClaimTemplates", []), name, f"{name}-decode", report)
    registry = spec.get("modelRegistry", "")
    if registry in ("huggingface", "modelscope"):
        _download(served, role, container, registry, spec["model"])
    elif registry not in ("", "local"):
        raise ModelserviceError(
            f"no registry {registry!r}", file=document.where(("spec", "modelRegistry")), key="spec.modelRegistry",
            fix="write huggingface, modelscope or local",
        )  # fmt: skip
    _service(served, spec, container, role)
    return served


def _arguments(container: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    """The user's arguments, with what LLMOS says about the model: the spec's word counts."""
    model = f"{LOCAL}/{spec['model']}" if spec.get("modelRegistry") == "local" else spec["model"]
    settings = {"--model": model}
    if spec.get("servedModelName"):
        settings["--served-model-name"] = spec["servedModelName"]
    number = container.get("resources", {}).get("limits", {}).get(VGPU)
    if number is not None:
        settings["--tensor-parallel-size"] = str(number)
    args = list(container.get("args", []))
    for key, value in settings.items():
        same = [index for index, item in enumerate(args) if item.startswith(f"{key}=")]
        for index in same:
            args[index] = f"{key}={value}"
        if not same:
            args.append(f"{key}={value}")
    return args


def _probes(container: dict[str, Any]) -> None:
    """The probes that LLMOS adds where there are none."""
    ports = container.get("ports", [])
    port = ports[0]["containerPort"] if ports else 8000
    ask = {"httpGet": {"path": "/health", "port": port}}
    for kind, numbers in (
        ("startupProbe", {"initialDelaySeconds": 60, "periodSeconds": 10, "timeoutSeconds": 3, "failureThreshold": 30}),
        ("readinessProbe", {"periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3}),
        ("livenessProbe", {"periodSeconds": 20, "timeoutSeconds": 5, "failureThreshold": 3}),
    ):
        container.setdefault(kind, {**ask, **numbers})


def _download(served: ServedModel, role: RoleSource, container: dict[str, Any], registry: str, model: str) -> None:
    """The download before the engine starts, to the volume of the cache, which the engine finds by its variable."""
    report = served.report
    home = CACHE if registry == "huggingface" else MODELSCOPE
    served.uri = f"{'hf' if registry == 'huggingface' else 'ms'}://{model}"
    mount = next((item for item in container.get("volumeMounts", []) if item["mountPath"].rstrip("/") == home), None)
    if mount is None or any(mount.get(key) for key in ("subPath", "subPathExpr", "readOnly")):
        report.changed("spec.modelRegistry",
            f"no volume is mounted at {home}, so what LLMOS downloads before the engine starts is gone when it does; "
            "the engine downloads the model itself"
            if mount is None
            else f"the engine downloads the model itself: the chart's download needs the whole volume at {home}",
            values="modelArtifacts.uri",
        )
        return
    container["volumeMounts"].remove(mount)
    template = _named(mount["name"], role.settings.get("volumeClaimTemplates", []))
    volume = _named(mount["name"], role.pod.get("volumes", []))
    claim = volume.get("persistentVolumeClaim", {})
    artifacts: dict[str, Any] = {"mountPath": home, "download": {"enabled": True}}
    env = _download_environment(served, container, registry)
    if env:
        artifacts["download"]["env"] = env
    if container.get("envFrom"):
        report.lost("spec.template.spec.containers[0].envFrom",
            "the download does not get it, only the engine; write what it needs into modelArtifacts.download.env",
        )
    if template:
        template["name"] = "model-storage"  # the volume that the chart downloads to
    elif set(claim) == {"claimName"}:
        artifacts["persistence"] = {"enabled": True, "existingClaim": claim["claimName"]}
    elif "sizeLimit" in volume.get("emptyDir", {}) and "medium" not in volume["emptyDir"]:
        artifacts["size"] = volume["emptyDir"]["sizeLimit"]
    elif volume and volume.get("emptyDir") != {}:
        volume["name"] = "model-storage"
    for other in (item for each in role.pod["containers"] for item in each.get("volumeMounts", [])):
        if other["name"] == mount["name"]:
            other["name"] = "model-storage"
    role.pod["volumes"] = [
        item for item in role.pod.get("volumes", []) if item is not volume or item["name"] == "model-storage"
    ]
    served.settings["modelArtifacts"] = artifacts
    served.settings["engine"] = {"mountModelVolume": True}


def _download_environment(served: ServedModel, container: Mapping[str, Any], registry: str) -> dict[str, Any]:
    """Variables of the download, besides those that the chart gives to engine and download alike."""
    given = container.get("env", [])
    result: dict[str, Any] = {}
    for before, item in zip(
        given, served.secrets.environment(given, "spec.template.spec.containers[0].env"), strict=True
    ):
        shared = before["name"] == "HF_TOKEN" and registry == "huggingface"
        if shared and set(before.get("valueFrom", {}).get("secretKeyRef", {})) == {"name", "key"}:
            continue  # modelArtifacts.authSecretName
        if _DOWNLOADS.match(item["name"]) and "$(" not in item.get("value", ""):
            result[item["name"]] = value_of(item)
    if registry == "huggingface":
        result["HF_HUB_ENABLE_HF_TRANSFER"] = "1"
    return result


def _named(name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return next((item for item in items if item["name"] == name), {})


def _service(served: ServedModel, spec: Mapping[str, Any], container: Mapping[str, Any], role: RoleSource) -> None:
    """The Service of the name that clients know."""
    ports = [
        {
            "name": port.get("name", f"port-{port['containerPort']}"),
            "port": port["containerPort"],
            "protocol": port.get("protocol", "TCP"),
            "targetPort": port.get("name", port["containerPort"]),
        }
        for port in container.get("ports", [])
    ]
    if not ports:
        return
    selector = {key: role.labels[key] for key in ("ml.llmos.ai/type", "ml.llmos.ai/model-service-name")}
    kind = spec.get("serviceType", "ClusterIP")
    served.objects.append(
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": served.name},
            "spec": {"type": kind, "selector": selector, "ports": ports},
        }
    )  # fmt: skip


SYSTEM = System(
    name="llmos",
    title="LLMOS's ModelService (ml.llmos.ai)",
    recognises=_is,
    parts=lambda document: False,
    fields={"ModelService": FIELDS},
    convert=_convert,
)
