"""How long `explain` takes for a line, against changing every value in the whole chart, which finds the same."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console

from modelservice.explain.trace import explain
from modelservice.helm import EmbeddedHelm, Release
from modelservice.paths import chart_dir
from modelservice.sources import Sources, read_layers

VALUES = Path(__file__).resolve().parents[2] / "examples" / "values-pd.yaml"
LINE = "Deployment/decode.spec.template.spec.containers[vllm].resources"


def main() -> None:
    """Explains one line in both ways, and fails when they differ."""
    console, sources = Console(), Sources(read_layers([str(VALUES)]))
    found, taken = [], []
    for thorough in (False, True):
        start = time.perf_counter()
        found.append(explain(LINE, sources, chart_dir(), EmbeddedHelm, Release("bench"), thorough=thorough))
        taken.append(time.perf_counter() - start)
    console.print(f"explain: {taken[0]:.1f} s for a line with {len(found[0].dependencies)} values")
    console.print(f"every value changed in the whole chart: {taken[1]:.1f} s, {taken[1] / taken[0]:.1f} times as long")
    sys.exit(0 if found[0] == found[1] else "the two ways differ")


if __name__ == "__main__":
    main()
