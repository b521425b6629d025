"""The program and its commands, each of which is imported when it is called.

Start-up time is most of what a short command takes, so neither `--version` nor `--help` nor shell completion imports
any command, and a command imports only what it needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from modelservice.paths import is_checkout


@dataclass(frozen=True)
class Entry:
    """What `--help` lists for a command."""

    module: str
    """Module below :mod:`modelservice.cli`, which has it as ``command``: a function, or an app of several commands."""
    help: str
    """The first line of its own help."""
    panel: str | None = None
    """Heading that `--help` lists it under; by default that of all commands."""

    def load(self, name: str) -> TyperCommand | TyperGroup:
        """Import the command."""
        command: Callable[..., None] | typer.Typer = importlib.import_module(self.module, __package__).command
        if not isinstance(command, typer.Typer):
            function, command = command, typer.Typer(add_completion=False)
            command.command(name)(function)
        loaded = get_command(command)
        assert isinstance(loaded, TyperCommand | TyperGroup)  # noqa: S101  # for mypy
        return loaded


DEVELOPMENT = "Commands for working on the chart"
"""Heading of commands that are only in a checkout of the project."""

COMMANDS: Mapping[str, Entry] = {
    "render": Entry(".render", "Render values into manifests, on standard output or into a directory."),
    "check": Entry(".check", "Find mistakes that waste accelerators or serve nothing, before installing."),
    "explain": Entry(".explain", "Show which values made a line of the output, or what another value would change."),
    "plan": Entry(
        ".plan", "Show pods, ranks, accelerators, their memory, nodes, ports and the connections between them."
    ),
    "diff": Entry(".diff", "Show what an upgrade would do: what changes, restarts, is rejected or loses requests."),
    "size": Entry(".size", "Show which accelerators a model fits on, how many, and with which parallelism."),
    "endpoints": Entry(".endpoints", "Show the URLs, paths and model names that a deployment will serve."),
    "import": Entry(".imports", "Convert another system's spec to values of this chart, and report on every field."),
    "generate": Entry(".generate", "Print what the llm-d ModelService operator would create."),
    "cluster": Entry(".cluster", "Run a local Kubernetes control plane: a real API server, nodes as objects."),
    "presets": Entry(".presets", "List the preset layers, or print one."),
    "lsp": Entry(".lsp", "Run the language server for values files, on standard input and output."),
    "schema": Entry(".schema", "Print the chart's schema, for editors; in a checkout, generate it."),
    "examples": Entry(".examples", "Render every examples/values-*.yaml into examples/output.", DEVELOPMENT),
}


class Commands(TyperGroup):
    """The commands: listed from :data:`COMMANDS`, imported when one is called."""

    def __init__(self, **attributes: Any) -> None:
        listed = {
            name: TyperCommand(name, help=entry.help, rich_help_panel=entry.panel)
            for name, entry in COMMANDS.items()
            if entry.panel != DEVELOPMENT or is_checkout()
        }
        super().__init__(**{**attributes, "commands": listed})

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, TyperCommand | TyperGroup | None, list[str]]:
        """Return the command that the arguments begin with, imported."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, COMMANDS[name].load(name) if name else None, rest


app = typer.Typer(
    name="modelservice", cls=Commands, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
    help="Render, check, explain and generate values of the llm-d-modelservice chart.",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from modelservice import version

        typer.echo(version())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the program itself."""
