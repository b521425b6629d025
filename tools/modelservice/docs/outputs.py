"""The generated files of the repository.

All of them are committed, and `modelservice schema --check` fails if one of them differs from what its source says.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from modelservice.docs import accelerators, engines, facts, importing, memory, model_shapes, rules, schema, size, values
from modelservice.errors import ModelserviceError
from modelservice.kubernetes.types import merge_keys
from modelservice.paths import CHART
from modelservice.values import Values


def outputs(root: Path) -> dict[Path, str]:
    """Return all generated files of the repository with their content."""
    chart = root / "charts" / CHART
    files = {
        chart / "values.schema.json": schema.text(schema.json_schema(Values)),
        chart / "values.yaml": values.values_yaml(Values),
        chart / "facts.json": facts.facts_json(),
        root / "tools" / "modelservice" / "kubernetes" / "merge_keys.json": json.dumps(merge_keys(), indent=1) + "\n",
    }
    tables = {
        chart / "README.md": {"values": values.values_table(Values)},
        root / "docs" / "features" / "accelerators.md": {
            "accelerators": accelerators.accelerator_table(),
            "products": accelerators.product_table(),
        },
        root / "docs" / "features" / "models.md": {"engines": engines.engine_table()},
        root / "docs" / "model-memory.md": _memory_tables(root / "tests" / "data"),
        root / "docs" / "models-known.md": {
            "models": model_shapes.model_table(),
            "sizes": model_shapes.size_table(),
            "exceptions": model_shapes.exception_table(),
        },
        root / "docs" / "size.md": {"sample": size.sample()},
        root / "docs" / "importing.md": {"counts": importing.counts(), "fields": importing.field_tables()},
    }
    if (root / "docs" / "size.md").is_file():
        files[root / "docs" / "size.svg"] = size.picture()
    for page, sections in tables.items():
        if page.is_file():
            files[page] = _filled(page.read_text(encoding="utf-8"), sections)
    return files | {root / path: text for path, text in rules.pages().items()}


def _memory_tables(folder: Path) -> dict[str, str]:
    """Return the tables of what others measured and recommend; none without the tests."""
    if not folder.is_dir():
        return {}
    return {"measured": memory.measured_table(folder), "recipes": memory.recipe_table(folder)}


def _filled(text: str, sections: dict[str, str]) -> str:
    for name, content in sections.items():
        text = replace_between_markers(text, name, content)
    return text


def replace_between_markers(text: str, name: str, new: str) -> str:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``.

    Raises:
        ModelserviceError: the markers are missing.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if begin not in text or end not in text:
        raise ModelserviceError(f"the markers {begin} and {end} are missing", fix="put them where the table belongs")
    return f"{text[: text.index(begin) + len(begin)]}\n{new}\n{text[text.index(end) :]}"


def _left_over(root: Path) -> list[Path]:
    """Return pages of rules that exist and are no longer generated."""
    wanted = {root / path for path in rules.pages()}
    return sorted(path for path in (root / rules.FOLDER).glob("*.md") if path not in wanted)


def write(root: Path) -> list[Path]:
    """Write the generated files and remove those of the past; return those that changed."""
    changed = _left_over(root)
    for path in changed:
        path.unlink()
    for path, text in outputs(root).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def check(root: Path) -> list[str]:
    """Return unified diffs of the generated files that are out of date."""
    wanted = outputs(root) | dict.fromkeys(_left_over(root), "")
    return [
        diff
        for path, text in wanted.items()
        if (diff := difference(path, path.read_text(encoding="utf-8") if path.is_file() else "", text, root))
    ]


def difference(path: Path, present: str, wanted: str, root: Path) -> str:
    """Return the unified diff from a file's present content to the wanted one; empty if they are equal."""
    name = str(path.relative_to(root))
    lines = difflib.unified_diff(present.splitlines(), wanted.splitlines(), name, f"{name} (generated)", lineterm="")
    return "\n".join(lines)
