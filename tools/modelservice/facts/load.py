"""Reads facts from YAML, or from JSON where there is much of it, into their records."""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from modelservice.facts.models import Record, Source, key

T = TypeVar("T", bound=Record)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def raw(path: Path) -> Any:
    """Return a file of facts as plain data."""
    with path.open(encoding="utf-8") as file:
        if path.suffix == ".json":
            return json.load(file)
        return yaml.load(file, Loader=_Loader)  # noqa: S506


def read(kind: type[T], path: Path) -> T:
    """Return a file of facts as a record."""
    record: T = _converter(typing.cast(Any, kind))(raw(path))
    return record


@functools.cache
def _converter(kind: Any) -> Callable[[Any], Any]:
    """Return what turns plain data into the type of a record's field."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == Source:
        return lambda value: (value,) if isinstance(value, str) else tuple(value)
    if isinstance(kind, type) and issubclass(kind, Record):
        return _record_converter(kind)
    if origin is tuple:
        item = _converter(arguments[0])
        return lambda values: tuple(item(value) for value in values)
    if origin is types.UnionType:
        return _converter(next(argument for argument in arguments if argument is not types.NoneType))
    if origin is Mapping:
        item = _converter(arguments[1])
        return lambda values: types.MappingProxyType({name: item(value) for name, value in values.items()})
    return lambda value: value


def _record_converter(kind: type[Record]) -> Callable[[Any], Any]:
    fields = {key(name): (name, _converter(hint)) for name, hint in typing.get_type_hints(kind).items()}

    def convert(data: Mapping[str, Any]) -> Any:
        return kind(**{fields[name][0]: fields[name][1](value) for name, value in data.items()})

    return convert
