"""Reads the fields of a configuration, whose names and nesting differ by model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.errors import UsageError

_NESTED = ("text_config", "language_config", "llm_config", "thinker_config")
"""Where the language model's part of a multimodal configuration stands."""


_LARGEST = 2**53


class ConfigurationError(UsageError):
    """A configuration that is not one of a language model."""


class MissingError(ConfigurationError):
    """A configuration without a number that its model needs."""


class Fields:
    """Fields of the language model's part of a configuration.

    Args:
        config: content of ``config.json``.

    Attributes:
        root: the whole configuration.
        text: the language model's part.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        if not isinstance(config, Mapping):
            raise ConfigurationError("the configuration of a model is a JSON object", fix="give its config.json")
        self.root = config
        self.text = config
        for name in _NESTED * 2:
            if isinstance(inner := self.text.get(name), Mapping):
                self.text = inner

    def number(self, *names: str) -> int | None:
        """Return the first of some fields that is set; None where none is.

        Raises:
            ConfigurationError: it is not a whole number.
        """
        found = next(((name, self.text[name]) for name in names if self.text.get(name) is not None), None)
        if found is None:
            return None
        name, value = found
        if isinstance(value, list) and value and all(item == value[0] for item in value):
            value = value[0]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value < _LARGEST
            or value != int(value)
        ):
            raise ConfigurationError(f"{name}: {value!r} is not a whole number")
        return int(value)

    def required(self, *names: str) -> int:
        """Return a field without which nothing can be said of a model.

        Raises:
            MissingError: it is missing, or 0.
            ConfigurationError: it is not a whole number.
        """
        value = self.number(*names)
        if not value:
            raise MissingError(f"{names[0]} is missing", fix="give the config.json of a language model")
        return value

    def decimal(self, name: str) -> float:
        """Return a field that need not be a whole number.

        Raises:
            ConfigurationError: it is missing, or not a number.
        """
        value = self.text.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST:
            raise ConfigurationError(f"{name}: {value!r} is not a number")
        return float(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch, of the language model or else of the whole."""
        value = self.text.get(name, self.root.get(name))
        return default if value is None else bool(value)

    def text_of(self, *names: str) -> str:
        """Return a string, of the language model or else of the whole; empty without one."""
        found = (part.get(name) for part in (self.text, self.root) for name in names)
        return next((value for value in found if isinstance(value, str)), "")

    def items(self, name: str, kind: type | tuple[type, ...] = str) -> list[Any]:
        """Return a list with an item for each layer; empty without one.

        Args:
            name: the field.
            kind: what an item is.

        Raises:
            ConfigurationError: an item is something else.
        """
        value = self.text.get(name)
        if not isinstance(value, list):
            return []
        if wrong := [item for item in value if not isinstance(item, kind)]:
            raise ConfigurationError(f"{name}: {wrong[0]!r} is not understood")
        return value
