"""Values files and `--set`, read as Helm reads them.

Helm itself parses, so it decides what ``on`` or ``0x1F`` mean; PyYAML only finds the line of a key or a mistake.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm_library import helm_python
from modelservice.kubernetes.merge import helm

Values = dict[str, Any]

FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of libyaml, where PyYAML is built with it."""


class InputWarning(UserWarning):
    """A values file means something other than it seems to."""


def read_values(path: str) -> Values:
    """Return the values in a file, or on standard input for ``-``.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it is not one YAML mapping.

    Warns:
        InputWarning: a key is given twice.
    """
    return parse_values(read_text(path), "standard input" if path == "-" else path)[0]


def read_defaults(chart: Path) -> Values:
    """Return the defaults of a chart that is a directory. Nobody has to be warned of what they mean."""
    values: Values = helm_python.values_from_yaml((chart / "values.yaml").read_text(encoding="utf-8"))
    return values


def parse_values(text: str, name: str) -> tuple[Values, yaml.Node | None]:
    """Return the values in a text, and the document they are in, which knows the line of each key.

    The document is None for a text without one, and where PyYAML cannot read what Helm can.

    Args:
        text: YAML.
        name: what messages call it.

    Raises:
        ModelserviceError: it is not one YAML mapping.

    Warns:
        InputWarning: a key is given twice.
    """
    try:
        values, rejected = helm_python.values_from_yaml(text), None
    except RecursionError:
        raise ModelserviceError("nested too deeply to be read", file=name) from None
    except helm_python.HelmError as error:
        values, rejected = {}, error
    try:
        documents, misread = _documents_of_values(text, name, accepted=rejected is None), None
    except ModelserviceError as error:
        documents, misread = [], error
    _check_documents(documents, name)
    if rejected:
        raise misread or ModelserviceError(f"not a values file: {rejected.detail}", file=name)
    for document in documents:
        warn_of_duplicates(document, name)
    return values, documents[0] if documents else None


def _documents_of_values(text: str, name: str, *, accepted: bool) -> list[yaml.Node]:
    """Return the YAML documents of a values file; there should be at most one.

    libyaml is ten times as fast as PyYAML's own parser, but recurses without a limit. So it only reads what Helm
    accepted, which is at most 10,000 levels deep, and never a second document.
    """
    if accepted:
        with contextlib.suppress(yaml.YAMLError):
            document: yaml.Node | None = yaml.compose(text, Loader=FastLoader)
            return [] if document is None or _is_empty(document) else [document]
    return parse_documents(text, name)


def read_text(path: str) -> str:
    """Return the text in a file, or on standard input for ``-``.

    Raises:
        UsageError: it cannot be read.
    """
    name = "standard input" if path == "-" else path
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


def read_objects(path: str) -> list[dict[str, Any]]:
    """Return the objects in a stream of manifests, those of lists one by one.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it holds something other than Kubernetes objects.
    """
    name = "standard input" if path == "-" else path
    documents = load_documents(read_text(path), name)
    objects = [item for document in documents for item in _items(document)]
    for index, item in enumerate(objects):
        if not is_object(item):
            raise ModelserviceError(
                f"document {index + 1} is not a Kubernetes object", file=name, fix="give values files with -f"
            )
    return objects


def load_documents(text: str, name: str) -> list[Any]:
    """Return what the YAML documents of a text hold, without empty ones.

    Raises:
        ModelserviceError: it is not YAML.
    """
    try:
        return [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, text, name) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ModelserviceError(f"invalid YAML: {' '.join(str(error).split())}", file=name) from None
    except RecursionError:
        raise ModelserviceError("nested too deeply to be read", file=name) from None


def _unreadable(error: yaml.MarkedYAMLError, text: str, name: str) -> ModelserviceError:
    """Return what PyYAML reports, with the line and its text."""
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    shown = lines[mark.line].strip() if mark and mark.line < len(lines) else ""
    reason = (error.problem or "cannot be parsed").replace("\t", "\\t")
    return ModelserviceError(f"invalid YAML: {reason}: {shown!r}", file=f"{name}:{mark.line + 1 if mark else 0}")


def is_object(item: Any) -> bool:
    """Return whether something read from YAML has the kind that each Kubernetes object has."""
    return isinstance(item, dict) and isinstance(item.get("kind"), str) and bool(item["kind"])


def _items(document: Any) -> list[Any]:
    items = document.get("items") if isinstance(document, dict) else None
    return items if items and isinstance(items, list) else [document]


def parse_documents(text: str, name: str) -> list[yaml.Node]:
    """Return the YAML documents in a text.

    Raises:
        ModelserviceError: PyYAML cannot read it; the error has the line.
    """
    try:
        documents: list[yaml.Node | None] = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, text, name) from None
    except yaml.YAMLError as error:
        raise ModelserviceError(f"invalid YAML: {error}", file=name) from None
    except RecursionError:
        raise ModelserviceError("nested too deeply to be read", file=name) from None
    while documents and _is_empty(documents[-1]):
        documents.pop()
    return [document or yaml.ScalarNode("", "") for document in documents]


