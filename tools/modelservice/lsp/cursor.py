"""What an editor's cursor is in: the key or value that is being typed, in a text that is mostly not valid YAML yet.

A mark is put in the place of the word at the cursor, and the parser finds where it is. Where the whole text cannot be
parsed, the part above the cursor is tried, and then only the lines that the cursor's line belongs to.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from modelservice.lsp.positions import Span
from modelservice.lsp.tree import Tree
from modelservice.sources import Path

_MARK = "modelserviceCursor"
_WORD = re.compile(r"[^\s,\[\]{}\"'#:]*(?::(?=\S)[^\s,\[\]{}\"'#:]*)*$")
_REST = re.compile(r"[^\s,\[\]{}\"'#:]*(?::(?=\S)[^\s,\[\]{}\"'#:]*)*")
"""The word on both sides of the cursor; a colon within it belongs to it."""


@dataclass(frozen=True)
class Cursor:
    """Where the cursor is.

    Args:
        path: the map whose key it is in, or the key or item whose value it is in.
        word: the word at the cursor, which a completion replaces.
        typed: the word up to the cursor.
        is_key: a key of the map can stand here.
        is_value: a value of the key or item can stand here.
        others: the keys that the map has already.
        colon: whether a colon follows, so that only the name of the key changes.
    """

    path: Path
    word: Span
    typed: str
    is_key: bool
    is_value: bool
    others: frozenset[str]
    colon: bool


def cursor_at(text: str, offset: int) -> Cursor | None:
    """Return what is being typed at an offset; None in a comment, and where nothing tells."""
    start_of_line = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    before = text[start_of_line:offset]
    if re.search(r"(^|\s)#", re.sub(r"\"[^\"]*\"|'[^']*'", "", before)):
        return None
    typed = _search(_WORD, before)
    rest = _match(_REST, text[offset:])
    word = Span(offset - len(typed), offset + len(rest))
    colon = re.match(r"[\"']?[ \t]*:(\s|$)", text[word.end :]) is not None
    for head, tail in _texts(text, word, start_of_line):
        for after in (_MARK, f"{_MARK}:"):
            with contextlib.suppress(yaml.YAMLError):
                found = _find(Tree(f"{head}{after}{tail}"), word, typed, colon)
                if found:
                    return found
    return None


def _search(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""


def _match(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0] if found else ""


def _texts(text: str, word: Span, start_of_line: int) -> Iterator[tuple[str, str]]:
    """Yield what may stand before and after the mark: the whole text first, then less of it."""
    rest = re.split(r"[\r\n]", text[word.end :], maxsplit=1)[0]
    yield text[: word.start], text[word.end :]
    yield text[: word.start], rest
    yield _above(text[:start_of_line], text[start_of_line : word.start]), rest


def _above(text: str, begun: str) -> str:
    """Return the lines that a line belongs to by their indentation, with the line's beginning."""
    kept = [begun]
    depth, dash = _depth(begun), begun.lstrip().startswith("- ") or begun.strip() == "-"
    for line in reversed(re.split(r"\r\n|\n|\r", text)):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        own, is_item = _depth(line), line.lstrip().startswith("-")
        if own < depth or (own == depth and dash and not is_item):
            kept.insert(0, line)
            depth, dash = own, is_item
    return "\n".join(kept)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _find(tree: Tree, word: Span, typed: str, colon: bool) -> Cursor | None:
    """Return where the mark is among the keys and values of a text."""
    for entry in tree.entries():
        *above, last = entry.path
        if last == _MARK:
            others = frozenset(str(item.path[-1]) for item in tree.entries() if item.path[:-1] == tuple(above))
            return Cursor(tuple(above), word, typed, True, False, others - {_MARK}, colon)
        if isinstance(entry.node, yaml.ScalarNode) and entry.node.value == _MARK:
            own_line = isinstance(last, int) or entry.node.start_mark.line > entry.line
            return Cursor(entry.path, word, typed, own_line, True, frozenset(), colon)
    document = tree.documents[0] if tree.documents else None
    if isinstance(document, yaml.ScalarNode) and document.value == _MARK:
        return Cursor((), word, typed, True, False, frozenset(), colon)
    return None
