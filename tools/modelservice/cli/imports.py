"""The commands ``modelservice import`` and ``modelservice generate``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from modelservice.errors import ModelserviceError, Problem, UsageError, ValuesError
from modelservice.helm import dump
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from modelservice.importers.report import Note, Outcome
from modelservice.importers.systems import SYSTEMS
from modelservice.importers.systems.llm_d_operator.children import Operator
from modelservice.importers.systems.llm_d_operator.generate import Shape, dry_run
from modelservice.importers.systems.system import Options
from modelservice.importers.values_file import write_atomically

errors = Console(stderr=True)


class Format(StrEnum):
    """Output formats of an import."""

    yaml = "yaml"
    json = "json"


def import_(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[SYSTEM] FILE...",
            help=f"The system ({', '.join(SYSTEMS)}), recognised by the documents when it is not named, and its files; "
            "- for standard input.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the values here; a directory takes one file a model."
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail when anything is lost or unknown.")] = False,
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace where the source does not say one.")] = "",
    store_map: Annotated[
        list[str], typer.Option("--store-map", metavar="KEY=URI", help="What a registry's own reference means.")
    ] = [],  # noqa: B006
    output_format: Annotated[Format, typer.Option("--format", help="Format of the result.")] = Format.yaml,
) -> None:
    """Turn another system's spec into values of this chart; comments and warnings say what became of it."""
    system, files = _split(arguments)
    found = import_files(system, files, Options(namespace, _store_map(store_map)))
    if strict:
        _refuse_losses(found)
    if output_format is Format.json:
        text = json.dumps({"imports": [item.to_json() for item in found]}, indent=2) + "\n"
        if output is None:
            sys.stdout.write(text)
        else:
            write_atomically({output: text})
        return
    _write(found, output)
    for item in found:
        _report(item)


def _split(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """The system, if it is named, and the files."""
    first, *rest = arguments
    if first in SYSTEMS:
        if not rest:
            raise UsageError(f"{first}, but which file?", fix="name the files, or - for the standard input")
        return first, rest
    if first != "-" and not Path(first).exists() and rest and not any(mark in first for mark in "./\\"):
        raise UsageError(f"no system {first}", fix=f"write {', '.join(SYSTEMS)}, or leave it out")
    return None, list(arguments)


def _store_map(pairs: Sequence[str]) -> dict[str, str]:
    result = {}
    for pair in pairs:
        key, equals, uri = pair.rpartition("=")
        if not equals or not key or "://" not in uri:
            raise UsageError(
                f"--store-map {pair}: not KEY=URI", fix="write store://project/model/…=hf://organisation/model"
            )
        result[key] = uri
    return result


def _refuse_losses(found: Sequence[Imported]) -> None:
    problems = [
        Problem(note.why, file=note.file or None, key=note.path, fix="leave --strict out to import the rest")
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
        write_atomically({output: found[0].text})
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
            raise ModelserviceError(f"two models are named {item.name}", fix="import them one by one")
        texts[path] = item.text
    write_atomically(texts)


def _report(item: Imported) -> None:
    """What a person should know, on the standard error."""
    for note in item.notes:
        if note.outcome is not Outcome.kept:
            _tell(note)
    for needed in item.secrets:
        errors.print("[bold]create:[/] ", end="")
        errors.print(needed.command(item.namespace), markup=False, highlight=False, soft_wrap=True)


def _tell(note: Note) -> None:
    colour = "yellow" if note.outcome is Outcome.lost else "cyan"
    errors.print(f"[bold {colour}]{note.outcome}:[/] ", end="")
    place = f"{note.file}: " if note.file else ""
    errors.print(f"{place}{note.path}: {note.why}", markup=False, highlight=False, soft_wrap=True)


def generate(
    model_service: Annotated[
        str, typer.Option("--modelservice", "-m", metavar="FILE", help="The ModelService; - for standard input.")
    ],
    base: Annotated[str | None, typer.Option("--baseconfig", "-b", metavar="FILE", help="Its base ConfigMap.")] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Namespace where the ModelService does not say one.")
    ] = "",
    epp_cluster_role: Annotated[
        str, typer.Option("--epp-cluster-role", help="ClusterRole of the endpoint picker.")
    ] = "",
    epp_pull_secrets: Annotated[
        list[str], typer.Option("--epp-pull-secrets", help="Image pull secrets of the endpoint picker.")
    ] = [],  # noqa: B006
    pd_pull_secrets: Annotated[
        list[str], typer.Option("--pd-pull-secrets", help="Image pull secrets of prefill and decode.")
    ] = [],  # noqa: B006
    output_format: Annotated[
        Shape, typer.Option("--format", help="Manifests from this chart, or the operator's own shape.")
    ] = Shape.manifests,
) -> None:
    """Print what the llm-d ModelService operator would create."""
    operator = Operator(namespace, epp_cluster_role, _names(epp_pull_secrets), _names(pd_pull_secrets))
    result = dry_run(model_service, base, operator)
    if output_format is Shape.manifests:
        sys.stdout.write(result.manifests)
    else:
        sys.stdout.write(dump(result.children))
    for note in result.notes:
        if note.outcome is Outcome.lost:
            _tell(note)


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Names given with repeated options or with commas, as the operator's program takes them."""
    return tuple(name.strip() for item in given for name in item.split(",") if name.strip())
