"""Values of `--set` and its siblings, in Helm's syntax and order."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.documents import TOO_DEEP, read_source, shallow
from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm_library import helm_python
from modelservice.inputs import Values, merge
from modelservice.secrets import MASK, field_is_secret, names_secret


@dataclass(frozen=True)
class Assignments:
    """What the options give, each as often as it is given; applied in Helm's order, which is that of the fields.

    Args:
        jsons: ``--set-json``: ``key=JSON``, or a map of values.
        sets: ``--set``.
        strings: ``--set-string``.
        files: ``--set-file``: ``key=path``, whose content becomes the value.
    """

    jsons: Sequence[str] = ()
    sets: Sequence[str] = ()
    strings: Sequence[str] = ()
    files: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.jsons or self.sets or self.strings or self.files)

    def apply(self, values: Values) -> Values:
        """Return the values with everything applied.

        Raises:
            UsageError: an expression is malformed, or a file cannot be read.
        """
        result = copy.deepcopy(values)
        for option, expression, key, assigned in self._all():
            if key is None:
                result = merge([result, assigned])
                continue
            try:
                result = _set_into(result, assigned, len(_INDEX.findall(key)))
            except _NotAContainerError as error:
                base = MASK if _is_secret(key) else repr(error.base)
                problem = f"{option} {_shown(expression)}: {base} has no {error.parts}"
                raise UsageError(problem, fix="set the whole value") from None
        return result

    def _all(self) -> Iterator[tuple[str, str, str | None, Any]]:
        """Yield option, expression, key and the path to the value of every assignment.

        Without a key it is a map to merge.
        """
        for expression in self.jsons:
            where = f"--set-json {_shown(expression)}"
            for name, value in _json_assignments(expression, where):
                assigned = shallow(value, where) if name is None else _path(name, shallow(value, where), where)
                yield "--set-json", expression, name, assigned
        for option, parse, given in (
            ("--set", helm_python.parse_set_string, self.sets),
            ("--set-string", helm_python.parse_set_string_values, self.strings),
        ):
            for expression in given:
                for key, assignment in _split(expression):
                    yield option, expression, key, _parsed(parse, assignment, f"{option} {_shown(expression)}")
        for expression in self.files:
            for key, assignment in _split(expression):
                text = read_source(_file_of(assignment)).text
                yield "--set-file", expression, key, _path(key, text, f"--set-file {_shown(expression)}")


NOTHING = Assignments()


def apply_set(values: Values, expressions: Sequence[str]) -> Values:
    """Return values with `--set` expressions applied.

    Raises:
        UsageError: an expression is malformed.
    """
    return Assignments(sets=expressions).apply(values)


def paths(expressions: Iterable[str]) -> list[str]:
    """Return the paths in expressions of `--set-file`."""
    return [_file_of(assignment) for expression in expressions for _, assignment in _split(expression)]


def _file_of(assignment: str) -> str:
    return re.sub(r"\\(.)", r"\1", assignment.partition("=")[2])


def _parsed(parse: Callable[[str], dict[str, Any]], assignment: str, where: str) -> dict[str, Any]:
    """Return what Helm makes of one assignment."""
    try:
        parsed = shallow(parse(assignment), where)
    except helm_python.HelmError as error:
        raise UsageError(f"{where}: {error.detail}", fix="use key=value") from None
    except (RecursionError, ModelserviceError):
        raise UsageError(f"{where[:60]}…: {TOO_DEEP}") from None
    if not parsed:
        raise UsageError(f"{where}: no value", fix="use key=value")
    return parsed  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Value:
    """A value at the end of a path, which is not part of the path even if it is a map."""

    value: Any


def _path(key: str, value: Any, where: str) -> Any:
    """Return the path of a key with a value at its end, in the form that Helm makes of an assignment."""

    def ending(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: ending(below) for name, below in node.items()}
        return [*node[:-1], ending(node[-1])] if isinstance(node, list) else _Value(value)

    return ending(_parsed(helm_python.parse_set_string_values, f"{key}=x", where))


def _json_assignments(expression: str, where: str) -> Iterator[tuple[str | None, Any]]:
    """Yield the keys and values in an expression of `--set-json`; a JSON map has no key.

    Raises:
        UsageError: a value is not JSON.
    """
    end = 0
    try:
        if expression.lstrip().startswith("{"):
            yield None, json.loads(expression)
            return
        while end < len(expression):
            key = _JSON_KEY.match(expression, end)
            if key is None:
                raise UsageError(f"{where}: no value", fix='use key=JSON, e.g. decode.nodeSelector={"zone":"a"}')
            value, end = json.JSONDecoder().raw_decode(expression, key.end())
            yield key["key"], value
            following = _JSON_COMMA.match(expression, end)
            if following is None:
                raise UsageError(f"{where}: text after the value", fix="separate assignments with a comma")
            end = following.end()
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not JSON: {error}", fix="put texts in double quotes") from None


_JSON_KEY = re.compile(r"(?P<key>(?:\\.|[^\\=,])+)=\s*", re.DOTALL)
_JSON_COMMA = re.compile(r"\s*(?:,|$)")

_ASSIGNMENT = re.compile(
    r"(?P<key>(?:\\.|[^\\=,])*)(?:=(?P<value>\{(?:\\.|[^\\}])*\}|(?:\\.|[^\\,])*))?(?:,|$)", re.DOTALL
)
"""One ``key=value`` of ``--set``: a comma ends it unless it is escaped or within a ``{list}``
(https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set)."""

_INDEX = re.compile(r"(?<!\\)\[")


def _split(expression: str) -> list[tuple[str, str]]:
    """Return the assignments in an expression, each with its key.

    Helm parses each by itself, because what it makes of several does not tell ``a={x}`` from ``a[0]=x``. Text that
    does not have this form is left whole, for Helm to reject.
    """
    found, end = [], 0
    while end < len(expression):
        match = _ASSIGNMENT.match(expression, end)
        if match is None:
            return [(expression, expression)]
        found.append((match["key"], match[0].removesuffix(",") if match["value"] is not None else match[0]))
        end = match.end()
    return found or [(expression, expression)]


def _shown(expression: str) -> str:
    """Return an expression without the value of the first key that names a secret, and what follows."""
    for match in _JSON_KEY.finditer(expression):
        if _is_secret(match["key"]):
            return f"{expression[: match.end('key')]}={MASK}"
    return expression


def _is_secret(key: str) -> bool:
    """Return whether a part of a key names a secret."""
    return any(names_secret(part) or field_is_secret(part, "a literal") for part in re.split(r"[.\[\]]", key))


class _NotAContainerError(Exception):
    """A key leads into a value that has no keys or items.

    Args:
        base: the value.
        parts: what it lacks.
    """

    def __init__(self, base: Any, parts: str) -> None:
        super().__init__()
        self.base, self.parts = base, parts


def _set_into(base: Any, parsed: Any, indices: int) -> Any:
    """Set a value: ``a[1].b=x`` changes one item of a list, ``a={x}`` replaces the list.

    Args:
        base: the values so far.
        parsed: what Helm made of one assignment: a path of single keys, and of lists whose last item is meant.
        indices: how many of the lists on the path are indexed.

    Raises:
        _NotAContainerError: the path leads into another kind of value, which Helm rejects too.
    """
    if isinstance(parsed, dict):
        if not isinstance(base, dict):
            raise _NotAContainerError(base, "keys")
        ((key, value),) = parsed.items()
        return base | {key: _set_below(base, key, value, indices)}
    if indices and isinstance(parsed, list):
        if not isinstance(base, list):
            raise _NotAContainerError(base, "items")
        index = len(parsed) - 1
        result = base + [None] * (len(parsed) - len(base))
        items = {number: item for number, item in enumerate(base) if item is not None}
        result[index] = _set_below(items, index, parsed[index], indices - 1)
        return result
    return parsed.value if isinstance(parsed, _Value) else parsed


def _set_below(base: Mapping[Any, Any], key: Any, value: Any, indices: int) -> Any:
    """Return what comes under a key or index: merged into what is there, or new."""
    if isinstance(value, dict) or (indices and isinstance(value, list)):
        return _set_into(base.get(key, type(value)()), value, indices)
    return value.value if isinstance(value, _Value) else value
