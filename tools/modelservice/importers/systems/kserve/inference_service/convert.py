"""What KServe runs for an InferenceService."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.engines.command import EngineCommand, Option
from modelservice.importers.engine import engine_of, find_engine
from modelservice.importers.source.documents import Document
from modelservice.importers.systems.kserve.inference_service.fields import FIELDS
from modelservice.importers.systems.kserve.inference_service.model import place_model
from modelservice.importers.systems.kserve.inference_service.runtime import (
    CONTAINER,
    FORMATS,
    find_runtime,
    make_pod,
    model_format,
)
from modelservice.importers.systems.kserve.inference_service.scaling import scale
from modelservice.importers.systems.kserve.inference_service.server import (
    PORT,
    Nodes,
    is_server,
    start_group,
    start_server,
)
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Group, Pod, RoleSource, ServedModel

NAME_LABEL = "serving.kserve.io/inferenceservice"

PLACE = "spec.predictor"

_OWN_ANNOTATION = re.compile(r"(kserve\.io|knative\.dev|kubectl\.kubernetes\.io)/")
"""Annotations that KServe reads itself; the others are the pods' too."""

_PREDICTOR_KEYS = {
    "model", "huggingface", "labels", "annotations", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget",
    "scaleMetricType", "autoScaling", "deploymentStrategy", "workerSpec", "containerConcurrency", "timeout",
    "canaryTrafficPercent", "logger", "batcher",
}  # fmt: skip
"""Fields of a predictor that are not its pod's."""


def recognises(document: Document) -> bool:
    """Return whether a document is an InferenceService that serves a language model."""
    if document.kind != "InferenceService" or document.group != "serving.kserve.io":
        return False
    spec = document.data.get("spec")
    predictor = spec.get("predictor") if isinstance(spec, dict) else None
    if not isinstance(predictor, dict):
        return False
    model = predictor.get("model")
    form = model.get("modelFormat") if isinstance(model, dict) else None
    if "huggingface" in predictor or (isinstance(form, dict) and model_format(form) in FORMATS):
        return True
    containers = predictor.get("containers")
    return isinstance(containers, list) and any(_is_engine(item) for item in containers if isinstance(item, dict))


def _is_engine(container: Mapping[str, Any]) -> bool:
    try:
        return bool(engine_of(dict(container)).engine) or "huggingfaceserver" in str(container.get("image"))
    except (TypeError, AttributeError, KeyError):
        return False  # of a wrong type; reading the document reports it


def convert(conversion: Conversion) -> ServedModel:
    """Return what KServe would run for the document."""
    data = conversion.read(FIELDS)
    name = conversion.document.name
    if not name:
        raise conversion.error("it has no name", key="metadata.name")
    predictor = data["spec"]["predictor"]
    model = predictor.get("model") or predictor.get("huggingface") or {}
    runtime = find_runtime(conversion, model) if model else {"containers": []}
    own = {key: value for key, value in predictor.items() if key not in _PREDICTOR_KEYS}
    grouped = "workerSpec" in predictor and bool(predictor["workerSpec"] or runtime.get("workerSpec") is not None)
    pod = make_pod(runtime, model, own, name, nodes="workerSpec" in predictor)
    served = ServedModel(name, namespace=conversion.namespace(data))
    place_model(conversion, served, pod, model, grouped=grouped)
    nodes = None
    port = _port(pod)
    if grouped:
        nodes = Nodes.of({**runtime.get("workerSpec", {}), **predictor["workerSpec"]})
        start_group(pod, served, nodes, port)
    annotations = data["metadata"].get("annotations", {})
    served.decode = RoleSource(
        pod,
        _engine(conversion, served, pod, port, grouped=grouped),
        PLACE,
        replicas=predictor.get("minReplicas", 1),
        labels={
            "app": f"isvc.{name}-predictor",
            NAME_LABEL: name,
            **data["metadata"].get("labels", {}),
            **runtime.get("labels", {}),
            **predictor.get("labels", {}),
        },
        pod_annotations={
            **runtime.get("annotations", {}),
            **{key: value for key, value in annotations.items() if not _OWN_ANNOTATION.search(key)},
            **predictor.get("annotations", {}),
        },
        strategy=None if grouped else predictor.get("deploymentStrategy"),
        group=Group(max(1, nodes.pipeline)) if nodes else None,
        parallelism=nodes.parallelism if nodes else {},
    )
    scale(served.decode, predictor, conversion.report)
    _add_service(served, served.decode, port)
    return served


def _port(pod: Pod) -> int:
    """Return the port that KServe's Service forwards to: the first one of the model's container, else 8080
    (https://github.com/kserve/kserve/blob/master/pkg/controller/v1beta1/inferenceservice/reconcilers/service)."""
    container = next((item for item in pod["containers"] if item["name"] == CONTAINER), pod["containers"][0])
    number: int = next((port["containerPort"] for port in container.get("ports", [])), PORT)
    return number


def _engine(conversion: Conversion, served: ServedModel, pod: Pod, port: int, *, grouped: bool) -> EngineCommand:
    """Return how the engine starts: the Hugging Face server, or an engine that listens where KServe expects it."""
    first = pod["containers"][0]
    if not grouped and served.uri is not None and is_server(first):
        return start_server(first, served)
    engine = find_engine(pod, PLACE, conversion.report, CONTAINER)
    if not engine.derived:
        served.settings["routing"] = {"servicePort": port}
    elif not engine.has("port"):
        engine.options.append(Option.of("--port", str(port)))
    return engine


def _add_service(served: ServedModel, role: RoleSource, port: int) -> None:
    """Add the Service under which KServe's clients know the model."""
    served.objects.append(
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{served.name}-predictor"},
            "spec": {
                "selector": {"app": role.labels["app"], NAME_LABEL: served.name},
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port}],
            },
        }
    )  # fmt: skip
