"""Write the least accelerator memory that vLLM's recipes state for a model, as a second opinion for tests.

    python -m dev.extract_recipe_minima REPOSITORY COMMIT

REPOSITORY is a clone of https://github.com/vllm-project/recipes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parents[2] / "tests" / "data" / "vllm-recipe-minima.json"


def minima(repository: str, commit: str) -> Iterator[dict[str, Any]]:
    """Yield the minimum of each variant: its repository, precision and GB over all accelerators."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", repository, *words], capture_output=True, text=True, check=True).stdout  # noqa: S607

    for path in git("ls-tree", "-r", "--name-only", commit, "models/").split():
        recipe = yaml.safe_load(git("show", f"{commit}:{path}"))
        base = recipe["model"]["model_id"] if isinstance(recipe, dict) else ""
        for variant in (recipe.get("variants") or {}).values() if base else ():
            if isinstance(variant, dict) and variant.get("vram_minimum_gb"):
                yield {
                    "model": variant.get("model_id") or base,
                    "base": base,
                    "precision": variant.get("precision"),
                    "minimum": variant["vram_minimum_gb"],
                }


def main(repository: str, commit: str) -> None:
    """Write the table."""
    found = minima(repository, commit)
    rows = sorted(found, key=lambda row: (row["base"].lower(), row["model"].lower(), row["minimum"]))
    lines = ",\n".join(json.dumps(row) for row in rows)
    source = json.dumps(f"https://github.com/vllm-project/recipes/tree/{commit}")
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(f'{{"source": {source},\n"minima": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
