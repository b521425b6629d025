"""Text of files, and the YAML documents in it as Kubernetes reads them.

Go's YAML reader, which Helm, kubectl and the API server share, decides what every value means: ``12:30:45`` and
``2026-01-31`` are text, ``on`` and ``y`` are true, and aliases that expand without end are rejected. PyYAML only finds
lines.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm_library import helm_python
from modelservice.presets import PREFIX, preset

FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of libyaml, where PyYAML is built with it."""

STANDARD_INPUT = "standard input"
"""What messages call it."""

DEEPEST = 150
"""Levels of maps and lists that are read. Python code that recurses over values would fail at about 300."""

TOO_DEEP = f"nested too deeply to be read, more than {DEEPEST} levels"


_UNSAVED: ContextVar[Mapping[Path, str]] = ContextVar("unsaved", default={})  # noqa: B039  # nothing changes it


@contextlib.contextmanager
def unsaved(texts: Mapping[Path, str]) -> Iterator[None]:
    """Read other texts than those on disk within the block: what editors have changed and not saved.

    Args:
        texts: the texts by absolute path.
    """
    token = _UNSAVED.set(texts)
    try:
        yield
    finally:
        _UNSAVED.reset(token)


@dataclass(frozen=True)
class Source:
    """Text of an input, which is read once: standard input and ``<(…)`` cannot be read again.

    Args:
        name: what messages call it.
        text: its content.
    """

    name: str
    text: str


_OVERLAY: ContextVar[Mapping[str, str]] = ContextVar("overlay", default={})  # noqa: B039


@contextlib.contextmanager
def overlaid(texts: Mapping[str, str]) -> Iterator[None]:
    """Read these texts, by name of the input, instead of what is in the files, within the block."""
    token = _OVERLAY.set({**_OVERLAY.get(), **texts})
    try:
        yield
    finally:
        _OVERLAY.reset(token)


def read_source(path: str) -> Source:
    """Return the text in a file, on standard input for ``-``, or of a preset for ``preset:NAME``.

    Raises:
        UsageError: it cannot be read.
    """
    name = source_name(path)
    if name in _OVERLAY.get():
        return Source(name, _OVERLAY.get()[name])
    try:
        if path == "-":
            return Source(name, sys.stdin.buffer.read().decode())
        file = preset(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else Path(path)
        if (texts := _UNSAVED.get()) and (text := texts.get(file.resolve())) is not None:
            return Source(name, text)
        return Source(name, file.read_bytes().decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text (byte {error.start})", file=name) from None
    except FileNotFoundError:
        raise UsageError("no such file", file=name) from None
    except IsADirectoryError:
        raise UsageError("a directory", file=name, fix="name the values files in it") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", file=name) from None
    except ValueError as error:  # a NUL in the path
        raise UsageError(f"not a path: {error}", file=name) from None


def source_name(path: str) -> str:
    """Return what messages call an input."""
    return STANDARD_INPUT if path == "-" else path


def documents(source: Source) -> list[Any]:
    """Return what the YAML documents of a text hold, without empty ones, or the objects of a stream of JSON.

    Raises:
        ModelserviceError: it is not YAML, or not as Kubernetes reads it.
    """
    from_json = _json_objects(source.text)
    if from_json is not None:
        return [shallow(item, source.name) for item in from_json]
    found = [_document(line, text, source) for line, text in _parts(source.text)]
    return [document for document in found if document is not None]


def read_objects(path: str) -> list[dict[str, Any]]:
    """Return the objects in a stream of manifests, those of lists one by one.

    Raises:
        UsageError: the file cannot be read.
        ModelserviceError: it holds something other than Kubernetes objects.
    """
    source = read_source(path)
    return objects_among(documents(source), source.name)


def objects_among(found: Sequence[Any], name: str) -> list[dict[str, Any]]:
    """Return documents as objects, those of lists one by one.

    Raises:
        ModelserviceError: one is something other than a Kubernetes object.
    """
    items = [item for document in found for item in _items(document)]
    for index, item in enumerate(items):
        if not is_object(item):
            raise ModelserviceError(
                f"document {index + 1} is not a Kubernetes object", file=name, fix="give values files with -f"
            )
    return items


def is_object(item: Any) -> bool:
    """Return whether something read from YAML has the kind that each Kubernetes object has."""
    return isinstance(item, dict) and isinstance(item.get("kind"), str) and bool(item["kind"])


def shallow(value: Any, name: str) -> Any:
    """Return a value whose maps and lists are nested less deeply than Python code can follow.

    Raises:
        ModelserviceError: they are nested more deeply.
    """
    level = [value]
    for _ in range(DEEPEST + 1):
        below = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for items in below for item in items]
        if not level:
            return value
    raise ModelserviceError(TOO_DEEP, file=name)


_SEPARATOR = re.compile(r"^(?:---|\.\.\.)(?=\s|$)", re.MULTILINE)
_BLANK = re.compile(r"[\ufeff\s]*")
_EMPTY = re.compile(r"(?:---|\.\.\.|\ufeff)?(?:\s|#.*$|^%.*$)*", re.MULTILINE)
"""A document with comments and directives only."""


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line, counted from 0, and the text of each document that is not empty."""
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    line = 0
    for start, end in itertools.pairwise(starts):
        part = text[start:end]
        if not _EMPTY.fullmatch(part):
            yield line, part.removeprefix("...")
        line += part.count("\n")


def _json_objects(text: str) -> list[Any] | None:
    """Return the values in a text of JSON objects, one after the other as kubectl takes them; None for other text."""
    if not text[_BLANK.match(text).end() :].startswith("{"):  # type: ignore[union-attr]
        return None
    found, end, decoder = [], 0, json.JSONDecoder(parse_constant=_reject)
    with contextlib.suppress(ValueError, RecursionError):
        while (start := _BLANK.match(text, end).end()) < len(text):  # type: ignore[union-attr]
            value, end = decoder.raw_decode(text, start)
            found.append(value)
        return found
    return None


def _reject(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _document(line: int, text: str, source: Source) -> Any:
    """Return what one document holds. Helm's reader takes maps only, so a list gets a key first."""
    try:
        return shallow(go_value(text), source.name) or None
    except RecursionError:
        raise ModelserviceError(TOO_DEEP, file=source.name) from None
    except helm_python.HelmError as error:
        detail = error.detail
    with contextlib.suppress(RecursionError, helm_python.HelmError):
        node = next(iter(parse(Source(source.name, "\n" * line + text))), yaml.ScalarNode("", ""))
        if isinstance(node, yaml.ScalarNode):
            return node.value
        if isinstance(node, yaml.SequenceNode):
            indented = textwrap.indent(text.removeprefix("---"), " ")
            return shallow(go_value(f"items:\n{indented}")["items"], source.name)
        line = node.start_mark.line
    reason = re.sub(r"^error (?:converting YAML to JSON|unmarshaling JSON): (?:yaml: )?", "", detail)
    raise ModelserviceError(f"invalid YAML: {reason}", file=f"{source.name}:{line + 1}")


def go_value(text: str) -> dict[str, Any]:
    """Return a YAML map as Go's reader understands it.

    Raises:
        HelmError: it is not one.
        RecursionError: it is nested too deeply.
    """
    return helm_python.values_from_yaml(text)


def parse(source: Source) -> list[yaml.Node]:
    """Return the syntax trees of the YAML documents in a text, which know their lines.

    Raises:
        ModelserviceError: PyYAML cannot read it; the error has the line.
    """
    try:
        found = _composed(source.text)
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, source) from None
    except yaml.YAMLError as error:
        raise ModelserviceError(f"invalid YAML: {error}", file=source.name) from None
    except RecursionError:
        raise ModelserviceError(TOO_DEEP, file=source.name) from None
    while found and is_empty(found[-1]):
        found.pop()
    return [document or yaml.ScalarNode("", "") for document in found]


