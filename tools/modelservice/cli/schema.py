"""``modelservice schema``."""

from __future__ import annotations

from modelservice.cli.checkout import checkout, report_differences, report_written
from modelservice.cli.options import CheckOnly
from modelservice.docs import outputs as documents


def command(check: CheckOnly = False) -> None:
    """Generate the chart's schema, values.yaml and the values tables from the models."""
    root = checkout()
    if check:
        report_differences(documents.check(root), "modelservice schema")
        return
    for path in documents.write(root):
        report_written(path)
