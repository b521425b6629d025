"""The keys of a YAML text with their exact places: the syntax tree that :mod:`modelservice.sources` reads too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from modelservice.documents import DEEPEST, FastLoader
from modelservice.lsp.positions import Span
from modelservice.sources import Path

_MARK = "\ufeff"
"""Byte order mark, which libyaml does not count."""


@dataclass(frozen=True)
class Entry:
    """A key, or an item of a list, with its value."""

    path: Path
    key: Span
    """The key; of an item, its value."""
    value: Span
    """The value without comments after it; empty where nothing was written."""
    node: yaml.Node
    line: int
    """Line of the key or item, counted from 0."""
    alias: bool
    """Whether the value is an alias, so that its text is somewhere else."""

    @property
    def span(self) -> Span:
        """The key with its value."""
        return self.key if self.alias else Span(self.key.start, max(self.key.end, self.value.end))

    @property
    def best(self) -> Span:
        """What to point at: a scalar itself, else the key."""
        simple = isinstance(self.node, yaml.ScalarNode) and self.value.end > self.value.start and not self.alias
        return self.value if simple else self.key


class Tree:
    """The YAML documents of a text.

    Args:
        text: the text.

    Raises:
        YAMLError: it cannot be parsed.
    """

    def __init__(self, text: str) -> None:
        content = text.removeprefix(_MARK)
        self._shift = len(text) - len(content)
        self._content = content
        loader = FastLoader if _levels(content) <= _DEEPEST_FOR_LIBYAML else yaml.SafeLoader
        try:
            self.documents = [node for node in yaml.compose_all(content, Loader=loader) if node is not None]
        except RecursionError:
            raise yaml.YAMLError(f"nested more than {DEEPEST} levels deep") from None

    def entries(self) -> Iterator[Entry]:
        """Yield every key and item, outer ones first, those of an alias at its anchor only."""
        todo: list[tuple[Path, yaml.Node]] = [((), document) for document in reversed(self.documents)]
        while todo:
            path, node = todo.pop()
            children = list(self.children(path, node))
            yield from children
            todo += [(child.path, child.node) for child in reversed(children) if not child.alias]

    def children(self, path: Path, node: yaml.Node) -> Iterator[Entry]:
        """Yield the keys or items directly in a node."""
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else ""
                alias = value.start_mark.index < key.start_mark.index
                yield Entry((*path, name), self._span(key), self._value(key, value), value, key.start_mark.line, alias)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                alias = item.start_mark.index < node.start_mark.index
                span = self._span(item)
                place = node if alias else item
                key = self._head(self._span(place))
                yield Entry((*path, index), key, span, item, place.start_mark.line, alias)

    def find(self, path: Path) -> Entry | None:
        """Return a key of the first document, or the nearest one above it that is there; None without any."""
        found: Entry | None = None
        for part in path if self.documents else ():
            entry = self._child(found.path if found else (), found.node if found else self.documents[0], part)
            if entry is None:
                return found
            found = entry
        return found

    def at(self, offset: int) -> Entry | None:
        """Return the innermost key or item with an offset in it; None where there is none."""
        around = [entry for entry in self.entries() if entry.span.start <= offset <= entry.span.end]
        return max(around, key=lambda entry: len(entry.path), default=None)

    def _child(self, path: Path, node: yaml.Node, part: str | int) -> Entry | None:
        """Return a key or item of a node; a key may come from a map that is merged into it."""
        found = [entry for entry in self.children(path, node) if entry.path[-1] in (part, str(part))]
        if found or not isinstance(node, yaml.MappingNode):
            return found[-1] if found else None
        merged = [value for key, value in node.value if key.value == "<<"]
        maps = [item for value in merged for item in (value.value if _is_list(value) else [value])]
        return next((entry for item in maps if (entry := self._child(path, item, part))), None)

    def _value(self, key: yaml.Node, value: yaml.Node) -> Span:
        span = self._span(value)
        return Span(self._span(key).end, self._span(key).end) if span.start < self._span(key).end else span

    def _head(self, span: Span) -> Span:
        """Return the first line of a span."""
        text = self._content[span.start - self._shift : span.end - self._shift]
        first = re.split(r"[\r\n]", text, maxsplit=1)[0].rstrip()
        return Span(span.start, span.start + len(first))

    def _span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark.index, _end(node)
        text = self._content[start:end]
        return Span(start + self._shift, start + len(text.rstrip()) + self._shift)


_DEEPEST_FOR_LIBYAML = 1000
"""Levels up to which libyaml may read a text; it recurses without a limit of its own."""


def _levels(text: str) -> int:
    """Return a bound of how deeply maps and lists are nested in a text, whether it is valid or not."""
    blocks = max((len(match) for match in re.findall(r"^[-?: ]+", text, flags=re.MULTILINE)), default=0)
    return blocks + text.count("[") + text.count("{")


def _is_list(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _end(node: yaml.Node) -> int:
    """Return where a node ends: a block collection where its last part does, not where the next token begins."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
        before = node.value[-1][0].end_mark.index if isinstance(node, yaml.MappingNode) else node.start_mark.index
        if last.start_mark.index < before:  # an alias
            return before
        node = last
    return int(node.end_mark.index)
