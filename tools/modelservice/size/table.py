"""What a model fits on, as a table and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from modelservice.kubernetes.quantity import GIB
from modelservice.models.catalogue import KnownModel
from modelservice.models.overhead import Band
from modelservice.size.candidates import Candidate, Sizing
from modelservice.size.request import Need

CERTAIN = "yes"
OPEN = "if the overhead is low"
_WORDS = ("accelerator", "parallelism", "fits")
_COLUMNS = (
    "#", "accelerator", "parallelism", "replicas", "accelerators", "KV room of each, GiB", "requests at once", "fits",
)  # fmt: skip


def layout(model: KnownModel, need: Need, found: Sizing) -> RenderableType:
    """Return the table of what a model fits on, as rich prints it."""
    head = f"{model.name} for {need.text} at once"
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in _WORDS else "right", no_wrap=True)
    for number, item in enumerate(found.candidates, 1):
        table.add_row(
            str(number),
            item.hardware.name,
            str(item.layout),
            str(item.replicas),
            str(item.accelerators),
            _range(_room(item)),
            _range(Band(item.least, item.most), digits=0),
            CERTAIN if item.certain else OPEN,
        )
    title = Text(f"{head} ({model.note})" if model.note else head)
    below = [Text(line) for line in ("", *lines)] if (lines := remarks(found)) else []
    return Group(title, Text(), table, *below)


def remarks(found: Sizing) -> list[str]:
    """Return what the table leaves out, as sentences."""
    lines = [f"{name}: {why}" for name, why in found.unfit.items()]
    if found.dominated:
        rows = "row is" if found.dominated == 1 else "rows are"
        lines.append(
            f"{found.dominated} more {rows} left out: with the same accelerators another one needs no more of them, "
            "and each runs as many requests"
        )
    return lines


def to_json(model: KnownModel, need: Need, found: Sizing) -> dict[str, Any]:
    """Return what a model fits on for programs."""
    return {
        "model": model.name,
        "source": model.source,
        "takenAs": model.taken_as,
        "context": need.context,
        "concurrent": need.concurrent,
        "candidates": [_to_json(item) for item in found.candidates],
        "dominated": found.dominated,
        "unfit": found.unfit,
    }


def _to_json(item: Candidate) -> dict[str, Any]:
    parallelism, room, rank = item.layout, _room(item), item.rank
    return {
        "accelerator": item.hardware.name,
        "type": item.hardware.type,
        "nodeSelector": dict(item.hardware.selector),
        "parallelism": {
            "tensor": parallelism.tensor,
            "pipeline": parallelism.pipeline,
            "data": parallelism.data,
            "expert": parallelism.expert,
        },
        "replicas": item.replicas,
        "nodesPerReplica": parallelism.nodes,
        "accelerators": item.accelerators,
        "weightBytes": rank.weights,
        "overheadBytes": {"least": rank.overhead.least, "most": rank.overhead.most},
        "kvBytes": {"least": int(room.least), "most": int(room.most)},
        "requestsAtOnce": {"least": item.least, "most": item.most},
        "certain": item.certain,
    }


def _room(item: Candidate) -> Band:
    """Bytes for the KV cache of each accelerator."""
    room = item.rank.room or Band(0, 0)
    return Band(max(0.0, room.least), room.most)


def _range(band: Band, digits: int = 1) -> str:
    scale = GIB if digits else 1
    least, most = (f"{end / scale:.{digits}f}" for end in (band.least, band.most))
    return least if least == most else f"{least} to {most}"
