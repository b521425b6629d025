"""Options that several commands have, and the values that they give."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelservice.errors import UsageError

if TYPE_CHECKING:
    from modelservice.inputs import Values
    from modelservice.sources import Sources

Files = Annotated[
    list[str], typer.Option("--values", "-f", metavar="FILE", help="Values file, - for standard input; the last wins.")
]
MoreFiles = Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="More values files.")]
Sets = Annotated[list[str], typer.Option("--set", metavar="K=V", help="A value, in Helm's syntax.")]
SetStrings = Annotated[list[str], typer.Option("--set-string", metavar="K=V", help="A value that stays a string.")]
Chart = Annotated[Path | None, typer.Option("--chart", help="Directory of the chart; by default the tool's own.")]
SubchartName = Annotated[
    str | None, typer.Option("--subchart", metavar="NAME", help="Name or alias of this chart in the --chart.")
]
Engine = Annotated[str, typer.Option("--helm", metavar="embedded|PATH", help="Embedded Helm, or a helm executable.")]
Name = Annotated[str, typer.Option("--name", "-n", help="Release name.")]
Namespace = Annotated[str, typer.Option("--namespace", help="Release namespace.")]
CheckOnly = Annotated[bool, typer.Option("--check", help="Change nothing; fail if something would change.")]


class ManifestFormat(StrEnum):
    """Output formats of manifests and values."""

    yaml = "yaml"
    json = "json"


class ReportFormat(StrEnum):
    """Output formats of a report: for people or for programs."""

    text = "text"
    json = "json"


def read_given(files: Sequence[str], sets: Sequence[str], set_strings: Sequence[str]) -> Values:
    """Return the values that the options give.

    Raises:
        UsageError: a file cannot be read, or an expression is malformed.
        ModelserviceError: a file is not a values file.
    """
    from modelservice.inputs import apply_set, merge, read_values

    read_once(files)
    return apply_set(merge(read_values(path) for path in files), sets, set_strings)


def read_sources(files: Sequence[str], sets: Sequence[str], set_strings: Sequence[str]) -> Sources:
    """Return the values that the options give, with the line of each key; see :func:`read_given`."""
    from modelservice.inputs import apply_set, merge
    from modelservice.sources import Sources, read_layers

    read_once(files)
    layers = read_layers(files)
    return Sources(layers, apply_set(merge(layer.values for layer in layers), sets, set_strings))


def read_once(files: Sequence[str]) -> None:
    """Reject options that read standard input twice."""
    if list(files).count("-") > 1:
        raise UsageError("standard input can be read once", fix="give - once")
