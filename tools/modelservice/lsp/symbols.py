"""The outline of a file: its keys and the items of its lists."""

from __future__ import annotations

import yaml
from lsprotocol import types

from modelservice.lsp.positions import Text
from modelservice.lsp.tree import Entry, Tree
from modelservice.sources import Path

_LONGEST = 60
"""Characters of a value that are shown."""


def symbols(text: Text, tree: Tree) -> list[types.DocumentSymbol]:
    """Return the keys of the first document, with those below them."""
    return _below((), tree.documents[0], text, tree) if tree.documents else []


def _below(path: Path, node: yaml.Node, text: Text, tree: Tree) -> list[types.DocumentSymbol]:
    return [_symbol(entry, text, tree) for entry in tree.children(path, node)]


def _symbol(entry: Entry, text: Text, tree: Tree) -> types.DocumentSymbol:
    simple = isinstance(entry.node, yaml.ScalarNode)
    return types.DocumentSymbol(
        name=_name(entry) or "(no name)",
        detail=_value(entry) if simple and not isinstance(entry.path[-1], int) else None,
        kind=_kind(entry.node),
        range=text.range(entry.span),
        selection_range=text.range(entry.key),
        children=[] if simple or entry.alias else _below(entry.path, entry.node, text, tree),
    )


def _name(entry: Entry) -> str:
    """Return the name of a key; of an item its own name, else its value or number."""
    if not isinstance(entry.path[-1], int):
        return entry.path[-1]
    if isinstance(entry.node, yaml.MappingNode):
        names = (value.value for key, value in entry.node.value if key.value == "name" and value.id == "scalar")
        return str(next(names, entry.path[-1]))
    return _value(entry) if isinstance(entry.node, yaml.ScalarNode) else str(entry.path[-1])


def _value(entry: Entry) -> str:
    first = str(entry.node.value).split("\n", 1)[0]
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1]}…"


def _kind(node: yaml.Node) -> types.SymbolKind:
    if isinstance(node, yaml.MappingNode):
        return types.SymbolKind.Object
    if isinstance(node, yaml.SequenceNode):
        return types.SymbolKind.Array
    return {
        "tag:yaml.org,2002:int": types.SymbolKind.Number,
        "tag:yaml.org,2002:float": types.SymbolKind.Number,
        "tag:yaml.org,2002:bool": types.SymbolKind.Boolean,
        "tag:yaml.org,2002:null": types.SymbolKind.Null,
    }.get(node.tag, types.SymbolKind.String)
