"""Shapes of a picture as SVG: rectangles, texts, arrows and their colours."""

from __future__ import annotations

from html import escape

from modelservice.escapes import visible

COLOURS = {"decode": ("#1d4ed8", "#dbeafe", "#eff6ff"), "prefill": ("#c2410c", "#ffedd5", "#fff7ed")}
"""Line, accelerator and ground of a role."""
INK, DIM, LINE, WRONG = "#111827", "#6b7280", "#9ca3af", "#b91c1c"

DEFINITIONS = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{DIM}"/></marker>'
    '<pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="6" height="6" fill="#ffffff"/><rect width="2.5" height="6" fill="{DIM}"/></pattern></defs>'
)
"""What shapes refer to: the head of an arrow, and hatching as a fill."""
HATCHED = "url(#hatched)"


def rect(x: int, y: int, width: int, height: int, fill: str, stroke: str, dashed: bool = False, radius: int = 6) -> str:
    """Draw a rectangle with its upper left corner at a point."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}" stroke="{stroke}"{dash}/>'
    )


def text(x: int, y: int, text: str, size: int, colour: str = INK, weight: str = "normal", anchor: str = "start") -> str:
    """Draw a text on a line that begins, ends or has its middle at a point, by its anchor."""
    style = f'font-size="{size}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}" {style} xml:space="preserve">{escape(visible(text))}</text>'


def arrow(x1: int, y1: int, x2: int, y2: int, bend: bool = False) -> str:
    """Draw an arrow between two points."""
    middle = (x1 + x2) // 2
    return line(f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}" if bend else f"M{x1} {y1} L{x2} {y2}")


def line(path: str, dashed: bool = False) -> str:
    """Draw a path that ends in an arrow."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="{DIM}" stroke-width="1.5"{dash} marker-end="url(#head)"/>'


def text_width(text: str, size: int) -> int:
    """Width of a text, in any of the fonts."""
    return -(-len(text) * size * 6 // 10)


def fitted(text: str, size: int, width: int) -> str:
    """A text that fits into a width; without its middle where it is too long, because names differ at the end."""
    room = max(width * 10 // (size * 6), 5)
    if len(text) <= room:
        return text
    return f"{text[: (room - 1) // 2]}…{text[len(text) - room // 2 :]}"
