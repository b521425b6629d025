"""What a shell completes: names that only the program knows."""

from __future__ import annotations

import json
from pathlib import Path


def preset_names(incomplete: str) -> list[str]:
    """Return the presets that begin with a text."""
    from modelservice.presets import presets

    return [name for name in presets() if name.startswith(incomplete)]


def preset_files(incomplete: str) -> list[str]:
    """Return the presets that begin with a text as values files; the shell itself knows the files."""
    from modelservice.presets import PREFIX

    if not incomplete.startswith(PREFIX):
        return []
    return [f"{PREFIX}{name}" for name in preset_names(incomplete.removeprefix(PREFIX))]


def stack_names(incomplete: str) -> list[str]:
    """Return the stacks of the project that begin with a text."""
    from modelservice.project import project_file, stacks

    file = project_file(Path())
    return [name for name in stacks(file) if name.startswith(incomplete)] if file else []


def value_keys(incomplete: str) -> list[str]:
    """Return the values keys that begin with a text, one level below what is complete."""
    from modelservice.helm import SCHEMA
    from modelservice.paths import chart_dir
    from modelservice.suggest import keys_at

    above, dot, begun = incomplete.rpartition(".")
    schema = json.loads((chart_dir() / SCHEMA).read_text(encoding="utf-8"))
    names = keys_at(schema, above.split(".") if above else [])
    return [f"{above}{dot}{name}" for name in names if name.startswith(begun)]


def rule_names(incomplete: str) -> list[str]:
    """Return the rules that begin with a text."""
    from modelservice.check.rule import rules

    return [name for name in rules() if name.startswith(incomplete)]


def model_names(incomplete: str) -> list[str]:
    """Return the models in the catalogue that begin with a text."""
    from modelservice.models.catalogue import names

    return [name for name in names() if name.lower().startswith(incomplete.lower())]


def accelerator_names(incomplete: str) -> list[str]:
    """Return the accelerators that begin with what follows the last comma of a text."""
    from modelservice.size.hardware import product_names

    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in product_names() if name.startswith(begun)]
