"""What changes for the arguments of `vllm serve` between two of its versions, and in which version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from modelservice.engines.arguments import Argument, table, versions
from modelservice.engines.version import Version


class DefaultChange(NamedTuple):
    """An argument whose default differs."""

    argument: Argument
    """The argument in the version afterwards."""
    before: Any
    after: Any
    changed: Version
    """The version that brought the default of the newer side."""


def default_changes(now: Version, then: Version) -> Iterator[DefaultChange]:
    """Yield the arguments that both versions have, with different defaults."""
    known = {argument.name: argument for argument in table(now).by_flag.values()}
    for argument in dict.fromkeys(table(then).by_flag.values()):
        before = known.get(argument.name)
        if before is not None and before.default != argument.default:
            flag = argument.flags[0]
            changed = since(now, then, partial(_default, flag))
            yield DefaultChange(argument, before.default, argument.default, changed)


def since(now: Version, then: Version, state: Callable[[Version], Any]) -> Version:
    """Return the known version that brought a state of the newer of two versions, in which the older one differs.

    Args:
        now: one of the versions.
        then: the other one, newer or older.
        state: the state in a known version.
    """
    old, new = sorted((table(now).version, table(then).version))
    between = [version for version in versions() if old < version <= new]
    found = new
    for version in reversed(between):
        if state(version) != state(new):
            break
        found = version
    return found


def versions_taking(spelling: str, values: Sequence[str]) -> list[Version]:
    """Return the known versions that have a flag and take these values, oldest first."""
    found = ((version, table(version).find(spelling)) for version in versions())
    return [version for version, argument in found if argument and not argument.rejection(values)]


def _default(flag: str, version: Version) -> Any:
    argument = table(version).by_flag.get(flag)
    return argument.default if argument else None
