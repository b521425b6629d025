"""Directories of the chart and its presets: in the repository, or in the package when installed from a wheel."""

from __future__ import annotations

from pathlib import Path

CHART = "llm-d-modelservice"

_PACKAGE = Path(__file__).resolve().parent
_REPOSITORY = _PACKAGE.parents[1]


def is_checkout() -> bool:
    """Return whether this package is in a checkout of the repository."""
    return (_REPOSITORY / "charts" / CHART / "Chart.yaml").is_file()


def chart_dir() -> Path:
    """Return the chart's directory."""
    return _REPOSITORY / "charts" / CHART if is_checkout() else _PACKAGE / "chart"


def presets_dir() -> Path:
    """Return the directory of the preset layers."""
    return _REPOSITORY / "examples" / "presets" if is_checkout() else _PACKAGE / "presets"
