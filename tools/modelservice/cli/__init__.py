"""The command line: ``modelservice``.

Exit codes: 0 fine; 1 the input has errors, or with ``--check`` the files differ; 2 wrong usage, unreadable input or
a missing program.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from modelservice import __version__
from modelservice import endpoints as clients
from modelservice.check.runner import sound
from modelservice.cli import cluster
from modelservice.cli import imports as importers
from modelservice.cli.check import check
from modelservice.cli.explain import command as explain
from modelservice.cli.options import Chart, Engine, Files, Name, Namespace, Sets, SetStrings
from modelservice.cli.plan import command as plan
from modelservice.docs import outputs as documents
from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import Release, Rendered, dump, renderer
from modelservice.inputs import apply_set, merge, read_values
from modelservice.model.deployment import Deployment
from modelservice.paths import chart_dir
from modelservice.sources import Sources
from modelservice.summary import print_summary

app = typer.Typer(
    name="modelservice", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
    help="Render, generate and check values of the llm-d-modelservice chart.",
)  # fmt: skip
app.add_typer(cluster.app, name="cluster")
app.command("import")(importers.import_)
app.command("generate")(importers.generate)
errors = Console(stderr=True)


class Format(StrEnum):
    """Output formats of manifests."""

    yaml = "yaml"
    json = "json"


class ReportFormat(StrEnum):
    """Output formats of what is said about a deployment."""

    text = "text"
    json = "json"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the program itself."""


app.command()(check)
app.command("explain")(explain)
app.command("plan")(plan)


@app.command()
def render(
    values: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="More values files.")] = None,
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    name: Name = "modelservice",
    namespace: Namespace = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write one file an object into this directory.")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="Format of the manifests.")] = Format.yaml,
    kube_version: Annotated[
        str | None, typer.Option("--kube-version", help="Kubernetes version to render for.")
    ] = None,
    api_versions: Annotated[list[str], typer.Option("--api-versions", help="APIs that the cluster has.")] = [],  # noqa: B006
    summary: Annotated[bool, typer.Option("--summary", help="Print what would run.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Print the chart's notes.")] = False,
) -> None:
    """Render values into manifests, on standard output or into a directory."""
    given = _read_values([*files, *(values or [])], sets, set_strings)
    rendered = renderer(helm, chart or chart_dir()).render(
        given, Release(name, namespace), kube_version=kube_version, api_versions=api_versions
    )
    if output is not None:
        _write_objects(rendered, output, output_format)
    elif not (summary or notes):
        sys.stdout.write(_stream(rendered, output_format))
    out = Console(soft_wrap=False)
    if summary:
        objects, _ = sound(rendered.objects, name)
        print_summary(Deployment(name, objects, namespace, Sources([], dict(given))), out)
    if notes:
        out.print(rendered.notes, markup=False, highlight=False, soft_wrap=True)
    if output is not None:
        out.print(f"manifests: {output}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def endpoints(
    values: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="More values files.")] = None,
    files: Files = [],  # noqa: B006
    sets: Sets = [],  # noqa: B006
    set_strings: SetStrings = [],  # noqa: B006
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the release.")] = "modelservice",
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace of the release.")] = "default",
    helm: Engine = "embedded",
    chart: Chart = None,
    output_format: Annotated[
        ReportFormat, typer.Option("--format", help="For people or for programs.")
    ] = ReportFormat.text,
) -> None:
    """Show the URLs, paths and model names that a deployment will serve."""
    given = _read_values([*files, *(values or [])], sets, set_strings)
    found = clients.endpoints(given, Release(name, namespace), renderer(helm, chart or chart_dir()))
    if output_format is ReportFormat.json:
        sys.stdout.write(json.dumps(found.data, indent=2) + "\n")
        return
    sys.stdout.write(clients.text(found))


def _read_values(paths: list[str], sets: list[str], set_strings: list[str]) -> Mapping[str, Any]:
    if paths.count("-") > 1:
        raise UsageError("the standard input can be read once", fix="give -f - once")
    return apply_set(merge(read_values(path) for path in paths), sets, set_strings)


