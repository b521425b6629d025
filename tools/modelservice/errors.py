"""Errors that say where, why, and what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelservice.edits.edit import Cure


class ModelserviceError(Exception):
    """The input has an error. Exit code 1.

    Args:
        message: what is wrong, in one sentence.
        file: the file it is in, with the line where known (``values.yaml:12``).
        key: the values key it is about, dotted.
        fix: what to do instead.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, file: str | None = None, key: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.problems = [Problem(message, file, key, fix)]

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def masked(self) -> ModelserviceError:
        """Return an error without the secrets that messages quote."""
        from modelservice.secrets import masked_message

        shown = ModelserviceError("")
        shown.problems = [
            replace(item, message=masked_message(item.message, item.key), fix=item.fix and masked_message(item.fix))
            for item in self.problems
        ]
        return shown

    def to_json(self) -> dict[str, Any]:
        """Return the error for programs: ``{"errors": [{"message", "file", "key", "fix"}]}``."""
        return {"errors": [problem.to_json() for problem in self.problems]}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    message: str
    file: str | None = None
    key: str | None = None
    fix: str | None = None
    cures: tuple[Cure, ...] = field(default=(), compare=False)
    """Edits of the values that would solve it, in no file yet."""

    def to_json(self) -> dict[str, Any]:
        """Return the problem for programs."""
        return {"message": self.message, "file": self.file, "key": self.key, "fix": self.fix}

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.file, self.key, self.message) if part)
        return f"{text}; {self.fix}" if self.fix else text


class UsageError(ModelserviceError):
    """Wrong usage, unreadable input or a missing program. Exit code 2."""

    exit_code = 2


class InputsError(ModelserviceError):
    """Several inputs that cannot be read.

    Args:
        errors: what is wrong with each.
    """

    def __init__(self, errors: Sequence[ModelserviceError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.problems = [problem for error in errors for problem in error.problems]
        self.exit_code = max(error.exit_code for error in errors)


class ValuesError(ModelserviceError):
    """Values that the chart rejects.

    Args:
        problems: what is wrong, one problem each.
        by_schema: the chart's schema rejects them; otherwise its templates do.
    """

    def __init__(self, problems: list[Problem], *, by_schema: bool = False) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems
        self.by_schema = by_schema
