"""The tables of ``docs/model-memory.md``: what the memory model says of what others measured or recommend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from modelservice.engines.version import Version
from modelservice.kubernetes.quantity import GIB
from modelservice.models.accelerator_memory import DeviceMemory
from modelservice.models.catalogue import find
from modelservice.models.engine_settings import EngineSettings
from modelservice.models.parameters import parts, total
from modelservice.models.rank_memory import RankMemory, rank_memory

FACTOR = 1.2
"""By which the recipes multiply the weights."""
TOLERATED = 0.15
"""Difference from the recipes that needs no reason."""
_GB = 1000**3


def measured(folder: Path) -> Iterator[tuple[dict[str, Any], RankMemory]]:
    """Yield what was measured, and what the memory model says of it.

    Args:
        folder: where the tables of others are, ``tests/data``.
    """
    table = json.loads((folder / "measured-memory.json").read_text(encoding="utf-8"))
    size = int(table["accelerator"] * GIB)
    device = DeviceMemory(size, size, table["source"])
    for row in table["rows"]:
        known = find(row["model"])
        if known is None:
            continue
        settings = EngineSettings(
            version=Version.parse(table["version"]), tensor=row["tensor"], utilization=row["utilization"]
        )
        yield row, rank_memory(known.shape, settings, device)


def measured_table(folder: Path) -> str:
    """Return the Markdown table of what was measured."""
    lines = ["| Model | Tensor | Weights | measured | Room | measured | |", "|---|---|---|---|---|---|---|"]
    for row, found in measured(folder):
        room = f"{found.room.least / GIB:.1f} to {found.room.most / GIB:.1f}" if found.room else ""
        weights = f"{(found.weights or 0) / GIB:.2f}"
        cells = (row["model"], row["tensor"], weights, row["weights"], room, row["room"], row.get("inconsistent", ""))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def recipes(folder: Path) -> Iterator[tuple[dict[str, Any], float]]:
    """Yield the recipes of models whose weights are known, each with what it should state by them, in GB.

    Args:
        folder: where the tables of others are, ``tests/data``.
    """
    table = json.loads((folder / "vllm-recipe-minima.json").read_text(encoding="utf-8"))
    for row in table["minima"]:
        known = find(row["model"])
        found = parts(known.shape) if known else None
        if found is not None:
            yield row, FACTOR * total(found).size / _GB


def differs(minimum: float, ours: float) -> bool:
    """Return whether a minimum of the recipes differs enough to need a reason."""
    return abs(minimum / ours - 1) > TOLERATED


def reason(folder: Path, row: dict[str, Any], ours: float) -> str:
    """Return why a recipe states another minimum; empty for no known reason.

    The reason is one of its model, else of its precision, which makes recipes too small.
    """
    known = yaml.safe_load((folder / "vllm-recipe-differences.yaml").read_text(encoding="utf-8"))
    general = known["precisions"].get(row["precision"]) if row["minimum"] < ours else ""
    return str(known["models"].get(row["model"]) or general or "")


def recipe_table(folder: Path) -> str:
    """Return the Markdown table of the recipes that differ, after a line that counts all."""
    listed = list(recipes(folder))
    lines = ["| Model | Precision | Recipe | 1.2 × weights | Why |", "|---|---|---|---|---|"]
    for row, ours in listed:
        if differs(row["minimum"], ours):
            cells = (row["model"], row["precision"], row["minimum"], round(ours), reason(folder, row, ours))
            lines.append(f"| {' | '.join(map(str, cells))} |")
    alike = len(listed) - (len(lines) - 2)
    return f"{alike} of {len(listed)} recipes of models whose weights are known agree.\n\n" + "\n".join(lines)
