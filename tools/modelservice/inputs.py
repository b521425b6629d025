"""Values files and `--set` as Helm reads them.

Helm itself parses and so decides what ``on`` or ``0x1F`` mean; PyYAML only finds the line of a mistake.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

from modelservice.errors import ModelserviceError, UsageError

Values = dict[str, Any]


class InputWarning(UserWarning):
    """A values file is read otherwise than it looks."""


def read_values(path: str) -> Values:
    """The values in a file, or on the standard input for ``-``.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it is not one YAML mapping.

    Warns:
        InputWarning: a key is given twice.
    """
    name = "standard input" if path == "-" else path
    text = _read(path, name)
    _check_yaml(text, name)
    try:
        return helm_python.values_from_yaml(text)
    except helm_python.HelmValuesError as error:
        raise ModelserviceError(f"not a values file: {error.detail}", file=name) from None


def _read(path: str, name: str) -> str:
    try:
        return sys.stdin.buffer.read().decode() if path == "-" else Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text (byte {error.start})", file=name) from None
    except FileNotFoundError:
        raise UsageError("no such file", file=name) from None
    except IsADirectoryError:
        raise UsageError("a directory", file=name, fix="name the values files in it") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", file=name) from None


def _check_yaml(text: str, name: str) -> None:
    """Refuses what is no values file: broken YAML, several documents, anything but a mapping. Warns of what Helm reads
    differently from how it looks: keys given twice."""
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        shown = text.splitlines()[mark.line].strip() if mark and mark.line < len(text.splitlines()) else ""
        reason = (error.problem or "cannot be parsed").replace("\t", "\\t")
        raise ModelserviceError(f"invalid YAML: {reason}: {shown!r}", file=f"{name}:{line}") from None
    except yaml.YAMLError as error:
        raise ModelserviceError(f"invalid YAML: {error}", file=name) from None
    if len(documents) > 1:
        raise ModelserviceError(
            f"{len(documents)} YAML documents, but a values file is one", file=name, fix="give each with -f of its own"
        )
    for document in documents:
        if document is not None and not isinstance(document, yaml.MappingNode):
            kind = "a list" if isinstance(document, yaml.SequenceNode) else f"the value {document.value!r}"
            if not (isinstance(document, yaml.ScalarNode) and document.value in ("", "null", "~")):
                raise ModelserviceError(f"{kind}, but a values file is a mapping of keys", file=name)
        _warn_of_duplicates(document, name)


def _warn_of_duplicates(node: yaml.Node | None, name: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and key.value != "<<":
                problem = f"{name}:{line}: {key.value} is also given on line {seen[key.value]}; Helm uses the last"
                warnings.warn(InputWarning(problem), stacklevel=2)
            seen[key.value] = line
            _warn_of_duplicates(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _warn_of_duplicates(item, name)


def merge(layers: Iterable[Mapping[str, Any]]) -> Values:
    """Merges values as Helm merges repeated ``-f``: maps key by key, anything else is replaced, null is kept."""
    merged: Values = {}
    for layer in layers:
        _merge_into(merged, layer)
    return merged


def _merge_into(base: Values, layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge_into(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def apply_set(values: Values, expressions: Iterable[str], strings: Iterable[str] = ()) -> Values:
    """Values with `--set` and `--set-string` expressions applied, in Helm's syntax.

    Raises:
        UsageError: an expression is malformed.
    """
    result = copy.deepcopy(values)
    for option, parse, given in (
        ("--set", helm_python.parse_set_string, expressions),
        ("--set-string", helm_python.parse_set_string_values, strings),
    ):
        for expression in given:
            try:
                parsed = parse(expression)
            except helm_python.HelmError as error:
                raise UsageError(f"{option} {expression}: {error.detail}", fix="write key=value") from None
            if not parsed:
                raise UsageError(f"{option} {expression}: no value", fix="write key=value")
            result = _set_into(result, parsed, by_index="[" in expression)
    return result


def _set_into(base: Any, parsed: Any, by_index: bool) -> Any:
    """``a[1].b=x`` changes one item of a list, ``a={x}`` replaces the list."""
    if isinstance(base, dict) and isinstance(parsed, dict):
        return base | {key: _set_into(base.get(key), value, by_index) for key, value in parsed.items()}
    if by_index and isinstance(base, list) and isinstance(parsed, list):
        length = max(len(base), len(parsed))
        padded_base, padded = base + [None] * (length - len(base)), parsed + [None] * (length - len(parsed))
        return [
            old if new is None else _set_into(old, new, by_index) for old, new in zip(padded_base, padded, strict=True)
        ]
    return parsed
