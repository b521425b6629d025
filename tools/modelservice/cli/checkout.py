"""The repository, for commands that generate its files."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from modelservice.cli.messages import stderr
from modelservice.errors import UsageError
from modelservice.paths import chart_dir, is_checkout


def checkout() -> Path:
    """Return the root of the repository.

    Raises:
        UsageError: the package is installed from a wheel.
    """
    if not is_checkout():
        raise UsageError("this command needs a checkout of the project", fix="clone it and install it with pip -e")
    return chart_dir().parents[1]


def report_differences(differences: list[str], command: str) -> None:
    """Print how files differ from what a command would generate, and exit with 1 if any does."""
    for difference in differences:
        sys.stdout.write(difference + "\n")
    if differences:
        stderr().print(f"{len(differences)} file(s) differ; run `{command}`", highlight=False)
        raise typer.Exit(1)


def report_written(path: Path) -> None:
    """Print that a file of the repository was written."""
    done = "wrote" if path.exists() else "removed"
    stderr().print(f"{done} {path.relative_to(checkout())}", highlight=False)
