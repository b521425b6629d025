"""The tables of ``docs/models-known.md``: the models that are known, and how their sizes agree with their files."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice.kubernetes.quantity import GIB
from modelservice.models.catalogue import find, names
from modelservice.models.layers import Attention, State
from modelservice.models.parameters import parts, total, weights_size
from modelservice.models.shape import ModelShape
from modelservice.models.sizes import EXCEPTIONS, compared


def model_table() -> str:
    """Return the Markdown table of all models whose configuration is known; a dagger marks what was not compared."""
    titles = ("Model", "Parameters", "Weights", "Layers", "Experts", "Heads, of keys and values", "Context")
    head = f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|"
    return "\n".join((head, *(_row(name) for name in sorted(names(), key=str.lower))))


def size_table() -> str:
    """Return the Markdown table of the sizes by shape next to those of the files."""
    head = "| Model | Parameters | By shape | Files | Difference |\n|---|---|---|---|---|"
    rows = (
        f"| {row.name} | {_billions(row.parameters)} | {row.computed / GIB:.2f} GiB | {row.files / GIB:.2f} GiB | "
        f"{row.difference:+.1%} |"
        for row in compared()
    )
    return "\n".join((head, *rows))


def exception_table() -> str:
    """Return the Markdown table of the sizes that differ by more than 3 %."""
    differing = (row for row in compared() if row.name in EXCEPTIONS)
    rows = (f"| {row.name} | {row.difference:+.0%} | {EXCEPTIONS[row.name]} |" for row in differing)
    return "\n".join(("| Model | Difference | Why |\n|---|---|---|", *rows))


def _row(name: str) -> str:
    known = find(name)
    assert known is not None, name  # noqa: S101 - the catalogue finds its own names
    shape = known.shape
    serving, files = parts(shape), weights_size(shape)
    cells = (
        name + ("" if known.certain else " †"),
        _billions(total(serving).count) if serving else "not known",
        f"{files / GIB:.1f} GiB" if files else "not known",
        ", ".join(_layers(shape)) or f"{shape.layer_count}, kinds not known",
        f"{shape.experts.count}, {shape.experts.per_token} a token" if shape.experts else "",
        f"{shape.attention_heads}, {shape.kv_heads}",
        f"{shape.longest:,}",
    )
    return f"| {' | '.join(cells)} |"


def _layers(shape: ModelShape) -> Iterator[str]:
    """The number of layers of each kind."""
    found = [_kind(layer.mixer) for layer in shape.layers or ()]
    for kind in dict.fromkeys(found):
        if kind:
            yield f"{found.count(kind)} {kind}"


def _kind(mixer: object) -> str:
    if isinstance(mixer, Attention):
        return {"sliding": f"window of {mixer.window}", "chunked": f"chunks of {mixer.window}"}.get(mixer.kind, "full")
    if isinstance(mixer, State):
        return mixer.family.replace("_", " ")
    return "latent" if mixer is not None else ""


def _billions(count: int) -> str:
    return f"{count / 10**9:.2f} B"
