"""The chart's directory: in the repository during development, in the package when installed from a wheel."""

from __future__ import annotations

from pathlib import Path

CHART = "llm-d-modelservice"


def chart_dir() -> Path:
    """Return the chart's directory: the repository's in a checkout, else the packaged copy."""
    checkout = Path(__file__).resolve().parents[2] / "charts" / CHART
    return checkout if (checkout / "Chart.yaml").is_file() else Path(__file__).resolve().parent / "chart"
