"""``modelservice explain``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.text import Text

from modelservice.cli.options import Chart, Engine, Files, Name, Namespace, Sets, SetStrings
from modelservice.errors import UsageError
from modelservice.explain.trace import RELEASE_NAME, Explanation, difference, explain, shown
from modelservice.helm import Release, dump, renderer
from modelservice.inputs import apply_set, merge
from modelservice.paths import chart_dir
from modelservice.sources import Sources, read_layers


class Format(StrEnum):
    """Output formats of an explanation."""

    text = "text"
    json = "json"


def command(
    line: Annotated[
        str | None, typer.Argument(metavar="[KIND/NAME[.PATH]]", help="The line: Deployment/x.spec.replicas.")
    ] = None,
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    what_if: Annotated[
        list[str], typer.Option("--what-if", metavar="K=V", help="Show what would change with this value.")
    ] = [],  # noqa: B006
    output_format: Annotated[Format, typer.Option("--format", help="Format of the answer.")] = Format.text,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
) -> None:
    """Show which values made a line of the output, or what another value would change."""
    if bool(line) == bool(what_if):
        raise UsageError("explain a line, or --what-if a value changes", fix="give KIND/NAME.PATH or --what-if K=V")
    folder, release = chart or chart_dir(), Release(name, namespace)
    layers = read_layers(files)
    sources = Sources(layers, apply_set(merge(layer.values for layer in layers), sets, set_strings))
    if what_if:
        chart_renderer = renderer(helm, folder)
        before = chart_renderer.render(sources.values, release)
        after = chart_renderer.render(apply_set(sources.values, what_if), release)
        _print_difference(difference(before, after), output_format)
        return
    found = explain(str(line), sources, folder, lambda path: renderer(helm, path), release, _progress)
    if output_format is Format.json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        _print(found, Console())


def _progress(steps: Iterable[Any], number: int) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(steps, "rendering with each value changed", number, console=console, transient=True)


def _print(found: Explanation, console: Console) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style), soft_wrap=True)

    say(str(found.address), "bold")
    value = found.value
    text = (
        dump(value)
        if isinstance(value, dict)
        else "".join(f"- {item}\n" for item in value)
        if isinstance(value, list)
        else shown(value)
    )
    for row in text.rstrip().splitlines():
        say(f"  {row}")
    say(f"printed by {found.template}")
    if not found.dependencies:
        say("depends on no value: it is the same in every release")
        return
    say("depends on")
    for item in found.dependencies:
        *others, last = item.places or (None,)
        where = str(last) if last else "the release" if item.key == RELEASE_NAME else "default"
        over = f", over {', '.join(str(place) for place in others)}" if others else ""
        line = Text("  ")
        line.append(item.key, "cyan")
        line.append(f" = {shown(item.value)}  ")
        line.append(f"({where}{over})", "dim")
        console.print(line, soft_wrap=True)


def _print_difference(changes: dict[str, str], output_format: Format) -> None:
    if output_format is Format.json:
        sys.stdout.write(json.dumps({"changes": changes}, indent=2) + "\n")
        return
    console = Console()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for text in changes.values():
        for row in text.splitlines():
            style = "bold" if row.startswith(("+++", "---")) else styles.get(row[:1], "")
            console.print(Text(row, style), soft_wrap=True)
    if not changes:
        console.print("nothing would change")
