"""``modelservice plan``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from modelservice.check.runner import sound
from modelservice.cli.options import Chart, Engine, Files, Name, Namespace, Sets, SetStrings
from modelservice.errors import UsageError
from modelservice.helm import Release, renderer
from modelservice.inputs import apply_set, merge
from modelservice.model.cluster import read_cluster, read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import read_pool
from modelservice.paths import chart_dir
from modelservice.plan.model import plan
from modelservice.plan.svg import svg
from modelservice.plan.text import tree
from modelservice.sources import Sources, read_layers


class Format(StrEnum):
    """Output formats of a plan."""

    text = "text"
    json = "json"
    svg = "svg"


def command(
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    pool: Annotated[
        list[str], typer.Option("--pool", metavar="FILE", help="The pool: values of its chart, or manifests.")
    ] = [],  # noqa: B006
    nodes: Annotated[str | None, typer.Option("--nodes", metavar="FILE", help="The cluster as a file.")] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="The cluster that the kubeconfig names.")] = False,
    output_format: Annotated[Format, typer.Option("--format", help="Format of the plan.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it into this file.")
    ] = None,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
) -> None:
    """Show pods, ranks, accelerators, nodes, ports and who calls whom."""
    if nodes and cluster:
        raise UsageError("--nodes and --cluster exclude each other", fix="keep one")
    layers = read_layers(files)
    sources = Sources(layers, apply_set(merge(layer.values for layer in layers), sets, set_strings))
    rendered = renderer(helm, chart or chart_dir()).render(sources.values, Release(name, namespace))
    objects, refused = sound(rendered.objects, name)
    for finding in refused:
        Console(stderr=True).print(
            f"not in the plan: {finding.object}: {finding.message}", markup=False, soft_wrap=True
        )
    neighbours = [read_pool(path) for path in pool]
    deployment = Deployment(
        name, objects, namespace, sources,
        given_pools=[item for neighbour in neighbours for item in neighbour.pools],
        cluster=read_cluster(namespace) if cluster else read_inventory(nodes) if nodes else None,
        neighbours=[item for neighbour in neighbours for item in neighbour.objects],
    )  # fmt: skip
    found = plan(deployment)
    if output_format is Format.text:
        if output is not None:
            raise UsageError("--output takes a picture or JSON", fix="add --format svg")
        Console().print(tree(found))
        return
    text = svg(found) if output_format is Format.svg else json.dumps(found.to_json(), indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", file=str(output)) from None
