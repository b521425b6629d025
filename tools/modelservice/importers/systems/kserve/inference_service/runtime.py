"""The runtime of an InferenceService, and the pod that KServe makes of both."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Document
from modelservice.importers.systems.kserve.inference_service.fields import CONTAINER_FIELDS, RUNTIME_FIELDS
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Pod
from modelservice.kubernetes import merge

CONTAINER = "kserve-container"
"""Name of the container that KServe gives the model to."""

HUGGING_FACE = "huggingface"
FORMATS = (HUGGING_FACE, "vllm")
"""Model formats of language models, in lower case."""

INSTALLED = ("kserve-huggingfaceserver", "kserve-huggingfaceserver-multinode")
"""Names of the runtimes that KServe installs for language models."""

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

_POD_KEYS = ("containers", "volumes", "hostIPC", "nodeSelector", "tolerations", "affinity", "imagePullSecrets")
"""Fields of a runtime that are its pod's."""


def is_runtime(document: Document) -> bool:
    """Return whether a document is a runtime."""
    return document.kind in ("ClusterServingRuntime", "ServingRuntime") and document.group == "serving.kserve.io"


def model_format(given: Mapping[str, Any]) -> str:
    """Return the name of a model format; that of vLLM is written in several ways."""
    return str(given.get("name", "")).lower()


def find_runtime(conversion: Conversion, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the runtime that KServe takes: the one that is named, else one for the format, else KServe's own.

    Raises:
        ModelserviceError: the runtime has no container for the model.
    """
    wanted = model.get("runtime")
    form = model_format(model.get("modelFormat", {})) or HUGGING_FACE
    for document in filter(is_runtime, conversion.source.documents):
        if document.name == wanted or (wanted is None and _is_selected(document, form)):
            runtime = dict(conversion.read(RUNTIME_FIELDS, document).get("spec", {}))
            if not any(item["name"] == CONTAINER for item in runtime.get("containers", [])):
                raise ModelserviceError(
                    f"no container is named {CONTAINER}, the one that KServe gives the model to",
                    file=document.where(("spec", "containers")),
                    key="spec.containers",
                )
            return runtime
    if wanted and wanted not in INSTALLED:
        conversion.report.lost(
            "spec.predictor.model.runtime",
            f"the runtime {wanted} is not among the files, so KServe's own is used; add the output of kubectl get "
            f"clusterservingruntime {wanted} -o yaml",
        )
    elif not wanted and form != HUGGING_FACE:
        conversion.report.lost(
            "spec.predictor.model.modelFormat.name",
            "the runtime is not among the files, so KServe's Hugging Face server is used; add the output of kubectl "
            "get clusterservingruntime -o yaml",
        )
    return copy.deepcopy(RUNTIME)


def _is_selected(document: Document, form: str) -> bool:
    """Return whether KServe takes a runtime for a format by itself, which it never does for several nodes."""
    spec = document.data.get("spec", {})
    formats = [item for item in spec.get("supportedModelFormats", []) if isinstance(item, dict)]
    return "workerSpec" not in spec and any(
        model_format(item) == form and bool(item.get("autoSelect")) for item in formats
    )


def make_pod(
    runtime: Mapping[str, Any], model: Mapping[str, Any], own: Mapping[str, Any], name: str, *, nodes: bool
) -> Pod:
    """Return the pod: the runtime's, changed by the predictor's; arguments are appended.

    Args:
        runtime: the runtime.
        model: the predictor's model.
        own: the predictor's pod.
        name: name of the service.
        nodes: the model runs on several nodes.
    """
    pod: Pod = {key: copy.deepcopy(runtime[key]) for key in _POD_KEYS if key in runtime}
    if model:
        index = next(index for index, item in enumerate(pod["containers"]) if item["name"] == CONTAINER)
        container = pod["containers"][index]
        fields = {key: model[key] for key, _ in CONTAINER_FIELDS if key in model and key not in ("args", "name")}
        merged = merge.strategic(container, fields)
        merged["args"] = [*container.get("args", []), *model.get("args", [])]
        if "image" not in model:
            merged["image"] = _image(merged, model.get("runtimeVersion"), nodes)
        pod["containers"][index] = merged
    pod = merge.strategic(pod, own)
    for container in pod["containers"]:
        container["args"] = _last_wins([item.replace("{{.Name}}", name) for item in container.get("args", [])])
        if not container["args"]:
            del container["args"]
    return pod


def _image(container: Mapping[str, Any], version: str | None, nodes: bool) -> str:
    """Return the runtime's image of a version; with accelerators or on several nodes, KServe uses its GPU variant."""
    name, _, tag = str(container.get("image", "")).partition(":")
    if tag == "replace":  # the tag in KServe's repository before a release
        name, tag = f"kserve/{name}", "latest"
    limits = container.get("resources", {}).get("limits", {})
    accelerated = nodes or "nvidia.com/gpu" in limits
    if name == "kserve/huggingfaceserver" and accelerated and "gpu" not in tag and not version:
        tag = f"{tag}-gpu"
    tag = version or tag
    return f"{name}:{tag}" if tag else name


def _last_wins(args: list[str]) -> list[str]:
    """Return arguments without ``--name=value`` that a later one of the name replaces."""
    names = [item.split("=")[0] if item.startswith("--") and "=" in item else "" for item in args]
    return [item for index, item in enumerate(args) if not names[index] or names[index] not in names[index + 1 :]]
