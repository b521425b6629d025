"""Which files are values files of this chart: those of a stack, those that name its schema, and those that look so."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

from modelservice.helm import SCHEMA
from modelservice.paths import CHART, chart_dir

_SCHEMA_LINE = re.compile(r"^#\s*yaml-language-server:\s*\$schema=(\S+)", re.MULTILINE)
_NAME = re.compile(r"(^|[-_.])(values|modelservice|ms)([-_.]|$)", re.IGNORECASE)
"""Words of the names of values files. Many charts have such files, so a key must tell too."""
_OWN_KEY = re.compile(r"^(modelArtifacts|decode|prefill)\s*:", re.MULTILINE)
"""Top-level keys of this chart that few others have."""


def is_values_file(path: Path, text: str) -> bool:
    """Return whether a file has values of this chart, by its schema line, or by its name and a key of the chart."""
    line = _SCHEMA_LINE.search(text)
    if line:
        return _is_own_schema(line[1], path)
    return path.suffix in (".yaml", ".yml") and bool(_NAME.search(path.stem)) and bool(_OWN_KEY.search(text))


def _is_own_schema(reference: str, path: Path) -> bool:
    """Return whether a reference to a schema, as editors read it, leads to this chart's."""
    parsed = urlparse(reference)
    if f"/{CHART}/" in parsed.path and parsed.path.endswith(f"/{SCHEMA}"):
        return True  # also where the file is not there, as in a copy
    if parsed.scheme in ("http", "https"):
        return False
    file = Path(unquote(parsed.path)) if parsed.scheme == "file" else path.parent / reference
    if file.name != SCHEMA:
        return False
    return file.resolve() == (chart_dir() / SCHEMA).resolve() or _is_of_this_chart(file)


def _is_of_this_chart(file: Path) -> bool:
    """Return whether a schema next to a chart is that of this chart in another version."""
    try:
        description = (file.parent / "Chart.yaml").read_text(encoding="utf-8")
        return re.search(rf"^name:\s*{CHART}\s*$", description, re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False
