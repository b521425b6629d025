"""What an importer says of a source's fields: where each goes, and what becomes of it.

The declarations are data. They check the source (types, unknown fields), give the notes of an import, and are the
tables of docs/importing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelservice.errors import Problem, ValuesError
from modelservice.importers.source.documents import Document, Path, dotted
from modelservice.kubernetes.types import violations

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Fate(StrEnum):
    """What becomes of a field."""

    kept = "kept"
    """The chart does the same."""
    changed = "changed"
    """The chart does something near it; the reason says what."""
    lost = "lost"
    """The chart has nothing for it; the reason says why, and what to do instead."""


@dataclass(frozen=True)
class Field:
    """One field of a source and all below it, unless a longer path is declared too.

    Args:
        path: dotted; ``[]`` is any item of a list, ``*`` any key of a map.
        values: the values key it becomes; empty when it is lost.
        fate: what becomes of it.
        why: the reason; needed unless it is kept.
        type: what it has to be: ``string``, ``integer``, ``number``, ``boolean``, ``scalar``, ``strings`` (a list of
            them), ``map`` (strings by key), ``quantities``, ``object``, ``list``, ``any``, or the name of a Kubernetes
            type, with ``[]`` for a list of them. A ``section`` or ``sections`` (a list of them) has no fields but those
            that are declared.
        when: tells whether the fate holds for a value; else it is kept as it is.
        quiet: not worth a note: written by a server, or without effect.
    """

    path: str
    values: str
    fate: Fate = Fate.kept
    why: str = ""
    type: str = "any"
    when: Callable[[Any], bool] | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        """Refuses a declaration without a reason."""
        if self.fate is not Fate.kept and not self.why:
            raise AssertionError(f"{self.path}: the reason is missing")

    @property
    def tokens(self) -> tuple[str, ...]:
        """The path, a token for each key and for each ``[]``."""
        return tuple(self.path.replace("[]", ".[]").split("."))


@dataclass(frozen=True)
class Note:
    """What became of something in the source.

    Args:
        fate: kept, changed or lost.
        path: the source's path, dotted.
        why: the reason, one sentence without a full stop.
        values: the values key it became.
        file: where it is in the source, ``model.yaml:12``.
        unknown: nobody knows the field.
        value: its value in the source, where it is not a map or list.
    """

    fate: Fate
    path: str
    why: str = ""
    values: str = ""
    file: str = ""
    unknown: bool = False
    value: Any = None

    def __str__(self) -> str:
        place = f"{self.file}: " if self.file else ""
        target = f" ({self.values})" if self.values and self.fate is not Fate.lost else ""
        return f"{place}{self.path}: {self.fate}{target}{f': {self.why}' if self.why else ''}"


_WRITTEN = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generateName", "generation",
    "managedFields", "resourceVersion", "selfLink", "uid",
)  # fmt: skip
METADATA = (
    Field("apiVersion", "", type="string", quiet=True),
    Field("kind", "", type="string", quiet=True),
    *(Field(f"metadata.{name}", "", Fate.lost, "written by the API server", quiet=True) for name in _WRITTEN),
    Field("metadata.finalizers", "", Fate.lost, "they belong to the original controller", quiet=True),
    Field("metadata.ownerReferences", "", Fate.lost, "Helm owns what it installs", quiet=True),
    Field("status", "", Fate.lost, "written by the original controller", quiet=True),
    Field(f"metadata.annotations.{LAST_APPLIED}", "", Fate.lost, "written by kubectl", quiet=True),
)
"""Fields of every Kubernetes object that no release has."""


@dataclass
class Ledger:
    """What was read of the source and what became of it."""

    notes: list[Note] = field(default_factory=list)

    def add(
        self,
        fate: Fate,
        path: str | Sequence[str | int],
        why: str,
        *,
        values: str = "",
        document: Document | None = None,
        unknown: bool = False,
    ) -> None:
        """Notes something that only the values tell."""
        file = document.where(path) if document is not None and not isinstance(path, str) else ""
        note = Note(fate, path if isinstance(path, str) else dotted(path), why, values, file, unknown)
        if note not in self.notes:
            self.notes.append(note)

    def read(self, document: Document, declared: Sequence[Field]) -> dict[str, Any]:
        """The object without nulls and unknown fields, of the declared types; its fields are noted.

        Raises:
            ValuesError: a field has another type; one problem for each.
        """
        reader = _Reader(document, declared, self)
        data = reader.read()
        if reader.problems:
            raise ValuesError(reader.problems)
        return data


_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "integer": ("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "scalar": (
        "a string or a number",
        lambda value: isinstance(value, str | int | float) and not isinstance(value, bool),
    ),
    "strings": (
        "a list of strings",
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
    "map": (
        "a map of strings",
        lambda value: isinstance(value, dict) and all(isinstance(item, str) for item in value.values()),
    ),
    "quantities": (
        "a map of quantities",
        lambda value: isinstance(value, dict) and all(isinstance(item, str | int | float) for item in value.values()),
    ),
    "object": ("a mapping", lambda value: isinstance(value, dict)),
    "section": ("a mapping", lambda value: isinstance(value, dict)),
    "sections": ("a list", lambda value: isinstance(value, list)),
    "list": ("a list", lambda value: isinstance(value, list)),
    "any": ("anything", lambda value: True),
}


class _Reader:
    """Walks one document along the declarations."""

    def __init__(self, document: Document, declared: Sequence[Field], ledger: Ledger) -> None:
        self.document = document
        self.declared = sorted(declared, key=lambda item: len(item.tokens))
        self.ledger = ledger
        self.problems: list[Problem] = []

    def read(self) -> dict[str, Any]:
        data = without_nulls(self.document.data)
        metadata = data.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
            metadata["annotations"].pop(LAST_APPLIED, None)  # the whole object again, with all its secrets
        return self._value(data, (), [(item, item.tokens) for item in self.declared], None)  # type: ignore[no-any-return]

    def _value(self, value: Any, path: Path, below: list[tuple[Field, tuple[str, ...]]], above: Field | None) -> Any:
        """One value; ``below`` are the declarations under its path with the rest of theirs."""
        here = next((item for item, rest in below if not rest), above)
        if here is not None and here is not above:
            own = {rest[0] for _, rest in below if rest} if isinstance(value, dict) else set()
            declared = {key: item for key, item in value.items() if key in own} if own else {}
            rest_of_it = {key: item for key, item in value.items() if key not in own} if own else value
            checked = self._checked(here, rest_of_it, path)
            value = {**checked, **declared} if own and isinstance(checked, dict) else checked
            self._note(here, value, path)
            if here.type in ("section", "sections"):
                here = None
        deeper = [(item, rest) for item, rest in below if rest]
        if not deeper:
            return value
        if isinstance(value, dict) and any(rest[0] != "[]" for _, rest in deeper):
            return {
                key: result
                for key, item in value.items()
                if (result := self._child(item, (*path, key), _under(deeper, key), here)) is not _DROPPED
            }
        if isinstance(value, list) and any(rest[0] == "[]" for _, rest in deeper):
            results = [
                self._child(item, (*path, index), _under(deeper, "[]"), here) for index, item in enumerate(value)
            ]
            return [result for result in results if result is not _DROPPED]
        if here is None or here.type == "any":
            wanted = "a list" if any(rest[0] == "[]" for _, rest in deeper) else "a mapping"
            self._problem(path, f"{wanted} is expected, not {_shown(value)}")
        return value

    def _child(self, value: Any, path: Path, below: list[tuple[Field, tuple[str, ...]]], above: Field | None) -> Any:
        if not below and above is None:
            why = "unknown field; nothing was made of it"
            self.ledger.add(Fate.lost, path, why, document=self.document, unknown=True)
            return _DROPPED
        return self._value(value, path, below, above)

    def _checked(self, declared: Field, value: Any, path: Path) -> Any:
        name = declared.type.removesuffix("[]")
        if name not in _TYPES:
            if not declared.type.endswith("[]"):
                return self._kubernetes(name, value, path)
            if not isinstance(value, list):
                self._problem(path, f"a list is expected, not {_shown(value)}")
                return value
            return [self._kubernetes(name, item, (*path, index)) for index, item in enumerate(value)]
        words, fits = _TYPES[name]
        if name in ("map", "strings") and isinstance(value, dict if name == "map" else list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                self._checked(_TEXT, item, (*path, key))
        elif not fits(value):
            quotes = "; write numbers and true in quotes" if name in ("string", "strings", "map") else ""
            self._problem(path, f"{words} is expected, not {_shown(value)}{quotes}")
        return value

    def _kubernetes(self, name: str, value: Any, path: Path) -> Any:
        """A value of a Kubernetes type without the fields that Kubernetes does not know."""
        if not isinstance(value, dict):
            self._problem(path, f"a mapping is expected, not {_shown(value)}")
            return value
        value = without_nulls(value)
        partial = name.endswith("?")
        for violation in violations(f"io.k8s.api.{name.removesuffix('?')}", value, partial):
            if violation.unknown:
                parent = value
                for part in violation.path:
                    parent = parent[part]
                for key in violation.unknown:
                    parent.pop(key, None)
                    why = "Kubernetes knows no such field; nothing was made of it"
                    self.ledger.add(Fate.lost, (*path, *violation.path, key), why, document=self.document, unknown=True)
            else:
                self._problem((*path, *violation.path), violation.message)
        return value

    def _note(self, declared: Field, value: Any, path: Path) -> None:
        told = declared.type in ("object", "section")  # `scheduler: {}` asks for something, `labels: {}` does not
        if declared.quiet or value == [] or (value == {} and not told):
            return
        fate = declared.fate if declared.when is None or declared.when(value) else Fate.kept
        note = Note(
            fate,
            dotted(path),
            declared.why if fate is not Fate.kept else "",
            declared.values,
            self.document.where(path),
            value=None if isinstance(value, dict | list) else value,
        )
        if note not in self.ledger.notes:
            self.ledger.notes.append(note)

    def _problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(message, file=self.document.where(path), key=dotted(path) or None))


_DROPPED = object()

_TEXT = Field("", "", type="string")
"""An item of a map or a list of strings."""


def _under(below: list[tuple[Field, tuple[str, ...]]], key: str) -> list[tuple[Field, tuple[str, ...]]]:
    """The declarations under one key; one that names it is preferred to ``*``. Keys may contain dots."""
    parts = tuple(key.split("."))
    named = [(item, rest[len(parts) :]) for item, rest in below if rest[: len(parts)] == parts]
    return named or [(item, rest[1:]) for item, rest in below if rest[0] == "*" and key != "[]"]


def without_nulls(value: Any) -> Any:
    """A copy without nulls in maps: to Kubernetes a null is a field that is not there."""
    if isinstance(value, dict):
        return {str(key): without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        strings = any(isinstance(item, str) for item in value)  # in a list of strings Go reads null as an empty one
        zero: Any = "" if strings else {}
        return [zero if item is None else without_nulls(item) for item in value]
    return value


def _shown(value: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", bool: str(value).lower(), type(None): "null"}
    return kinds.get(type(value)) or f"{value!r:.60}"


def declared_rows(fields: Sequence[Field]) -> Iterator[tuple[str, str, str, str]]:
    """The declarations as rows of a table: source, values, fate, reason."""
    for item in fields:
        yield item.path, item.values, item.fate, item.why
