"""``modelservice diff``."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from modelservice.check.runner import sound
from modelservice.cli.completion import preset_files
from modelservice.cli.messages import say, write_line
from modelservice.cli.options import (
    Chart,
    Cluster,
    Engine,
    Files,
    Given,
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
from modelservice.diff.causes import Causes, Objects
from modelservice.diff.markdown import markdown
from modelservice.diff.report import to_json
from modelservice.diff.side import Side, identity, is_hook
from modelservice.diff.text import text
from modelservice.diff.upgrade import Upgrade, Verdict, upgrade
from modelservice.documents import read_objects
from modelservice.errors import UsageError
from modelservice.escapes import visible
from modelservice.helm import Release, Renderer
from modelservice.inputs import Values
from modelservice.model.cluster import Inventory
from modelservice.model.deployment import Deployment
from modelservice.sources import Layer, Sources, located
from modelservice.subchart import Subchart, chart_renderer, scoped

To = Annotated[
    list[str],
    typer.Option(
        "--to", metavar="FILE", autocompletion=preset_files,
        help="Values file after the upgrade, in place of all of -f; by default -f with --set.",
    ),
]  # fmt: skip


class Format(StrEnum):
    """Output formats of an upgrade."""

    text = "text"
    json = "json"
    markdown = "markdown"


def command(
    files: Files = [],  # noqa: B006
    stack: StackName = None,
    to: To = [],  # noqa: B006
    from_release: Annotated[
        str | None, typer.Option("--from-release", metavar="NAME", help="Compare with this release, as helm has it.")
    ] = None,
    from_manifests: Annotated[
        str | None, typer.Option("--from-manifests", metavar="FILE", help="Compare with these objects.")
    ] = None,
    presets: Presets = [],  # noqa: B006
    set_jsons: SetJsons = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    set_files: SetFiles = [],  # noqa: B006
    nodes: Nodes = None,
    cluster: Cluster = False,
    output_format: Annotated[Format, typer.Option("--format", help="Format of the report.")] = Format.text,
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    subchart: SubchartName = None,
) -> None:
    """Show what an upgrade would do: what changes, restarts, is rejected or loses requests."""
    chosen = of_stack(stack)
    nodes, files = one_cluster(nodes, cluster, chosen), [*chosen.values, *files]
    if from_release and from_manifests:
        raise UsageError("--from-release and --from-manifests exclude each other", fix="keep one")
    installed = from_release or from_manifests
    if installed and files and to:
        raise UsageError("the old side is installed, so all values are new", fix="give them with --to, or with -f")
    new = given(to or files, presets, set_jsons, sets, set_strings, set_files)
    old = given(files, presets, [], [], [], [])
    if not installed and not (files or presets):
        raise UsageError("nothing to compare with", fix="give -f OLD --to NEW, --from-release or --from-manifests")
    if not (to or new.assignments or (installed and (new.layers or subchart))):
        raise UsageError("no new values", fix="give them with --to, or with --set")
    read_once([*new.inputs, *(files if to else ()), from_manifests, nodes])
    reader = _Reader(Release(from_release or name, namespace), helm, chart, subchart)
    after = reader.rendered(new)
    if from_release:
        before = reader.installed()
    else:
        before = reader.listed(from_manifests) if from_manifests else reader.rendered(old)
    causes = Causes(before.sources, after.sources or Sources([]), after.render)
    there = _without(inventory(nodes, cluster, namespace), before.side, after.side)
    found = upgrade(before.side, after.side, causes, there)
    _print(found, output_format)
    if found.verdict is not Verdict.safe:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Read:
    """A side with the values that made it.

    Args:
        side: the side.
        sources: its values; None where they are not known.
        release: the release.
        renderer: renders other values; None for what is installed.
    """

    side: Side
    sources: Sources | None
    release: Release
    renderer: Renderer | None = None

    def render(self, values: Values) -> Objects:
        """Return the objects of other values.

        Raises:
            ModelserviceError: the chart rejects them.
        """
        objects = self.renderer.render(values, self.release).objects if self.renderer else []
        return {identity(obj, self.release.namespace): obj for obj in objects if not is_hook(obj)}


@dataclass(frozen=True)
class _Reader:
    """Reads the sides of an upgrade.

    Args:
        release: the release.
        helm: ``embedded``, or a helm executable.
        chart: the chart or its parent; None for the tool's own.
        subchart: name of the chart in the parent.
    """

    release: Release
    helm: str
    chart: Path | None
    subchart: str | None

    @functools.cached_property
    def _renderer(self) -> Renderer:
        return chart_renderer(self.helm, self.chart, self.subchart)

    def rendered(self, values: Given) -> _Read:
        """Return the side that values make."""
        rendering, sources = scoped(self._renderer, values.sources())
        with located(sources.whole):
            objects = rendering.render(sources.values, self.release).objects
        name = (", ".join(values.layers) or "no values") + (" with --set" if values.assignments else "")
        return _Read(self._side(objects, name, sources), sources, self.release, rendering)

    def installed(self) -> _Read:
        """Return the side that Helm has installed."""
        from modelservice.helm_release import installed_release

        name = f"release {self.release.name}"
        found = installed_release(self.helm, self.release)
        whole = Sources([Layer(name, found.values, None)])
        rendering, sources = scoped(self._renderer, whole)
        own = rendering.part(found.rendered) if isinstance(rendering, Subchart) else found.rendered
        return _Read(self._side(own.objects, name, sources), sources, self.release)

    def listed(self, path: str) -> _Read:
        """Return the side that a file of objects describes."""
        return _Read(self._side(read_objects(path), path, None), None, self.release)

    def _side(self, objects: Sequence[Mapping[str, Any]], name: str, sources: Sources | None) -> Side:
        kept, rejected = sound(objects, name)
        for finding in rejected:
            say("not compared", f"{finding.object}: {finding.message}", style="bold yellow")
        return Side(Deployment(name, kept, self.release.namespace, sources), name)


def _without(there: Inventory | None, *sides: Side) -> Inventory | None:
    """Return a cluster without the pods of the release, which are counted as the upgrade goes on."""
    if there is None:
        return None
    return there.without([selector for side in sides for selector in side.deployment.own_pods])


def _print(found: Upgrade, output_format: Format) -> None:
    if output_format is Format.json:
        sys.stdout.write(json.dumps(to_json(found), indent=2) + "\n")
    elif output_format is Format.markdown:
        sys.stdout.write(visible(markdown(found)))
    else:
        for line in text(found):
            write_line(*line)
