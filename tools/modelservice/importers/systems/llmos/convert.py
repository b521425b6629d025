"""What LLMOS runs for a ModelService
(https://github.com/llmos-ai/llmos-operator, pkg/controller/master/modelservice)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from modelservice.importers.engine import engine_of
from modelservice.importers.systems.claims import add_claims
from modelservice.importers.systems.llmos.download import CACHE, download
from modelservice.importers.systems.llmos.fields import FIELDS
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import RoleSource, ServedModel

LOCAL = f"{CACHE}/hub/models"
"""Where a local model is."""

VGPU = "volcano.sh/vgpu-number"

TYPE = {"ml.llmos.ai/type": "model-service"}
NAME = "ml.llmos.ai/model-service-name"
"""Labels by which LLMOS's Service selects the pods."""

_NOT_COPIED = ("kubectl", "notebook")
"""Words in the names of annotations that LLMOS does not copy to the pods."""


def convert(conversion: Conversion) -> ServedModel:
    """Return what LLMOS would run for the document."""
    document = conversion.document
    data = conversion.read(FIELDS)
    metadata, spec = data.get("metadata", {}), data.get("spec", {})
    if not document.name:
        raise conversion.error("it has no name", key="metadata.name")
    if not spec.get("model"):
        raise conversion.error("it names no model", ("spec",), key="spec.model")
    template = spec.get("template", {})
    pod = copy.deepcopy(template.get("spec", {}))
    if not pod.get("containers") or not pod["containers"][0].get("image"):
        message, path = "it has no container with an image", ("spec", "template")
        raise conversion.error(message, path, key="spec.template.spec.containers")
    pod.pop("initContainers", None)
    container = pod["containers"][0]
    container["args"] = _arguments(container, spec)
    _add_probes(container)
    annotations = {**metadata.get("annotations", {}), **template.get("metadata", {}).get("annotations", {})}
    role = RoleSource(
        pod,
        engine_of(container, "vllm"),
        "spec.template.spec",
        replicas=spec.get("replicas", 1),
        labels={
            **TYPE,
            NAME: document.name,
            **metadata.get("labels", {}),
            **spec.get("selector", {}).get("matchLabels", {}),
            **template.get("metadata", {}).get("labels", {}),
        },
        pod_annotations={
            key: value
            for key, value in annotations.items()
            if not any(word in key for word in _NOT_COPIED) and not key.startswith("llmos.ai/")
        },
    )
    name = f"modelservice-{document.name.replace('.', '-')}"
    served = ServedModel(name, role, namespace=conversion.namespace(data))
    if spec.get("updateStrategy"):
        role.settings["updateStrategy"] = spec["updateStrategy"]
    if "llmos.ai/resource-stopped" in metadata.get("annotations", {}):
        served.settings["suspend"] = True
    if container.get("command") and container["command"][:1] not in (["vllm"], ["python3"], ["python"]):
        why = "the command is kept, with the arguments that LLMOS adds"
        conversion.report.kept("spec.template.spec.containers[0].command", why)
    add_claims(role, spec.get("volumeClaimTemplates", []), name, f"{name}-decode", conversion.report)
    registry = spec.get("modelRegistry", "")
    if registry in ("huggingface", "modelscope"):
        download(conversion, served, role, registry, spec["model"])
    elif registry not in ("", "local"):
        fix = "set huggingface, modelscope or local"
        raise conversion.error(f"no registry {registry!r}", ("spec", "modelRegistry"), fix=fix)
    _add_service(served, spec, role)
    return served


def _arguments(container: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    """Return the user's arguments with what LLMOS states of the model, which takes precedence."""
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


def _add_probes(container: dict[str, Any]) -> None:
    """Add the probes that LLMOS adds where there are none."""
    ports = container.get("ports", [])
    ask = {"httpGet": {"path": "/health", "port": ports[0]["containerPort"] if ports else 8000}}
    for kind, numbers in (
        ("startupProbe", {"initialDelaySeconds": 60, "periodSeconds": 10, "timeoutSeconds": 3, "failureThreshold": 30}),
        ("readinessProbe", {"periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3}),
        ("livenessProbe", {"periodSeconds": 20, "timeoutSeconds": 5, "failureThreshold": 3}),
    ):
        container.setdefault(kind, {**ask, **numbers})


def _add_service(served: ServedModel, spec: Mapping[str, Any], role: RoleSource) -> None:
    """Add the Service of the name that clients know."""
    ports = [
        {
            "name": port.get("name", f"port-{port['containerPort']}"),
            "port": port["containerPort"],
            "protocol": port.get("protocol", "TCP"),
            "targetPort": port.get("name", port["containerPort"]),
        }
        for port in role.pod["containers"][0].get("ports", [])
    ]
    if not ports:
        return
    selector = {key: role.labels[key] for key in (*TYPE, NAME)}
    own = {"type": spec.get("serviceType", "ClusterIP"), "selector": selector, "ports": ports}
    served.objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": served.name}, "spec": own})
