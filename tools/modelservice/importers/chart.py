"""The chart that imports are rendered with, loaded once."""

from __future__ import annotations

from functools import cache

from modelservice.helm import EmbeddedHelm
from modelservice.paths import chart_dir


@cache
def chart() -> EmbeddedHelm:
    """The chart, rendered in process."""
    return EmbeddedHelm(chart_dir())
