"""``modelservice plan``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from modelservice.check.runner import sound
from modelservice.cli.messages import note_unused, print_layout, say
from modelservice.cli.options import (
    Chart,
    Cluster,
    Engine,
    FetchModelConfig,
    Files,
    ModelConfigs,
    Name,
    Namespace,
    Nodes,
    PictureFormat,
    Presets,
    SetFiles,
    SetJsons,
    Sets,
    SetStrings,
    StackName,
    SubchartName,
    given,
    inventory,
    of_stack,
    one_cluster,
    read_once,
)
from modelservice.errors import UsageError
from modelservice.helm import Release
from modelservice.model.deployment import Deployment
from modelservice.model.pool import read_pool
from modelservice.models.engine_settings import size
from modelservice.models.lookup import Models
from modelservice.plan.model import Plan, plan
from modelservice.sources import located
from modelservice.subchart import chart_renderer, scoped


def command(
    files: Files = [],  # noqa: B006
    stack: StackName = None,
    presets: Presets = [],  # noqa: B006
    set_jsons: SetJsons = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    set_files: SetFiles = [],  # noqa: B006
    pool: Annotated[
        list[str],
        typer.Option(
            "--pool",
            metavar="FILE",
            help="The InferencePool: values of its chart, in layers as FILE,FILE, or manifests.",
        ),
    ] = [],  # noqa: B006
    nodes: Nodes = None,
    cluster: Cluster = False,
    model_configs: ModelConfigs = [],  # noqa: B006
    fetch_model_config: FetchModelConfig = False,
    request_length: Annotated[
        str | None,
        typer.Option(
            "--request-length",
            metavar="TOKENS",
            help="Tokens of a request, e.g. 32k, to count how many run at once; by default the longest.",
        ),
    ] = None,
    output_format: Annotated[PictureFormat, typer.Option("--format", help="Format of the plan.")] = PictureFormat.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the plan to this file.")
    ] = None,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    subchart: SubchartName = None,
) -> None:
    """Show pods, ranks, accelerators, their memory, nodes, ports and the connections between them."""
    chosen = of_stack(stack)
    nodes, pools = one_cluster(nodes, cluster, chosen), [*chosen.pools, *pool]
    if output is not None and output_format is PictureFormat.text:
        raise UsageError("--output takes a picture or JSON", fix="add --format svg")
    request = _tokens(request_length)
    values = given([*chosen.values, *files], presets, set_jsons, sets, set_strings, set_files)
    read_once([*values.inputs, *pools, nodes])
    rendering, sources = scoped(chart_renderer(helm, chart, subchart), values.sources())
    with located(sources.whole):
        rendered = rendering.render(sources.values, Release(name, namespace))
    objects, rejected = sound(rendered.objects, name)
    for finding in rejected:
        say("not in the plan", f"{finding.object}: {finding.message}", style="bold yellow")
    neighbours = [read_pool(path) for path in pools]
    deployment = Deployment(name, objects, namespace, sources)
    deployment.surround(neighbours, inventory(nodes, cluster, namespace))
    deployment.models = Models(model_configs, fetch=fetch_model_config)
    planned = plan(deployment, request)
    note_unused(deployment.models)
    if output_format is PictureFormat.text:
        _print(planned)
    else:
        _write(_text(planned, output_format), output)


def _tokens(text: str | None) -> int | None:
    tokens = size(text) if text is not None else None
    if text is not None and (tokens is None or tokens < 1):
        raise UsageError(f"--request-length {text}: not a number of tokens", fix="e.g. 8192 or 32k")
    return tokens


def _print(found: Plan) -> None:
    from modelservice.plan.text import tree

    print_layout(tree(found))


def _text(found: Plan, output_format: PictureFormat) -> str:
    if output_format is PictureFormat.json:
        return json.dumps(found.to_json(), indent=2) + "\n"
    from modelservice.plan.svg import svg

    return svg(found)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    from modelservice.output_files import write_files

    write_files({output: text})
