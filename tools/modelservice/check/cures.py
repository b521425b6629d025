"""How a rule says what would cure its violation: edits of the values behind places of the model.

``certain`` is for what can only be meant one way and loses nothing: a spelling, a unit, another name of the same thing,
a key without effect. Everything else is ``offered``: a person has to choose. Edits are made of the values of a
deployment, so that for manifests there are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from modelservice.edits.edit import Cure, Edit, moving, removing, setting
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.model.provenance import Place
from modelservice.sources import Path, Sources, split

Target = Place | str
"""A place of the model, or a values key."""


@dataclass(frozen=True)
class Change:
    """An edit whose key is known when the values are.

    Args:
        target: what it changes.
        make: returns the edits of the key's path; None where they cannot be made there.
    """

    target: Target
    make: Callable[[Sources, Path], list[Edit] | None]

    def edits(self, sources: Sources) -> list[Edit] | None:
        """Return the edits; None where there are none of these values."""
        values = sources
        if isinstance(self.target, Place):
            values = self.target.sources or sources
        key = self.target.key(values) if isinstance(self.target, Place) else self.target
        return self.make(values, split(values.values, key)) if key else None


@dataclass(frozen=True)
class Draft:
    """A cure whose keys are known when the values are."""

    changes: tuple[Change, ...]
    certain: bool

    def cure(self, sources: Sources) -> Cure | None:
        """Return the cure of these values; None where it has none."""
        made = [change.edits(sources) for change in self.changes]
        edits = tuple(edit for found in made for edit in found or ())
        return Cure(edits, self.certain) if edits and all(made) else None


def certain(*changes: Change) -> tuple[Draft, ...]:
    """Return the cure that can only be meant."""
    return (Draft(changes, True),)


def offered(*changes: Change) -> tuple[Draft, ...]:
    """Return a cure that a person has to choose."""
    return (Draft(changes, False),)


def likely(sure: bool, *changes: Change) -> tuple[Draft, ...]:
    """Return a cure that is certain under a condition, and offered without it."""
    return (Draft(changes, sure),)


def cures(drafts: Iterable[Draft], sources: Sources | None) -> list[Cure]:
    """Return the cures of values; none without values, as of manifests."""
    return [cure for draft in drafts if sources is not None and (cure := draft.cure(sources))]


def put(target: Target, value: Any, below: Path = ()) -> Change:
    """Return the change that sets a key, or one below it."""
    return Change(target, lambda _, path: [setting((*path, *below), value)])


def put_field(target: Target, field: str, value: Any) -> Change:
    """Return the change that sets a field, where the values have it by that name."""
    return Change(target, lambda _, path: [setting(path, value)] if path[-1] == field else None)


def drop(target: Target, below: Path = ()) -> Change:
    """Return the change that removes a key that someone wrote, or one below it."""
    return Change(target, lambda sources, path: _drop(sources, (*path, *below)))


def move(target: Target, to: str) -> Change:
    """Return the change that gives a key another place or name, where nothing is yet."""
    return Change(target, lambda sources, path: _move(sources, path, split(sources.values, to)))


def put_flag(target: Target, flag: str, value: Any) -> Change:
    """Return the change that gives a flag another value, in a map or among words.

    Args:
        target: where it stands.
        flag: the flag; what the values derive it from is not changed.
        value: the value.
    """
    return Change(target, lambda sources, path: _put_flag(sources, path, value) if _is(sources, path, flag) else None)


def drop_flag(target: Target, flag: str) -> Change:
    """Return the change that removes a flag and its value, from a map or from words; as :func:`put_flag`."""
    return Change(target, lambda sources, path: _drop_flag(sources, path) if _is(sources, path, flag) else None)


def name_flag(target: Target, flag: str, name: str) -> Change:
    """Return the change that gives a flag another name, in a map or among words.

    Args:
        target: where it stands.
        flag: the flag.
        name: its name, without dashes.
    """
    return Change(target, lambda sources, path: _name_flag(sources, path, name) if _is(sources, path, flag) else None)


def put_variable(target: Target, name: str, value: Any) -> Change:
    """Return the change that sets an environment variable, in a map or a list.

    Args:
        target: where it stands, or belongs.
        name: the variable.
        value: text, or ``{"valueFrom": ...}``.
    """

    def make(sources: Sources, path: Path) -> list[Edit] | None:
        if path[-1] == name:
            return [setting(path, value)]
        if path[-1] == "env" and not isinstance(found_at(sources.values, path), list):
            return [setting((*path, name), value)]
        if not _is_item(sources, path, name):
            return None
        return [setting(path, {"name": name, **(value if isinstance(value, dict) else {"value": value})})]

    return Change(target, make)


def drop_variable(target: Target, name: str) -> Change:
    """Return the change that removes an environment variable, from a map or a list."""

    def make(sources: Sources, path: Path) -> list[Edit] | None:
        return _drop(sources, path) if path[-1] == name or _is_item(sources, path, name) else None

    return Change(target, make)


_FLAG = re.compile(r"(?P<dashes>--?)(?P<name>[A-Za-z][\w.-]*)(?P<value>=.*)?", re.DOTALL)


def _is_item(sources: Sources, path: Path, name: str) -> bool:
    """Return whether a path leads to the item of a list with a name."""
    value = found_at(sources.values, path)
    return isinstance(path[-1], int) and isinstance(value, dict) and value.get("name") == name


def _is(sources: Sources, path: Path, flag: str) -> bool:
    """Return whether a path leads to a flag itself: a key of its name, or the word."""
    word = _word(sources, path)
    name = word["name"] if word else path[-1]
    return isinstance(name, str) and name.replace("_", "-") == flag.lstrip("-").replace("_", "-")


def _drop(sources: Sources, path: Path) -> list[Edit] | None:
    return [removing(path)] if found_at(sources.values, path) is not MISSING else None


def _move(sources: Sources, path: Path, to: Path) -> list[Edit] | None:
    there = found_at(sources.values, path) is not MISSING and found_at(sources.values, to) is MISSING
    return [moving(path, to)] if there else None


def _word(sources: Sources, path: Path) -> re.Match[str] | None:
    """Return the flag in a word of a list; None for a path that leads to no such word."""
    word = found_at(sources.values, path)
    return _FLAG.fullmatch(word) if isinstance(path[-1], int) and isinstance(word, str) else None


def _following(sources: Sources, path: Path) -> Path | None:
    """Return the path of the word that is the value of the flag in the word before; None where it has none."""
    *above, index = path
    following = (*above, index + 1) if isinstance(index, int) else path
    word = found_at(sources.values, following)
    is_value = isinstance(word, str) and (not word.startswith("-") or re.fullmatch(r"-\d.*", word) is not None)
    return following if is_value else None


def _put_flag(sources: Sources, path: Path, value: Any) -> list[Edit] | None:
    word = _word(sources, path)
    if word is None:
        return [setting(path, value)]
    if word["value"]:
        return [setting(path, f"{word['dashes']}{word['name']}={value}")]
    following = _following(sources, path)
    return [setting(following, str(value))] if following else None


def _drop_flag(sources: Sources, path: Path) -> list[Edit] | None:
    word = _word(sources, path)
    if word is None:
        return _drop(sources, path)
    following = None if word["value"] else _following(sources, path)
    return [*([removing(following)] if following else []), removing(path)]


def _name_flag(sources: Sources, path: Path, name: str) -> list[Edit] | None:
    word = _word(sources, path)
    if word is None:
        return _move(sources, path, (*path[:-1], name))
    return [setting(path, f"--{name}{word['value'] or ''}")]
