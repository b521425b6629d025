"""Where a value was written: the file and line of every key, through all layers of ``-f``."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from modelservice.assignments import Assignments
from modelservice.documents import read_source
from modelservice.errors import Problem, ValuesError
from modelservice.inputs import Values, merge, parse_values
from modelservice.kubernetes.dotted import MISSING, found_at

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Layer:
    """One values file: what Helm reads in it, and the document itself for its lines."""

    name: str
    values: Values
    document: yaml.Node | None
    """None where PyYAML cannot read what Helm can; the keys then have no lines."""


class Sources:
    """The layers of a deployment's values, the last one on top.

    Args:
        layers: the values files in the order of ``-f``.
        values: what is in effect where ``--set`` changed them; by default the layers merged.
        subchart: key below which the values stand in the files, for those of a subchart.
        whole: the values of the parent chart, for those of a subchart.
    """

    def __init__(
        self, layers: Sequence[Layer], values: Values | None = None, subchart: str = "", whole: Sources | None = None
    ) -> None:  # fmt: skip
        self.layers = layers
        self.subchart = subchart
        self.whole = whole or self
        self._in_files: Values = merge(layer.values for layer in layers)
        self.values: Values = self._in_files if values is None else values

    def has(self, key: str) -> bool:
        """Whether the user wrote this key, in whichever layer."""
        path = resolve(self.values, key)
        return path is not None

    def place(self, key: str) -> Place | None:
        """Return where the key was written last; where it is in no file, the nearest key above it.

        None where no file has it, or `--set` gave it.
        """
        if self.set_by_option(key):
            return None
        for length in range(len(split(self.values, key)), 0, -1):
            for layer in reversed(self.layers):
                line = _line(layer.document, split(self.values, key)[:length])
                if line is not None:
                    return Place(layer.name, line)
        return None

    def full(self, key: str) -> str:
        """Return a key as it stands in the files: a subchart's below its name, but for what all subcharts share."""
        shared = key == "global" or key.startswith("global.")
        return f"{self.subchart}.{key}" if self.subchart and not shared else key

    def full_path(self, path: Path) -> Path:
        """Return the parts of a key as it stands in the files, as :meth:`full`."""
        return (self.subchart, *path) if self.subchart and path[:1] != ("global",) else path

    def below(self, name: str) -> Sources:
        """Return the values of a subchart: those below its name, and ``global``."""
        layers = [
            Layer(layer.name, _values_below(layer.values, name), _document_below(layer.document, name))
            for layer in self.layers
        ]
        return Sources(layers, _values_below(self.values, name), name, self)

    def set_by_option(self, key: str) -> bool:
        """Return whether `--set` or one of its siblings gave the value of a key."""
        path = resolve(self.values, key)
        if path is None:
            return False
        value, written = _value(self.values, path), _value(self._in_files, path)
        return value != written and not (isinstance(value, dict) and isinstance(written, dict))

    def located(self, error: ValuesError) -> ValuesError:
        """Return an error with the file and line of each problem, as far as they are known."""
        return ValuesError([self._located(problem) for problem in error.problems], by_schema=error.by_schema)

    def _located(self, problem: Problem) -> Problem:
        if problem.file is not None or problem.key is None:
            return problem
        place = self.place(problem.key)
        return replace(problem, file=str(place) if place else None)

    def places(self, key: str) -> list[Place]:
        """Every layer's line of exactly this key, the one that counts last."""
        path = split(self.values, key)
        found = ((layer.name, _line(layer.document, path)) for layer in self.layers)
        return [Place(name, line) for name, line in found if line is not None]


def read_layers(paths: Sequence[str]) -> list[Layer]:
    """Reads values files, the standard input for ``-``.

    Raises:
        UsageError: a file cannot be read.
        ModelserviceError: one is not a YAML mapping.
    """
    layers = []
    for path in paths:
        source = read_source(path)
        values, document = parse_values(source)
        layers.append(Layer(source.name, values, document))
    return layers


