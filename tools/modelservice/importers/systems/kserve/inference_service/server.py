"""KServe's Hugging Face server: its options as the chart's, and groups, in which vLLM takes its place
(https://github.com/kserve/kserve/tree/master/python/huggingfaceserver)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.systems.kserve import storage
from modelservice.importers.workload import Pod, ServedModel

TYPE = "huggingface"
"""The chart's ``engine.type``."""

PORT = 8080
"""Port of the server's HTTP API."""

_OPTIONS = {
    "backend": "backend", "task": "task", "dtype": "dtype", "max-length": "maxModelLen", "max-model-len": "maxModelLen",
    "max-log-len": "maxLogLen", "tokenizer-revision": "tokenizerRevision", "disable-lower-case": "disableLowerCase",
    "disable-special-tokens": "disableSpecialTokens", "trust-remote-code": "trustRemoteCode",
    "return-token-type-ids": "returnTokenTypeIds", "return-probabilities": "returnProbabilities",
    "disable-log-requests": "disableLogRequests",
}  # fmt: skip
"""Options of the server by key of ``engine.huggingface``."""

_NUMBERS = ("maxModelLen", "maxLogLen")
_TEXTS = ("backend", "task", "dtype", "tokenizerRevision")

_MODEL = ("model-name", "model-id", "model-dir", "model-revision")
"""Options that name the model."""

_DERIVED = (*_MODEL, "http-port")
"""Options that the chart writes."""

_RAY = ("RAY_PORT", "RAY_ADDRESS")
"""Variables of the group that KServe forms."""


def is_server(container: Mapping[str, Any]) -> bool:
    """Return whether a container's image starts the server."""
    return not container.get("command") and "huggingfaceserver" in str(container.get("image", ""))


def server_option(container: Mapping[str, Any], name: str) -> str | None:
    """Return the value of one of the server's options."""
    options = EngineCommand.of(container.get("args", []), engine=TYPE).all(name)
    return next((option.values[0] for option in options if option.values), None)


def start_server(container: dict[str, Any], served: ServedModel) -> EngineCommand:
    """Set the server's options as the chart's; return how it starts with those that are left."""
    settings: dict[str, Any] = {}
    command = EngineCommand.of(container.pop("args", []), engine=TYPE)
    rest = []
    for option in command.options:
        key = _OPTIONS.get(option.name, "")
        if option.name == "model-revision" and option.values:
            served.settings.setdefault("modelArtifacts", {})["revision"] = option.values[0]
        elif option.name in _DERIVED:
            continue
        elif key and not option.values:
            settings[key] = True
        elif key in _NUMBERS and option.values[0].isdigit():
            settings[key] = int(option.values[0])
        elif key in _TEXTS and len(option.values) == 1:
            settings[key] = option.values[0]
        else:
            rest.append(option)
    command.options = rest
    if rest:
        container["args"] = command.arguments
    if settings:
        served.settings["engine"] = {"huggingface": settings}
    return command


@dataclass(frozen=True)
class Nodes:
    """Sizes of a model that several nodes serve, and accelerators of their pods."""

    tensor: int = 1
    pipeline: int = 1
    accelerators: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, worker: Mapping[str, Any]) -> Nodes:
        """Return those of a ``workerSpec``."""
        limits = {
            key: str(value)
            for item in worker.get("containers", [])
            for key, value in item.get("resources", {}).get("limits", {}).items()
            if "/" in key
        }
        return cls(worker.get("tensorParallelSize", 1), worker.get("pipelineParallelSize", 1), limits)

    @property
    def parallelism(self) -> dict[str, int]:
        """``parallelism`` of the role."""
        sizes = {"data": 1, "workers": self.pipeline} if self.pipeline > 1 else {}
        return sizes | {key: size for key, size in (("tensor", self.tensor), ("pipeline", self.pipeline)) if size > 1}


def start_group(pod: Pod, served: ServedModel, nodes: Nodes, listen: int) -> None:
    """Start vLLM itself in a pod of a group, in place of the server on Ray."""
    container = pod["containers"][0]
    model = server_option(container, "model-id") or storage.MOUNT_PATH
    revision = server_option(container, "model-revision")
    options = EngineCommand.of(container.get("args", []), engine=TYPE).options
    container["command"] = ["vllm", "serve"]
    container["args"] = [
        model, "--served-model-name", served.model or served.name, "--port", str(listen),
        *(("--revision", revision) if revision else ()),
        *(token for option in options if option.name and option.name not in _MODEL for token in option.tokens),
    ]  # fmt: skip
    container["env"] = [item for item in container.get("env", []) if item["name"] not in _RAY]
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if "exec" in container.get(kind, {}):
            numbers = {key: value for key, value in container[kind].items() if key != "exec"}
            container[kind] = {"httpGet": {"path": "/health", "port": listen}, **numbers}
    resources = container.setdefault("resources", {})
    if not any("/" in key for key in resources.get("limits", {})):
        accelerators = nodes.accelerators or {"nvidia.com/gpu": str(nodes.tensor)}
        resources["limits"] = {**resources.get("limits", {}), **accelerators}
