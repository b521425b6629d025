"""The plan as a picture: the way of a request on the left, the pods with their accelerators and memory on the right."""

from __future__ import annotations

from html import escape

from modelservice.escapes import visible
from modelservice.plan import draw, memory_svg
from modelservice.plan.model import Call, Plan, Pod, Replica, Role
from modelservice.summary import counted

_LEFT, _WIDTH = 24, 232
"""Column of gateway, pool and picker."""
_ROLES = 352
"""Left edge of the roles."""
_CELL, _GAP, _ROW = 26, 4, 8
"""Square of an accelerator, space between two, squares in a row."""
_POD = _ROW * (_CELL + _GAP) + 20
_STATION = 48
"""Height of a box on the way of a request."""
_SHOWN = 4
"""Replicas drawn; the rest are counted."""


def svg(plan: Plan) -> str:
    """The picture as an SVG document."""
    shapes: list[str] = []
    y = 84
    middles: dict[str, tuple[int, int]] = {}
    rows = [_width(row) for role in plan.roles for row in _described(role)]
    rows += [memory_svg.figures_width(role.memory) for role in plan.roles]
    width = max(_ROLES + 2 * (_POD + 40) + 40, _ROLES + 24 + max(rows, default=0))
    for role in plan.roles:
        drawn, height = _role(role, _ROLES, y)
        shapes += drawn
        middles.setdefault(role.role, (y, y + height))
        y += height + 64
    height = max(y, 380)
    shapes = [*_path(plan.calls, middles), *_between(plan, middles), *shapes, *_legend(plan, height - 16)]
    total = ", ".join(f"{count} {name}" for name, count in sorted(plan.accelerators.items())) or "no accelerators"
    head = [
        draw.text(_LEFT, 36, plan.model or plan.name, 20, weight="bold"),
        draw.text(_LEFT, 58, f"{plan.name}: {counted(plan.pods, 'pod')}, {total}", 13, draw.DIM),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" role="img" '
            f'aria-label="{escape(visible(plan.name))}: pods, accelerators and calls">',
            draw.DEFINITIONS,
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *head,
            *shapes,
            "</svg>\n",
        ]
    )


