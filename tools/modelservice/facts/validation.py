"""Validates the YAML of the facts against their records."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from modelservice.facts import CONFIGURATIONS, DIRECTORY
from modelservice.facts.load import raw
from modelservice.facts.memory import EngineMemory
from modelservice.facts.model_shapes import Completions, ModelFamilies
from modelservice.facts.models import (
    NONE,
    Accelerators,
    Certificates,
    DisaggregatedSet,
    Dynamo,
    EndpointPicker,
    Engine,
    FastModelActuation,
    Kubernetes,
    KubernetesDefaults,
    KubernetesFields,
    Kueue,
    ModelsByName,
    OriginalChart,
    Record,
    RoutingProxy,
    Source,
    Variables,
    key,
)

_URL = Annotated[str, Field(pattern=r"^https://[^\s]+$")]
_SOURCE = Annotated[
    tuple[_URL, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else tuple(value)),
    Field(min_length=1),
]
_VERSION = r"^(\d+\.\d+(\.\d+)?)?$"


def files() -> dict[Path, type[Record]]:
    """Return all files of facts and the record of each."""
    return {
        **dict.fromkeys(sorted((DIRECTORY / "engines").glob("*.yaml")), Engine),
        DIRECTORY / "accelerators.yaml": Accelerators,
        DIRECTORY / "certificates.yaml": Certificates,
        DIRECTORY / "engine-memory.yaml": EngineMemory,
        DIRECTORY / "routing-proxy.yaml": RoutingProxy,
        DIRECTORY / "endpoint-picker.yaml": EndpointPicker,
        DIRECTORY / "disaggregated-set.yaml": DisaggregatedSet,
        DIRECTORY / "dynamo.yaml": Dynamo,
        DIRECTORY / "fast-model-actuation.yaml": FastModelActuation,
        DIRECTORY / "kubernetes.yaml": Kubernetes,
        DIRECTORY / "kueue.yaml": Kueue,
        DIRECTORY / "kubernetes-fields.yaml": KubernetesFields,
        DIRECTORY / "kubernetes-defaults.yaml": KubernetesDefaults,
        DIRECTORY / "models-by-name.yaml": ModelsByName,
        DIRECTORY / "original-chart.yaml": OriginalChart,
        DIRECTORY / "variables.yaml": Variables,
        CONFIGURATIONS / "completions.json": Completions,
        CONFIGURATIONS / "families.yaml": ModelFamilies,
    }


def problems() -> Iterator[str]:
    """Yield what is wrong with the facts, as ``engines/vllm.yaml: port.default: Input should be a valid integer``."""
    for path, record in files().items():
        try:
            model(record).model_validate_json(json.dumps(raw(path)), strict=True)
        except ValidationError as error:
            for item in error.errors():
                place = ".".join(str(part) for part in item["loc"])
                yield f"{path.relative_to(DIRECTORY)}: {place}: {item['msg']}"


def model(record: type[Record]) -> type[BaseModel]:
    """Return the pydantic model of a record: its fields, strict, and no others."""
    fields: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(record).items():
        default = getattr(record, name, ...)
        settings: dict[str, Any] = {"default_factory": dict} if default is NONE else {"default": default}
        fields[name] = (_field(name, hint), Field(alias=key(name), **settings))
    return create_model(record.__name__, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _field(name: str, hint: Any) -> Any:
    """Return the type of a model's field for that of a record's."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint == Source:
        return _SOURCE
    if isinstance(hint, type) and issubclass(hint, Record):
        return model(hint)
    if origin is tuple:
        return tuple[_field(name, arguments[0]), ...]  # type: ignore[misc]
    if origin is types.UnionType:
        return _field(name, arguments[0]) | None
    if origin is Mapping:
        return dict[arguments[0], _field(name, arguments[1])]  # type: ignore[valid-type, misc]
    if name in ("since", "until", "deprecated", "version", "default_version", "oldest", "gaie"):
        return Annotated[str, Field(pattern=_VERSION)]
    return hint
