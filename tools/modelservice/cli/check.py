"""``modelservice check``."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from modelservice.check.finding import Finding, Severity
from modelservice.check.report import Format, text_lines, to_json, to_junit, to_sarif
from modelservice.check.rule import rules
from modelservice.check.runner import Report, load, order, run, sound, suppress
from modelservice.check.suppression import from_options, from_project
from modelservice.cli.messages import stderr, write_line
from modelservice.cli.options import Chart, Engine, Files, Name, Namespace, Sets, SetStrings, SubchartName, read_once
from modelservice.engines.version import Version
from modelservice.errors import UsageError
from modelservice.helm import Release, Renderer
from modelservice.inputs import read_objects
from modelservice.model.cluster import read_cluster, read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import read_pool
from modelservice.subchart import chart_renderer

Manifests = Annotated[
    list[str],
    typer.Option("--manifests", metavar="FILE", help="Objects that something else rendered, - for standard input."),
]
Pools = Annotated[
    list[str],
    typer.Option(
        "--pool", metavar="FILE", help="The InferencePool: values of inferencepool or llm-d-router, or manifests."
    ),
]
Nodes = Annotated[
    str | None, typer.Option("--nodes", metavar="FILE", help="The cluster as a file: node pools, or its objects.")
]
Cluster = Annotated[bool, typer.Option("--cluster", help="Read the cluster that the kubeconfig names.")]


def command(
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Values files, each a separate deployment on top of -f."),
    ] = None,
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    manifests: Manifests = [],  # noqa: B006
    pool: Pools = [],  # noqa: B006
    nodes: Nodes = None,
    cluster: Cluster = False,
    together: Annotated[
        bool, typer.Option("--together", help="The deployments share a cluster: compare them too.")
    ] = False,
    vllm_version: Annotated[
        str | None, typer.Option("--vllm-version", metavar="V", help="vLLM version; by default from the image tag.")
    ] = None,
    ignore: Annotated[list[str], typer.Option("--ignore", metavar="RULE=REASON", help="A rule to ignore.")] = [],  # noqa: B006
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    output_format: Annotated[Format, typer.Option("--format", help="Format of the report.")] = Format.text,
    list_rules: Annotated[bool, typer.Option("--list-rules", help="List the rules.")] = False,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    subchart: SubchartName = None,
) -> None:
    """Find mistakes that waste accelerators or serve nothing, before installing."""
    if list_rules:
        _print_rules()
        return
    if not (values or files or sets or set_strings or subchart or manifests):
        raise UsageError("nothing to check", fix="give -f FILE, or --manifests FILE")
    read_once([*files, *(values or []), *manifests, *pool])
    stated = Version.parse(vllm_version) if vllm_version else None
    if vllm_version is not None and stated is None:
        raise UsageError(f"--vllm-version {vllm_version}: not a version", fix="e.g. 0.32.0")
    if nodes and cluster:
        raise UsageError("--nodes and --cluster exclude each other", fix="keep one")
    suppressions = [*from_project(Path()), *from_options(ignore)]
    inventory = read_cluster(namespace) if cluster else read_inventory(nodes) if nodes else None
    neighbours = [read_pool(path) for path in pool]
    loaded = Loaded()
    groups = (
        [[*files, value] for value in values] if values else [files] if files or sets or set_strings or subchart else []
    )
    rendering = chart_renderer(helm, chart, subchart)
    for group in _tracked(groups):
        release = Release(_release(group[-1]) if len(groups) > 1 else name, namespace)
        loaded.add_values(group, rendering, release, sets, set_strings)
    for path in manifests:
        loaded.add_manifests(path, namespace)
    installed = [selector for deployment in loaded.deployments if together for selector in deployment.own_pods]
    for deployment in loaded.deployments:
        deployment.vllm_version = stated
        deployment.cluster = inventory.without(installed or deployment.own_pods) if inventory else None
        deployment.given_pools = [item for neighbour in neighbours for item in neighbour.pools]
        deployment.neighbours = [item for neighbour in neighbours for item in neighbour.objects]
    findings = [*loaded.findings, *run(loaded.deployments, together=together)]
    report = replace(suppress(order(findings), suppressions), deployments=loaded.names)
    _print(report, output_format)
    if report.count(Severity.error) or (strict and report.count(Severity.warning)):
        raise typer.Exit(1)


@dataclass
class Loaded:
    """What there is to check, and what is wrong before any rule looks at it."""

    names: list[str] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add_values(
        self,
        files: Sequence[str],
        rendering: Renderer,
        release: Release,
        sets: Sequence[str],
        set_strings: Sequence[str],
    ) -> None:
        """Render values files."""
        self.names.append(release.name)
        deployment, rejected = load(files, rendering, release, sets, set_strings)
        self.findings += [replace(finding, deployment=release.name) for finding in rejected]
        if deployment:
            self.deployments.append(deployment)

    def add_manifests(self, path: str, namespace: str) -> None:
        """Read objects that something else rendered."""
        self.names.append(path)
        objects, rejected = sound(read_objects(path), path)
        self.findings += rejected
        self.deployments.append(Deployment(path, objects, namespace))


def _tracked(groups: Sequence[Sequence[str]]) -> Iterable[Sequence[str]]:
    """Return the values files of each deployment, with a progress bar where there are several."""
    if len(groups) < 2:
        return groups
    from rich.progress import track

    return track(groups, "checking", console=stderr(), transient=True)


def _release(path: str) -> str:
    """Return a release name for a values file: the file's name, short enough for the names that are made of it."""
    stem = "values" if path == "-" else Path(path).stem
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    short = name.removeprefix("values-")
    name = short if re.match("[a-z]", short) else f"values-{short}".strip("-")
    return name if len(name) <= 22 else f"{name[:13].strip('-')}-{zlib.crc32(name.encode()):08x}"


def _print(report: Report, output_format: Format) -> None:
    if output_format is Format.text:
        for parts in text_lines(report):
            write_line(*parts)
    else:
        sys.stdout.write({Format.json: to_json, Format.sarif: to_sarif, Format.junit: to_junit}[output_format](report))


def _print_rules() -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("rule", "severity", "asks that"):
        table.add_column(column, no_wrap=column != "asks that")
    for rule in rules().values():
        table.add_row(rule.id, rule.severity.value, rule.title)
    Console().print(table)
