"""``engine``: the engine container as composable layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from modelservice import facts
from modelservice.values.base import Closed
from modelservice.values.containers import ContainerFields
from modelservice.values.kubernetes import EnvVarSource
from modelservice.values.scalars import EnvName, FlagName, ModelName, Revision

FlagScalar = str | int | float | bool
FlagValue = Annotated[
    str | int | float | bool | list[Any] | dict[str, Any] | None,
    Field(union_mode="left_to_right"),
    WithJsonSchema({"type": ["string", "number", "boolean", "array", "object", "null"]}),
]
"""The value of an engine flag.

* string or number: ``--flag value``
* true: ``--flag``; false: ``--no-flag`` (vLLM's boolean flags have both forms)
* list: ``--flag a b c``; map: ``--flag '<JSON>'``
* null: the flag is left out, also where a lower layer or the chart would give it
"""


class EngineEnvSource(Closed):
    """The value of an environment variable from another object."""

    valueFrom: EnvVarSource
    """Source of the value: a Secret, a ConfigMap or a field of the pod."""


EngineEnvValue = Annotated[
    str | int | float | bool | EngineEnvSource | None,
    Field(union_mode="left_to_right"),
    WithJsonSchema(
        {
            "type": ["string", "number", "boolean", "object", "null"],
            "properties": {
                "valueFrom": {"x-kubernetes-type": "io.k8s.api.core.v1.EnvVarSource", "x-kubernetes-partial": False}
            },
            "required": ["valueFrom"],
            "additionalProperties": False,
        }
    ),
]


class Ollama(Closed):
    """Settings of Ollama."""

    model: ModelName | None = None
    """Model in a store on a claim (`pvc://`), e.g. `qwen3:0.6b`."""
    insecure: bool | None = None
    """Pulls from a registry without TLS (`--insecure`)."""
    pull: bool | None = None
    """Pulls the model at startup; `false` uses the content of the volume. Default: `true`."""


class HuggingFaceServer(Closed):
    """Options of KServe's Hugging Face server
    (https://github.com/kserve/kserve/tree/master/python/huggingfaceserver)."""

    backend: Literal["auto", "vllm", "huggingface"] | None = None
    """Backend that runs the model: vLLM, Transformers, or vLLM for models that it supports (`auto`)."""
    task: (
        Literal[
            "sequence_classification", "token_classification", "fill_mask", "text_generation",
            "text2text_generation", "text_embedding",
        ]
        | None
    ) = None  # fmt: skip
    """Task of the model. Default: read from the model. Not allowed with `backend: vllm`, which ignores it."""
    dtype: Literal["auto", "float16", "float32", "bfloat16", "float", "half"] | None = None
    """Data type of the weights."""
    maxModelLen: Annotated[int, Field(ge=1, le=16777216)] | None = None
    """Maximum number of tokens of a request, prompt and answer together."""
    tokenizerRevision: Revision | None = None
    """Revision of the tokenizer."""
    tensorInputNames: list[str] | None = None
    """Names of the model's input tensors."""
    maxLogLen: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Maximum number of characters of a prompt in the log."""
    disableLowerCase: bool | None = None
    """Disables lowercasing in the tokenizer."""
    disableSpecialTokens: bool | None = None
    """Encodes without the model's special tokens."""
    trustRemoteCode: bool | None = None
    """Runs code from the model repository."""
    returnTokenTypeIds: bool | None = None
    """Returns token type IDs."""
    returnProbabilities: bool | None = None
    """Returns the probabilities of all labels."""
    disableLogRequests: bool | None = None
    """Disables request logs."""
    enableDocs: bool | None = None
    """Serves the API documentation at `/docs`."""


if TYPE_CHECKING:
    EngineType = str
else:
    EngineType = Literal[tuple(engine.type for engine in facts.engines())]


class Engine(ContainerFields):
    """The engine container as composable layers: maps instead of list positions. The top-level `engine` applies to
    both roles, a role's `engine` is merged over it, and the role's first container over both."""

    type: EngineType | None = None
    """Engine, from which command, arguments, environment variables, port and probes are derived. Default: derived
    from `modelCommand` and image, without probes."""
    ollama: Ollama | None = None
    """Settings of `type: ollama`."""
    huggingface: HuggingFaceServer | None = None
    """Settings of `type: huggingface`."""

    args: dict[FlagName, FlagValue] = Field(default={}, examples=[{"max-model-len": 8192, "enforce-eager": True}])
    """Engine flags by name, without leading dashes. `true` becomes `--flag`, `false` becomes `--no-flag`, a map
    becomes JSON, a list becomes several values, and `null` removes the flag. A `kv-transfer-config` map with a NIXL
    connector gets the `kv_role` of its role unless it has one."""
    env: dict[EnvName, EngineEnvValue] = Field(default={}, examples=[{"VLLM_LOGGING_LEVEL": "INFO"}])
    """Environment variables by name: a value or `valueFrom`; `null` removes the variable. Strings are rendered as
    templates; for two braces, set `{{ "{{" }}`."""
