"""Preset layers by name: values files that are part of the package, such as ``topology/pd``."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from modelservice.errors import UsageError
from modelservice.paths import presets_dir
from modelservice.suggest import nearest

PREFIX = "preset:"
"""What a preset's name begins with where a values file is expected: ``-f preset:topology/pd``."""


@dataclass(frozen=True)
class Preset:
    """A preset layer."""

    name: str
    file: Path

    @property
    def summary(self) -> str:
        """The first sentence of the comment at the top of the file."""
        lines = itertools.takewhile(
            lambda line: line.startswith("#"), self.file.read_text(encoding="utf-8").splitlines()
        )
        comment = " ".join(line.lstrip("# ") for line in lines if "$schema=" not in line)
        return comment.partition(". ")[0].removesuffix(".")


def presets() -> dict[str, Preset]:
    """Return all presets by name, in the order of their names."""
    folder = presets_dir()
    files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.yaml")}
    return {name: Preset(name, file) for name, file in sorted(files.items())}


def preset(name: str) -> Path:
    """Return the file of a preset.

    Raises:
        UsageError: there is no such preset.
    """
    known = presets()
    if name not in known:
        close = nearest(name, known)
        fix = f"did you mean {close}?" if close else "`modelservice presets` lists them"
        raise UsageError(f"there is no preset {name!r}", fix=fix)
    return known[name].file