def _stream(rendered: Rendered, output_format: Format) -> str:
    if output_format is Format.json:
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered.objects}, indent=2) + "\n"
    return rendered.manifests


def _write_objects(rendered: Rendered, directory: Path, output_format: Format) -> None:
    """Writes one file an object; all of them or, on failure, none.

    Raises:
        UsageError: the directory cannot be written.
    """
    texts: dict[str, str] = {}
    for obj in rendered.objects:
        file = _file_name(obj, output_format)
        if file in texts:
            raise ModelserviceError(f"two objects would both be {file}", fix="render to standard output")
        texts[file] = dump(obj) if output_format is Format.yaml else json.dumps(obj, indent=2) + "\n"
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


Check = Annotated[bool, typer.Option("--check", help="Change nothing; fail if something would change.")]


@app.command()
def schema(check: Check = False) -> None:
    """Generate the chart's schema, values.yaml and the values tables from the models."""
    root = _checkout()
    if check:
        _report(documents.check(root), "modelservice schema")
        return
    for path in documents.write(root):
        errors.print(f"wrote {path.relative_to(root)}", highlight=False)


@app.command()
def examples(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these examples.")] = None,
    check: Check = False,
    helm: Engine = "embedded",
) -> None:
    """Render every examples/values-*.yaml into examples/output."""
    root = _checkout()
    folder = root / "examples" / "output"
    chart = renderer(helm, chart_dir())
    wanted: dict[Path, str] = {}
    sources = [
        source
        for source in sorted((root / "examples").glob("values-*.yaml"))
        if not names or source.stem.removeprefix("values-") in names
    ]
    unknown = set(names or []) - {source.stem.removeprefix("values-") for source in sources}
    if unknown:
        raise UsageError(f"no example {', '.join(sorted(unknown))}", file=str(root / "examples"))
    for source in track(sources, "rendering", console=errors, transient=True):
        name = source.stem.removeprefix("values-")
        wanted[folder / f"{name}.yaml"] = chart.render(read_values(str(source)), Release(name)).manifests
    present = {
        path: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml") if not names or path.stem in names
    }
    if check:
        paths = sorted({*wanted, *present})
        differences = [documents.difference(path, present.get(path, ""), wanted.get(path, ""), root) for path in paths]
        _report([difference for difference in differences if difference], "modelservice examples")
        return
    folder.mkdir(exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        if present.get(path) != text:
            path.write_text(text, encoding="utf-8")
            errors.print(f"wrote {path.relative_to(root)}", highlight=False)


def _checkout() -> Path:
    """The repository, for commands that change it.

    Raises:
        UsageError: the package runs from a wheel.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "charts").is_dir():
        raise UsageError("this command works in a checkout of the project", fix="clone it and install it with pip -e")
    return root


def _report(differences: list[str], command: str) -> None:
    for difference in differences:
        sys.stdout.write(difference + "\n")
    if differences:
        errors.print(f"{len(differences)} file(s) differ; run `{command}`", highlight=False)
        raise typer.Exit(1)


def main(arguments: list[str] | None = None) -> None:
    """Runs the program; errors are sentences on the standard error, or JSON where JSON was asked for."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # manifests are UTF-8, whatever the locale
    try:
        app(args=arguments)
    except ModelserviceError as error:
        _explain(error, as_json=_wants_json(arguments))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        _explain(
            ModelserviceError(f"a defect of this program: {message}", fix="report it with what --debug prints"),
            as_json=_wants_json(arguments),
        )
        sys.exit(1)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    errors.print("[bold yellow]warning:[/] ", end="")
    errors.print(str(message), markup=False, highlight=False, soft_wrap=True)


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _explain(error: ModelserviceError, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(json.dumps(error.to_json()) + "\n")
        return
    for problem in error.problems:
        errors.print("[bold red]error:[/] ", end="")
        errors.print(str(problem), markup=False, highlight=False, soft_wrap=True)
