"""``modelservice size``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from modelservice.cli.completion import accelerator_names, model_names
from modelservice.cli.messages import note_unused, print_layout, say
from modelservice.cli.options import FetchModelConfig, ModelConfigs, PictureFormat
from modelservice.errors import ModelserviceError, UsageError
from modelservice.model.cluster import read_inventory
from modelservice.models.catalogue import KnownModel
from modelservice.models.lookup import Models
from modelservice.size import hardware, request
from modelservice.size.candidates import Sizing, sizing
from modelservice.size.request import Need


def command(
    name: Annotated[
        str, typer.Argument(metavar="MODEL", autocompletion=model_names, help="The model: its repository, OWNER/NAME.")
    ],
    context: Annotated[
        str | None,
        typer.Option("--context", metavar="TOKENS", help="Tokens of a request with its answer, e.g. 32k."),
    ] = None,
    concurrent: Annotated[int, typer.Option("--concurrent", metavar="N", help="Requests of this length at once.")] = 1,
    accelerators: Annotated[
        list[str],
        typer.Option(
            "--accelerator",
            metavar="NAME,...",
            autocompletion=accelerator_names,
            help="Accelerators to choose from, e.g. h100,mi300x; by default all that are known.",
        ),
    ] = [],  # noqa: B006
    nodes: Annotated[
        str | None,
        typer.Option("--nodes", metavar="FILE", help="The accelerators of these nodes: node pools, or objects."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a row as this new values file.")
    ] = None,
    choose: Annotated[
        int | None, typer.Option("--choose", metavar="N", help="Number of the row to write; the first by default.")
    ] = None,
    model_configs: ModelConfigs = [],  # noqa: B006
    fetch: FetchModelConfig = False,
    output_format: Annotated[PictureFormat, typer.Option("--format", help="Format of the table.")] = PictureFormat.text,
) -> None:
    """Show which accelerators a model fits on, how many, and with which parallelism."""
    if accelerators and nodes:
        raise UsageError("--accelerator and --nodes exclude each other", fix="keep one")
    if choose is not None and output is None:
        raise UsageError("--choose says which row is written", fix="add -o values.yaml")
    models = Models(model_configs, fetch=fetch)
    known = request.model(name, models)
    note_unused(models)
    needed = request.need(known, context, concurrent)
    if output is not None:
        request.repository(known)
    found = _found(known, needed, accelerators, nodes)
    if output is not None:
        _write(known, needed, found, choose or 1, output)
    _print(known, needed, found, output_format)


def _found(known: KnownModel, needed: Need, accelerators: list[str], nodes: str | None) -> Sizing:
    if nodes:
        offered = hardware.on_nodes(read_inventory(nodes))
    else:
        words = [word for given in accelerators for word in given.split(",")]
        offered = hardware.named(words or hardware.product_names())
    found = sizing(known.shape, offered, needed)
    if not found.candidates:
        reasons = "; ".join(f"{each}: {why}" for each, why in found.unfit.items())
        raise ModelserviceError(
            f"{known.name} does not fit with {needed.context} tokens ({reasons})",
            fix="set a shorter --context, name larger accelerators, or take a model with smaller weights",
        )
    return found


def _write(known: KnownModel, needed: Need, found: Sizing, number: int, output: Path) -> None:
    from modelservice.output_files import write_files
    from modelservice.size.values import values_file

    if not 1 <= number <= len(found.candidates):
        raise UsageError(f"--choose {number}: there is no such row", fix=f"set 1 to {len(found.candidates)}")
    if output.exists() or output.is_symlink():
        raise UsageError("exists already", file=str(output), fix="name another file, or remove it")
    write_files({output: values_file(known, needed, found.candidates[number - 1])})
    say("wrote", f"{output}, row {number}", style="bold")


def _print(known: KnownModel, needed: Need, found: Sizing, output_format: PictureFormat) -> None:
    from modelservice.size.table import layout, to_json

    if output_format is PictureFormat.json:
        sys.stdout.write(json.dumps(to_json(known, needed, found), indent=2) + "\n")
    elif output_format is PictureFormat.svg:
        from modelservice.size.picture import svg

        sys.stdout.write(svg(known, needed, found))
    else:
        print_layout(layout(known, needed, found))
