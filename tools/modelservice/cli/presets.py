"""``modelservice presets``."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from modelservice.cli.completion import preset_names
from modelservice.cli.messages import write_line
from modelservice.cli.options import ReportFormat
from modelservice.presets import preset, presets

command = typer.Typer(help="List the preset layers, or print one.", invoke_without_command=True)


@command.callback()
def _list(
    context: typer.Context,
    output_format: Annotated[
        ReportFormat, typer.Option("--format", help="For people or for programs.")
    ] = ReportFormat.text,
) -> None:
    """List the preset layers, or print one."""
    if context.invoked_subcommand is not None:
        return
    found = presets().values()
    if output_format is ReportFormat.json:
        listed = [{"name": item.name, "summary": item.summary, "file": str(item.file)} for item in found]
        sys.stdout.write(json.dumps({"presets": listed}, indent=2) + "\n")
        return
    width = max(len(item.name) for item in found) + 2
    for item in found:
        write_line((item.name.ljust(width), "bold"), (item.summary, ""))


@command.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The preset.", autocompletion=preset_names)],
) -> None:
    """Print a preset, e.g. for helm: -f <(modelservice presets show topology/pd)."""
    sys.stdout.write(preset(name).read_text(encoding="utf-8"))
