"""The keys of a values model: their paths, types, defaults and descriptions."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from modelservice.kubernetes.types import Kubernetes

Model = type[BaseModel]


@dataclass(frozen=True)
class Leaf:
    """One key of the values that is not an object of other keys."""

    path: str
    """Dotted path, ``decode.containers[].image``."""
    type: str
    """Type in a few words."""
    default: Any
    """Default value; None when there is none."""
    description: str
    """Markdown."""
    deprecated: bool


def leaves(model: Model, prefix: str = "", default: BaseModel | None = None) -> Iterator[Leaf]:
    """Yield all keys of a model in order, those of nested models under their dotted path.

    Args:
        model: the model.
        prefix: path of the model, with a trailing dot.
        default: the model's value where another model has one as its default.

    A model that appears under a second key (prefill after decode) is walked there too.
    """
    for name, field in fields(model):
        path = f"{prefix}{field.alias or name}"
        nested, suffix = nested_model(field.annotation)
        value = default.__dict__[name] if default is not None else field.default
        if nested is not None and suffix == "":
            yield from leaves(nested, f"{path}.", value if isinstance(value, nested) else None)
            continue
        known = None if value is PydanticUndefined else plain(value)
        yield Leaf(
            path, _describe(field.annotation, field.metadata), known, field.description or "", bool(field.deprecated)
        )
        if nested is not None:
            yield from leaves(nested, f"{path}{suffix}.")


def nested_model(annotation: Any) -> tuple[Model | None, str]:
    """Return the model inside an annotation and how it is reached: directly, in a list or in a map."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return nested_model(typing.get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    arguments = typing.get_args(annotation)
    if origin is list:
        return nested_model(arguments[0])[0], "[]"
    if origin is dict:
        nested, suffix = nested_model(arguments[1])
        return (nested, ".*") if suffix == "" else (None, "")
    found = [nested_model(argument) for argument in arguments if argument is not type(None)]
    nested_models = [item for item in found if item[0] is not None]
    return nested_models[0] if len(nested_models) == 1 and len(found) == 1 else (None, "")


def _describe(annotation: Any, metadata: typing.Sequence[Any] = ()) -> str:
    for item in metadata:
        if isinstance(item, Kubernetes):
            return item.name.rsplit(".", 1)[-1]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _describe(arguments[0], arguments[1:])
    if origin is typing.Literal:
        return " \\| ".join(f"`{value}`" if value != "" else '`""`' for value in arguments)
    if origin is list:
        return f"list of {_describe(arguments[0])}"
    if origin is dict:
        return "map" if arguments[1] is Any else f"map of {_describe(arguments[1])}"
    if arguments:
        names = dict.fromkeys(_describe(argument) for argument in arguments if argument is not type(None))
        return " \\| ".join(names)
    return {str: "string", int: "int", float: "number", bool: "bool", Any: "any"}.get(annotation, "") or (
        annotation.__name__ if isinstance(annotation, type) else str(annotation)
    )


def plain(value: Any) -> Any:
    """Return a default as data: models become maps without unset keys."""
    if isinstance(value, BaseModel):
        items = ((field.alias or name, value.__dict__[name]) for name, field in fields(type(value)))
        return {key: plain(item) for key, item in items if item is not None}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def fields(model: Model) -> list[tuple[str, FieldInfo]]:
    """Return the fields of a model in the order for readers: what it is comes first, inherited or not."""
    return sorted(model.model_fields.items(), key=lambda item: _FIRST.get(item[0], len(_FIRST)))


_FIRST = {name: rank for rank, name in enumerate(("enabled", "create", "name", "class_"))}


def models(model: Model) -> set[Model]:
    """Return a model and all models inside it."""
    found: set[Model] = set()
    todo = [model]
    while todo:
        part = todo.pop()
        if part not in found:
            found.add(part)
            todo += [item for field in part.model_fields.values() for item in _models_in(field.annotation)]
    return found


def _models_in(annotation: Any) -> Iterator[Model]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
