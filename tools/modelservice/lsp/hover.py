"""What a key is, has and does: documentation, value in effect and its layer, and the lines of the output it becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lsprotocol import types

from modelservice.engines.variables import history
from modelservice.explain.effects import Effect
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.lsp.analysis import Analysis
from modelservice.lsp.completion import described, flag_described, is_flag_map, is_variable_map, is_word
from modelservice.lsp.engine_context import engine_at
from modelservice.lsp.figures import role_of, spread
from modelservice.lsp.keys import key_at
from modelservice.lsp.layers import settings
from modelservice.lsp.tree import Entry
from modelservice.lsp.workspace import Known
from modelservice.sources import Path, dotted

_MOST_LINES = 8
"""Lines of the output that are shown."""
_WIDEST = 100


def hover(known: Known, position: types.Position) -> types.Hover | None:
    """Return what is known of the key at a position; None where there is none."""
    entry = known.tree.at(known.text.offset(position))
    if entry is None:
        return None
    parts = [part for part in _parts(entry, known.analysis) if part]
    content = types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join(parts))
    return types.Hover(content, known.text.range(entry.key)) if parts else None


def _parts(entry: Entry, analysis: Analysis) -> Iterator[str]:
    path = entry.path
    yield f"**{dotted(path)}**"
    yield _documentation(entry, analysis)
    yield _in_effect(path, analysis)
    if "parallelism" in path or path[-1] == "replicas":
        role = role_of(str(path[0]), analysis)
        yield "\n".join(f"- accelerators {line}" for line in (spread(role) if role else []))
    yield _output(path, analysis)


def _documentation(entry: Entry, analysis: Analysis) -> str:
    """Return what a key or word is: of a flag by the engine's own help, of a variable by the versions that read it."""
    path, values = entry.path, analysis.effective
    engine = engine_at(path, values)
    if is_flag_map(path[:-1]) or is_word(path):
        name = str(path[-1]) if is_flag_map(path[:-1]) else str(getattr(entry.node, "value", "")).partition("=")[0]
        flag = engine.flag(name)
        return flag_described(flag, engine.title) if flag else ""
    if is_variable_map(path[:-1]):
        runs = ", ".join(f"{first} to {last}" for first, last in history(str(path[-1])))
        return f"Read by vLLM {runs}" if runs else ""
    key = key_at(path)
    return f"`{key.type}`\n\n{described(key)}" if key else ""


def _in_effect(path: Path, analysis: Analysis) -> str:
    """Return the value in effect with the layer that gives it; nothing for a section."""
    value = found_at(analysis.effective, path)
    found = settings(path, analysis)
    if value is MISSING or isinstance(value, dict | list):
        return ""
    shown = json.dumps(found_at(analysis.concealed, path), ensure_ascii=False)
    if not found:
        return f"In effect: `{shown}` (default)"
    over = f", over {', '.join(item.place for item in found[1:])}" if found[1:] else ""
    return f"In effect: `{shown}` ({found[0].place}{over})"


def _output(path: Path, analysis: Analysis) -> str:
    """Return the lines of the output that a key becomes, as Markdown."""
    found = analysis.effects(path)
    lines = [_line(effect) for effect in found[:_MOST_LINES]]
    rest = [f"- and {len(found) - _MOST_LINES} more"] if len(found) > _MOST_LINES else []
    return "\n".join(["In the output:", "", *lines, *rest]) if lines else ""


def _line(effect: Effect) -> str:
    text = effect.text if len(effect.text) <= _WIDEST else f"{effect.text[: _WIDEST - 1]}…"
    return f"- {effect.object}, line {effect.line}: ``{text}``"