def _is_empty(document: yaml.Node | None) -> bool:
    return document is None or (isinstance(document, yaml.ScalarNode) and document.value in ("", "null", "~"))


def _check_documents(documents: list[yaml.Node], name: str) -> None:
    """Reject what is not a values file: several documents, anything but a mapping."""
    if len(documents) > 1:
        raise ModelserviceError(
            f"{len(documents)} YAML documents, but a values file is one",
            file=name,
            fix="put each in a file and give it with -f",
        )
    for document in documents:
        if not isinstance(document, yaml.MappingNode):
            kind = "a list" if isinstance(document, yaml.SequenceNode) else f"the value {document.value!r}"
            raise ModelserviceError(f"{kind}, but a values file is a mapping of keys", file=name)


def warn_of_duplicates(document: yaml.Node, name: str) -> None:
    """Warn of keys that a document gives twice."""
    for node in _nodes(document):
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and key.value != "<<":
                problem = f"{name}:{line}: {key.value} is also given on line {seen[key.value]}; Helm uses the last"
                warnings.warn(InputWarning(problem), stacklevel=3)
            seen[key.value] = line


def _nodes(document: yaml.Node) -> Iterator[yaml.Node]:
    """Yield every node of a document once, however many aliases lead to it."""
    seen: set[int] = set()
    todo = [document]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            todo += [value for _, value in reversed(node.value)]
        elif isinstance(node, yaml.SequenceNode):
            todo += reversed(node.value)


def merge(layers: Iterable[Mapping[str, Any]]) -> Values:
    """Merge values as Helm merges repeated ``-f``: maps key by key, anything else is replaced, null is kept."""
    return copy.deepcopy(functools.reduce(helm, layers, {}))


def apply_set(values: Values, expressions: Iterable[str], strings: Iterable[str] = ()) -> Values:
    """Return values with `--set` and `--set-string` expressions applied, in Helm's syntax.

    Raises:
        UsageError: an expression is malformed.
    """
    result = copy.deepcopy(values)
    for option, parse, given in (
        ("--set", helm_python.parse_set_string, expressions),
        ("--set-string", helm_python.parse_set_string_values, strings),
    ):
        for expression in given:
            for key, assignment in _assignments(expression):
                try:
                    parsed = parse(assignment)
                except helm_python.HelmError as error:
                    raise UsageError(f"{option} {expression}: {error.detail}", fix="use key=value") from None
                if not parsed:
                    raise UsageError(f"{option} {expression}: no value", fix="use key=value")
                try:
                    result = _set_into(result, parsed, len(_INDEX.findall(key)))
                except _NotAContainerError as error:
                    raise UsageError(f"{option} {expression}: {error}", fix="set the whole value") from None
    return result


_ASSIGNMENT = re.compile(
    r"(?P<key>(?:\\.|[^\\=,])*)(?:=(?P<value>\{(?:\\.|[^\\}])*\}|(?:\\.|[^\\,])*))?(?:,|$)", re.DOTALL
)
"""One ``key=value`` of ``--set``: a comma ends it unless it is escaped or within a ``{list}``
(https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set)."""

_INDEX = re.compile(r"(?<!\\)\[")


def _assignments(expression: str) -> list[tuple[str, str]]:
    """Return the assignments in an expression, each with its key.

    Helm parses each by itself, because what it makes of several does not tell ``a={x}`` from ``a[0]=x``. Text that
    does not have this form is left whole, for Helm to reject.
    """
    found, end = [], 0
    while end < len(expression):
        match = _ASSIGNMENT.match(expression, end)
        if match is None:
            return [(expression, expression)]
        found.append((match["key"], match[0].removesuffix(",") if match["value"] is not None else match[0]))
        end = match.end()
    return found or [(expression, expression)]


class _NotAContainerError(Exception):
    """A key leads into a value that has no keys or items."""


def _set_into(base: Any, parsed: Any, indices: int) -> Any:
    """Set a value: ``a[1].b=x`` changes one item of a list, ``a={x}`` replaces the list.

    Args:
        base: the values so far.
        parsed: what Helm made of one assignment: a path of single keys, and of lists whose last item is meant.
        indices: how many of the lists on the path are indexed.

    Raises:
        _NotAContainerError: the path leads into another kind of value, which Helm rejects too.
    """
    if isinstance(parsed, dict):
        if not isinstance(base, dict):
            raise _NotAContainerError(f"{base!r} has no keys")
        ((key, value),) = parsed.items()
        return base | {key: _set_below(base, key, value, indices)}
    if indices and isinstance(parsed, list):
        if not isinstance(base, list):
            raise _NotAContainerError(f"{base!r} has no items")
        index = len(parsed) - 1
        result = base + [None] * (len(parsed) - len(base))
        items = {number: item for number, item in enumerate(base) if item is not None}
        result[index] = _set_below(items, index, parsed[index], indices - 1)
        return result
    return parsed


def _set_below(base: Mapping[Any, Any], key: Any, value: Any, indices: int) -> Any:
    """Return what comes under a key or index: merged into what is there, or new."""
    if isinstance(value, dict) or (indices and isinstance(value, list)):
        return _set_into(base.get(key, type(value)()), value, indices)
    return value
