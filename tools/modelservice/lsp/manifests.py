"""The rendered manifests of a values file as a file next to it, which is kept current while the values are typed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from modelservice.lsp.analysis import Analysis

_HEADER = "# What modelservice renders {name} to. It follows the values; changes here are lost.\n"


class Manifests:
    """The files of manifests that editors show, in a folder that only the user can read."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._shown: dict[Path, Path] = {}

    def open(self, values: Path, analysis: Analysis) -> Path | None:
        """Return the file with the manifests of a values file; None while the values are rejected."""
        if analysis.manifests is None and values not in self._shown:
            return None
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="modelservice-manifests-")
        number = len(self._shown)
        file = Path(self._folder.name, str(number), f"{values.stem}.manifests.yaml")
        self._shown.setdefault(values, file)
        self.refresh(values, analysis)
        return self._shown[values]

    def refresh(self, values: Path, analysis: Analysis) -> None:
        """Write the manifests of a values file where they are shown; rejected values leave the last good ones."""
        file = self._shown.get(values)
        if file is None or analysis.manifests is None:
            return
        text = _HEADER.format(name=values.name) + analysis.manifests
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Remove the files."""
        if self._folder:
            self._folder.cleanup()
            self._folder, self._shown = None, {}
