"""Places in a text: offsets of characters, as YAML parsers count, and lines with code units, as editors count."""

from __future__ import annotations

import bisect
import re
from typing import NamedTuple

from lsprotocol import types
from pygls.workspace import PositionCodec

_BREAK = re.compile(r"\r\n|\n|\r")
"""What ends a line in the protocol; YAML and Python know more line breaks."""


class Span(NamedTuple):
    """A part of a text, by the offsets of its first character and of the one after it."""

    start: int
    end: int


class Text:
    """A text with its lines.

    Args:
        content: the text.
        codec: the code units in which the editor counts; by default those of UTF-16.
    """

    def __init__(self, content: str, codec: PositionCodec | None = None) -> None:
        self.content = content
        self._codec = codec or PositionCodec()
        breaks = list(_BREAK.finditer(content))
        self._starts = [0, *(match.end() for match in breaks)]
        self._ends = [*(match.start() for match in breaks), len(content)]

    @property
    def lines(self) -> list[str]:
        """The lines without their breaks."""
        return [self.content[start:end] for start, end in zip(self._starts, self._ends, strict=True)]

    def line_of(self, offset: int) -> int:
        """Return the line of a character, counted from 0."""
        return bisect.bisect_right(self._starts, offset) - 1

    def line_span(self, line: int) -> Span:
        """Return a line without its break; the last line for one that is beyond it."""
        line = min(line, len(self._starts) - 1)
        return Span(self._starts[line], self._ends[line])

    def words_of_line(self, line: int) -> Span:
        """Return a line without the blanks around what it says."""
        start, end = self.line_span(line)
        content = self.content[start:end]
        return Span(end - len(content.lstrip()), start + len(content.rstrip())) if content.strip() else Span(start, end)

    def position(self, offset: int) -> types.Position:
        """Return the editor's position of an offset."""
        line = self.line_of(offset)
        start, end = self.line_span(line)
        return types.Position(line, self._codec.client_num_units(self.content[start : min(offset, end)]))

    def range(self, span: Span) -> types.Range:
        """Return the editor's range of a span."""
        return types.Range(self.position(span.start), self.position(span.end))

    def offset(self, position: types.Position) -> int:
        """Return the offset of an editor's position; the end of the line for one that is beyond it."""
        if position.line >= len(self._starts):
            return len(self.content)
        start, end = self.line_span(position.line)
        units = 0
        for index in range(start, end):
            if units >= position.character:
                return index
            units += self._codec.client_num_units(self.content[index])
        return end

    @property
    def whole(self) -> types.Range:
        """The range of the whole text."""
        return self.range(Span(0, len(self.content)))


def moved(span: Span, before: Text, after: Text) -> Span | None:
    """Return where a part of a text is in a later one; None where one of its lines has changed.

    Lines are compared from both ends, so what was typed lies between them.
    """
    old, new = before.lines, after.lines
    most = min(len(old), len(new))
    head = next((index for index in range(most) if old[index] != new[index]), most)
    tail = next((index for index in range(most - head) if old[-1 - index] != new[-1 - index]), most - head)
    first, last = before.line_of(span.start), before.line_of(span.end)
    if last < head:
        by = 0
    elif first >= len(old) - tail:
        by = len(new) - len(old)
    else:
        return None
    shift = after.line_span(first + by).start - before.line_span(first).start
    return Span(span.start + shift, span.end + shift)
