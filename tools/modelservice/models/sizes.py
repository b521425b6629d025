"""Our sizes of models next to those of their files, which KAITO's catalogue lists."""

from __future__ import annotations

from dataclasses import dataclass

from modelservice import facts
from modelservice.kubernetes.quantity import GIB
from modelservice.models.catalogue import find
from modelservice.models.parameters import checkpoint

EXCEPTIONS = {
    "openai/gpt-oss-20b": "the repository holds the weights a second time, in the folder `original`",
    "openai/gpt-oss-120b": "the repository holds the weights a second time, in the folder `original`",
    "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-NVFP4": "the published configuration does not say which layers stay in "
    "8 and 16 bits",
    "nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16": "the vision encoder's configuration is not known, so it is not "
    "counted",
}
"""Why some sizes differ by more than 3 %."""


@dataclass(frozen=True)
class Comparison:
    """A model's size by its shape, and the size of its files.

    Args:
        name: name of the model.
        parameters: number of its parameters.
        computed: bytes by its shape, with layers for speculative decoding.
        files: bytes of its files.
    """

    name: str
    parameters: int
    computed: int
    files: int

    @property
    def difference(self) -> float:
        """How much larger the size by the shape is, as a share of the files."""
        return self.computed / self.files - 1


def compared() -> list[Comparison]:
    """Return the comparisons of all models whose files and whose shape are known."""
    found = []
    listed = facts.catalogue("kaito")["models"]
    for name in sorted(listed, key=str.lower):
        known = find(name)
        size = checkpoint(known.shape) if known else None
        if size:
            found.append(Comparison(name, size.count, size.size, round(listed[name]["file_gib"] * GIB)))
    return found
