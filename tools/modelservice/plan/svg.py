"""The plan as a picture: the way of a request on the left, the pods with their accelerators on the right."""

from __future__ import annotations

from html import escape

from modelservice.escapes import visible
from modelservice.plan.model import Call, Plan, Pod, Replica, Role
from modelservice.summary import counted

_COLOURS = {"decode": ("#1d4ed8", "#dbeafe", "#eff6ff"), "prefill": ("#c2410c", "#ffedd5", "#fff7ed")}
"""Line, accelerator and ground of a role."""
_INK, _DIM, _LINE, _WRONG = "#111827", "#6b7280", "#9ca3af", "#b91c1c"

_LEFT, _WIDTH = 24, 188
"""Column of gateway, pool and picker."""
_ROLES = 336
"""Left edge of the roles."""
_CELL, _GAP, _ROW = 26, 4, 8
"""Square of an accelerator, space between two, squares in a row."""
_POD = _ROW * (_CELL + _GAP) + 20
_SHOWN = 4
"""Replicas drawn; the rest are counted."""


def svg(plan: Plan) -> str:
    """The picture as an SVG document."""
    shapes: list[str] = []
    y = 84
    middles: dict[str, tuple[int, int]] = {}
    rows = [row for role in plan.roles for row in _described(role)]
    width = max(_ROLES + 2 * (_POD + 40) + 40, _ROLES + 24 + max(map(_width, rows), default=0))
    for role in plan.roles:
        drawn, height = _role(role, _ROLES, y)
        shapes += drawn
        middles.setdefault(role.role, (y, y + height))
        y += height + 64
    height = max(y - 24, 360)
    shapes = [*_path(plan.calls, middles), *_between(plan, middles), *shapes]
    total = ", ".join(f"{count} {name}" for name, count in sorted(plan.accelerators.items())) or "no accelerators"
    head = [
        _text(_LEFT, 36, plan.model or plan.name, 20, weight="bold"),
        _text(_LEFT, 58, f"{plan.name}: {counted(plan.pods, 'pod')}, {total}", 13, _DIM),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" role="img" '
            f'aria-label="{escape(visible(plan.name))}: pods, accelerators and calls">',
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{_DIM}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *head,
            *shapes,
            "</svg>\n",
        ]
    )


def _role(role: Role, x: int, y: int) -> tuple[list[str], int]:
    """Shapes of a role with its replicas, and their height."""
    line, _, ground = _COLOURS[role.role]
    sizes = [
        f"{name}{size}" for name, size in (("TP", role.tensor), ("PP", role.pipeline), ("DP", role.data)) if size > 1
    ] + (["EP"] if role.expert else [])
    number = "autoscaled" if role.autoscaled else f"{len(role.replicas)} x" if len(role.replicas) != 1 else ""
    unit = "group" if role.replicas and len(role.replicas[0].pods) > 1 else "pod"
    title = "  ".join(part for part in (f"{number or '1'} {unit}", " ".join(sizes)) if part)
    shapes = [
        _text(x, y + 14, role.role, 16, line, "bold"),
        _text(x + 76, y + 14, title, 13, _INK),
        *(_text(x, y + 34 + 16 * index, row, 11, _DIM) for index, row in enumerate(_described(role))),
    ]
    top, left, tallest = y + 78, x, 0
    limit = x + 2 * (_POD + 40)
    for replica in role.replicas[:_SHOWN]:
        drawn, width, height = _replica(replica, role, left, top, line, ground)
        if left + width > limit + 8 and left > x:
            left, top, tallest = x, top + tallest + 12, 0
            drawn, width, height = _replica(replica, role, left, top, line, ground)
        shapes += drawn
        left, tallest = left + width + 16, max(tallest, height)
    bottom = top + tallest
    if len(role.replicas) > _SHOWN:
        shapes.append(_text(x, bottom + 18, f"and {len(role.replicas) - _SHOWN} more like these", 12, _DIM))
        bottom += 24
    return shapes, bottom - y


def _described(role: Role) -> list[str]:
    """What is below a role's name, row by row."""
    probes = ", ".join(role.probes) or "none"
    return [f"{role.object}   {_short(role.image)}", f"model {role.model}", f"probes {probes}"]


def _width(row: str) -> int:
    """Width of a row below a role's name, in any of the fonts."""
    return 7 * len(row)


def _replica(replica: Replica, role: Role, x: int, y: int, line: str, ground: str) -> tuple[list[str], int, int]:
    shapes: list[str] = []
    group = len(replica.pods) > 1
    inset = 10 if group else 0
    left, top, tallest = x + inset, y + (26 if group else 0), 0
    right = left
    for index, pod in enumerate(replica.pods):
        if index and index % 2 == 0:
            left, top, tallest = x + inset, top + tallest + 8, 0
        drawn, height = _pod(pod, role, left, top, line)
        shapes += drawn
        right, tallest = max(right, left + _POD), max(tallest, height)
        left += _POD + 8
    width, height = right - x + inset, top + tallest - y + inset
    if group:
        frame = _rect(x, y, width, height, ground, line, dashed=True)
        shapes = [frame, _text(x + 10, y + 18, f"group {replica.index}", 12, line, "bold"), *shapes]
    return shapes, width, height


