"""What DigitalHub runs for a function: a Model of KubeAI, or a Deployment."""

from __future__ import annotations

from typing import Any

from modelservice.importers.systems.digitalhub.deployment import convert_deployment
from modelservice.importers.systems.digitalhub.documents import Function, is_function, is_run, read_function
from modelservice.importers.systems.kubeai.convert import convert_model
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import ServedModel
from modelservice.kubernetes.names import dns_label

LONGEST_MODEL = 39
"""Most characters that the platform leaves of a Model's name."""

OLLAMA = {"OLLAMA_DEBUG": "false", "GIN_MODE": "release", "OLLAMA_ORIGINS": "*"}
"""Variables that the platform gives to Ollama."""


def convert(conversion: Conversion) -> ServedModel | None:
    """Return what the platform would run; None for a run whose function is among the documents."""
    if is_run(conversion.document) and any(map(is_function, conversion.source.documents)):
        return None
    function = read_function(conversion)
    return _convert_kubeai(function) if function.kind.startswith("kubeai") else convert_deployment(function)


def _convert_kubeai(function: Function) -> ServedModel:
    conversion = function.conversion
    stated = function.spec.get("model_name")
    name = dns_label(stated or function.name, LONGEST_MODEL) or "model"
    if stated and name != stated:
        why = f"names are DNS labels: {name}"
        conversion.report.changed("function.spec.model_name", why, values="modelArtifacts.name")
    spec = _model_spec(function)
    if function.run.get("secrets"):
        spec["envFrom"] = [{"secretRef": {"name": f"{name}-secrets"}}]
        conversion.secrets.need(f"{name}-secrets", function.run["secrets"], "the platform's secrets of the project")
    at = ("function", "spec") if "function" in conversion.document.data else ("spec",)
    return convert_model(conversion, {"metadata": {"name": name}, "spec": spec}, at)


def _model_spec(function: Function) -> dict[str, Any]:
    """Return the spec of the Model that the platform makes for KubeAI."""
    run, scaling = function.run, function.run.get("scaling", {})
    speech = function.kind == "kubeai-speech"
    engine = "FasterWhisper" if speech else function.spec.get("engine", "")
    spec: dict[str, Any] = {
        "url": function.resolve(function.spec["url"]),
        "engine": engine,
        "features": ["SpeechToText"] if speech else function.spec.get("features", []),
        "resourceProfile": f"{run.get('profile') or 'cpu'}:{run.get('processors', 1)}",
        "args": [*(["--uvicorn-log-level=warning"] if engine == "VLLM" else []), *run.get("args", [])],
        "env": {**(OLLAMA if engine == "OLlama" else {}), **function.variables},
        "replicas": scaling.get("replicas", 1),
        "minReplicas": scaling.get("min_replicas", 1),
        "targetRequests": scaling.get("target_requests", scaling.get("target_request", 100)),
        "scaleDownDelaySeconds": scaling.get("scale_down_delay_seconds", 30),
        "autoscalingDisabled": scaling.get("autoscaling_disabled", False),
    }
    adapters = function.spec.get("adapters", [])
    for key, value in (
        ("image", function.spec.get("image")),
        ("maxReplicas", scaling.get("max_replicas")),
        ("cacheProfile", run.get("cache_profile") or run.get("caching_profile")),
        ("files", run.get("files")),
        ("adapters", [{**item, "url": function.resolve(item.get("url", ""))} for item in adapters]),
        ("loadBalancing", _load_balancing(scaling.get("load_balancing", {}))),
    ):
        if value:
            spec[key] = value
    return spec


def _load_balancing(given: dict[str, Any]) -> dict[str, Any]:
    if not given:
        return {}
    prefix = given.get("prefix_hash", {})
    length = prefix.get("prefix_char_length")
    hashed = {"prefixHash": {"prefixCharLength": length}} if length is not None else {}
    return {"strategy": given.get("strategy", "LeastLoad"), **hashed}
