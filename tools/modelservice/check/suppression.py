"""Rules that a project ignores, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelservice.check.finding import Finding
from modelservice.check.rule import RENAMED, rules
from modelservice.errors import ModelserviceError, UsageError
from modelservice.project import PROJECT_FILE, project_file, section


@dataclass(frozen=True)
class Suppression:
    """A rule that is ignored."""

    rule: str
    reason: str
    source: str
    """The file, or ``--ignore``."""
    files: tuple[str, ...] = ()
    """Patterns of the files that it applies to; all without any."""

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is suppressed."""
        if finding.rule != self.rule:
            return False
        return not self.files or any(Path(finding.file or "").match(pattern) for pattern in self.files)


def from_options(options: Iterable[str]) -> list[Suppression]:
    """The suppressions of ``--ignore RULE=reason``.

    Raises:
        UsageError: a rule does not exist, or the reason is missing.
    """
    found = []
    for option in options:
        name, _, reason = option.partition("=")
        _require(name, reason, f"--ignore {option}")
        found.append(Suppression(name, reason.strip(), "--ignore"))
    return found


def from_project(folder: Path) -> list[Suppression]:
    """The suppressions in the project file of a folder; none without the file.

    Raises:
        ModelserviceError: the file is not of this form.
        UsageError: it names a rule that does not exist, or gives no reason.
    """
    path = project_file(folder)
    entries = section(path, "ignore") if path else None
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ModelserviceError("not a list of rules", file=str(path), fix="write ignore: [{rule: ID, reason: WHY}]")
    found = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not set(entry) <= {"rule", "reason", "files"}:
            raise ModelserviceError(
                f"ignore[{index}]: an entry has rule, reason and files", file=str(path), fix="remove other keys"
            )
        name, reason = str(entry.get("rule", "")), str(entry.get("reason") or "")
        _require(name, reason, f"{path}: ignore[{index}]")
        found.append(Suppression(name, reason, PROJECT_FILE, tuple(entry.get("files") or ())))
    return found


def _require(name: str, reason: str, source: str) -> None:
    if name in RENAMED:
        raise UsageError(f"{source}: the rule {name} has another name now", fix=f"use {RENAMED[name]}")
    if name not in rules():
        raise UsageError(f"{source}: there is no rule {name!r}", fix="`modelservice check --list-rules` names them")
    if not reason.strip():
        raise UsageError(f"{source}: a suppression needs a reason", fix=f"write {name}=why")