def _pod(pod: Pod, role: Role, x: int, y: int, line: str) -> tuple[list[str], int]:
    """One pod: title and node, a square for each accelerator with its rank, the ports."""
    _, cell, _ = _COLOURS[role.role]
    rows = -(-len(pod.ranks) // _ROW)
    ports = _ports(role) if pod.serves else ["answers no requests"]
    height = 30 + rows * (_CELL + _GAP) + 17 * len(ports) + 8
    where, colour = (pod.node, "#047857") if pod.node else ("fits on no node", _WRONG) if pod.unplaced else ("", _DIM)
    shapes = [
        _rect(x, y, _POD, height, "#ffffff", _WRONG if pod.unplaced else line),
        _text(x + 10, y + 20, pod.title, 12, _INK, "bold"),
        _text(x + _POD - 10, y + 20, where, 11, colour, anchor="end"),
    ]
    for index, rank in enumerate(pod.ranks):
        left, top = x + 10 + index % _ROW * (_CELL + _GAP), y + 30 + index // _ROW * (_CELL + _GAP)
        shapes.append(_rect(left, top, _CELL, _CELL, cell, line, radius=3))
        shapes.append(_text(left + _CELL // 2, top + 17, str(rank), 10, line, anchor="middle"))
    for index, text in enumerate(ports):
        shapes.append(_text(x + 10, y + 44 + rows * (_CELL + _GAP) + 17 * index, text, 11, _INK))
    return shapes, height


def _ports(role: Role) -> list[str]:
    lines = []
    if role.port("proxy"):
        lines.append(f"proxy :{role.port('proxy')} → engine :{role.port('engine')}")
    elif role.port("engine"):
        lines.append(f"engine :{role.port('engine')}")
    if role.port("side channel"):
        lines.append(f"NIXL side channel :{role.port('side channel')}")
    return lines


def _path(calls: tuple[Call, ...], middles: dict[str, tuple[int, int]]) -> list[str]:
    """The way of a request: gateway, pool, picker, and from there to decode."""
    shapes: list[str] = []
    stations = list(
        dict.fromkeys(
            call.source for call in calls if call.source.startswith(("gateway", "pool", "endpoint", "clients"))
        )
    )
    top = 96
    for index, station in enumerate(stations):
        y = top + index * 88
        shapes.append(_rect(_LEFT, y, _WIDTH, 44, "#f9fafb", _LINE))
        shapes.append(_text(_LEFT + _WIDTH // 2, y + 27, station, 13, _INK, "bold", "middle"))
        call = next(item for item in calls if item.source == station)
        if index + 1 < len(stations):
            shapes.append(_arrow(_LEFT + _WIDTH // 2, y + 44, _LEFT + _WIDTH // 2, y + 86))
            shapes.append(_text(_LEFT + _WIDTH // 2 + 8, y + 70, call.label, 11, _DIM))
        elif "decode" in middles:
            target = middles["decode"][0] + 106
            x = _LEFT + _WIDTH
            shapes.append(_arrow(x, y + 22, _ROLES - 6, max(target, 134), bend=True))
            shapes.append(_text(_LEFT + 8, y + 62, call.label, 11, _DIM))
    return shapes


def _between(plan: Plan, middles: dict[str, tuple[int, int]]) -> list[str]:
    """What passes between decode and prefill."""
    if not {"decode", "prefill"} <= set(middles):
        return []
    upper, lower = sorted(("decode", "prefill"), key=lambda role: middles[role][0])
    start, end = middles[upper][1] + 4, middles[lower][0] - 8
    shapes = []
    prompts = next((call for call in plan.calls if call.target == "prefill"), None)
    cache = next((call for call in plan.calls if call.source == "prefill"), None)
    for call, x, role in ((prompts, _ROLES + 60, "prefill"), (cache, _ROLES + 300, "decode")):
        if call:
            down = role == lower
            shapes.append(_arrow(x, start if down else end, x, end if down else start))
            shapes.append(_text(x + 10, (start + end) // 2 + 4, call.label, 11, _DIM))
    return shapes


def _short(image: str) -> str:
    return image if len(image) <= 56 else "..." + image[-53:]


def _rect(
    x: int, y: int, width: int, height: int, fill: str, stroke: str, dashed: bool = False, radius: int = 6
) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}" stroke="{stroke}"{dash}/>'
    )


def _text(
    x: int, y: int, text: str, size: int, colour: str = _INK, weight: str = "normal", anchor: str = "start"
) -> str:
    style = f'font-size="{size}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}" {style} xml:space="preserve">{escape(visible(text))}</text>'


def _arrow(x1: int, y1: int, x2: int, y2: int, bend: bool = False) -> str:
    middle = (x1 + x2) // 2
    line = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}" if bend else f"M{x1} {y1} L{x2} {y2}"
    return f'<path d="{line}" fill="none" stroke="{_DIM}" stroke-width="1.5" marker-end="url(#head)"/>'
