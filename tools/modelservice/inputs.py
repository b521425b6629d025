"""Values files, read as Helm reads them; Helm itself parses, PyYAML only finds the line of a key or a mistake."""

from __future__ import annotations

import contextlib
import copy
import functools
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from modelservice.documents import (
    TOO_DEEP,
    FastLoader,
    Source,
    duplicates,
    go_value,
    is_empty,
    parse,
    read_source,
    shallow,
)
from modelservice.errors import ModelserviceError
from modelservice.helm_library import helm_python
from modelservice.kubernetes.merge import helm

Values = dict[str, Any]


class InputWarning(UserWarning):
    """A values file means something other than it seems to."""


def read_values(path: str) -> Values:
    """Return the values in a file, on standard input for ``-``, or of a preset for ``preset:NAME``.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it is not one YAML mapping.

    Warns:
        InputWarning: a key is given twice.
    """
    return parse_values(read_source(path))[0]


def read_defaults(chart: Path) -> Values:
    """Return the defaults of a chart that is a directory. Nobody has to be warned of what they mean."""
    return go_value((chart / "values.yaml").read_text(encoding="utf-8"))


def parse_values(source: Source) -> tuple[Values, yaml.Node | None]:
    """Return the values in a text, and the document they are in, which knows the line of each key.

    The document is None for a text without one, and where PyYAML cannot read what Helm can.

    Raises:
        ModelserviceError: it is not one YAML mapping.

    Warns:
        InputWarning: a key is given twice.
    """
    try:
        values, rejected = shallow(go_value(source.text), source.name), None
    except RecursionError:
        raise ModelserviceError(TOO_DEEP, file=source.name) from None
    except helm_python.HelmError as error:
        values, rejected = {}, error
    try:
        found, misread = _documents_of_values(source, accepted=rejected is None), None
    except ModelserviceError as error:
        found, misread = [], error
    _check_documents(found, source.name)
    if rejected:
        raise misread or ModelserviceError(f"not a values file: {rejected.detail}", file=source.name)
    for document in found:
        warn_of_duplicates(document, source.name)
    return values, found[0] if found else None


def _documents_of_values(source: Source, *, accepted: bool) -> list[yaml.Node]:
    """Return the YAML documents of a values file; there should be at most one.

    libyaml is ten times as fast as PyYAML's own parser, but recurses without a limit. So it only reads what Helm
    accepted, and never a second document.
    """
    if accepted:
        with contextlib.suppress(yaml.YAMLError):
            document: yaml.Node | None = yaml.compose(source.text, Loader=FastLoader)
            return [] if document is None or is_empty(document) else [document]
    return parse(source)


def _check_documents(found: list[yaml.Node], name: str) -> None:
    """Reject what is not a values file: several documents, anything but a mapping."""
    if len(found) > 1:
        raise ModelserviceError(
            f"{len(found)} YAML documents, but a values file is one",
            file=name,
            fix="put each in a file and give it with -f",
        )
    for document in found:
        if not isinstance(document, yaml.MappingNode):
            kind = "a list" if isinstance(document, yaml.SequenceNode) else f"the value {document.value!r}"
            raise ModelserviceError(f"{kind}, but a values file is a mapping of keys", file=name)


def warn_of_duplicates(document: yaml.Node, name: str) -> None:
    """Warn of keys that a document gives twice."""
    for key, line, earlier in duplicates(document):
        problem = f"{name}:{line}: {key} is also given on line {earlier}; Helm uses the last"
        warnings.warn(InputWarning(problem), stacklevel=3)


def merge(layers: Iterable[Mapping[str, Any]]) -> Values:
    """Merge values as Helm merges repeated ``-f``: maps key by key, anything else is replaced, null is kept."""
    return copy.deepcopy(functools.reduce(helm, layers, {}))
