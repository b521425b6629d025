"""The text of a values file as a tree that knows where each key and value stands, comments and quotes left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from modelservice.documents import trailing_tabs_blank
from modelservice.edits.edit import NotEditableError
from modelservice.sources import Path, dotted


@dataclass
class Node:
    """A value.

    Args:
        start: where it begins, an anchor or tag included.
        head: where its content begins, behind an anchor or tag.
        end: where its last character is, the line's end and comments left out.
        kind: ``map``, ``list``, ``scalar`` or ``alias``.
        flow: whether it is a map or list in braces or brackets.
        style: quotes, or the sign of a text of several lines.
        children: what is in it.
    """

    start: int
    head: int
    end: int
    kind: str
    flow: bool = False
    style: str | None = None
    children: list[Child] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        """Whether it is a map or list that indentation holds together."""
        return self.kind in ("map", "list") and not self.flow

    def child(self, part: str | int) -> Child | None:
        """Return what a part of a path leads to; of a key that is given twice, the last."""
        kind = "map" if isinstance(part, str) else "list"
        found = [item for item in self.children if item.name == part] if self.kind == kind else []
        return found[-1] if found else None


@dataclass
class Child:
    """A key or item, and its value.

    Args:
        name: the key, or the item's number.
        start: where the key or the dash begins; where the value does, for an item in brackets.
        key_end: where the key ends.
        after: behind the colon or dash.
        style: quotes of the key.
        value: the value.
    """

    name: str | int
    start: int
    key_end: int
    after: int
    style: str | None
    value: Node


_BLANK = re.compile(r"(?:\s|#[^\r\n]*)*")
_COLON = re.compile(r"[ \t]*:")


def tree(text: str, name: str) -> Node | None:
    """Return the tree of a values file; None for one without content.

    Raises:
        NotEditableError: it is not one YAML document.
    """
    try:
        found = list(YAML(pure=True).parse(trailing_tabs_blank(text)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise NotEditableError(f"invalid YAML: {error.problem}", file=place, fix="correct it first") from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise NotEditableError(f"cannot be edited: {type(error).__name__}", file=name) from None
    if sum(isinstance(event, DocumentStartEvent) for event in found) > 1:
        raise NotEditableError("several YAML documents, but a values file is one", file=name)
    kinds = (ScalarEvent, AliasEvent, MappingStartEvent, MappingEndEvent, SequenceStartEvent, SequenceEndEvent)
    events = iter([event for event in found if isinstance(event, kinds)])
    first = next(events, None)
    if first is None or (isinstance(first, ScalarEvent) and first.value in ("", "null", "~")):
        return None
    return _Builder(text, events).node(first, 0, in_flow=False)


class _Builder:
    """Makes a tree of the events of a parser.

    Args:
        text: the text.
        events: what follows in it.
    """

    def __init__(self, text: str, events: Iterator[Any]) -> None:
        self._text = text
        self._events = events

    def node(self, event: Any, after: int, *, in_flow: bool) -> Node:
        """Return the node that an event begins.

        Args:
            event: its first event.
            after: behind the colon or dash.
            in_flow: whether it is within braces or brackets.
        """
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, AliasEvent):
            return Node(start, start, end, "alias")
        if isinstance(event, ScalarEvent):
            return self._scalar(event, after)
        flow = in_flow or bool(event.flow_style)
        node = Node(start, end if event.anchor or event.tag else start, end, "map", flow)
        if isinstance(event, MappingStartEvent):
            last = self._entries(node)
        else:
            node.kind = "list"
            last = self._items(node, after)
        node.end = last.end_mark.index if flow else max([end, *(child.value.end for child in node.children)])
        return node

    def _scalar(self, event: Any, after: int) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if start == end:
            start = end = after
        if event.style in ("|", ">"):
            head = self._text[start:end].partition("\n")[0]
            kept = "+" in head.partition("#")[0]
            end = start + len(self._text[start:end].rstrip("\r\n" if kept else " \t\r\n"))
        return Node(start, start, end, "scalar", style=event.style)

    def _entries(self, node: Node) -> Any:
        """Add the entries of a map, and return the event that ends it."""
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                return event
            key = self.node(event, event.start_mark.index, in_flow=node.flow)
            colon = _COLON.match(self._text, key.end)
            after = colon.end() if colon else key.end
            value = self.node(next(self._events), after, in_flow=node.flow)
            name = _name(event) if isinstance(event, ScalarEvent) else ""
            node.children.append(Child(name, key.start, key.end, after, key.style, value))
        raise AssertionError("a map that does not end")

    def _items(self, node: Node, after: int) -> Any:
        """Add the items of a list, and return the event that ends it."""
        position = max(after, node.head)
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                return event
            dash = _BLANK.match(self._text, position)
            start = dash.end() if dash and not node.flow else event.start_mark.index
            behind = start if node.flow else start + 1
            value = self.node(event, behind, in_flow=node.flow)
            node.children.append(Child(len(node.children), start, behind, behind, None, value))
            position = max(value.end, behind)
        raise AssertionError("a list that does not end")


_TRUE = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"}
_FALSE = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"}


def _name(event: Any) -> str:
    """Return a key as Go's reader has it, for which plain ``on`` is true."""
    if event.style or event.tag:
        return str(event.value)
    return "true" if event.value in _TRUE else "false" if event.value in _FALSE else str(event.value)


def find(root: Node | None, path: Path) -> list[Child]:
    """Return the children along a path, as far as the text has them."""
    found: list[Child] = []
    node = root
    for part in path:
        child = node.child(part) if node else None
        if child is None:
            break
        found.append(child)
        node = child.value
        if node.kind == "alias" and len(found) < len(path):
            shared = dotted(path[: len(found)])
            raise NotEditableError(
                "is an alias of what stands elsewhere in the file", key=shared, fix="edit it by hand, for all its uses"
            )
    return found
