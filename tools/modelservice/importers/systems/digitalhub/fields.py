"""What becomes of each field of DigitalHub's functions, tasks and runs."""

from __future__ import annotations

from modelservice.importers.source.fields import Fate, Field

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
    ("url", "modelArtifacts.uri", Fate.kept, "", "string"),
    ("path", "modelArtifacts.uri", Fate.kept, "", "string"),
    ("model_name", "modelArtifacts.name", Fate.kept, "", "string"),
    ("image", "engine.image", Fate.kept, "", "string"),
    ("engine", "engine.type", Fate.kept, "", "string"),
    ("features", "modelArtifacts.features", Fate.kept, "", "strings"),
    ("adapters[].name", "modelArtifacts.adapters", Fate.kept, "", "string"),
    ("adapters[].url", "modelArtifacts.adapters", Fate.kept, "", "string"),
)  # fmt: skip

_RUN = (
    ("function", "", Fate.kept, "", "string"),
    ("task", "", Fate.kept, "", "string"),
    ("local_execution", "", Fate.lost, _PLATFORM, "boolean"),
    ("url", "modelArtifacts.uri", Fate.kept, "", "string"),
    ("path", "modelArtifacts.uri", Fate.kept, "", "string"),
    ("args", "engine.args", Fate.kept, "", "strings"),
    ("env", "engine.env", Fate.kept, "", "map"),
    ("envs[].name", "engine.env", Fate.kept, "", "string"),
    ("envs[].value", "engine.env", Fate.kept, "", "string"),
    (
        "secrets",
        "engine.extraConfig.envFrom",
        Fate.changed,
        "the platform's secrets are not in the source; the engine reads a Secret that you create",
        "strings",
    ),
    ("files[].path", "files", Fate.kept, "", "string"),
    ("files[].content", "files", Fate.kept, "", "string"),
    ("profile", "decode.resourceProfile", Fate.kept, "", "string"),
    ("processors", "decode.resourceProfile", Fate.kept, "", "integer"),
    ("cache_profile", "modelArtifacts.persistence", Fate.kept, "", "string"),
    ("caching_profile", "modelArtifacts.persistence", Fate.kept, "", "string"),
    ("scaling.replicas", "decode.replicas", Fate.kept, "", "integer"),
    ("scaling.min_replicas", "decode.autoscaling.minReplicas", Fate.kept, "", "integer"),
    ("scaling.max_replicas", "decode.autoscaling.maxReplicas", Fate.kept, "", "integer"),
    ("scaling.autoscaling_disabled", "decode.autoscaling.enabled", Fate.kept, "", "boolean"),
    ("scaling.target_requests", "decode.autoscaling.targetActiveRequests", Fate.kept, "", "integer"),
    ("scaling.target_request", "decode.autoscaling.targetActiveRequests", Fate.kept, "", "integer"),
    ("scaling.scale_down_delay_seconds", "decode.autoscaling.scaleDownDelaySeconds", Fate.kept, "", "integer"),
    ("scaling.load_balancing.strategy", "routing.loadBalancing", Fate.kept, "", "string"),
    *(
        (f"scaling.load_balancing.prefix_hash.{name}", "routing.loadBalancing", fate, why, "integer")
        for name, fate, why in (
            ("mean_load_factor", Fate.lost, "an endpoint picker has no hard bound on the load"),
            ("replication", Fate.lost, "an endpoint picker has no hash ring"),
            (
                "prefix_char_length",
                Fate.changed,
                "an endpoint picker counts blocks of tokens, about four characters each",
            ),
        )
    ),
    ("enable_telemetry", "tracing.enabled", Fate.kept, "", "boolean"),
    ("use_cpu_image", "accelerator.type", Fate.kept, "", "boolean"),
    ("storage_space", "", Fate.lost, "the platform does not read it; resources.disk counts", "string"),
    ("replicas", "decode.replicas", Fate.kept, "", "integer"),
    ("service_type", "service.type", Fate.kept, "", "string"),
    ("service_name", "service.extraNames", Fate.kept, "", "string"),
    ("resources.cpu", "engine.resources", Fate.kept, "", "scalar"),
    ("resources.mem", "engine.resources", Fate.kept, "", "scalar"),
    ("resources.gpu", "decode.accelerator.count", Fate.kept, "", "scalar"),
    ("resources.disk", "decode.volumes", Fate.kept, "", "scalar"),
    ("volumes[].volume_type", "decode.volumes", Fate.kept, "", "string"),
    ("volumes[].name", "decode.volumes", Fate.kept, "", "string"),
    ("volumes[].mount_path", "engine.volumeMounts", Fate.kept, "", "string"),
    ("volumes[].spec", "decode.volumes", Fate.kept, "", "map"),
    ("backend", "engine.huggingface.backend", Fate.kept, "", "string"),
    (
        "huggingface_task",
        "engine.huggingface.task",
        Fate.kept,
        "",
        "string",
    ),
    ("dtype", "engine.huggingface.dtype", Fate.kept, "", "string"),
    ("max_length", "engine.huggingface.maxModelLen", Fate.kept, "", "integer"),
    ("max_log_len", "engine.huggingface.maxLogLen", Fate.kept, "", "integer"),
    ("tokenizer_revision", "engine.huggingface.tokenizerRevision", Fate.kept, "", "string"),
    ("tensor_input_names", "engine.huggingface.tensorInputNames", Fate.kept, "", "strings"),
    *(
        (name, f"engine.huggingface.{camel(name)}", Fate.kept, "", "boolean")
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


def _spec(prefix: str, parts: tuple[tuple[str, str, Fate, str, str], ...]) -> tuple[Field, ...]:
    fields = [
        Field(
            f"{prefix}.{name}",
            values,
            fate,
            why,
            type=kind,
            quiet=(not values and fate is not Fate.lost) or name == "local_execution",
        )
        for name, values, fate, why, kind in parts
    ]
    for index, item in enumerate(fields):
        if item.path.rsplit(".", 1)[-1] in SWITCHES:
            fields[index] = Field(
                item.path, item.values, Fate.changed, _FALSE, type="boolean", when=lambda value: value is False
            )
    return tuple(fields)


def _entity(prefix: str = "") -> tuple[Field, ...]:
    at = f"{prefix}." if prefix else ""
    return tuple(Field(f"{at}{name}", "", Fate.lost, _PLATFORM, type=kind, quiet=True) for name, kind in _ENTITY)


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
