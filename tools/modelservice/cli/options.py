"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[str], typer.Option("--values", "-f", metavar="FILE", help="Values file, - for standard input; the last wins.")
]
Sets = Annotated[list[str], typer.Option("--set", metavar="K=V", help="A value, in Helm's syntax.")]
SetStrings = Annotated[list[str], typer.Option("--set-string", metavar="K=V", help="A value that stays a string.")]
Chart = Annotated[Path | None, typer.Option("--chart", help="Directory of the chart; its own by default.")]
Engine = Annotated[str, typer.Option("--helm", metavar="embedded|PATH", help="Embedded Helm, or a helm executable.")]
Name = Annotated[str, typer.Option("--name", "-n", help="Name of the release.")]
Namespace = Annotated[str, typer.Option("--namespace", help="Namespace of the release.")]
