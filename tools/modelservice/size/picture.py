"""What a model fits on as a picture: for each row its accelerators, and the requests that it runs at once."""

from __future__ import annotations

import itertools
from html import escape

from modelservice.escapes import visible
from modelservice.models.catalogue import KnownModel
from modelservice.plan import draw
from modelservice.size.candidates import Candidate, Sizing
from modelservice.size.request import Need
from modelservice.size.table import OPEN, remarks

_LEFT, _TOP = 24, 112
_ROW = 38
_SQUARES, _CELL, _GAP = 300, 9, 2
"""Left edge of the accelerators, their size, and the space between two; twice as much between instances."""
_MORE = 630
"""Right edge beyond which accelerators are counted only."""
_BAR, _LENGTH = 700, 240
"""Left edge and length of the bar of requests."""
_WIDTH = _BAR + _LENGTH + 110


def svg(model: KnownModel, need: Need, found: Sizing) -> str:
    """Return the picture as an SVG document."""
    colours = draw.COLOURS["decode"]
    most = max((item.most for item in found.candidates), default=need.concurrent)
    scale = _LENGTH / max(most, need.concurrent)
    below = _TOP + len(found.candidates) * _ROW
    needed = _BAR + round(need.concurrent * scale)
    rows = [_row(number, item, needed, scale, colours) for number, item in enumerate(found.candidates)]
    notes = [draw.text(_LEFT, below + 22 + 18 * at, line, 11, draw.DIM) for at, line in enumerate(remarks(found))]
    height = below + 28 + 18 * len(notes)
    title = f"{model.name} for {need.text} at once"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
            f'height="{height}" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
            f'role="img" aria-label="{escape(visible(title))}">',
            draw.DEFINITIONS,
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            draw.text(_LEFT, 36, title, 20, weight="bold"),
            draw.text(_LEFT, 58, model.note, 13, draw.DIM),
            draw.text(_SQUARES, 90, "accelerators, by instance", 12, draw.DIM),
            draw.text(_BAR, 58, "requests at once", 12, draw.DIM),
            *_legend(colours),
            draw.text(needed, _TOP - 14, f"{need.concurrent} needed", 12, draw.WRONG, anchor="middle"),
            *itertools.chain.from_iterable(rows),
            draw.rect(needed, _TOP - 10, 1, below - _TOP + 6, draw.WRONG, draw.WRONG, radius=0),
            *notes,
            "</svg>\n",
        ]
    )


def _legend(colours: tuple[str, str, str]) -> list[str]:
    """What the parts of a bar mean."""
    shapes, x = [], _BAR
    for fill, label in ((colours[0], "certain"), (draw.HATCHED, "depends on the overhead")):
        shapes.append(draw.rect(x, 64, 22, 11, fill, colours[0], radius=0))
        shapes.append(draw.text(x + 28, 74, label, 12, draw.DIM))
        x += 44 + draw.text_width(label, 12)
    return shapes


def _row(number: int, item: Candidate, needed: int, scale: float, colours: tuple[str, str, str]) -> list[str]:
    """One row of the table."""
    y = _TOP + number * _ROW
    replicas = f"{item.replicas} × " if item.replicas > 1 else ""
    certain = item.certain
    shapes = [
        draw.text(_LEFT, y + 9, f"{number + 1}  {item.hardware.name}", 14, draw.INK if certain else draw.DIM, "bold"),
        draw.text(_LEFT + 18, y + 24, f"{replicas}{item.layout}", 12, draw.INK if certain else draw.DIM),
        *_accelerators(item, y, colours),
    ]
    low, high = round(item.least * scale), round(item.most * scale)
    shapes.append(draw.rect(_BAR, y, high, 14, draw.HATCHED, colours[0], radius=0))
    if low:
        shapes.append(draw.rect(_BAR, y, low, 14, colours[0] if certain else colours[1], colours[0], radius=0))
    runs = f"{item.least}" if item.least == item.most else f"{item.least} to {item.most}"
    shapes.append(draw.text(_BAR + high + 8, y + 12, runs, 12, draw.INK if certain else draw.DIM))
    if not certain:
        shapes.append(draw.text(needed + 6, y + 27, OPEN, 11, draw.DIM))
    return shapes


def _accelerators(item: Candidate, y: int, colours: tuple[str, str, str]) -> list[str]:
    """A square for each accelerator, with a space after each instance, and their number."""
    shapes, x = [], _SQUARES
    for index in range(item.accelerators):
        if x > _MORE:
            break
        shapes.append(draw.rect(x, y + 2, _CELL, _CELL, colours[1], colours[0], radius=2))
        x += _CELL + (_GAP if (index + 1) % item.layout.accelerators else 3 * _GAP)
    more = "… " if x > _MORE else ""
    shapes.append(draw.text(x + 4, y + 12, f"{more}{item.accelerators}", 13, draw.INK, "bold"))
    return shapes
