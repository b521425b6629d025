"""How KubeAI starts its engines (https://github.com/substratusai/kubeai, internal/modelcontroller)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.chart import MOUNT_PATH
from modelservice.importers.engine import engine_of
from modelservice.importers.systems.kubeai import storage
from modelservice.importers.systems.kubeai.model import Model


@dataclass(frozen=True)
class Engine:
    """An engine of KubeAI.

    Args:
        type: the chart's ``engine.type``.
        image: default image of KubeAI's chart 0.21, for where its values are not among the files.
        start: sets command, variables and probes of the container, and the place of the model.
    """

    type: str
    image: str
    start: Callable[[Model], None]


def start(model: Model) -> EngineCommand:
    """Set how the engine of a Model starts, and return that."""
    engine = ENGINES[model.spec["engine"]]
    storage.give_credentials(model)
    engine.start(model)
    if engine.type == "vllm":
        return engine_of(model.container)
    return EngineCommand.of(model.container.get("args", []), engine=engine.type)


def _vllm(model: Model) -> None:
    scheme, argument = model.url.scheme, model.reference
    extra: list[str] = []
    if scheme == "pvc":
        argument = "/model"
        storage.mount_claim(model, argument)
    elif scheme in ("s3", "gs"):
        argument = f"{scheme}://{model.reference}"
        extra = ["--load-format=runai_streamer"]
    elif scheme == "oss":
        argument = storage.read_alibaba(model)
    elif scheme != "hf":
        raise model.url_error("vLLM cannot load it", "use hf://, pvc://, s3:// or gs://, or copy it to a claim")
    model.container["command"] = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
    model.container["args"] = [
        f"--model={argument}", f"--served-model-name={model.served.name}", *extra, *model.spec.get("args", []),
    ]  # fmt: skip
    adapters = model.spec.get("adapters", [])
    model.served.adapters = [{"name": str(item.get("name", "")), "uri": str(item.get("url", ""))} for item in adapters]
    if adapters:
        model.served.lora = {"dynamic": True}
        if len(adapters) > 1:
            model.served.lora["maxLoras"] = 1  # vLLM's default
    storage.fill_cache(model)
    _ask_health(model, 5400)


def _ollama(model: Model) -> None:
    settings: dict[str, Any] = {}
    name = model.served.name
    if model.url.scheme == "pvc":
        stored = model.query.get("model", "")
        if not stored:
            raise model.url_error("it does not name a model of the claim", "use pvc://claim?model=model:tag")
        settings["model"] = stored
        claim, _, path = model.reference.partition("/")
        model.served.uri = f"pvc://{claim}/{path}" if path else f"pvc://{claim}"
        _mount_volume(model)
        if stored != name:
            model.artifacts()["readOnly"] = False
            why = f"{name} is written into the claim's store as another name of {stored}"
            model.conversion.report.changed("metadata.name", why, values="modelArtifacts.readOnly")
    elif model.url.scheme == "ollama":
        model.served.uri = f"ollama://{model.reference}"
        if model.query.get("insecure") == "true":
            settings["insecure"] = True
        if model.query.get("pull") == "false":
            settings["pull"] = False
    else:
        raise model.url_error("Ollama cannot load it", "use ollama://model:tag or pvc://claim?model=model:tag")
    if settings:
        model.served.settings["engine"] = {"ollama": settings}
    _keep_arguments(model)
    ask = {"httpGet": {"path": "/", "port": "http"}}
    model.container |= {
        "startupProbe": {**ask, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 1080},
        "readinessProbe": {**ask, "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**ask, "initialDelaySeconds": 900, "periodSeconds": 30, "timeoutSeconds": 3},
    }
    _mount_volume(model)
    why = "the model is pulled before the engine starts, in place of its first probe"
    model.conversion.report.changed("spec.url", why, values="modelArtifacts.uri")


def _infinity(model: Model) -> None:
    _from_hub_or_claim(model, "Infinity")
    _keep_arguments(model)
    _ask_health(model, 600)


def _faster_whisper(model: Model) -> None:
    _from_hub_or_claim(model, "FasterWhisper")
    name = model.reference if model.url.scheme == "hf" else f"{MOUNT_PATH}/{model.reference.partition('/')[2]}"
    if model.served.model != name:
        model.served.model = name
        why = f"the server loads what a request names, so requests name {name}; KubeAI's proxy does that for clients"
        model.conversion.report.changed("metadata.name", why, values="modelArtifacts.name")
    _keep_arguments(model)
    _ask_health(model, 900)


def _from_hub_or_claim(model: Model, engine: str) -> None:
    if model.url.scheme == "pvc":
        claim, _, path = model.reference.partition("/")
        model.served.uri = f"pvc://{claim}/{path or '.'}"
        _mount_volume(model)
    elif model.url.scheme == "hf":
        model.served.uri = f"hf://{model.reference}"
    else:
        raise model.url_error(f"{engine} cannot load it", "use hf:// or pvc://")


def _mount_volume(model: Model) -> None:
    """Let the chart mount the model's volume."""
    model.served.settings.setdefault("engine", {})["mountModelVolume"] = True
    model.artifacts()


def _keep_arguments(model: Model) -> None:
    if model.spec.get("args"):
        model.container["args"] = list(model.spec["args"])


def _ask_health(model: Model, failures: int) -> None:
    """Set the probes of an engine with ``/health``; the first one asks every two seconds."""
    ask = {"httpGet": {"path": "/health", "port": "http"}}
    first = {"initialDelaySeconds": 2, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": failures}
    model.container |= {
        "startupProbe": {**ask, **first},
        "readinessProbe": {**ask, "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**ask, "periodSeconds": 30, "timeoutSeconds": 3, "failureThreshold": 3},
    }


ENGINES = {
    "VLLM": Engine("vllm", "vllm/vllm-openai:v0.8.3", _vllm),
    "OLlama": Engine("ollama", "ollama/ollama:latest", _ollama),
    "FasterWhisper": Engine("fasterWhisper", "fedirz/faster-whisper-server:latest-cpu", _faster_whisper),
    "Infinity": Engine("infinity", "michaelf34/infinity:latest", _infinity),
}
"""The engines by KubeAI's name."""
