"""An import as a values file, with comments on what was kept, changed or lost and why."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import LiteralScalarString

from modelservice.importers.report import Note, Outcome
from modelservice.importers.source.secrets import NeededSecret

WIDTH = 100

INLINE_DEPTH = 2
"""Maps at this depth and below are written on one line where they are short."""

INLINE_WIDTH = 90


def values_file(
    values: dict[str, Any],
    *,
    system: str,
    sources: Sequence[str],
    notes: Sequence[Note],
    secrets: Sequence[NeededSecret],
    namespace: str,
) -> str:
    """Return the text of a values file.

    Args:
        values: the values.
        system: system of the source.
        sources: names of its files.
        notes: what became of it.
        secrets: Secrets that have to exist.
        namespace: namespace of the source; empty where it does not state one.
    """
    tree = _commented(values)
    placed = _place(tree, notes)
    header = [
        f"Values of the llm-d-modelservice chart, from {' and '.join(sources)} by `modelservice import {system}`."
    ]
    if namespace:
        header.append(f"The source is in the namespace {namespace}; install the release with --namespace {namespace}.")
    header += _section("Changed:", [note for note in notes if note.outcome is Outcome.changed and note not in placed])
    header += _section("Lost:", [note for note in notes if note.outcome is Outcome.lost])
    if secrets:
        header += ["", "Create before installing:"]
        for needed in secrets:
            header += [f"  {needed.command(namespace)}", f"    (was in {needed.why})"]
    _inline(tree)
    text = "\n".join(f"# {line}".rstrip() for line in header)
    return f"{text}\n\n{_dump(tree)}"


def _inline(node: Any, depth: int = 0, indent: int = 0) -> bool:
    """Write short maps inside of items and below the second level on one line, unless they contain a comment.

    Returns:
        Whether a map or list may be on one line.
    """
    if not isinstance(node, CommentedMap | CommentedSeq):
        return "\n" not in str(node)
    items = list(node.values()) if isinstance(node, CommentedMap) else list(node)
    deeper = 1 if isinstance(node, CommentedMap) else INLINE_DEPTH
    plain = [_inline(item, depth + deeper, indent + 2) for item in items]
    if not all(plain) or node.ca.comment or node.ca.items:
        return False
    if depth >= INLINE_DEPTH and isinstance(node, CommentedMap):
        if indent + len(_flat(node)) <= INLINE_WIDTH:
            node.fa.set_flow_style()
            return True
        return False
    return not any(isinstance(item, CommentedMap | CommentedSeq) for item in items)


def _flat(node: Any) -> str:
    """Return roughly what a value is on one line."""
    if isinstance(node, CommentedMap):
        return "{" + ", ".join(f"{key}: {_flat(item)}" for key, item in node.items()) + "}"
    if isinstance(node, CommentedSeq):
        return "[" + ", ".join(_flat(item) for item in node) + "]"
    return f"'{node}'"


def _section(title: str, notes: Iterable[Note]) -> list[str]:
    lines = []
    for note in notes:
        target = f" ({note.values})" if note.values and note.outcome is not Outcome.lost else ""
        lines += _wrapped(f"- {note.path}{target}: {note.why}", WIDTH - 2, "  ")
    return ["", title, *lines] if lines else []


def _wrapped(text: str, width: int = WIDTH, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _place(tree: CommentedMap, notes: Sequence[Note]) -> list[Note]:
    """Put notes at the keys they are about; return those that have such a key."""
    by_key: dict[tuple[int, Any], tuple[CommentedMap, Any, list[Note]]] = {}
    placed = []
    for note in notes:
        found = _find(tree, note.values) if note.values and note.outcome is not Outcome.lost else None
        if found is None:
            continue
        holder, key = found
        by_key.setdefault((id(holder), key), (holder, key, []))[2].append(note)
        placed.append(note)
    for holder, key, found_notes in by_key.values():
        changed = [note for note in found_notes if note.outcome is Outcome.changed]
        kept = [note for note in found_notes if note.outcome is Outcome.kept and str(note.value) == str(holder[key])]
        if changed:
            lines = [line for note in changed for line in _wrapped(f"changed: {note.path}: {note.why}")]
            holder.yaml_set_comment_before_after_key(key, before="\n".join(lines), indent=_depth(tree, holder))
        elif kept and not isinstance(holder[key], dict | list) and "\n" not in str(holder[key]):
            holder.yaml_add_eol_comment(f"kept: {kept[0].path}", key)
    return placed


def _find(tree: CommentedMap, path: str) -> tuple[CommentedMap, Any] | None:
    """Return the map and key of a dotted values key; ``{role}`` is decode, ``[]`` the first item. Keys of the engine
    may be in a layer of one role, or in the listed container."""
    first = re.split(r",| and | or ", path)[0].strip().strip("`").split(" (")[0]
    places = [first.replace("{role}", "decode").replace("[]", ".0")]
    if first.partition(".")[0] == "engine":
        rest = first.removeprefix("engine")
        places += [f"{role}.{layer}{rest}" for role in ("decode", "prefill") for layer in ("engine", "containers.0")]
    return next((found for found in (_at(tree, place) for place in places) if found), None)


def _at(tree: CommentedMap, path: str) -> tuple[CommentedMap, Any] | None:
    parts = path.split(".")
    holder: Any = None
    node: Any = tree
    for part in parts:
        if isinstance(node, dict) and part in node:
            holder, key, node = node, part, node[part]
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return (holder, key) if isinstance(holder, CommentedMap) else None


def _depth(tree: Any, holder: CommentedMap, indent: int = 0) -> int:
    """Return the indentation of a map's keys."""
    if tree is holder:
        return indent
    if isinstance(tree, dict):
        below = [(item, indent + (0 if isinstance(item, list) else 2)) for item in tree.values()]
    else:
        below = [(item, indent + 2) for item in tree] if isinstance(tree, list) else []
    return max((_depth(item, holder, deeper) for item, deeper in below), default=-1)


def _commented(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap((key, _commented(item)) for key, item in value.items())
    if isinstance(value, list):
        return CommentedSeq(_commented(item) for item in value)
    if isinstance(value, str) and "\n" in value and not re.search(r"[ \t]\n|[^\n\t\x20-\x7e\u00a0-\ud7ff]", value):
        return LiteralScalarString(value)
    return value


def _dump(tree: CommentedMap) -> str:
    yaml = YAML()
    yaml.width = 10_000
    yaml.default_flow_style = False
    yaml.version = None
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml.representer.add_representer(str, _text)
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


_AMBIGUOUS = re.compile(
    r"^(y|yes|n|no|on|off|true|false|null|~|[-+.]?[0-9][0-9_.,:eExXoOa-fA-F+-]*|[-+]?\.(inf|nan)|=|<<)$", re.IGNORECASE
)
"""Plain words that YAML 1.1, which Helm reads, does not read as text."""


def _text(representer: Any, value: str) -> Any:
    style = "'" if _AMBIGUOUS.match(value) or not value else None
    return representer.represent_scalar("tag:yaml.org,2002:str", value, style=style)
