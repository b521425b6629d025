"""``modelservice endpoints``."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from modelservice.cli.options import (
    Chart,
    Engine,
    Files,
    MoreFiles,
    Name,
    Namespace,
    Presets,
    ReportFormat,
    SetFiles,
    SetJsons,
    Sets,
    SetStrings,
    SubchartName,
    given,
)
from modelservice.endpoints import endpoints, text
from modelservice.escapes import visible
from modelservice.helm import Release
from modelservice.sources import located
from modelservice.subchart import chart_renderer, scoped


def command(
    values: MoreFiles = None,
    files: Files = [],  # noqa: B006
    presets: Presets = [],  # noqa: B006
    set_jsons: SetJsons = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    set_files: SetFiles = [],  # noqa: B006
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    subchart: SubchartName = None,
    output_format: Annotated[
        ReportFormat, typer.Option("--format", help="For people or for programs.")
    ] = ReportFormat.text,
) -> None:
    """Show the URLs, paths and model names that a deployment will serve."""
    whole = given([*files, *(values or [])], presets, set_jsons, sets, set_strings, set_files).sources()
    rendering, sources = scoped(chart_renderer(helm, chart, subchart), whole)
    with located(sources.whole):
        found = endpoints(sources.values, Release(name, namespace), rendering)
    as_json = output_format is ReportFormat.json
    sys.stdout.write(json.dumps(found.data, indent=2) + "\n" if as_json else visible(text(found)))
