"""Edits of values: what to set, remove, rename or move, and cures, which are edits that belong together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.inputs import Values
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.secrets import MASK, field_is_secret, names_secret
from modelservice.sources import Path, dotted


class Operation(StrEnum):
    """What an edit does to a key."""

    set = "set"
    remove = "remove"
    rename = "rename"
    """Gives it another name in the same map."""
    move = "move"
    """Gives it another place."""


@dataclass(frozen=True)
class AsWritten:
    """The characters of a value in the file, as text: ``1.10``, which is the number 1.1, as ``"1.10"``.

    Args:
        value: the text where the characters are not known.
    """

    value: str


@dataclass(frozen=True)
class Edit:
    """One change of one key.

    Args:
        operation: what to do.
        path: the key, as it stands in the file.
        value: the new value, for ``set``.
        to: the new key in full, for ``rename`` and ``move``.
        file: name of the values file that it concerns; None where it is not known yet.
        blocked: why no file can be edited, as a sentence.
    """

    operation: Operation
    path: Path
    value: Any = None
    to: Path = ()
    file: str | None = None
    blocked: str | None = None

    def __str__(self) -> str:
        key = dotted(self.path)
        if self.operation is Operation.set:
            return f"set {key}: {_shown(self.value, self.path)}"
        return f"{self.operation} {key}" + (f" to {dotted(self.to)}" if self.to else "")

    def to_json(self) -> dict[str, Any]:
        """Return the edit for programs."""
        found: dict[str, Any] = {"operation": self.operation.value, "key": dotted(self.path), "path": list(self.path)}
        if self.operation is Operation.set:
            found["value"] = MASK if _is_secret(self.path) else self.value
        if self.to:
            found["to"] = dotted(self.to)
        return {**found, "file": self.file, "blocked": self.blocked}


@dataclass(frozen=True)
class Cure:
    """Edits that together cure a finding.

    Args:
        edits: the edits; all of them have to be made.
        certain: whether nothing else can be meant, so that they can be made without asking.
    """

    edits: tuple[Edit, ...]
    certain: bool

    @property
    def title(self) -> str:
        """What the cure does, for a menu."""
        return ", ".join(str(edit) for edit in self.edits)

    @property
    def blocked(self) -> str | None:
        """Why it cannot be made, as a sentence; None where it can."""
        return next((edit.blocked for edit in self.edits if edit.blocked), None)

    def at(self, place: Callable[[Path], Path]) -> Cure:
        """Return the cure of values that stand elsewhere in the files.

        Args:
            place: returns where a path stands.
        """
        edits = [replace(edit, path=place(edit.path), to=edit.to and place(edit.to)) for edit in self.edits]
        return replace(self, edits=tuple(edits))

    def to_json(self) -> dict[str, Any]:
        """Return the cure for programs."""
        return {"title": self.title, "certain": self.certain, "edits": [edit.to_json() for edit in self.edits]}


class NotEditableError(ModelserviceError):
    """A text that an edit cannot change."""


def setting(path: Path, value: Any) -> Edit:
    """Return the edit that sets a key."""
    return Edit(Operation.set, path, value)


def removing(path: Path) -> Edit:
    """Return the edit that removes a key."""
    return Edit(Operation.remove, path)


def moving(path: Path, to: Path) -> Edit:
    """Return the edit that gives a key another place, or another name at the same one."""
    return Edit(Operation.rename if path[:-1] == to[:-1] else Operation.move, path, to=to)


def certain(*edits: Edit) -> tuple[Cure, ...]:
    """Return the only cure of a problem."""
    return (Cure(edits, True),)


def offered(*edits: Edit) -> tuple[Cure, ...]:
    """Return a cure that a person has to choose."""
    return (Cure(edits, False),)


def apply(values: Values, edits: Iterable[Edit]) -> Values:
    """Return values with edits made in their order.

    Raises:
        NotEditableError: there is no such key, or something else is in the way.
    """
    result = copy.deepcopy(values)
    for edit in edits:
        if edit.operation is Operation.set:
            _put(result, edit.path, copy.deepcopy(edit.value))
        elif edit.operation is Operation.remove:
            _take(result, edit.path)
        else:
            if edit.to[: len(edit.path)] == edit.path:
                raise NotEditableError("cannot be moved into itself", key=dotted(edit.path))
            if found_at(result, edit.to) is not MISSING:
                raise NotEditableError("is there already", key=dotted(edit.to), fix="decide which of them is meant")
            _put(result, edit.to, _take(result, edit.path))
    return result


def _take(values: Values, path: Path) -> Any:
    """Remove a key, and return its value.

    Raises:
        NotEditableError: there is no such key.
    """
    for length in range(1, len(path) + 1):
        if found_at(values, path[:length]) is MISSING:
            raise NotEditableError("no such key", key=dotted(path[:length]))
    return found_at(values, path[:-1]).pop(path[-1])


def _put(values: Values, path: Path, value: Any) -> None:
    node: Any = values
    for index, part in enumerate(path):
        last = index == len(path) - 1
        if isinstance(node, list) and isinstance(part, int) and part <= len(node):
            if part == len(node):
                node.append(None)
        elif isinstance(node, dict) and isinstance(part, str):
            node.setdefault(part, None)
        else:
            raise NotEditableError("is neither a map nor a list of that length", key=dotted(path[:index]))
        if last:
            node[part] = value
        elif node[part] is None:
            node[part] = [] if isinstance(path[index + 1], int) else {}
        node = node[part]


def _is_secret(path: Path) -> bool:
    return any(names_secret(part) or field_is_secret(part, "a literal") for part in path if isinstance(part, str))


def _shown(value: Any, path: Path) -> str:
    """Return a value for a line of text, without a secret."""
    from modelservice.edits.notation import inline

    return MASK if _is_secret(path) else inline(value, in_flow=False)
