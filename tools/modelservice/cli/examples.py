"""``modelservice examples``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from modelservice.cli.checkout import checkout, report_differences, report_written
from modelservice.cli.messages import stderr
from modelservice.cli.options import CheckOnly, Engine
from modelservice.docs.outputs import difference
from modelservice.errors import UsageError
from modelservice.helm import Release, renderer
from modelservice.inputs import read_values
from modelservice.paths import chart_dir


def command(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these examples.")] = None,
    check: CheckOnly = False,
    helm: Engine = "embedded",
) -> None:
    """Render every examples/values-*.yaml into examples/output."""
    root = checkout()
    folder = root / "examples" / "output"
    chart = renderer(helm, chart_dir())
    wanted: dict[Path, str] = {}
    for name, source in track(_sources(root, names or []).items(), "rendering", console=stderr(), transient=True):
        wanted[folder / f"{name}.yaml"] = chart.render(read_values(str(source)), Release(name)).manifests
    present = {
        path: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml") if not names or path.stem in names
    }
    if check:
        paths = sorted({*wanted, *present})
        differences = [difference(path, present.get(path, ""), wanted.get(path, ""), root) for path in paths]
        report_differences([text for text in differences if text], "modelservice examples")
        return
    folder.mkdir(exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        if present.get(path) != text:
            path.write_text(text, encoding="utf-8")
            report_written(path)


def _sources(root: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the values files of the examples by name: those of the given names, or all."""
    files = sorted((root / "examples").glob("values-*.yaml"))
    found = {file.stem.removeprefix("values-"): file for file in files}
    unknown = set(names) - found.keys()
    if unknown:
        raise UsageError(f"no example {', '.join(sorted(unknown))}", file=str(root / "examples"))
    return {name: file for name, file in found.items() if not names or name in names}
