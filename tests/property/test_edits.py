"""Edits of files that people wrote and of generated YAML: what no edit names stays, to the byte."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelservice.documents import go_value
from modelservice.edits.edit import Edit, NotEditableError, Operation, apply, moving, removing, setting
from modelservice.edits.text import applied, text_edits
from modelservice.helm_library import helm_python
from modelservice.sources import Path as Key
from modelservice.sources import leaves

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared"
OWN = sorted((REPOSITORY / "examples").rglob("values*.yaml")) + sorted(
    (REPOSITORY / "examples/presets").rglob("*.yaml")
)
REAL = sorted((SHARED / "upstream/real-values").rglob("*.yaml")) + sorted((SHARED / "samples").rglob("*.yaml"))

NEW_VALUES = [
    7,
    "text",
    "yes",
    "1e3",
    "",
    None,
    True,
    0.5,
    {"a": [1, "#"]},
    ["x: y", {"b": "é"}],
    {"k": "v" * 90},
    "a\nb\n",
]


def paths(values: object, path: Key = ()) -> list[Key]:
    """Return the path of every key and item."""
    children = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [found for key, value in children for found in ((*path, key), *paths(value, (*path, key)))]


def edit_of(values: dict[str, object], source: random.Random) -> Edit:
    """Return an edit of any kind at any place."""
    known = paths(values)
    path = source.choice(known)
    new = (*source.choice([(), *(item[:-1] for item in known)]), f"new.{source.randrange(9)}")
    kind = source.choice(list(Operation))
    if kind is Operation.set:
        return setting(source.choice([path, new, (*path[:-1], "a", "b")]), source.choice(NEW_VALUES))
    if kind is Operation.remove:
        return removing(path)
    if kind is Operation.rename and isinstance(path[-1], str):
        return moving(path, (*path[:-1], "renamed"))
    return moving(path, new)


def comments(text: str) -> list[str]:
    """Return the lines that are comments only."""
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]


def check(text: str, edit: Edit) -> None:
    """Hold an edit of a text to the edit of what it holds, and the rest of the text to what it was."""
    values = go_value(text)
    try:
        wanted = apply(values, [edit])
    except NotEditableError:
        return
    try:
        changes = text_edits(text, [edit])
    except NotEditableError:
        assert re.search(r"[&*]\w", text), (edit, text)
        return
    new = applied(text, changes)
    assert go_value(new) == wanted
    position = 0
    for change in changes:
        assert position <= change.start <= change.end <= len(text)
        position = change.end
    if edit.operation is not Operation.remove and edit.operation is not Operation.set:
        assert len(comments(new)) >= len(comments(text)) - text.count("{") * (edit.operation is Operation.move)
    if "\r\n" in text:
        assert "\n" not in new.replace("\r\n", "")


@pytest.mark.parametrize("file", [*OWN, *REAL], ids=lambda path: "-".join(path.parts[-2:]))
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_edits_of_a_file_that_someone_wrote(file: Path, line_end: str) -> None:
    text = file.read_text(encoding="utf-8").replace("\r\n", "\n").replace("\n", line_end)
    try:
        values = go_value(text)
    except helm_python.HelmError:
        pytest.skip("no mapping")
    if not values or re.search(r"^---", text.strip()[3:], re.MULTILINE):
        pytest.skip("no values file")
    source = random.Random(file.name)  # noqa: S311
    for _ in range(4):
        check(text, edit_of(values, source))


def test_a_scalar_that_is_set_changes_its_characters_only() -> None:
    for file in OWN:
        text = file.read_text(encoding="utf-8")
        if re.search(r"[&*]\w", text):
            continue
        for path, value in list(leaves(go_value(text)))[:20]:
            if not isinstance(value, int) or isinstance(value, bool):
                continue
            changes = text_edits(text, [setting(path, value + 1)])
            assert sum(len(change.text) + change.end - change.start for change in changes) <= 2 * len(str(value + 1))


keys = st.sampled_from(["a", "b", "c d", "é", "x.y/z", "1", "true-ish", "null-ish"])
scalars = st.one_of(
    st.integers(-5, 10**6), st.booleans(), st.none(), st.floats(0, 1).map(lambda value: round(value, 3)),
    st.sampled_from(["", "text", "two words", "#no", "a: b", "- c", "yes", "0x10", "日本", "{x}", "a, b", "'q'", '"d"', "l\nm\n", "t "]),
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
documents = st.dictionaries(keys, trees, min_size=1, max_size=5)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """YAML in the styles that people write, with comments."""
    text: str = yaml.safe_dump(
        draw(documents),
        sort_keys=False, allow_unicode=True, indent=draw(st.sampled_from([2, 4])),
        default_flow_style=draw(st.sampled_from([False, None, True])),
        default_style=draw(st.sampled_from([None, None, '"', "'"])),
        width=draw(st.sampled_from([20, 10**6])),
    )  # fmt: skip
    lines = text.splitlines(keepends=True)
    literal = "|" in text or ">" in text or '"' in text or "'" in text
    for index in reversed(range(len(lines))):
        if draw(st.booleans()) and not literal and "{" not in text and "[" not in text:
            lines.insert(index, draw(st.sampled_from(["# comment é\n", "    # deep\n", "\n"])))
    text = draw(st.sampled_from(["", "", "---\n", "# top\n", "\ufeff"])) + "".join(lines)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return text.rstrip("\r\n") if draw(st.booleans()) else text


@settings(max_examples=150, deadline=None)
@given(texts(), st.integers(0, 10**9))
def test_edits_of_generated_yaml(text: str, seed: int) -> None:
    try:
        values = go_value(text)
    except helm_python.HelmError:
        assume(False)
    assume(values)
    check(text, edit_of(values, random.Random(seed)))  # noqa: S311
