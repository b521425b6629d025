"""The sample in ``docs/size.md`` and its picture, from the memory model."""

from __future__ import annotations

import io

from rich.console import Console

from modelservice.models.catalogue import KnownModel
from modelservice.models.lookup import Models
from modelservice.size import hardware, request
from modelservice.size.candidates import Sizing, sizing
from modelservice.size.picture import svg
from modelservice.size.request import Need
from modelservice.size.table import layout

MODEL, CONTEXT, CONCURRENT, ACCELERATORS = "Qwen/Qwen3-32B", "32k", 64, "h100,h200,mi300x,l40s,gb200"


def sample() -> str:
    """Return a command with what it prints, as a console block."""
    text = io.StringIO()
    Console(file=text, width=1000).print(layout(*_sized()))
    lines = "\n".join(line.rstrip() for line in text.getvalue().splitlines())
    command = f"modelservice size {MODEL} --context {CONTEXT} --concurrent {CONCURRENT} --accelerator {ACCELERATORS}"
    return f"```console\n$ {command}\n{lines}\n```"


def picture() -> str:
    """Return the same as a picture."""
    return svg(*_sized())


def _sized() -> tuple[KnownModel, Need, Sizing]:
    model = request.model(MODEL, Models())
    need = request.need(model, CONTEXT, CONCURRENT)
    return model, need, sizing(model.shape, hardware.named(ACCELERATORS.split(",")), need)
