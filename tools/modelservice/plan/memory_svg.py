"""The memory of a role's ranks as a bar with a legend, and the figures that it allows."""

from __future__ import annotations

import itertools
import textwrap

from modelservice.plan import draw
from modelservice.plan.memory import Kind, Memory, Section

_BAR = 22
"""Height of a bar."""
_OVERHEAD = "#9ca3af"


def drawn(memory: Memory, colours: tuple[str, str, str], x: int, y: int, width: int) -> tuple[list[str], int]:
    """Return the shapes of a memory, and their height.

    Args:
        memory: the memory of a role's ranks.
        colours: line, accelerator and ground of the role.
        x, y: upper left corner.
        width: length of a whole accelerator, and of a row of the legend.
    """
    shapes: list[str] = []
    top = y
    for kind in memory.kinds:
        some, height = _kind(kind, colours, x, top, width)
        shapes += some
        top += height
    if memory.figures:
        for left, (caption, value) in zip(_columns(memory), memory.figures, strict=False):
            shapes.append(draw.text(x + left, top + 12, caption, 11, draw.DIM))
            shapes.append(draw.text(x + left, top + 29, value, 13, draw.INK, "bold"))
        top += 40
    trouble = [(f"{memory.trouble[0].upper()}{memory.trouble[1:]}", draw.WRONG)] if memory.trouble else []
    for note, colour in (*trouble, *((f"Memory: {note}", draw.DIM) for note in memory.notes)):
        for row in textwrap.wrap(note, width * 10 // 60):
            shapes.append(draw.text(x, top + 12, row, 11, colour))
            top += 15
    return shapes, top + 6 - y


def figures_width(memory: Memory) -> int:
    """Return the width of the row of figures."""
    return _columns(memory)[-1]


def _columns(memory: Memory) -> list[int]:
    """Where each figure begins, and where the last one ends."""
    widths = [max(draw.text_width(caption, 11), draw.text_width(value, 14)) + 24 for caption, value in memory.figures]
    return list(itertools.accumulate(widths, initial=0))


def _kind(kind: Kind, colours: tuple[str, str, str], x: int, y: int, width: int) -> tuple[list[str], int]:
    """One bar with its title and legend; without a bar where the accelerator is not known."""
    if not kind.sections:
        return [], 0
    title = f"Memory of {kind.title}" + (f": {kind.of}" if kind.of else "")
    shapes, top = [draw.text(x, y + 12, draw.fitted(title, 12, width), 12, draw.INK)], y + 20
    if kind.total:
        shapes += _bar(kind.sections, kind.total, colours, x, top, width)
        top += _BAR + 6
    left = x
    entries = [(_fill(section, colours), section.text) for section in kind.sections]
    for fill, label in [*entries, *([(draw.WRONG, "end of the accelerator")] if kind.overflows else [])]:
        length = 15 + draw.text_width(label, 11)
        if left > x and left + length > x + width:
            left, top = x, top + 16
        shapes.append(draw.rect(left, top, 11, 11, fill, draw.WRONG if fill == draw.WRONG else colours[0], radius=2))
        shapes.append(draw.text(left + 15, top + 10, label, 11, draw.INK))
        left += length + 10
    return shapes, top + 22 - y


def _bar(sections: list[Section], total: int, colours: tuple[str, str, str], x: int, y: int, width: int) -> list[str]:
    """The sections of a memory side by side; a line where the accelerator ends, if they are longer than that."""
    whole = max(total, sum(section.size for section in sections))
    shapes, before = [], 0
    for section in sections:
        left, right = (x + round(width * size / whole) for size in (before, before + section.size))
        before += section.size
        if right > left:
            shapes.append(draw.rect(left, y, right - left, _BAR, _fill(section, colours), colours[0], radius=0))
    if whole > total:
        end = x + round(width * total / whole)
        shapes.append(draw.rect(end - 1, y - 4, 3, _BAR + 8, draw.WRONG, draw.WRONG, radius=0))
    return shapes


def _fill(section: Section, colours: tuple[str, str, str]) -> str:
    """Fill of a section; the fills differ in brightness or are hatched, so they are told apart in grey as well."""
    line, cell, _ = colours
    return {"weights": line, "overhead": _OVERHEAD, "open": draw.HATCHED, "cache": cell}.get(section.kind, "#ffffff")
