"""What can go wrong, as exceptions that carry what a person needs: where, why, and what to write instead."""

from __future__ import annotations

from typing import Any


class ModelserviceError(Exception):
    """The input has an error. Exit code 1.

    Args:
        message: what is wrong, in one sentence; several findings are lines.
        file: the file it is in.
        key: the values key it is about, dotted.
        fix: what to do instead.
    """

    exit_code = 1

    def __init__(self, message: str, *, file: str | None = None, key: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.key = key
        self.fix = fix

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.key) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n{self.fix}" if self.fix else text

    def to_json(self) -> dict[str, Any]:
        """The error for machines: ``{"error": {"message", "file", "key", "fix"}}``."""
        return {"error": {"message": self.message, "file": self.file, "key": self.key, "fix": self.fix}}


class UsageError(ModelserviceError):
    """Wrong usage, unreadable input or a missing program. Exit code 2."""

    exit_code = 2


class ValuesError(ModelserviceError):
    """Values that the chart refuses, by its schema or by its templates."""