def _role(role: Role, x: int, y: int) -> tuple[list[str], int]:
    """Shapes of a role with its replicas, and their height."""
    line, _, ground = draw.COLOURS[role.role]
    sizes = [
        f"{name}{size}" for name, size in (("TP", role.tensor), ("PP", role.pipeline), ("DP", role.data)) if size > 1
    ] + (["EP"] if role.expert else [])
    counts = f"{role.scale}, {counted(role.pods, 'pod')} drawn" if role.autoscaled else role.scale
    title = "  ".join(part for part in (counts, " ".join(sizes), role.product) if part)
    shapes = [
        draw.text(x, y + 14, role.role, 16, line, "bold"),
        draw.text(x + 76, y + 14, title, 13, draw.INK),
        *(draw.text(x, y + 34 + 16 * index, row, 11, draw.DIM) for index, row in enumerate(_described(role))),
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
        shapes.append(draw.text(x, bottom + 18, f"and {len(role.replicas) - _SHOWN} more like these", 12, draw.DIM))
        bottom += 24
    filled, height = memory_svg.drawn(role.memory, draw.COLOURS[role.role], x, bottom + 14, 2 * _POD + 16)
    return [*shapes, *filled], bottom + 14 + height - y


def _described(role: Role) -> list[str]:
    """What is below a role's name, row by row."""
    probes = ", ".join(role.probes) or "none"
    return [f"{role.object}   {_short(role.image)}", f"model {role.model}", f"probes {probes}"]


def _width(row: str) -> int:
    """Width of a row below a role's name, in any of the fonts."""
    return draw.text_width(row, 11)


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
        frame = draw.rect(x, y, width, height, ground, line, dashed=True)
        shapes = [frame, draw.text(x + 10, y + 18, f"group {replica.index}", 12, line, "bold"), *shapes]
    return shapes, width, height


def _pod(pod: Pod, role: Role, x: int, y: int, line: str) -> tuple[list[str], int]:
    """One pod: title and node, a square for each accelerator with its rank, the ports."""
    _, cell, _ = draw.COLOURS[role.role]
    rows = -(-len(pod.ranks) // _ROW)
    ports = _ports(role) if pod.serves else ["answers no requests"]
    height = 30 + rows * (_CELL + _GAP) + 17 * len(ports) + 8
    free = _POD - 30 - draw.text_width(pod.title, 12)
    where, colour = (
        (draw.fitted(pod.node, 11, free), "#047857")
        if pod.node
        else ("fits on no node", draw.WRONG)
        if pod.unplaced
        else ("", draw.DIM)
    )
    shapes = [
        draw.rect(x, y, _POD, height, "#ffffff", draw.WRONG if pod.unplaced else line),
        draw.text(x + 10, y + 20, pod.title, 12, draw.INK, "bold"),
        draw.text(x + _POD - 10, y + 20, where, 11, colour, anchor="end"),
    ]
    for index, rank in enumerate(pod.ranks):
        left, top = x + 10 + index % _ROW * (_CELL + _GAP), y + 30 + index // _ROW * (_CELL + _GAP)
        shapes.append(draw.rect(left, top, _CELL, _CELL, cell, line, radius=3))
        shapes.append(draw.text(left + _CELL // 2, top + 17, str(rank), 10, line, anchor="middle"))
    for index, text in enumerate(ports):
        shapes.append(draw.text(x + 10, y + 44 + rows * (_CELL + _GAP) + 17 * index, text, 11, draw.INK))
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
    """The way of a request: gateway, pool, decode; beside it the endpoint picker, which the gateway asks for a pod."""
    sources = dict.fromkeys(call.source for call in calls)
    stations = [name for name in sources if name.startswith(("gateway", "pool", "clients"))]
    if not stations:
        return []
    shapes, top, x = [], 96, _LEFT + _WIDTH // 2
    named = {call.target: call.label for call in calls if call.source == stations[0] and len(stations) > 1}
    for index, station in enumerate(stations):
        y = top + index * 84
        kind, _, name = station.partition(" ")
        shapes += _station(y, {"pool": "InferencePool"}.get(kind, kind), name or named.get(station, ""))
        if index:
            shapes.append(draw.arrow(x, y - 84 + _STATION, x, y - 2))
    y = top + (len(stations) - 1) * 84
    to_decode = next((call for call in calls if (call.source, call.target) == (stations[-1], "decode")), None)
    if to_decode and "decode" in middles:
        shapes.append(
            draw.arrow(_LEFT + _WIDTH, y + _STATION // 2, _ROLES - 6, max(middles["decode"][0] + 106, 134), bend=True)
        )
        shapes.append(draw.text(_LEFT + 8, y + _STATION + 16, to_decode.label, 11, draw.DIM))
    if "endpoint picker" in named:
        below, edge = y + 100, _LEFT - 12
        shapes += _station(below, "endpoint picker", "")
        line = f"M{_LEFT} {top + _STATION // 2} H{edge} V{below + _STATION // 2} H{_LEFT - 2}"
        shapes.append(draw.line(line, dashed=True))
        shapes.append(draw.text(_LEFT + 8, below + _STATION + 16, named["endpoint picker"], 11, draw.DIM))
    return shapes


def _station(y: int, kind: str, name: str) -> list[str]:
    """A box on the way of a request: what it is, and its name."""
    middle = _LEFT + _WIDTH // 2
    shapes = [
        draw.rect(_LEFT, y, _WIDTH, _STATION, "#f9fafb", draw.LINE),
        draw.text(middle, y + (20 if name else 29), kind, 13, draw.INK, "bold", "middle"),
    ]
    if name:
        shapes.append(draw.text(middle, y + 37, draw.fitted(name, 11, _WIDTH - 16), 11, draw.DIM, anchor="middle"))
    return shapes


def _legend(plan: Plan, y: int) -> list[str]:
    """What the numbers in the squares are."""
    drawn = [role for role in plan.roles if any(pod.ranks for replica in role.replicas for pod in replica.pods)]
    kinds = dict.fromkeys("data parallel rank" if role.data > 1 else "rank within the engine" for role in drawn)
    return (
        [draw.text(_ROLES, y, f"A square is an accelerator, its number the {' or the '.join(kinds)}.", 11, draw.DIM)]
        if kinds
        else []
    )


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
            shapes.append(draw.arrow(x, start if down else end, x, end if down else start))
            shapes.append(draw.text(x + 10, (start + end) // 2 + 4, call.label, 11, draw.DIM))
    return shapes


def _short(image: str) -> str:
    return image if len(image) <= 56 else "..." + image[-53:]
