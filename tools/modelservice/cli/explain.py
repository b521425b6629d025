"""``modelservice explain``."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from modelservice.assignments import apply_set
from modelservice.cli.completion import value_keys
from modelservice.cli.messages import write_line
from modelservice.cli.options import (
    Chart,
    Engine,
    Files,
    Name,
    Namespace,
    Presets,
    ReportFormat,
    SetFiles,
    SetJsons,
    Sets,
    SetStrings,
    StackName,
    SubchartName,
    given,
    of_stack,
)
from modelservice.errors import UsageError
from modelservice.explain.difference import difference
from modelservice.explain.trace import RELEASE_NAME, Dependency, Explanation, explain, shown
from modelservice.helm import Release, renderer
from modelservice.rendered import dump
from modelservice.sources import Sources, located
from modelservice.subchart import chart_folder, chart_renderer, scoped


def command(
    line: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND[/NAME][.PATH]]", help="The line, e.g. Deployment/x.spec.replicas or InferencePool.spec."
        ),
    ] = None,
    files: Files = [],  # noqa: B006
    stack: StackName = None,
    presets: Presets = [],  # noqa: B006
    set_jsons: SetJsons = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    set_files: SetFiles = [],  # noqa: B006
    what_if: Annotated[
        list[str],
        typer.Option(
            "--what-if", metavar="K=V", help="Show what would change with this value.", autocompletion=value_keys
        ),
    ] = [],  # noqa: B006
    every: Annotated[bool, typer.Option("--all", help="List the defaults that matter too, with their values.")] = False,
    output_format: Annotated[
        ReportFormat, typer.Option("--format", help="For people or for programs.")
    ] = ReportFormat.text,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    subchart: SubchartName = None,
) -> None:
    """Show which values made a line of the output, or what another value would change."""
    if bool(line) == bool(what_if):
        raise UsageError("give a line, or --what-if", fix="KIND/NAME.PATH or --what-if K=V")
    release = Release(name, namespace)
    given_values = given([*of_stack(stack).values, *files], presets, set_jsons, sets, set_strings, set_files).sources()
    rendering, sources = scoped(chart_renderer(helm, chart, subchart), given_values)
    if what_if:
        changed = Sources(given_values.layers, apply_set(given_values.values, what_if))
        rendering_then, then = scoped(chart_renderer(helm, chart, subchart), changed)
        with located(sources.whole):
            before = rendering.render(sources.values, release)
        after = rendering_then.render(then.values, release)
        _print_difference(difference(before, after), output_format)
        return
    as_json = output_format is ReportFormat.json
    inside = rendering if subchart else None
    with chart_folder(chart, subchart) as folder, located(sources.whole):
        found = explain(
            str(line), sources, folder, lambda path: renderer(helm, path), release, whole=inside, exact=every or as_json
        )
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        _print(found, every)


def _print(found: Explanation, every: bool) -> None:
    write_line((str(found.address), "bold"))
    for row in _text(found.value).rstrip().splitlines():
        write_line((f"  {row}", ""))
    write_line((f"printed by {found.template}", ""))
    given = [item for item in found.dependencies if item.given]
    defaults = [item for item in found.dependencies if not item.given]
    if given:
        write_line(("depends on", ""))
    else:
        write_line(("depends on nothing that was set", ""))
    for item in given:
        _print_dependency(item)
    if defaults and every:
        write_line(("and on defaults", ""))
        for item in defaults:
            _print_dependency(item)
    elif defaults:
        names = ", ".join(item.key for item in defaults)
        write_line((f"defaults that may matter too (--all lists them): {names}", "dim"))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return dump(value)
    return "".join(f"- {item}\n" for item in value) if isinstance(value, list) else shown(value)


def _print_dependency(item: Dependency) -> None:
    *others, last = item.places or (None,)
    fallback = "--name" if item.key == RELEASE_NAME else "--set" if item.given else "default"
    over = f", over {', '.join(str(place) for place in others)}" if others else ""
    write_line(
        ("  ", ""), (item.key, "cyan"), (f" = {shown(item.value)}  ", ""), (f"({last or fallback}{over})", "dim")
    )


def _print_difference(changes: dict[str, str], output_format: ReportFormat) -> None:
    if output_format is ReportFormat.json:
        sys.stdout.write(json.dumps({"changes": changes}, indent=2) + "\n")
        return
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for text in changes.values():
        for row in text.splitlines():
            write_line((row, "bold" if row.startswith(("+++", "---")) else styles.get(row[:1], "")))
    if not changes:
        write_line(("nothing would change", ""))
