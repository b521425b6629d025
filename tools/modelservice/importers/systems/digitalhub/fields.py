"""What becomes of each field of DigitalHub's functions, tasks and runs."""

from __future__ import annotations

from modelservice.importers.report import Outcome
from modelservice.importers.source.fields import Field, lost

_PLATFORM = "it belongs to the platform"


def camel(name: str) -> str:
    """A name of the platform in the chart's spelling: ``max_log_len`` is maxLogLen."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_ENTITY = (
    ("key", "string"),
    ("id", "string"),
    ("user", "string"),
    ("project", "string"),
    ("kind", "string"),
    ("name", "string"),
    ("metadata", "object"),
    ("status", "object"),
    ("extensions", "list"),
)

_FUNCTION = (
    ("url", "modelArtifacts.uri", "string"),
    ("path", "modelArtifacts.uri", "string"),
    ("model_name", "modelArtifacts.name", "string"),
    ("image", "engine.image", "string"),
    ("engine", "engine.type", "string"),
    ("features", "modelArtifacts.features", "strings"),
    ("adapters[].name", "modelArtifacts.adapters", "string"),
    ("adapters[].url", "modelArtifacts.adapters", "string"),
)  # fmt: skip

_RUN = (
    ("function", "", "string"),
    ("task", "", "string"),
    ("local_execution", "", Outcome.lost, _PLATFORM, "boolean"),
    ("url", "modelArtifacts.uri", "string"),
    ("path", "modelArtifacts.uri", "string"),
    ("args", "engine.args", "strings"),
    ("env", "engine.env", "map"),
    ("envs[].name", "engine.env", "string"),
    ("envs[].value", "engine.env", "string"),
    (
        "secrets",
        "engine.extraConfig.envFrom",
        Outcome.changed,
        "the platform's secrets are not in the source; the engine reads a Secret that you create",
        "strings",
    ),
    ("files[].path", "files", "string"),
    ("files[].content", "files", "string"),
    ("profile", "decode.resourceProfile", "string"),
    ("processors", "decode.resourceProfile", "integer"),
    ("cache_profile", "modelArtifacts.persistence", "string"),
    ("caching_profile", "modelArtifacts.persistence", "string"),
    ("scaling.replicas", "decode.replicas", "integer"),
    ("scaling.min_replicas", "decode.autoscaling.minReplicas", "integer"),
    ("scaling.max_replicas", "decode.autoscaling.maxReplicas", "integer"),
    ("scaling.autoscaling_disabled", "decode.autoscaling.enabled", "boolean"),
    ("scaling.target_requests", "decode.autoscaling.targetActiveRequests", "integer"),
    ("scaling.target_request", "decode.autoscaling.targetActiveRequests", "integer"),
    ("scaling.scale_down_delay_seconds", "decode.autoscaling.scaleDownDelaySeconds", "integer"),
    ("scaling.load_balancing.strategy", "routing.loadBalancing", "string"),
    *(
        (f"scaling.load_balancing.prefix_hash.{name}", "routing.loadBalancing", outcome, why, "integer")
        for name, outcome, why in (
            ("mean_load_factor", Outcome.lost, "an endpoint picker has no hard bound on the load"),
            ("replication", Outcome.lost, "an endpoint picker has no hash ring"),
            (
                "prefix_char_length",
                Outcome.changed,
                "an endpoint picker counts blocks of tokens, about four characters each",
            ),
        )
    ),
    ("enable_telemetry", "tracing.enabled", "boolean"),
    ("use_cpu_image", "accelerator.type", "boolean"),
    ("storage_space", "", Outcome.lost, "the platform does not read it; resources.disk counts", "string"),
    ("replicas", "decode.replicas", "integer"),
    ("service_type", "service.type", "string"),
    ("service_name", "service.extraNames", "string"),
    ("resources.cpu", "engine.resources", "scalar"),
    ("resources.mem", "engine.resources", "scalar"),
    ("resources.gpu", "decode.accelerator.count", "scalar"),
    ("resources.disk", "decode.volumes", "scalar"),
    ("volumes[].volume_type", "decode.volumes", "string"),
    ("volumes[].name", "decode.volumes", "string"),
    ("volumes[].mount_path", "engine.volumeMounts", "string"),
    ("volumes[].spec", "decode.volumes", "map"),
    ("backend", "engine.huggingface.backend", "string"),
    (
        "huggingface_task",
        "engine.huggingface.task",
        Outcome.kept,
        "",
        "string",
    ),
    ("dtype", "engine.huggingface.dtype", "string"),
    ("max_length", "engine.huggingface.maxModelLen", "integer"),
    ("max_log_len", "engine.huggingface.maxLogLen", "integer"),
    ("tokenizer_revision", "engine.huggingface.tokenizerRevision", "string"),
    ("tensor_input_names", "engine.huggingface.tensorInputNames", "strings"),
    *(
        (name, f"engine.huggingface.{camel(name)}", "boolean")
        for name in (
            "disable_lower_case",
            "disable_special_tokens",
            "trust_remote_code",
            "return_token_type_ids",
            "return_probabilities",
            "disable_log_requests",
        )
    ),
)

SWITCHES = {
    "disable_lower_case": False, "disable_special_tokens": False, "trust_remote_code": True,
    "return_token_type_ids": False, "return_probabilities": False, "disable_log_requests": False,
}  # fmt: skip
"""Switches of KServe's Hugging Face server, with the platform's default."""

_FALSE = "the platform writes --flag false, which KServe's parser takes for true; the flag is left out"


def _spec(prefix: str, parts: tuple[tuple[str, str, Outcome, str, str], ...]) -> tuple[Field, ...]:
    fields = [
        Field(
            f"{prefix}.{name}",
            values,
            outcome,
            why,
            type=kind,
            quiet=(not values and outcome is not Outcome.lost) or name == "local_execution",
        )
        for name, values, outcome, why, kind in parts
    ]
    for index, item in enumerate(fields):
        if item.path.rsplit(".", 1)[-1] in SWITCHES:
            fields[index] = Field(
                item.path, item.values, Outcome.changed, _FALSE, type="boolean", when=lambda value: value is False
            )
    return tuple(fields)


def _entity(prefix: str = "") -> tuple[Field, ...]:
    at = f"{prefix}." if prefix else ""
    return tuple(lost(f"{at}{name}", _PLATFORM, type=kind, quiet=True) for name, kind in _ENTITY)


BUNDLE = (
    *_entity(),
    *(field for part in ("function", "task", "run") for field in _entity(part)),
    *_spec("function.spec", _FUNCTION),
    *_spec("task.spec", _RUN),
    *_spec("run.spec", (*_FUNCTION, *(item for item in _RUN if item[0] not in ("url", "path")))),
)
"""Fields of a document with function, task and run."""

SINGLE = (*_entity(), *_spec("spec", (*_FUNCTION, *(item for item in _RUN if item[0] not in ("url", "path")))))
"""Fields of a document that is one of them."""
