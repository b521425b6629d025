"""Read a document along the declarations of its fields: check types, drop what is unknown, note what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelservice.errors import Problem, ValuesError
from modelservice.importers.report import ConversionReport, Note, Outcome
from modelservice.importers.source.documents import Document, Path, dotted
from modelservice.importers.source.fields import LAST_APPLIED, Field
from modelservice.kubernetes.types import violations


def read_fields(document: Document, declared: Sequence[Field], report: ConversionReport) -> dict[str, Any]:
    """Return the object without nulls and unknown fields, of the declared types.

    Args:
        document: the object.
        declared: its fields.
        report: gets a note for each field.

    Raises:
        ValuesError: a field has another type; one problem for each.
    """
    reader = _Reader(document, report)
    data = reader.read(declared)
    if reader.problems:
        raise ValuesError(reader.problems)
    return data


def without_nulls(value: Any) -> Any:
    """Return a copy without nulls in maps: to Kubernetes a null is a field that is not there."""
    if isinstance(value, dict):
        return {str(key): without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        strings = any(isinstance(item, str) for item in value)  # in a list of strings Go reads null as an empty one
        zero: Any = "" if strings else {}
        return [zero if item is None else without_nulls(item) for item in value]
    return value


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
"""Types of fields: how messages name them, and their test."""

_SECTIONS = ("section", "sections")

_TEXT = Field("", "", type="string")
"""An item of a map or a list of strings."""

_DROPPED = object()


@dataclass
class _Declared:
    """The declarations at one path and below it."""

    own: Field | None = None
    below: dict[str, _Declared] = field(default_factory=dict)

    @classmethod
    def tree(cls, declared: Sequence[Field]) -> _Declared:
        """Return the declarations by path; the first of two for one path counts."""
        root = cls()
        for item in declared:
            node = root
            for token in item.tokens:
                node = node.below.setdefault(token, cls())
            node.own = node.own or item
        return root

    def under(self, key: str) -> _Declared | None:
        """Return the declarations under a key, which may contain dots; one that names it is preferred to ``*``."""
        node: _Declared | None = self
        for part in key.split("."):
            node = node.below.get(part) if node else None
        return node or (self.below.get("*") if key != "[]" else None)

    @property
    def has_keys(self) -> bool:
        """Whether keys of a map are declared."""
        return any(key != "[]" for key in self.below)


class _Reader:
    """Walks one document along the declarations."""

    def __init__(self, document: Document, report: ConversionReport) -> None:
        self.document = document
        self.report = report
        self.problems: list[Problem] = []

    def read(self, declared: Sequence[Field]) -> dict[str, Any]:
        data: dict[str, Any] = without_nulls(self.document.data)
        metadata = data.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
            metadata["annotations"].pop(LAST_APPLIED, None)  # the whole object again, with all its secrets
        return self._value(data, (), _Declared.tree(declared), None)  # type: ignore[no-any-return]

    def _value(self, value: Any, path: Path, declared: _Declared, above: Field | None) -> Any:
        """Return one value; ``above`` is the nearest declaration of which it is a part."""
        here = declared.own or above
        if declared.own is not None:
            value = self._own(value, path, declared, declared.own)
            if declared.own.type in _SECTIONS:
                here = None
        if isinstance(value, dict) and declared.has_keys:
            items = {key: self._part(item, (*path, key), declared.under(key), here) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not _DROPPED}
        if isinstance(value, list) and "[]" in declared.below:
            below = declared.under("[]")
            parts = [self._part(item, (*path, index), below, here) for index, item in enumerate(value)]
            return [item for item in parts if item is not _DROPPED]
        if declared.below and (here is None or here.type == "any"):
            wanted = "a list" if "[]" in declared.below else "a mapping"
            self._problem(path, f"{wanted} is expected, not {_shown(value)}")
        return value

    def _part(self, value: Any, path: Path, declared: _Declared | None, above: Field | None) -> Any:
        if declared is not None:
            return self._value(value, path, declared, above)
        if above is not None:
            return value
        self.report.lost(path, "unknown field; it was ignored", document=self.document, unknown=True)
        return _DROPPED

    def _own(self, value: Any, path: Path, declared: _Declared, here: Field) -> Any:
        """Check and note a declared value; the parts of it that are declared themselves are checked by their own."""
        parts = {key: item for key, item in value.items() if key in declared.below} if isinstance(value, dict) else {}
        rest = {key: item for key, item in value.items() if key not in parts} if parts else value
        checked = self._checked(here, rest, path)
        value = {**checked, **parts} if parts and isinstance(checked, dict) else checked
        self._note(here, value, path)
        return value

    def _checked(self, declared: Field, value: Any, path: Path) -> Any:
        name = declared.type.removesuffix("[]")
        if name in _TYPES:
            self._check_type(name, value, path)
            return value
        if not declared.type.endswith("[]"):
            return self._kubernetes(name, value, path)
        if not isinstance(value, list):
            self._problem(path, f"a list is expected, not {_shown(value)}")
            return value
        return [self._kubernetes(name, item, (*path, index)) for index, item in enumerate(value)]

    def _check_type(self, name: str, value: Any, path: Path) -> None:
        words, fits = _TYPES[name]
        if name in ("map", "strings") and isinstance(value, dict if name == "map" else list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                self._checked(_TEXT, item, (*path, key))
        elif not fits(value):
            quotes = "; put numbers and booleans in quotes" if name in ("string", "strings", "map") else ""
            self._problem(path, f"{words} is expected, not {_shown(value)}{quotes}")

    def _kubernetes(self, name: str, value: Any, path: Path) -> Any:
        """Return a value of a Kubernetes type without fields that Kubernetes does not have."""
        if not isinstance(value, dict):
            self._problem(path, f"a mapping is expected, not {_shown(value)}")
            return value
        value = without_nulls(value)
        partial = name.endswith("?")
        for violation in violations(f"io.k8s.api.{name.removesuffix('?')}", value, partial):
            if not violation.unknown:
                self._problem((*path, *violation.path), violation.message)
                continue
            parent = value
            for part in violation.path:
                parent = parent[part]
            for key in violation.unknown:
                parent.pop(key, None)
                where = (*path, *violation.path, key)
                why = "Kubernetes has no such field; it was ignored"
                self.report.lost(where, why, document=self.document, unknown=True)
        return value

    def _note(self, declared: Field, value: Any, path: Path) -> None:
        asks = declared.type in ("object", "section")  # `scheduler: {}` asks for something, `labels: {}` does not
        if declared.quiet or value == [] or (value == {} and not asks):
            return
        outcome = declared.outcome_of(value)
        note = Note(
            outcome,
            dotted(path),
            declared.why if outcome is not Outcome.kept else "",
            declared.values,
            self.document.where(path),
            value=None if isinstance(value, dict | list) else value,
        )
        self.report.extend([note])

    def _problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(message, file=self.document.where(path), key=dotted(path) or None))


def _shown(value: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", bool: str(value).lower(), type(None): "null"}
    return kinds.get(type(value)) or f"{value!r:.60}"
