"""``modelservice schema``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from modelservice import version
from modelservice.cli.checkout import checkout, report_differences, report_written
from modelservice.cli.options import CheckOnly
from modelservice.errors import UsageError
from modelservice.helm import SCHEMA
from modelservice.paths import chart_dir, is_checkout


def command(
    check: CheckOnly = False,
    print_it: Annotated[
        bool, typer.Option("--print", help="Print the schema, which is what happens outside a checkout anyway.")
    ] = False,
    path: Annotated[bool, typer.Option("--path", help="Print the schema's path.")] = False,
    line: Annotated[
        bool,
        typer.Option("--line", help="Print the line for editors, for the top of a values file; works offline."),
    ] = False,
) -> None:
    """Print the chart's schema, for editors; in a checkout, generate it.

    In a checkout it writes the schema, values.yaml and the values tables from the models unless an option says
    otherwise.
    """
    file = chart_dir() / SCHEMA
    if check + print_it + path + line > 1:
        raise UsageError("--check, --print, --path and --line exclude each other", fix="keep one")
    if path:
        sys.stdout.write(f"{file}\n")
    elif line:
        sys.stdout.write(f"# llm-d-modelservice {version()}\n# yaml-language-server: $schema={file.as_uri()}\n")
    elif print_it or not (is_checkout() or check):
        sys.stdout.write(file.read_text(encoding="utf-8"))
    else:
        _generate(check)


def _generate(check: bool) -> None:
    from modelservice.docs import outputs as documents

    root = checkout()
    if check:
        report_differences(documents.check(root), "modelservice schema")
        return
    for path in documents.write(root):
        report_written(path)
