"""CPU time of the commands, as ratios of one run: machines differ and are noisy, ratios travel.

`make bench` prints one table: start-up, `render`, `check` and `explain` against `helm template` of the same values, what
it costs `check` to know the model and the accelerators, and this chart against the original one, in Helm's process and
in ours. Of each job the least CPU time (user and system) of several rounds counts, and the jobs take turns, so that
noise falls on all alike.

The original chart is not part of this repository. Clone github.com/llm-d-incubation/llm-d-modelservice and name the
clone in ORIGINAL_CHART; without it those rows say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from localcluster.binaries import binary
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import read_values
from modelservice.paths import CHART, chart_dir

ROOT = Path(__file__).resolve().parents[2]
VALUES = ROOT / "examples" / "values-pd.yaml"
LINE = "Deployment/decode.spec.template.spec.containers[vllm].resources"
ORIGINAL = "ORIGINAL_CHART"
PLACED = [
    word
    for role in ("decode", "prefill")
    for word in ("--set", rf"{role}.nodeSelector.nvidia\.com/gpu\.product=NVIDIA-H200")
]
"""Options by which the memory of the accelerators is known."""
ROUNDS = 9

Job = Callable[[], float]
"""Does something and returns the CPU seconds it took."""


@dataclass(frozen=True)
class Row:
    """A job against another one."""

    job: str
    against: str
    target: str


ROWS = (
    Row("modelservice --version", "helm template", "0.15 s"),
    Row("modelservice render", "helm template", "2.5"),
    Row("modelservice check", "helm template", "2.5"),
    Row("check, known model", "check, unknown model", "1.1"),
    Row("check, known model and accelerators", "check, unknown model", "1.2"),
    Row("modelservice plan, known accelerators", "check, known model and accelerators", ""),
    Row("modelservice size", "helm template", ""),
    Row("modelservice explain", "helm template", "2 s"),
    Row("modelservice explain --all", "helm template", ""),
    Row("helm template, original's values", "helm template of the original", "1.2"),
    Row("render in process, original's values", "render of the original in process", "1.2"),
)


def process(*command: str | Path) -> Job:
    """Return a job that runs a program."""
    # As installed: with compiled modules, and without a terminal.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "modelservice-bench"))

    def run() -> float:
        with subprocess.Popen(
            list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            error = child.stderr.read() if child.stderr else b""
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {error.decode()}")
        return usage.ru_utime + usage.ru_stime

    return run


def rendering(chart: Path, values: Path) -> Job:
    """Return a job that renders a few times in this process, with the chart loaded, and tells the least time."""
    renderer, given, release = EmbeddedHelm(chart), read_values(str(values)), Release("bench")

    def once() -> float:
        start = time.process_time()
        renderer.render(given, release)
        return time.process_time() - start

    return lambda: min(once() for _ in range(5))


def jobs() -> Iterator[tuple[str, Job]]:
    """Yield the jobs by name."""
    helm = binary("helm4")
    tool = (sys.executable, "-m", "modelservice")
    yield "helm template", process(helm, "template", "bench", chart_dir(), "-f", VALUES)
    yield "modelservice --version", process(*tool, "--version")
    yield "modelservice render", process(*tool, "render", "-f", VALUES)
    yield "modelservice check", process(*tool, "check", "-f", VALUES)
    check = (*tool, "check", "-f", VALUES)
    own = ("--set", "modelArtifacts.name=example/own", "--set", "modelArtifacts.uri=hf://example/own")
    yield "check, unknown model", process(*check, *own)
    yield "check, known model", process(*check)
    yield "check, known model and accelerators", process(*check, *PLACED)
    yield "modelservice plan, known accelerators", process(*tool, "plan", "-f", VALUES, *PLACED)
    yield "modelservice size", process(*tool, "size", "Qwen/Qwen3-32B")
    yield "modelservice explain", process(*tool, "explain", "-f", VALUES, LINE)
    yield "modelservice explain --all", process(*tool, "explain", "-f", VALUES, LINE, "--all")
    if ORIGINAL in os.environ:
        clone = Path(os.environ[ORIGINAL])
        original, values = clone / "charts" / CHART, clone / "examples" / "values-pd.yaml"
        yield "helm template, original's values", process(helm, "template", "bench", chart_dir(), "-f", values)
        yield "helm template of the original", process(helm, "template", "bench", original, "-f", values)
        yield "render in process, original's values", rendering(chart_dir(), values)
        yield "render of the original in process", rendering(original, values)


def table(least: Mapping[str, float]) -> Table:
    """Return the ratios as a table."""
    result = Table(title=f"Least CPU time of {ROUNDS} rounds")
    for column in ("job", "milliseconds", "against", "milliseconds", "ratio", "target"):
        result.add_column(column, justify="right" if column in ("milliseconds", "ratio", "target") else "left")
    for row in ROWS:
        if row.job not in least:
            result.add_row(row.job, "-", row.against, "-", f"set {ORIGINAL}", row.target)
            continue
        job, other = least[row.job], least[row.against]
        ratio = f"{job / other:.2f}"
        result.add_row(row.job, f"{job * 1000:.0f}", row.against, f"{other * 1000:.0f}", ratio, row.target)
    return result


def main() -> None:
    """Measure every job in turn, round by round, and print the table."""
    todo = dict(jobs())
    for job in todo.values():
        job()  # compiles modules, and the schema of charts that are rendered in this process
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in track(range(ROUNDS), "measuring", console=Console(stderr=True), transient=True):
        for name, job in todo.items():
            times[name].append(job())
    Console(width=160).print(table({name: min(measured) for name, measured in times.items()}))


if __name__ == "__main__":
    main()
