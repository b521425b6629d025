"""What becomes of each field of DigitalHub's functions, tasks and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelservice.importers.source.fields import Field, changed, lost

_PLATFORM = "it belongs to the platform"


def camel(name: str) -> str:
    """Return a name of the platform in the chart's spelling, ``maxLogLen`` for ``max_log_len``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


SWITCHES = {
    "disable_lower_case": False, "disable_special_tokens": False, "trust_remote_code": True,
    "return_token_type_ids": False, "return_probabilities": False, "disable_log_requests": False,
}  # fmt: skip
"""Switches of KServe's Hugging Face server, with the platform's default."""

_FALSE = "the platform writes --flag false, which KServe's parser reads as true; the flag is left out"

_ENTITY = {
    "key": "string", "id": "string", "user": "string", "project": "string", "kind": "string", "name": "string",
    "metadata": "object", "status": "object", "extensions": "list",
}  # fmt: skip
"""Fields of every object of the platform, with their types."""

_FUNCTION = (
    Field("url", "modelArtifacts.uri", type="string"),
    Field("path", "modelArtifacts.uri", type="string"),
    Field("model_name", "modelArtifacts.name", type="string"),
    Field("image", "engine.image", type="string"),
    Field("engine", "engine.type", type="string"),
    Field("features", "modelArtifacts.features", type="strings"),
    Field("adapters[].name", "modelArtifacts.adapters", type="string"),
    Field("adapters[].url", "modelArtifacts.adapters", type="string"),
)
"""Fields of a function's spec."""

_RUN = (
    Field("function", "", type="string", quiet=True),
    Field("task", "", type="string", quiet=True),
    lost("local_execution", _PLATFORM, type="boolean", quiet=True),
    Field("url", "modelArtifacts.uri", type="string"),
    Field("path", "modelArtifacts.uri", type="string"),
    Field("args", "engine.args", type="strings"),
    Field("env", "engine.env", type="map"),
    Field("envs[].name", "engine.env", type="string"),
    Field("envs[].value", "engine.env", type="string"),
    changed(
        "secrets",
        "engine.extraConfig.envFrom",
        "the platform's secrets are not in the source; the engine reads a Secret that you create",
        type="strings",
    ),
    Field("files[].path", "files", type="string"),
    Field("files[].content", "files", type="string"),
    Field("profile", "decode.resourceProfile", type="string"),
    Field("processors", "decode.resourceProfile", type="integer"),
    Field("cache_profile", "modelArtifacts.persistence", type="string"),
    Field("caching_profile", "modelArtifacts.persistence", type="string"),
    Field("scaling.replicas", "decode.replicas", type="integer"),
    Field("scaling.min_replicas", "decode.autoscaling.minReplicas", type="integer"),
    Field("scaling.max_replicas", "decode.autoscaling.maxReplicas", type="integer"),
    Field("scaling.autoscaling_disabled", "decode.autoscaling.enabled", type="boolean"),
    Field("scaling.target_requests", "decode.autoscaling.targetActiveRequests", type="integer"),
    Field("scaling.target_request", "decode.autoscaling.targetActiveRequests", type="integer"),
    Field("scaling.scale_down_delay_seconds", "decode.autoscaling.scaleDownDelaySeconds", type="integer"),
    Field("scaling.load_balancing.strategy", "routing.loadBalancing", type="string"),
    lost(
        "scaling.load_balancing.prefix_hash.mean_load_factor",
        "an endpoint picker has no hard bound on the load",
        type="integer",
    ),
    lost("scaling.load_balancing.prefix_hash.replication", "an endpoint picker has no hash ring", type="integer"),
    changed(
        "scaling.load_balancing.prefix_hash.prefix_char_length",
        "routing.loadBalancing",
        "an endpoint picker counts blocks of tokens, about four characters each",
        type="integer",
    ),
    Field("enable_telemetry", "tracing.enabled", type="boolean"),
    Field("use_cpu_image", "accelerator.type", type="boolean"),
    lost("storage_space", "the platform does not read it; resources.disk counts", type="string"),
    Field("replicas", "decode.replicas", type="integer"),
    Field("service_type", "service.type", type="string"),
    Field("service_name", "service.extraNames", type="string"),
    Field("resources.cpu", "engine.resources", type="scalar"),
    Field("resources.mem", "engine.resources", type="scalar"),
    Field("resources.gpu", "decode.accelerator.count", type="scalar"),
    Field("resources.disk", "decode.volumes", type="scalar"),
    Field("volumes[].volume_type", "decode.volumes", type="string"),
    Field("volumes[].name", "decode.volumes", type="string"),
    Field("volumes[].mount_path", "engine.volumeMounts", type="string"),
    Field("volumes[].spec", "decode.volumes", type="map"),
    Field("backend", "engine.huggingface.backend", type="string"),
    Field("huggingface_task", "engine.huggingface.task", type="string"),
    Field("dtype", "engine.huggingface.dtype", type="string"),
    Field("max_length", "engine.huggingface.maxModelLen", type="integer"),
    Field("max_log_len", "engine.huggingface.maxLogLen", type="integer"),
    Field("tokenizer_revision", "engine.huggingface.tokenizerRevision", type="string"),
    Field("tensor_input_names", "engine.huggingface.tensorInputNames", type="strings"),
    *(
        changed(name, f"engine.huggingface.{camel(name)}", _FALSE, type="boolean", when=lambda value: value is False)
        for name in SWITCHES
    ),
)
"""Fields of a task's or run's spec."""


def _under(prefix: str, *parts: Sequence[Field]) -> tuple[Field, ...]:
    """Return fields under a path; of two for one path the first."""
    fields: dict[str, Field] = {}
    for field in (field for part in parts for field in part):
        fields.setdefault(field.path, replace(field, path=f"{prefix}.{field.path}"))
    return tuple(fields.values())


def _entity(prefix: str = "") -> tuple[Field, ...]:
    return tuple(lost(f"{prefix}{name}", _PLATFORM, type=kind, quiet=True) for name, kind in _ENTITY.items())


BUNDLE = (
    *_entity(),
    *(field for part in ("function", "task", "run") for field in _entity(f"{part}.")),
    *_under("function.spec", _FUNCTION),
    *_under("task.spec", _RUN),
    *_under("run.spec", _FUNCTION, _RUN),
)
"""Fields of a document with function, task and run."""

SINGLE = (*_entity(), *_under("spec", _FUNCTION, _RUN))
"""Fields of a document that is one of them."""
