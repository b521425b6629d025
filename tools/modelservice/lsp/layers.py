"""Which file a value in effect comes from, and where it is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as File

from modelservice.lsp.analysis import Analysis
from modelservice.lsp.positions import Text
from modelservice.lsp.tree import Entry, Tree
from modelservice.presets import PREFIX, preset
from modelservice.sources import Path


@dataclass(frozen=True)
class Setting:
    """A key as a layer has it.

    Args:
        layer: name of the layer.
        file: its file.
        text: its text.
        entry: the key in it.
    """

    layer: str
    file: File
    text: Text
    entry: Entry

    @property
    def place(self) -> str:
        """``FILE:LINE`` for people."""
        name = self.layer if self.layer.startswith(PREFIX) else self.file.name
        return f"{name}:{self.text.line_of(self.entry.key.start) + 1}"


def settings(path: Path, analysis: Analysis) -> list[Setting]:
    """Return every layer's entry of exactly this key, the one that counts first."""
    return list(_settings(path, analysis))


def _settings(path: Path, analysis: Analysis) -> Iterator[Setting]:
    for layer in reversed(analysis.stack.values):
        file = preset(layer.removeprefix(PREFIX)) if layer.startswith(PREFIX) else File(layer)
        text = Text(file.read_text(encoding="utf-8")) if layer.startswith(PREFIX) else analysis.texts[layer]
        tree = Tree(text.content) if layer.startswith(PREFIX) else analysis.trees.get(layer)
        entry = tree.find(path) if tree else None
        if entry is not None and entry.path == path:
            yield Setting(layer, file, text, entry)
