"""``modelservice render``."""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from modelservice.cli.options import (
    Chart,
    Engine,
    Files,
    ManifestFormat,
    MoreFiles,
    Name,
    Namespace,
    Presets,
    SetFiles,
    SetJsons,
    Sets,
    SetStrings,
    StackName,
    SubchartName,
    given,
    of_stack,
)
from modelservice.errors import ModelserviceError
from modelservice.escapes import visible
from modelservice.helm import Release, renderer
from modelservice.rendered import Rendered, dump
from modelservice.sources import Sources, located
from modelservice.subchart import chart_renderer, scoped


def command(
    values: MoreFiles = None,
    files: Files = [],  # noqa: B006
    stack: StackName = None,
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR",
            help="Write one file per object to this directory; the release's files that are not rendered any more go.",
        ),
    ] = None,
    output_format: Annotated[
        ManifestFormat, typer.Option("--format", help="Format of the manifests, or of the summary.")
    ] = ManifestFormat.yaml,
    kube_version: Annotated[
        str | None, typer.Option("--kube-version", help="Kubernetes version to render for.")
    ] = None,
    api_versions: Annotated[list[str], typer.Option("--api-versions", help="APIs that the cluster has.")] = [],  # noqa: B006
    summary: Annotated[bool, typer.Option("--summary", help="Print what would run.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Print the chart's notes.")] = False,
) -> None:  # fmt: skip
    """Render values into manifests, on standard output or into a directory."""
    layers = [*of_stack(stack).values, *files, *(values or [])]
    options = given(layers, presets, set_jsons, sets, set_strings, set_files).sources()
    release = Release(name, namespace)
    whole = chart if chart and not subchart else None
    rendering, sources = scoped(renderer(helm, whole) if whole else chart_renderer(helm, chart, subchart), options)
    with located(sources.whole):
        rendered = rendering.render(sources.values, release, kube_version=kube_version, api_versions=api_versions)
    removed = _write_objects(rendered, output, output_format, release) if output is not None else []
    if output is None and not (summary or notes):
        sys.stdout.write(_stream(rendered, output_format))
    if summary:
        _print_summary(rendered, sources, release, output_format)
    if notes:
        sys.stdout.write(visible(f"{rendered.notes}\n"))
    if output is not None and not (summary and output_format is ManifestFormat.json):
        sys.stdout.write(
            visible("".join([f"manifests: {output}\n", *(f"removed: {output / file}\n" for file in removed)]))
        )


def _print_summary(rendered: Rendered, sources: Sources, release: Release, output_format: ManifestFormat) -> None:
    from modelservice.check.runner import sound
    from modelservice.cli.messages import print_layout
    from modelservice.model.deployment import Deployment
    from modelservice.summary import summary, to_json

    objects, _ = sound(rendered.objects, release.name)
    deployment = Deployment(release.name, objects, release.namespace, sources)
    if output_format is ManifestFormat.json:
        sys.stdout.write(json.dumps(to_json(deployment), indent=2) + "\n")
    else:
        print_layout(summary(deployment))


def _stream(rendered: Rendered, output_format: ManifestFormat) -> str:
    if output_format is ManifestFormat.json:
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered.objects}, indent=2) + "\n"
    return rendered.manifests


def _write_objects(rendered: Rendered, directory: Path, output_format: ManifestFormat, release: Release) -> list[str]:
    """Write one file per object, and return the names of the release's files that are gone."""
    from modelservice.output_files import write_directory

    texts: dict[str, str] = {}
    for obj in rendered.objects:
        file = _file_name(obj, output_format)
        if file in texts:
            raise ModelserviceError(f"two objects would both be {file}", fix="render to standard output")
        texts[file] = dump(obj) if output_format is ManifestFormat.yaml else json.dumps(obj, indent=2) + "\n"
    return write_directory(directory, texts, release.name)


_LONGEST = 200
"""Letters of a file name without its suffix; file systems take 255 bytes."""


def _file_name(obj: Mapping[str, Any], suffix: str) -> str:
    name = obj.get("metadata", {}).get("name")
    if not name:
        raise ModelserviceError(f"an object of kind {obj['kind']} has no name", fix="render to standard output")
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{obj['kind'].lower()}-{name}")
    if len(stem) > _LONGEST:
        stem = f"{stem[:_LONGEST]}-{zlib.crc32(stem.encode()):08x}"
    return f"{stem}.{suffix}"