def read_sources(paths: Sequence[str], assignments: Assignments) -> Sources:
    """Return the values of files and options.

    Raises:
        UsageError: a file cannot be read, or an option is malformed.
        ModelserviceError: a file is not a YAML mapping.
    """
    layers = read_layers(paths)
    return Sources(layers, assignments.apply(merge(layer.values for layer in layers)))


@contextlib.contextmanager
def located(sources: Sources) -> Iterator[None]:
    """Give the errors of values that are rejected within the block their file and line."""
    try:
        yield
    except ValuesError as error:
        raise sources.located(error) from None


def _values_below(values: Values, name: str) -> Values:
    """Return a subchart's values; the parent's ``global`` wins, as in Helm."""
    own, shared = values.get(name), values.get("global")
    found = dict(own) if isinstance(own, dict) else {}
    return merge([found, {"global": shared}]) if isinstance(shared, dict) else found


def _document_below(document: yaml.Node | None, name: str) -> yaml.Node | None:
    """Return the part of a document with a subchart's values, and ``global``."""
    found = _entry(document, name)
    entries = list(found[1].value) if found and isinstance(found[1], yaml.MappingNode) else []
    if isinstance(document, yaml.MappingNode):
        entries += [entry for entry in document.value if entry[0].value == "global"]
    return yaml.MappingNode("tag:yaml.org,2002:map", entries)


def split(values: Any, key: str) -> Path:
    """A dotted key as its parts: ``decode.containers[0].args`` as ``("decode", "containers", 0, "args")``.

    A name with dots in it, such as ``llm-d.ai/model``, is one part where the values have it.
    """
    parts: list[str | int] = []
    node, rest = values, key
    while rest:
        index = _INDEX.match(rest)
        part: str | int
        if index and not isinstance(node, dict):
            part, rest = int(index[1]), rest[index.end() :]
        else:
            names = [name for name in node if _starts(rest, name)] if isinstance(node, dict) else []
            end = min((rest.find(mark, 1) for mark in ".[" if mark in rest[1:]), default=len(rest))
            part = max(names, key=len) if names else rest[:end]
            rest = rest[len(part) :]
        parts.append(part)
        node = _child(node, part)
        rest = rest.removeprefix(".")
    return tuple(parts)


def resolve(values: Any, key: str) -> Path | None:
    """The parts of a key that is among the values; None for one that is not."""
    path = split(values, key)
    return path if found_at(values, path) is not MISSING else None


def dotted(path: Path) -> str:
    """The parts of a key as people write it: ``decode.containers[0].args``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def leaves(values: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is not a map or list with content, with its path."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    elif isinstance(values, list) and values:
        for index, value in enumerate(values):
            yield from leaves(value, (*path, index))
    else:
        yield path, values


_INDEX = re.compile(r"\[(\d+)\]")


def _starts(rest: str, name: str) -> bool:
    return rest.startswith(name) and rest[len(name) : len(name) + 1] in ("", ".", "[")


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    return node[part] if isinstance(node, list) and isinstance(part, int) and part < len(node) else None


def _value(values: Any, path: Path) -> Any:
    return functools.reduce(_child, path, values)


def written_text(document: yaml.Node | None, path: Path) -> str | None:
    """Return the characters of a plain scalar in a document; None for anything else."""
    node = document
    for part in path:
        found = _entry(node, part)
        node = found[1] if found else None
    return str(node.value) if isinstance(node, yaml.ScalarNode) and not node.style else None


def _line(node: yaml.Node | None, path: Path) -> int | None:
    """Line of a key, counted from 1."""
    line = None
    for part in path:
        found = _entry(node, part)
        if found is None:
            return None
        line, node = found
    return line


def _entry(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None
    found = None
    for key, value in node.value:
        if key.value == str(part):
            found = key.start_mark.line + 1, value
        elif key.value == "<<" and found is None:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            found = next((entry for item in merged if (entry := _entry(item, part))), None)
    return found
