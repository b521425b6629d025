"""What can be typed at the cursor: keys, values, flags, variables, models and labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from lsprotocol import types

from modelservice import facts
from modelservice.inputs import Values
from modelservice.lsp.analysis import Analysis, defaults
from modelservice.lsp.cursor import Cursor, cursor_at
from modelservice.lsp.engine_context import Flag, engine_at
from modelservice.lsp.keys import Key, choices_at, key_at, keys_below
from modelservice.lsp.positions import Text
from modelservice.models.catalogue import names
from modelservice.sources import Path

Kind = types.CompletionItemKind


@dataclass(frozen=True)
class Choice:
    """Something to choose.

    Args:
        label: what is shown, and inserted where nothing else is.
        kind: what it is.
        detail: a few words next to it.
        documentation: Markdown.
        insert: what is inserted.
        deprecated: whether it is struck through.
    """

    label: str
    kind: types.CompletionItemKind
    detail: str = ""
    documentation: str = ""
    insert: str | None = None
    deprecated: bool = False


def completions(text: Text, position: types.Position, analysis: Analysis | None) -> types.CompletionList:
    """Return what can be typed at a position.

    Args:
        text: the text.
        position: the cursor.
        analysis: what is known of the file's stack.
    """
    cursor = cursor_at(text.content, text.offset(position))
    if cursor is None:
        return types.CompletionList(is_incomplete=False, items=[])
    values = analysis.effective if analysis else defaults()
    found = list(_keys(cursor, values, analysis)) if cursor.is_key else []
    found += _values(cursor, values) if cursor.is_value else []
    unique = {choice.label: choice for choice in reversed(found) if choice.label not in cursor.others}
    line = text.line_span(text.line_of(cursor.word.start))
    indent = _indentation(text.content[line.start : cursor.word.start])
    items = [_item(choice, rank, cursor, text, indent) for rank, choice in enumerate(reversed(unique.values()))]
    return types.CompletionList(is_incomplete=False, items=items)


def _item(choice: Choice, rank: int, cursor: Cursor, text: Text, indent: str) -> types.CompletionItem:
    inserted = choice.label if cursor.colon or choice.insert is None else choice.insert.replace("\n", f"\n{indent}")
    return types.CompletionItem(
        label=choice.label,
        kind=choice.kind,
        detail=choice.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, choice.documentation)
        if choice.documentation
        else None,
        sort_text=f"{rank:04}",
        filter_text=choice.label,
        text_edit=types.TextEdit(text.range(cursor.word), inserted),
        tags=[types.CompletionItemTag.Deprecated] if choice.deprecated else None,
    )


def _indentation(before: str) -> str:
    """Return the blanks below the beginning of a line, whose dashes count as blanks."""
    return "".join(" " if letter in " -" else "" for letter in before[: len(before) - len(before.lstrip(" -"))])


# --- keys -------------------------------------------------------------------------------------------------------------


def _keys(cursor: Cursor, values: Values, analysis: Analysis | None) -> Iterator[Choice]:
    path = cursor.path
    if is_flag_map(path):
        engine = engine_at(path, values)
        yield from (_flag_key(flag, engine.title) for flag in engine.flags())
    elif is_variable_map(path):
        engine = engine_at(path, values)
        yield from (Choice(name, Kind.Variable, engine.title, insert=f"{name}: ") for name in engine.variables())
    elif path[-1:] in (("labels",), ("matchLabels",)) and analysis:
        selected = {label: value for pool in analysis.pools for label, value in pool.selector.items()}
        for label, value in selected.items():
            yield Choice(label, Kind.Property, f"{value} (the pool's selector)", insert=f"{label}: {_scalar(value)}")
    elif path == ("accelerator", "resources"):
        yield from (Choice(item.type, Kind.EnumMember, insert=f"{item.type}: ") for item in facts.accelerators().types)
    yield from (_schema_key(key) for key in keys_below(path))


def _schema_key(key: Key) -> Choice:
    insert = f"{key.name}: "
    if "object" in key.types and not set(key.types) & {"string", "integer", "number", "boolean"}:
        insert = f"{key.name}:\n  "
    elif key.types[:1] == ("array",):
        insert = f"{key.name}:\n- "
    return Choice(key.name, Kind.Property, key.type, described(key), insert, key.deprecated)


def described(key: Key) -> str:
    """Return the documentation of a key as Markdown."""
    parts = [key.description, f"Default: `{key.default}`" if key.default not in ("", "{}", "[]") else ""]
    return "\n\n".join(part for part in parts if part)


def _flag_key(flag: Flag, title: str) -> Choice:
    insert = f"{flag.name}: true" if flag.switch else f"{flag.name}: "
    return Choice(flag.name, Kind.Property, flag.type or title, flag_described(flag, title), insert, flag.deprecated)


def flag_described(flag: Flag, title: str) -> str:
    """Return the documentation of a flag as Markdown."""
    facts_of_it = [
        f"Type: {flag.type}" if flag.type else "",
        f"Choices: {', '.join(f'`{choice}`' for choice in flag.choices)}" if flag.choices else "",
        f"Default: `{flag.default}`" if flag.default else "",
        f"Versions: {flag.versions}" if flag.versions else "",
        "Deprecated." if flag.deprecated else "",
    ]
    return "\n\n".join(part for part in (f"`--{flag.name}` of {title}", flag.help, *facts_of_it) if part)


def is_flag_map(path: Path) -> bool:
    """Return whether the keys of a map are flags of an engine."""
    return path[-2:] == ("engine", "args")


def is_variable_map(path: Path) -> bool:
    """Return whether the keys of a map are environment variables of an engine."""
    return path[-2:] == ("engine", "env")


def is_word(path: Path) -> bool:
    """Return whether a value is a word of a command line."""
    return "containers" in path and "args" in path[-2:] and (path[-1] == "args" or isinstance(path[-1], int))


# --- values -----------------------------------------------------------------------------------------------------------


def _values(cursor: Cursor, values: Values) -> Iterator[Choice]:
    path = cursor.path
    if is_word(path):
        yield from _words(cursor, values)
    elif is_flag_map(path[:-1]):
        engine = engine_at(path, values)
        flag = engine.flag(str(path[-1]))
        if flag:
            words = ("true", "false") if flag.switch else flag.choices
            yield from (Choice(word, Kind.EnumMember, engine.title, insert=_scalar_of(word, flag)) for word in words)
    elif len(path) > 2 and path[-3] == "env" and path[-1] == "name":
        engine = engine_at(path, values)
        yield from (Choice(name, Kind.Variable, engine.title) for name in engine.variables())
    else:
        yield from _known_values(path, values)
    key = key_at(path)
    for choice in choices_at(path):
        shown = _scalar(choice)
        yield Choice(shown, Kind.EnumMember, "default" if key and json.dumps(choice) == key.default else "")


def _known_values(path: Path, values: Values) -> Iterator[Choice]:
    """Yield values that facts, or other keys, have for a key."""
    if path == ("modelArtifacts", "name"):
        yield from (Choice(name, Kind.Value, "known model") for name in names())
    elif path == ("modelArtifacts", "uri"):
        yield from (Choice(f"hf://{name}", Kind.Value, "known model") for name in names())
    elif path[-2:] == ("accelerator", "type"):
        own = (values.get("accelerator") or {}).get("resources") or {}
        for kind in dict.fromkeys([*(item.type for item in facts.accelerators().types), *own, "cpu"]):
            yield Choice(kind, Kind.EnumMember, str(own.get(kind, "")))
    elif path[-1:] == ("resourceProfile",):
        yield from (Choice(str(name), Kind.Reference) for name in values.get("resourceProfiles") or {})


def _words(cursor: Cursor, values: Values) -> Iterator[Choice]:
    """Yield the words of a command line: flags, or the choices of one after ``=``."""
    engine = engine_at(cursor.path, values)
    name, equals, _ = cursor.typed.partition("=")
    if equals:
        known = engine.flag(name)
        for choice in known.choices if known else ():
            yield Choice(f"{name}={choice}", Kind.EnumMember, engine.title)
        return
    for flag in engine.flags():
        documentation = flag_described(flag, engine.title)
        yield Choice(f"--{flag.name}", Kind.Property, flag.type, documentation, deprecated=flag.deprecated)


def _scalar_of(word: str, flag: Flag) -> str:
    return word if flag.switch else _scalar(word)


def _scalar(value: Any) -> str:
    """Return a scalar as YAML has it on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").removesuffix("...").strip()
