"""``modelservice import``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from modelservice.cli.messages import say
from modelservice.cli.notes import report_note
from modelservice.cli.options import ManifestFormat
from modelservice.errors import ModelserviceError, Problem, UsageError, ValuesError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from modelservice.importers.report import Outcome
from modelservice.importers.systems import SYSTEMS
from modelservice.importers.systems.system import Options
from modelservice.output_files import write_files


def command(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[SYSTEM] FILE...",
            help=f"The system ({', '.join(SYSTEMS)}), recognised from the documents when left out, and its files; "
            "- for standard input.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the values here; a directory gets one file per model."
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail when anything is lost or unknown.")] = False,
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace where the source has none.")] = "",
    store_map: Annotated[
        list[str],
        typer.Option("--store-map", metavar="KEY=URI", help="What a reference of a model registry stands for."),
    ] = [],  # noqa: B006
    output_format: Annotated[
        ManifestFormat, typer.Option("--format", help="Format of the result.")
    ] = ManifestFormat.yaml,
) -> None:
    """Convert another system's spec to values of this chart, and report on every field.

    Comments in the values and warnings on standard error say what was kept, changed and lost.
    """
    system, files = _split(arguments)
    found = import_files(system, files, Options(namespace, _store_map(store_map)))
    if strict:
        _reject_losses(found)
    if output_format is ManifestFormat.json:
        text = json.dumps({"imports": [item.to_json() for item in found]}, indent=2) + "\n"
        if output is None:
            sys.stdout.write(text)
        else:
            write_files({output: text})
        return
    _write(found, output)
    for item in found:
        _report(item)


def _split(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the system, if it is named, and the files."""
    first, *rest = arguments
    if first in SYSTEMS:
        if not rest:
            raise UsageError(f"{first}: no file", fix="name the files, or - for standard input")
        return first, rest
    if first != "-" and not Path(first).exists() and rest and not any(mark in first for mark in "./\\"):
        raise UsageError(f"no system {first}", fix=f"use {', '.join(SYSTEMS)}, or leave it out")
    return None, list(arguments)


def _store_map(pairs: Sequence[str]) -> dict[str, str]:
    result = {}
    for pair in pairs:
        key, equals, uri = pair.rpartition("=")
        if not equals or not key or "://" not in uri:
            raise UsageError(
                f"--store-map {pair}: not KEY=URI", fix="e.g. store://project/model/…=hf://organisation/model"
            )
        result[key] = uri
    return result


def _reject_losses(found: Sequence[Imported]) -> None:
    problems = [
        Problem(note.why, file=note.file or None, key=note.path, fix="omit --strict to import the rest")
        for item in found
        for note in item.losses
    ]
    if problems:
        raise ValuesError(problems)


def _write(found: Sequence[Imported], output: Path | None) -> None:
    if output is None:
        sys.stdout.write("---\n".join(item.text for item in found))
        return
    if len(found) == 1 and not output.is_dir():
        write_files({output: found[0].text})
        return
    if output.is_file() or (not output.is_dir() and output.suffix):
        raise UsageError(
            f"{len(found)} models, but a values file is one release: {', '.join(item.name for item in found)}",
            file=str(output),
            fix="name a directory",
        )
    texts: dict[Path, str] = {}
    for item in found:
        path = output / f"{item.name}.yaml"
        if path in texts:
            raise ModelserviceError(f"two models are named {item.name}", fix="import them separately")
        texts[path] = item.text
    write_files(texts)


def _report(item: Imported) -> None:
    """Print what a person should know, on standard error."""
    for note in item.notes:
        if note.outcome is not Outcome.kept:
            report_note(note)
    for needed in item.secrets:
        say("create", needed.command(item.namespace), style="bold")
