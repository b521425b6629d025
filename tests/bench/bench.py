"""How fast the chart renders, as ratios of one run: machines differ and are noisy, ratios travel.

`make bench` prints: embedded rendering against the `helm template` process for the same values, against the same
chart without its schema, and against a chart of one ConfigMap; generating the schema; the renders a second of the
whole corpus of examples.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from localcluster.binaries import binary
from modelservice.docs.outputs import outputs
from modelservice.helm import EmbeddedHelm, HelmExecutable, Release
from modelservice.inputs import read_values
from modelservice.paths import chart_dir
from modelservice.values import Values

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 25


def timed(job: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main() -> None:
    """Runs every job in turn, round by round, so that noise falls on all of them alike."""
    values, release = read_values(str(ROOT / "examples" / "values-pd.yaml")), Release("bench")
    with tempfile.TemporaryDirectory() as scratch:
        bare = Path(scratch) / "bare"
        shutil.copytree(chart_dir(), bare)
        (bare / "values.schema.json").unlink()
        tiny = Path(scratch) / "tiny"
        (tiny / "templates").mkdir(parents=True)
        (tiny / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 0.1.0\n")
        (tiny / "templates" / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tiny}\n")
        embedded, without, smallest = EmbeddedHelm(chart_dir()), EmbeddedHelm(bare), EmbeddedHelm(tiny)
        jobs: dict[str, Callable[[], object]] = {
            "embedded render": lambda: embedded.render(values, release),
            "embedded render without schema": lambda: without.render(values, release),
            "embedded render of one ConfigMap": lambda: smallest.render({}, release),
            "schema, values.yaml and tables": lambda: outputs(ROOT),
        }
        for name in ("helm4", "helm3"):
            executable = HelmExecutable(chart_dir(), str(binary(name)))
            jobs[f"helm template ({name})"] = lambda executable=executable: executable.render(values, release)  # type: ignore[misc]
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in track(range(ROUNDS), "measuring", console=Console(stderr=True), transient=True):
            for name, job in jobs.items():
                times[name].append(timed(job))
        corpus = [read_values(str(path)) for path in sorted((ROOT / "examples").glob("values-*.yaml"))]
        all_examples = timed(lambda: [embedded.render(item, release) for item in corpus * 5])

    peer = statistics.median(times["helm template (helm4)"])
    table = Table(title="Medians of one run")
    for column in ("job", "milliseconds", "of helm template"):
        table.add_column(column, justify="left" if column == "job" else "right")
    for name, measured in times.items():
        median = statistics.median(measured)
        table.add_row(name, f"{median * 1000:.1f}", f"{median / peer:.2f}")
    console = Console()
    console.print(table)
    console.print(f"{len(corpus) * 5 / all_examples:.0f} renders a second over all examples")
    console.print(
        f"{len(Values.model_fields)} top-level keys, schema of {(chart_dir() / 'values.schema.json').stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
