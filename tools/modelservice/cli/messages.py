"""What commands print for people: notes, warnings and errors on standard error, text on standard output."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def stderr() -> Console:
    """Return the console of standard error; rich is imported when there is something to print."""
    from rich.console import Console

    return Console(stderr=True)


def say(label: str, text: str, *, style: str) -> None:
    """Print a line on standard error that begins with a label, e.g. ``error: …``."""
    stderr().print(f"[{style}]{label}:[/] ", end="")
    stderr().print(text, markup=False, highlight=False, soft_wrap=True)


def write_line(*parts: tuple[str, str]) -> None:
    """Print a line of texts with a style each on standard output, in colour where it is a terminal.

    rich, which takes as long to import as a whole check, is imported for a terminal only.
    """
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        sys.stdout.write("".join(text for text, _ in parts) + "\n")
        return
    from rich.text import Text

    _stdout().print(Text.assemble(*parts), soft_wrap=True)


@functools.cache
def _stdout() -> Console:
    from rich.console import Console

    return Console()
