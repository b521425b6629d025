"""``modelservice render``."""

from __future__ import annotations

import json
import re
import sys
import tempfile
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
    Sets,
    SetStrings,
    SubchartName,
    read_sources,
)
from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import Release, renderer
from modelservice.rendered import Rendered, dump
from modelservice.sources import Sources
from modelservice.subchart import chart_renderer, scoped


def command(
    values: MoreFiles = None,
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    subchart: SubchartName = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write one file per object to this directory.")
    ] = None,
    output_format: Annotated[
        ManifestFormat, typer.Option("--format", help="Format of the manifests.")
    ] = ManifestFormat.yaml,
    kube_version: Annotated[
        str | None, typer.Option("--kube-version", help="Kubernetes version to render for.")
    ] = None,
    api_versions: Annotated[list[str], typer.Option("--api-versions", help="APIs that the cluster has.")] = [],  # noqa: B006
    summary: Annotated[bool, typer.Option("--summary", help="Print what would run.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Print the chart's notes.")] = False,
) -> None:
    """Render values into manifests, on standard output or into a directory."""
    given = read_sources([*files, *(values or [])], sets, set_strings)
    release = Release(name, namespace)
    whole = chart if chart and not subchart else None
    rendering, sources = scoped(renderer(helm, whole) if whole else chart_renderer(helm, chart, subchart), given)
    rendered = rendering.render(sources.values, release, kube_version=kube_version, api_versions=api_versions)
    if output is not None:
        _write_objects(rendered, output, output_format)
    elif not (summary or notes):
        sys.stdout.write(_stream(rendered, output_format))
    if summary:
        _print_summary(rendered, sources, release)
    if notes:
        sys.stdout.write(f"{rendered.notes}\n")
    if output is not None:
        sys.stdout.write(f"manifests: {output}\n")


def _print_summary(rendered: Rendered, sources: Sources, release: Release) -> None:
    from rich.console import Console

    from modelservice.check.runner import sound
    from modelservice.model.deployment import Deployment
    from modelservice.summary import print_summary

    objects, _ = sound(rendered.objects, release.name)
    deployment = Deployment(release.name, objects, release.namespace, sources)
    print_summary(deployment, Console(soft_wrap=False))


def _stream(rendered: Rendered, output_format: ManifestFormat) -> str:
    if output_format is ManifestFormat.json:
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered.objects}, indent=2) + "\n"
    return rendered.manifests


def _write_objects(rendered: Rendered, directory: Path, output_format: ManifestFormat) -> None:
    """Write one file per object; all of them or, on failure, none.

    Raises:
        UsageError: the directory cannot be written.
    """
    texts: dict[str, str] = {}
    for obj in rendered.objects:
        file = _file_name(obj, output_format)
        if file in texts:
            raise ModelserviceError(f"two objects would both be {file}", fix="render to standard output")
        texts[file] = dump(obj) if output_format is ManifestFormat.yaml else json.dumps(obj, indent=2) + "\n"
    occupied = next((directory / file for file in texts if (directory / file).is_dir()), None)
    if occupied:
        raise UsageError("cannot be written: Is a directory", file=str(occupied))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".rendering-") as scratch:
            for file, text in texts.items():
                (Path(scratch) / file).write_text(text, encoding="utf-8")
            for file in texts:
                (Path(scratch) / file).replace(directory / file)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", file=str(directory)) from None


def _file_name(obj: Mapping[str, Any], suffix: str) -> str:
    name = obj.get("metadata", {}).get("name")
    if not name:
        raise ModelserviceError(f"an object of kind {obj['kind']} has no name", fix="render to standard output")
    return re.sub(r"[^\w.-]", "-", f"{obj['kind'].lower()}-{name}") + f".{suffix}"
