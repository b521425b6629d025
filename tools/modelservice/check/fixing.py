"""Mends values files: makes the edits of certain cures and checks again, until none is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelservice.check.finding import Finding
from modelservice.check.runner import Report
from modelservice.documents import STANDARD_INPUT, overlaid, read_source
from modelservice.edits.edit import Cure, NotEditableError
from modelservice.edits.text import edited
from modelservice.errors import UsageError
from modelservice.output_files import write_files

ROUNDS = 20
"""Checks after which it is given up; a cure may bring other findings to light."""


@dataclass(frozen=True)
class Fix:
    """A cure that was made, or could not be.

    Args:
        finding: what it cures.
        cure: the edits.
        obstacle: why they were not made; None where they were.
    """

    finding: Finding
    cure: Cure
    obstacle: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it changes."""
        return tuple(dict.fromkeys(edit.file or "" for edit in self.cure.edits))

    def to_json(self) -> dict[str, Any]:
        """Return the cure and the rule for programs."""
        return {
            "rule": self.finding.rule,
            "values": self.finding.values,
            **self.cure.to_json(),
            "obstacle": self.obstacle,
        }


@dataclass
class Fixes:
    """What became of the values files of a check.

    Args:
        report: what is left.
        before: texts of the files that change, by name.
        after: what they become.
        made: cures that were made, in their order.
        left: cures that are certain and could not be made.
    """

    report: Report
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    made: list[Fix] = field(default_factory=list)
    left: list[Fix] = field(default_factory=list)

    def write(self) -> None:
        """Write the files, all of them or none.

        Raises:
            UsageError: one cannot be written, or has changed since it was read.
        """
        texts: dict[Path, str] = {}
        for name, text in self.after.items():
            path = _writable(name)
            if texts.get(path, text) != text:
                raise UsageError("the same file as another of the values files", file=name, fix="give it once")
            if path.read_bytes().decode() != self.before[name]:
                raise UsageError("it has changed while it was checked", file=name, fix="run the command again")
            texts[path] = text
        if texts:
            write_files(texts)


def fixed(check: Callable[[], Report]) -> Fixes:
    """Return what a check finds after everything certain is mended, without writing anything.

    Args:
        check: reads the files, as they would be, and checks them.
    """
    fixes = Fixes(check())
    seen: set[tuple[str, ...]] = set()
    for _ in range(ROUNDS):
        texts, made, left = _round(fixes.report.findings, fixes.after)
        fixes.left = left
        state = tuple(texts.get(name, "") for name in sorted(texts))
        if not made or state in seen:
            break
        seen.add(state)
        for name in texts.keys() - fixes.before.keys():
            fixes.before[name] = read_source(name).text
        fixes.after.update(texts)
        fixes.made += made
        with overlaid(fixes.after):
            fixes.report = check()
    fixes.after = {name: text for name, text in fixes.after.items() if text != fixes.before[name]}
    return fixes


def _round(
    findings: Iterable[Finding], current: Mapping[str, str]
) -> tuple[dict[str, str], list[Fix], list[Fix]]:  # fmt: skip
    """Make the certain cures of findings that do not touch what another one changed.

    Returns:
        The texts of the files that change, what was made and what could not be.
    """
    texts: dict[str, str] = {}
    made: list[Fix] = []
    left: list[Fix] = []
    touched: dict[str, set[tuple[str | int, ...]]] = {}
    for finding in findings:
        cure = next((cure for cure in finding.cures if cure.certain), None)
        if cure is None or any(fix.cure == cure for fix in made):
            continue
        if cure.blocked:
            left.append(Fix(finding, cure, cure.blocked))
            continue
        if _collides(cure, touched):
            continue  # the next round has it, if it still applies
        try:
            changed = _applied(cure, {**current, **texts})
        except (NotEditableError, UsageError) as error:
            left.append(Fix(finding, cure, str(error)))
            continue
        texts.update(changed)
        made.append(Fix(finding, cure))
        for edit in cure.edits:
            touched.setdefault(edit.file or "", set()).update(path for path in (edit.path, edit.to) if path)
    return texts, made, left


def _collides(cure: Cure, touched: Mapping[str, set[tuple[str | int, ...]]]) -> bool:
    """Return whether a cure is at, above or below what was changed, or among the items of the same list."""
    for edit in cure.edits:
        for path in filter(None, (edit.path, edit.to)):
            for other in touched.get(edit.file or "", ()):
                shortest = min(len(path), len(other))
                shared = next((i for i in range(shortest) if path[i] != other[i]), shortest)
                if shared == shortest or (isinstance(path[shared], int) and isinstance(other[shared], int)):
                    return True
    return False


def _applied(cure: Cure, current: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of the files that a cure changes."""
    texts: dict[str, str] = {}
    for name in dict.fromkeys(edit.file or "" for edit in cure.edits):
        _writable(name)
        text = current[name] if name in current else read_source(name).text
        texts[name] = edited(text, [edit for edit in cure.edits if edit.file == name], name)
    return texts


def _writable(name: str) -> Path:
    """Return the file behind a name, which a symbolic link leads to.

    Raises:
        UsageError: it cannot be edited.
    """
    path = Path(name).resolve()
    if not path.is_file():
        raise UsageError("not a regular file, so it cannot be edited", file=name)
    if not path.stat().st_mode & 0o222:
        raise UsageError("read-only, so it cannot be edited", file=name, fix="make it writable, or see --diff")
    return path


def editable(paths: Iterable[str | None]) -> None:
    """Reject inputs that cannot be read again after an edit.

    Raises:
        UsageError: one is standard input or another stream.
    """
    for path in filter(None, paths):
        for name in path.split(","):
            if name == "-":
                problem, file = "it cannot be edited or read again", STANDARD_INPUT
            elif Path(name).exists() and not Path(name).is_file() and not Path(name).is_dir():
                problem, file = "a stream, which cannot be edited or read again", name
            else:
                continue
            raise UsageError(problem, file=file, fix="give a file, or leave out --fix and --diff")
