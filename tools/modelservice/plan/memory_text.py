"""The memory of a role's ranks for the terminal: a bar with its legend, and the figures that it allows."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from modelservice.plan.memory import Kind, Memory, Section

_WIDTH = 60
"""Characters of a bar."""
_DRAWN = {"weights": ("█", "blue"), "overhead": ("▓", "yellow"), "open": ("▒", "yellow"), "cache": ("░", "green")}
"""Character and style of a section; they are told apart without colours as well."""


def lines(memory: Memory) -> Iterator[Text]:
    """Yield the lines that tell what fills the accelerators."""
    for kind in memory.kinds:
        if kind.sections:
            yield from _kind(kind)
    if memory.figures:
        yield Text(", ".join(f"{caption}: {value}" for caption, value in memory.figures))
    if memory.trouble:
        yield Text(memory.trouble, "bold red")
    for note in memory.notes:
        yield Text(f"memory: {note}", "dim")


def _kind(kind: Kind) -> Iterator[Text]:
    yield Text(f"memory of {kind.title}" + (f": {kind.of}" if kind.of else ""))
    if kind.total:
        yield _bar(kind.sections, kind.total)
    legend = Text()
    for section in kind.sections:
        character, style = _drawn(section)
        legend.append("  " if legend else "").append(character, style).append(f" {section.text}")
    if kind.overflows:
        legend.append("  ").append("|", "bold red").append(" end of the accelerator")
    yield legend


def _bar(sections: list[Section], total: int) -> Text:
    """The sections of a memory side by side; a bar where the accelerator ends, if they are longer than that."""
    whole = max(total, sum(section.size for section in sections))
    bar, before = Text(), 0
    for section in sections:
        first, end = (round(_WIDTH * size / whole) for size in (before, before + section.size))
        before += section.size
        character, style = _drawn(section)
        bar.append(character * (end - first), style)
    if whole > total:
        end = round(_WIDTH * total / whole)
        return Text.assemble(bar[:end], ("|", "bold red"), bar[end:])
    return bar


def _drawn(section: Section) -> tuple[str, str]:
    return _DRAWN.get(section.kind, ("·", "dim"))
