"""``modelservice check``."""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from modelservice.check.finding import Finding, Severity
from modelservice.check.fixing import Fixes, editable, fixed
from modelservice.check.report import Format, text_lines, to_github, to_json, to_junit, to_sarif
from modelservice.check.rule import rules
from modelservice.check.runner import UNREADABLE, Report, load, order, sound, suppress, unreadable
from modelservice.check.suppression import Suppression, from_options, from_project
from modelservice.check.upgrade import run_with_upgrade
from modelservice.cli.completion import rule_names
from modelservice.cli.fixes import print_diff, print_fixes
from modelservice.cli.messages import note_unused, print_layout, stderr, write_line
from modelservice.cli.options import (
    Chart,
    Cluster,
    Engine,
    FetchModelConfig,
    Files,
    Given,
    ModelConfigs,
    Name,
    Namespace,
    Nodes,
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
from modelservice.documents import read_objects
from modelservice.engines.version import Version
from modelservice.errors import InputsError, ModelserviceError, UsageError
from modelservice.helm import Release, Renderer
from modelservice.model.deployment import Deployment
from modelservice.model.picker import KIND as PICKER_CONFIG
from modelservice.model.pool import read_pool
from modelservice.models.lookup import Models
from modelservice.subchart import chart_renderer

Manifests = Annotated[
    list[str],
    typer.Option("--manifests", metavar="FILE", help="Objects that something else rendered, - for standard input."),
]
Pools = Annotated[
    list[str],
    typer.Option(
        "--pool",
        metavar="FILE",
        help="The InferencePool: values of inferencepool or llm-d-router, in layers as FILE,FILE, or manifests.",
    ),
]


def command(
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Values files, each a separate deployment on top of -f."),
    ] = None,
    files: Files = [],  # noqa: B006
    stack: StackName = None,
    presets: Presets = [],  # noqa: B006
    set_jsons: SetJsons = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    set_files: SetFiles = [],  # noqa: B006
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
    engine_upgrade: Annotated[
        str | None,
        typer.Option("--engine-upgrade", metavar="V", help="vLLM version to upgrade to: report what changes."),
    ] = None,
    model_configs: ModelConfigs = [],  # noqa: B006
    fetch_model_config: FetchModelConfig = False,
    ignore: Annotated[
        list[str],
        typer.Option("--ignore", metavar="RULE=REASON", help="A rule to ignore.", autocompletion=rule_names),
    ] = [],  # noqa: B006
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Edit the values files where a cure is certain.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would edit, and edit nothing.")] = False,
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
        _print_rules(output_format)
        return
    models = Models(model_configs, fetch=fetch_model_config)
    release = Release(name, namespace)
    try:
        chosen = of_stack(stack)
        options = given([*chosen.values, *files], presets, set_jsons, sets, set_strings, set_files)
        nodes, pools = one_cluster(nodes, cluster, chosen), [*chosen.pools, *pool]
        work = Work(options, values or [], manifests, pools, nodes, cluster, models, release, subchart is not None)
        versions = Versions(_version("--vllm-version", vllm_version), _version("--engine-upgrade", engine_upgrade))
        rendering = chart_renderer(helm, chart, subchart)
        suppressions = [*from_project(Path()), *from_options(ignore)]
        if fix or diff:
            editable(work.inputs)

        def check() -> Report:
            work.run(rendering, versions, together=together)
            return work.report(suppressions)

        fixes = fixed(check) if fix or diff else Fixes(check())
        if fix and not diff:
            fixes.write()
    except ModelserviceError as error:
        if output_format not in (Format.text, Format.json):  # a program reads these, whatever happened
            _print(Report(unreadable(error)), output_format)
        raise
    if diff:
        print_diff(fixes)
    else:
        print_fixes(fixes, output_format)
        _print(fixes.report, output_format, fixes if fix else None)
    note_unused(models)
    if work.errors:
        raise InputsError(work.errors)
    failing = fixes.report.count(Severity.error) or (strict and fixes.report.count(Severity.warning))
    if failing or (diff and fixes.after):
        raise typer.Exit(1)


def _version(option: str, text: str | None) -> Version | None:
    stated = Version.parse(text) if text else None
    if text is not None and stated is None:
        raise UsageError(f"{option} {text}: not a version", fix="e.g. 0.32.0")
    return stated


class Versions(NamedTuple):
    """Versions of vLLM that the user states."""

    now: Version | None
    upgrade: Version | None


@dataclass
class Work:
    """What a check reads, and what it finds.

    Args:
        given: values of every deployment.
        values: values files, each a deployment on top of them.
        manifests: files of objects that something else rendered.
        pools: files with InferencePools.
        nodes: file of a cluster.
        cluster: whether to read the cluster of the kubeconfig.
        models: what is known of models.
        release: release of a single deployment; several have names of their own.
        subchart: whether a parent chart gives values, so that no file needs to.
    """

    given: Given
    values: Sequence[str]
    manifests: Sequence[str]
    pools: Sequence[str]
    nodes: str | None
    cluster: bool
    models: Models
    release: Release
    subchart: bool
    names: list[str] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    errors: list[ModelserviceError] = field(default_factory=list)
    """Inputs that cannot be read, while others can."""

    @property
    def inputs(self) -> list[str | None]:
        """Everything that is read."""
        return [*self.given.inputs, *self.values, *self.manifests, *self.pools, self.nodes]

    def run(self, rendering: Renderer, versions: Versions, *, together: bool) -> None:
        """Read everything, and check what could be read.

        Raises:
            UsageError: the options contradict each other.
        """
        if not (self._groups() or self.manifests):
            raise UsageError("nothing to check", fix="give -f FILE, or --manifests FILE")
        read_once(self.inputs)
        self.names, self.deployments, self.findings, self.errors = [], [], [], []
        found = inventory(self.nodes, self.cluster, self.release.namespace)
        neighbours = [read_pool(path) for path in self.pools]
        for group in _tracked(self._groups()):
            self._add_values(group, rendering)
        for path in self.manifests:
            self._add_manifests(path)
        for deployment in self.deployments:
            deployment.vllm_version, deployment.engine_upgrade = versions
        installed = [selector for deployment in self.deployments if together for selector in deployment.own_pods]
        for deployment in self.deployments:
            deployment.models = self.models
            deployment.surround(neighbours, found, installed)
        if self.errors and not self.deployments:
            raise InputsError(self.errors)
        self.findings += run_with_upgrade(self.deployments, together=together)

    def report(self, suppressions: Sequence[Suppression]) -> Report:
        """Return the findings without those that are ignored."""
        return replace(suppress(order(self.findings), suppressions), deployments=self.names)

    def _groups(self) -> list[list[str]]:
        """Return the values files of each deployment."""
        layers = self.given.layers
        if self.values:
            return [[*layers, value] for value in self.values]
        return [layers] if layers or self.given.assignments or self.subchart else []

    def _add_unreadable(self, error: ModelserviceError, deployment: str) -> None:
        """Keep an error for the report: the other deployments are checked nevertheless."""
        self.findings += unreadable(error, deployment)
        self.errors.append(error)

    def _add_values(self, files: Sequence[str], rendering: Renderer) -> None:
        release = Release(_release(files[-1]), self.release.namespace) if len(self.values) > 1 else self.release
        self.names.append(release.name)
        try:
            deployment, rejected = load(files, rendering, release, self.given.assignments)
        except ModelserviceError as error:
            self._add_unreadable(error, release.name)
            return
        self.findings += [replace(finding, deployment=release.name) for finding in rejected]
        if deployment:
            self.deployments.append(deployment)

    def _add_manifests(self, path: str) -> None:
        self.names.append(path)
        try:
            read = read_objects(path)
            configs = [obj for obj in read if obj["kind"] == PICKER_CONFIG]
            objects, rejected = sound([obj for obj in read if obj["kind"] != PICKER_CONFIG], path)
        except ModelserviceError as error:
            self._add_unreadable(error, path)
            return
        self.findings += rejected
        self.deployments.append(Deployment(path, objects, self.release.namespace, picker_configs=configs))


def _tracked(groups: Sequence[Sequence[str]]) -> Iterable[Sequence[str]]:
    """Return the values files of each deployment, with a progress bar where there are several."""
    if len(groups) < 2 or not sys.stderr.isatty():
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


def _print(report: Report, output_format: Format, fixes: Fixes | None = None) -> None:
    report = report.masked()
    if output_format is Format.text:
        readable = [
            finding for finding in report.findings if finding.rule != UNREADABLE
        ]  # the rest is on standard error
        for parts in text_lines(replace(report, findings=readable)):
            write_line(*parts)
    elif output_format is Format.json:
        sys.stdout.write(to_json(report, fixes))
    else:
        sys.stdout.write(_WRITERS[output_format](report))


_WRITERS = {Format.sarif: to_sarif, Format.junit: to_junit, Format.github: to_github}


def _print_rules(output_format: Format) -> None:
    """Print the rules.

    Raises:
        UsageError: the format is one of reports only.
    """
    if output_format is Format.json:
        shown = ("id", "family", "severity", "title", "reason", "link")
        listed = [{name: getattr(rule, name) for name in shown} for rule in rules().values()]
        sys.stdout.write(json.dumps({"rules": listed}, indent=2) + "\n")
        return
    if output_format is not Format.text:
        raise UsageError(f"--list-rules has no format {output_format}", fix="use text or json")
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("rule", "severity", "asks that"):
        table.add_column(column, no_wrap=column != "asks that")
    for rule in rules().values():
        table.add_row(rule.id, rule.severity.value, rule.title)
    print_layout(table)
