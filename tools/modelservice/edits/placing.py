"""Which file an edit concerns: the layer that causes the value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from modelservice.documents import STANDARD_INPUT
from modelservice.edits.edit import AsWritten, Cure, Edit, Operation
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.presets import PREFIX
from modelservice.sources import Layer, Path, Sources, dotted, written_text


def placed(cure: Cure, sources: Sources) -> Cure:
    """Return a cure whose edits name the file that they concern, or say why none can be edited.

    Args:
        cure: the cure.
        sources: the values in whose files it is, those of the parent chart for a subchart.
    """
    return replace(cure, edits=tuple(_placed(edit, sources) for edit in cure.edits))


def _placed(edit: Edit, sources: Sources) -> Edit:
    key = dotted(edit.path)
    if sources.set_by_option(key):
        return replace(edit, blocked=f"{key} is given with --set or one of its siblings, so no file can be edited")
    layer = _holder(edit.path, sources)
    if layer is None and edit.operation is Operation.set:
        layer = _nearest(edit.path, sources)
    if layer is None:
        where = "no values file has it" if sources.layers else "there is no values file"
        return replace(edit, blocked=f"{key} cannot be edited: {where}")
    value = edit.value
    if isinstance(value, AsWritten):
        value = written_text(layer.document, edit.path) or value.value
    return replace(edit, value=value, file=layer.name, blocked=_blocked(key, layer))


def _blocked(key: str, layer: Layer) -> str | None:
    """Return why a layer cannot be edited; None where it can."""
    if layer.name.startswith(PREFIX):
        return f"{key} is set by the preset {layer.name.removeprefix(PREFIX)}, which cannot be edited"
    if layer.name == STANDARD_INPUT:
        return f"{key} comes from standard input, which cannot be edited"
    if PurePath(layer.name).suffix == ".tgz":
        return f"{key} is in the archive {layer.name}, which cannot be edited"
    return None


def _holder(path: Path, sources: Sources) -> Layer | None:
    """Return the last layer that has exactly this key."""
    return next((layer for layer in reversed(sources.layers) if found_at(layer.values, path) is not MISSING), None)


def _nearest(path: Path, sources: Sources) -> Layer | None:
    """Return the last layer with the longest part of a path, among those that can be edited."""
    editable = [layer for layer in sources.layers if _blocked("", layer) is None]
    return max(reversed(editable or list(sources.layers)), key=lambda layer: _depth(layer, path), default=None)


def _depth(layer: Layer, path: Path) -> int:
    """Return how many parts of a path a layer has."""
    there = (depth for depth in range(len(path), 0, -1) if found_at(layer.values, path[:depth]) is not MISSING)
    return next(there, 0)
