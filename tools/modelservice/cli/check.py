"""``modelservice check``."""

from __future__ import annotations

import re
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from modelservice.check.finding import Finding, Severity
from modelservice.check.report import Format, print_text, to_json, to_junit, to_sarif
from modelservice.check.rule import rules
from modelservice.check.runner import load, order, run, sound, suppress
from modelservice.check.suppression import from_options, from_project
from modelservice.cli.options import Chart, Engine, Files, Name, Namespace, Sets, SetStrings
from modelservice.engines.version import Version
from modelservice.errors import UsageError
from modelservice.helm import Release, renderer
from modelservice.inputs import read_objects
from modelservice.model.cluster import read_cluster, read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import read_pool
from modelservice.paths import chart_dir

Manifests = Annotated[
    list[str],
    typer.Option("--manifests", metavar="FILE", help="Objects that something else rendered, - for standard input."),
]
Pools = Annotated[
    list[str],
    typer.Option("--pool", metavar="FILE", help="The pool: values of inferencepool or llm-d-router, or manifests."),
]
Nodes = Annotated[
    str | None, typer.Option("--nodes", metavar="FILE", help="The cluster as a file: node pools, or its objects.")
]
Cluster = Annotated[bool, typer.Option("--cluster", help="The cluster that the kubeconfig names.")]


def check(
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Values files, each a deployment of its own over -f."),
    ] = None,
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    manifests: Manifests = [],  # noqa: B006
    pool: Pools = [],  # noqa: B006
    nodes: Nodes = None,
    cluster: Cluster = False,
    together: Annotated[
        bool, typer.Option("--together", help="The deployments stand side by side: compare them too.")
    ] = False,
    vllm_version: Annotated[
        str | None, typer.Option("--vllm-version", metavar="V", help="Version of vLLM; by default the image tag's.")
    ] = None,
    ignore: Annotated[list[str], typer.Option("--ignore", metavar="RULE=REASON", help="A rule not to follow.")] = [],  # noqa: B006
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    output_format: Annotated[Format, typer.Option("--format", help="Format of the report.")] = Format.text,
    list_rules: Annotated[bool, typer.Option("--list-rules", help="List the rules.")] = False,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
) -> None:
    """Find what would waste accelerators or serve nothing, before it is installed."""
    if list_rules:
        _print_rules()
        return
    if not (values or files or sets or set_strings or manifests):
        raise UsageError("nothing to check", fix="give -f FILE, or --manifests FILE")
    if [*files, *(values or []), *manifests, *pool].count("-") > 1:
        raise UsageError("the standard input can be read once", fix="give - once")
    stated = Version.parse(vllm_version) if vllm_version else None
    if vllm_version is not None and stated is None:
        raise UsageError(f"--vllm-version {vllm_version}: not a version", fix="set for instance --vllm-version 0.32.0")
    if nodes and cluster:
        raise UsageError("--nodes and --cluster exclude each other", fix="keep one")
    suppressions = [*from_project(Path()), *from_options(ignore)]
    inventory = read_cluster(namespace) if cluster else read_inventory(nodes) if nodes else None
    neighbours = [read_pool(path) for path in pool]

    findings: list[Finding] = []
    deployments: list[Deployment] = []
    names = []
    groups = [[*files, value] for value in values] if values else [files] if files or sets or set_strings else []
    rendering = renderer(helm, chart or chart_dir())
    for group in track(groups, "checking", console=Console(stderr=True), transient=True, disable=len(groups) < 2):
        release = Release(_release(group[-1]) if len(groups) > 1 else name, namespace)
        names.append(release.name)
        loaded, refused = load(group, rendering, release, sets, set_strings)
        findings += [replace(finding, deployment=release.name) for finding in refused]
        deployments += [loaded] if loaded else []
    for path in manifests:
        names.append(path)
        objects, refused = sound(read_objects(path), path)
        findings += refused
        deployments.append(Deployment(path, objects, namespace))
    for deployment in deployments:
        deployment.vllm_version = stated
        deployment.cluster = inventory
        deployment.given_pools = [item for neighbour in neighbours for item in neighbour.pools]
        deployment.neighbours = [item for neighbour in neighbours for item in neighbour.objects]
    findings += run(deployments, together=together)
    report = replace(suppress(order(findings), suppressions), deployments=names)

    if output_format is Format.text:
        print_text(report, Console())
    else:
        sys.stdout.write({Format.json: to_json, Format.sarif: to_sarif, Format.junit: to_junit}[output_format](report))
    if report.count(Severity.error) or (strict and report.count(Severity.warning)):
        raise typer.Exit(1)


def _release(path: str) -> str:
    """A release name for a values file: its own name, short enough for the names that are made of it."""
    stem = "values" if path == "-" else Path(path).stem
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    short = name.removeprefix("values-")
    name = short if re.match("[a-z]", short) else f"values-{short}".strip("-")
    return name if len(name) <= 22 else f"{name[:13].strip('-')}-{zlib.crc32(name.encode()):08x}"


def _print_rules() -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("rule", "severity", "asks that"):
        table.add_column(column, no_wrap=column != "asks that")
    for rule in rules().values():
        table.add_row(rule.id, rule.severity.value, rule.title)
    Console().print(table)