_TRAILING_TABS = re.compile(r"[ \t]*\t[ \t]*(?=\r?$)", re.MULTILINE)


def trailing_tabs_blank(text: str) -> str:
    """Return a text with blanks in place of tabs at the ends of lines, which only the readers in Python reject."""
    return _TRAILING_TABS.sub(lambda found: " " * len(found[0]), text)


def _composed(text: str) -> list[yaml.Node | None]:
    """Return the syntax trees of a text; tabs at the ends of lines, which only PyYAML rejects, are read as blanks."""
    try:
        return list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        blank = trailing_tabs_blank(text)
        if "'\\t'" not in (error.problem or "") or blank == text:
            raise
        return list(yaml.compose_all(blank, Loader=yaml.SafeLoader))


def is_empty(document: yaml.Node | None) -> bool:
    """Return whether a document holds nothing."""
    return document is None or (isinstance(document, yaml.ScalarNode) and document.value in ("", "null", "~"))


def _unreadable(error: yaml.MarkedYAMLError, source: Source) -> ModelserviceError:
    """Return what PyYAML reports, with the line and its text."""
    mark = error.problem_mark or error.context_mark
    lines = source.text.splitlines()
    shown = lines[mark.line].strip() if mark and mark.line < len(lines) else ""
    reason = (error.problem or "cannot be parsed").replace("\t", "\\t")
    return ModelserviceError(f"invalid YAML: {reason}: {shown!r}", file=f"{source.name}:{mark.line + 1 if mark else 0}")


def _items(document: Any) -> list[Any]:
    items = document.get("items") if isinstance(document, dict) else None
    return items if items and isinstance(items, list) else [document]


def duplicates(document: yaml.Node) -> Iterator[tuple[str, int, int]]:
    """Yield the keys that a document gives twice, each with its line and the line before."""
    for node in _nodes(document):
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and key.value != "<<":
                yield key.value, line, seen[key.value]
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
