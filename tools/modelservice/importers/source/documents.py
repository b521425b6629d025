"""The documents in the files of an import, with the line of everything in them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from modelservice import facts
from modelservice.documents import TOO_DEEP, Source, go_value, parse, read_source, shallow, source_name
from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm_library import helm_python
from modelservice.inputs import warn_of_duplicates
from modelservice.model.pods import ROLE

Path = tuple[str | int, ...]
"""Keys and list indices that lead to a value."""


def dotted(path: Sequence[str | int]) -> str:
    """Return a path in the usual form, ``spec.decode.containers[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


@dataclass(frozen=True)
class Document:
    """One object of a file.

    Args:
        data: the object, as Kubernetes' own YAML reader reads it.
        file: where it is from.
        node: its syntax tree.
        whole: the DisaggregatedSet whose role it is.
    """

    data: dict[str, Any]
    file: str
    node: yaml.Node
    whole: Document | None = None

    @property
    def kind(self) -> str:
        """Kind of the object; empty when it has none."""
        kind = self.data.get("kind")
        return kind if isinstance(kind, str) else ""

    @property
    def group(self) -> str:
        """API group of the object; empty for the core group and where there is none."""
        version = self.data.get("apiVersion")
        return version.partition("/")[0] if isinstance(version, str) and "/" in version else ""

    @property
    def name(self) -> str:
        """``metadata.name``; empty when there is none."""
        metadata = self.data.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return name if isinstance(name, str) else ""

    @property
    def title(self) -> str:
        """Kind and name, for messages."""
        return " ".join(part for part in (self.kind or "an object without a kind", self.name) if part)

    def where(self, path: Sequence[str | int] = ()) -> str:
        """Return file and line of a value, ``model.yaml:12``; of the nearest one above it where it does not exist."""
        return f"{self.file}:{_line(self.node, path)}"


def read_documents(files: Iterable[str]) -> list[Document]:
    """Return all objects in the files, in order; ``-`` is standard input. Items of Lists are separate objects, and so
    are the roles of DisaggregatedSets.

    Raises:
        UsageError: a file cannot be read.
        ModelserviceError: it is not YAML or JSON, or contains something other than objects.

    Warns:
        InputWarning: a key is given twice.
    """
    names = list(files)
    if names.count("-") > 1:
        raise UsageError("standard input can be read once", fix="use - once")
    found = [document for name in names for document in _of_file(name)]
    if not found:
        raise ModelserviceError("nothing to import: no document", file=", ".join(names) or None)
    return found


def _of_file(path: str) -> Iterator[Document]:
    name, text = source_name(path), read_source(path).text
    if _is_json(text):
        text = text.replace("\t", "  ")  # YAML knows no tab between tokens, and a tab within a JSON string is escaped
    for node in parse(Source(name, text)):
        if isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~"):
            continue
        if not isinstance(node, yaml.MappingNode):
            kind = "a list" if isinstance(node, yaml.SequenceNode) else f"the value {node.value!r}"
            raise ModelserviceError(
                f"{kind}, but a document is a mapping of keys", file=f"{name}:{node.start_mark.line + 1}"
            )
        warn_of_duplicates(node, name)
        yield from _items(Document(_parsed(text, node, name), name, node))


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _parsed(text: str, node: yaml.Node, name: str) -> dict[str, Any]:
    """Return a document as Go's YAML reader, which kubectl uses too, understands it."""
    start, end = node.start_mark.index, node.end_mark.index
    if not text[start - node.start_mark.column : start].strip():
        start -= node.start_mark.column
    try:
        return shallow(go_value(text[start:end]), name)  # type: ignore[no-any-return]
    except RecursionError:
        raise ModelserviceError(TOO_DEEP, file=name) from None
    except helm_python.HelmError as error:
        raise ModelserviceError(
            f"not readable as Kubernetes reads YAML: {error.detail}", file=f"{name}:{node.start_mark.line + 1}"
        ) from None


def _items(document: Document) -> Iterator[Document]:
    items = document.data.get("items")
    if not document.kind.endswith("List") or not isinstance(items, list):
        yield from _roles(document)
        return
    nodes = _child(document.node, "items")
    for index, item in enumerate(items):
        node = _child(nodes, index) if nodes is not None else None
        if not isinstance(item, dict):
            raise ModelserviceError("not an object", file=document.where(("items", index)), key=f"items[{index}]")
        yield from _items(Document(item, document.file, node if node is not None else document.node))


def _roles(document: Document) -> Iterator[Document]:
    """Yield the roles of a DisaggregatedSet as documents, named after set and role; another document as it is."""
    spec = document.data.get("spec")
    roles = spec.get("roles") if document.kind == facts.disaggregated_set().kind and isinstance(spec, dict) else None
    if not isinstance(roles, list) or not all(isinstance(role, dict) for role in roles):
        yield document
        return
    nodes = _child(_child(document.node, "spec") or document.node, "roles")
    for index, role in enumerate(roles):
        node = _child(nodes, index) if nodes is not None else None
        yield Document(_role(document, role), document.file, node or document.node, whole=document)


def _role(document: Document, role: Mapping[str, Any]) -> dict[str, Any]:
    """Return a role as an object with what it has from its set, and with the label of its role."""
    above, own = (
        item if isinstance(item, dict) else {} for item in (document.data.get("metadata"), role.get("metadata"))
    )
    merged = {
        key: {**(above.get(key) or {}), **(own.get(key) or {})}
        for key in ("labels", "annotations")
        if all(isinstance(item.get(key) or {}, dict) for item in (above, own)) and (above.get(key) or own.get(key))
    }
    metadata = {**above, **own, **merged, "name": f"{document.name}-{role.get('name')}"}
    spec = copy.deepcopy(role.get("spec"))
    if isinstance(spec, dict):
        group = spec.get("leaderWorkerTemplate")
        for template in (
            (group.get(key) for key in ("leaderTemplate", "workerTemplate")) if isinstance(group, dict) else ()
        ):
            _give_role(template, str(role.get("name")))
        spec |= {key: value for key, value in document.data["spec"].items() if key != "roles"}
    rest = {key: value for key, value in role.items() if key not in ("name", "metadata", "spec")}
    return {
        **{key: document.data.get(key) for key in ("apiVersion", "kind")},
        "metadata": metadata,
        **rest,
        "spec": spec,
    }


def _give_role(template: Any, role: str) -> None:
    """Give a pod template the label of its role, unless it has one."""
    metadata = template.setdefault("metadata", {}) if isinstance(template, dict) else None
    labels = metadata.setdefault("labels", {}) if isinstance(metadata, dict) else None
    if isinstance(labels, dict):
        labels.setdefault(ROLE, role)


def _line(node: yaml.Node, path: Sequence[str | int]) -> int:
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value if key.value == str(part)]
            if keys:
                line = keys[-1].start_mark.line + 1
        child = _child(node, part)
        if child is None:
            break
        if isinstance(part, int):
            line = child.start_mark.line + 1
        node = child
    return line


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]  # type: ignore[no-any-return]
    if isinstance(node, yaml.MappingNode):
        found = [value for key, value in node.value if key.value == str(part)]
        return found[-1] if found else None
    return None
