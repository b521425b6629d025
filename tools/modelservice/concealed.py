"""Values and objects as people may see them: without their secrets, which the names around a text tell too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelservice import secrets


class Concealer:
    """Puts something in the place of every secret.

    Args:
        trees: the values and objects; a variable that fills a secret in one of them is a secret in all.
        put: what comes in the place of a secret.
    """

    def __init__(self, *trees: Any, put: Callable[[str], str] = lambda _: secrets.MASK) -> None:
        self._filled = {name for tree in trees for name in _filled(tree)}
        self._put = put

    def __call__(self, value: Any, name: str = "") -> Any:
        """Return a tree without its secrets.

        Args:
            value: the tree.
            name: the key that it is under.
        """
        if isinstance(value, Mapping):
            if value.get("kind") == "Secret":
                return {key: self._all(item) if key in _DATA else self(item, key) for key, item in value.items()}
            variable = str(value["name"]) if value.keys() == {"name", "value"} else ""
            return {key: self(item, variable if variable and key == "value" else key) for key, item in value.items()}
        if isinstance(value, list):
            if value and all(isinstance(item, str) for item in value) and not self._is_secret(name, "a literal"):
                return secrets.words_replaced(value, self._put, secrets.SEVERAL)
            return [self(item, name) for item in value]
        text = value if isinstance(value, str) else str(value)
        if isinstance(value, str | int) and not isinstance(value, bool) and self._is_secret(name, text):
            return self._put(text)
        return secrets.replaced(value, self._put) if isinstance(value, str) else value

    def _is_secret(self, name: str, text: str) -> bool:
        option = name.islower() and secrets.is_secret_option(f"--{name}")
        named = option or (not name.islower() and secrets.names_secret(name)) or name in self._filled
        return (named and secrets.is_literal(text)) or secrets.field_is_secret(name, text)

    def _all(self, value: Any) -> Any:
        """Return a map with something in the place of every text."""
        return {key: self._put(str(item)) for key, item in value.items()} if isinstance(value, Mapping) else value


_DATA = ("data", "stringData")


def _filled(tree: Any) -> Iterator[str]:
    """Yield the names of the variables that fill secrets."""
    if isinstance(tree, Mapping):
        named = {str(tree["name"]): tree["value"]} if tree.keys() == {"name", "value"} else tree
        yield from secrets.filled_from((), {str(key): item for key, item in named.items()})
        for item in tree.values():
            yield from _filled(item)
    elif isinstance(tree, list):
        yield from secrets.filled_from([item for item in tree if isinstance(item, str)], {})
        for item in tree:
            yield from _filled(item)
