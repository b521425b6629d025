"""What commands print for people: notes, warnings and errors on standard error, text on standard output."""

from __future__ import annotations

import functools
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from modelservice.models.lookup import Models

from modelservice.escapes import visible


@functools.cache
def stderr() -> Console:
    """Return the console of standard error; rich is imported when there is something to print."""
    from rich.console import Console

    return Console(stderr=True)


def say(label: str, text: str, *, style: str) -> None:
    """Print a line on standard error that begins with a label, e.g. ``error: …``; secrets in it are not shown."""
    from modelservice.secrets import masked_message

    stderr().print(f"[{style}]{label}:[/] ", end="")
    stderr().print(visible(masked_message(text)), markup=False, highlight=False, soft_wrap=True)


def note_unused(models: Models) -> None:
    """Name the models for which a configuration was given, and which nothing serves."""
    for name in models.unused:
        say("not used", f"--model-config {name}=…, because nothing loads a model with this name", style="bold yellow")


def write_line(*parts: tuple[str, str]) -> None:
    """Print a line of texts with a style each on standard output, in colour where it is a terminal.

    rich, which takes as long to import as a whole check, is imported for a terminal only.
    """
    shown = [(visible(text), style) for text, style in parts]
    if not _in_colour():
        sys.stdout.write("".join(text for text, _ in shown) + "\n")
        return
    from rich.text import Text

    _stdout().print(Text.assemble(*shown), soft_wrap=True)


def print_layout(layout: RenderableType) -> None:
    """Print tables and trees on standard output: as wide as a terminal, elsewhere as wide as they are."""
    from rich.console import Console
    from rich.segment import Segment, Segments

    text = io.StringIO()
    width = None if sys.stdout.isatty() else _UNLIMITED
    console = Console(file=text, width=width, force_terminal=_in_colour())
    console.print(Segments(Segment(visible(item.text), item.style) for item in console.render(layout)), end="")
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()))


_UNLIMITED = 100_000
"""Columns of a line that nothing wraps."""


def _in_colour() -> bool:
    return sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))


@functools.cache
def _stdout() -> Console:
    from rich.console import Console

    return Console()
