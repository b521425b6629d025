"""``engine``: the engine container as composable layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from modelservice import facts
from modelservice.values.base import Closed
from modelservice.values.containers import ContainerFields
from modelservice.values.kubernetes import EnvVarSource
from modelservice.values.scalars import EnvName, FlagName, ModelName

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
    """The value of an environment variable, taken from elsewhere."""

    valueFrom: EnvVarSource
    """Where the value comes from: a Secret, a ConfigMap or a field of the pod."""


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
    """What only Ollama has."""

    model: ModelName | None = None
    """Model in a store on a claim (`pvc://`), for instance `qwen3:0.6b`."""
    insecure: bool | None = None
    """Pulls from a registry without TLS (`--insecure`)."""
    pull: bool | None = None
    """`false` starts from what is in the volume and pulls nothing."""


class HuggingFaceServer(Closed):
    """Options of KServe's Hugging Face server
    (https://github.com/kserve/kserve/tree/master/python/huggingfaceserver)."""

    backend: Literal["auto", "vllm", "huggingface"] | None = None
    """What runs the model: vLLM, transformers, or vLLM where it can."""
    task: (
        Literal[
            "sequence_classification", "token_classification", "fill_mask", "text_generation",
            "text2text_generation", "text_embedding",
        ]
        | None
    ) = None  # fmt: skip
    """What the model does; read from the model when unset. Not with `backend: vllm`, which ignores it."""
    dtype: Literal["auto", "float16", "float32", "bfloat16", "float", "half"] | None = None
    """Type of the weights."""
    maxModelLen: Annotated[int, Field(ge=1, le=16777216)] | None = None
    """Tokens of a request."""
    tokenizerRevision: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Revision of the tokenizer."""
    tensorInputNames: list[str] | None = None
    """Names of the tensors that the model takes."""
    maxLogLen: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Characters of a prompt in the log."""
    disableLowerCase: bool | None = None
    """Keeps capital letters in the tokenizer."""
    disableSpecialTokens: bool | None = None
    """Encodes without the model's special tokens."""
    trustRemoteCode: bool | None = None
    """Runs code that the model brings."""
    returnTokenTypeIds: bool | None = None
    """Returns token type ids."""
    returnProbabilities: bool | None = None
    """Returns all probabilities."""
    disableLogRequests: bool | None = None
    """Does not log requests."""
    enableDocs: bool | None = None
    """Serves the API's documentation at `/docs`."""


if TYPE_CHECKING:
    EngineType = str
else:
    EngineType = Literal[tuple(engine.type for engine in facts.engines())]


class Engine(ContainerFields):
    """The engine container as composable layers: maps instead of list positions.

    The top-level `engine` holds for both roles, a role's `engine` is merged over it, and the fields
    of the role's first container are merged over both.
    """

    type: EngineType | None = None
    """The engine: its command, arguments, variables, port and probes are derived. `vllm`, `sglang`, `ollama`,
    `infinity` (embeddings and reranking), `fasterWhisper` (speech), `huggingface` (KServe's server) or `simulator`.
    When unset it follows from `modelCommand` and image, and no probes are derived."""
    ollama: Ollama | None = None
    """What only `type: ollama` has."""
    huggingface: HuggingFaceServer | None = None
    """What only `type: huggingface` has."""

    args: dict[FlagName, FlagValue] = Field(default={}, examples=[{"max-model-len": 8192, "enforce-eager": True}])
    """Engine flags by name, without dashes. `true` gives `--flag`, `false` gives `--no-flag`, a map is written as
    JSON, a list as several values, `null` removes the flag."""
    env: dict[EnvName, EngineEnvValue] = Field(default={}, examples=[{"VLLM_LOGGING_LEVEL": "INFO"}])
    """Environment variables by name; a value or `valueFrom`; `null` removes the variable."""
