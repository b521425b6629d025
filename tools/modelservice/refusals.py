"""Helm's errors, translated for the person who wrote the values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.errors import ModelserviceError, Problem, ValuesError
from modelservice.suggest import key_patterns, suggestion

_VIOLATION = re.compile(r"^(?P<indent>\s*)- at '(?P<pointer>[^']*)': (?P<reason>.*)$")
_REFUSAL = re.compile(r"execution error at \((?P<place>[^)]*)\): (?P<message>.*)", re.DOTALL)
_MALFORMED = re.compile(
    r'(?:cannot parse template|error during tpl function execution for) ["`](\{\{/\* (?P<key>.*?) \*/\}\})?'
)
"""Helm's error about a string that the chart renders as a template; the chart puts its key in front of it."""
_TEMPLATE_PLACE = re.compile(r"template: \S+:\d+(?::\d+)?: ")
_ACTION = re.compile(r'executing "[^"]*" at <(?P<action>.*?)>: ')
_CHARACTER = re.compile(r"(?<=malformed character constant): .*")
_LITERAL = re.compile(r"""(["'`])(?:(?!\1)[^\\]|\\.)*\1""")
_ESCAPED = re.compile(r"\\(['\\])")
"""What Helm escapes in the pattern that it quotes."""
_KEY = re.compile(r"^(?P<key>[A-Za-z][A-Za-z0-9_/\[\].*-]*): (?P<rest>.*)$")


def explained(text: str, schema: dict[str, Any] | None, values: Mapping[str, Any]) -> ModelserviceError:
    """Return what an error of Helm means for the values."""
    if "values don't meet the specifications of the schema" in text:
        return ValuesError(_violations(text, schema or {}, values), by_schema=True)
    refusal = _REFUSAL.search(text)
    if refusal:
        return ValuesError([_refusal(line) for line in refusal["message"].strip().splitlines()])
    malformed = _MALFORMED.search(text)
    if malformed:
        return ValuesError([_malformed(malformed["key"], text)])
    return ModelserviceError(text)


def _refusal(line: str) -> Problem:
    """Return one of the things that the chart rejects, each of which is a line: ``key: reason; fix``."""
    found = _KEY.match(line)
    return Problem(found["rest"], key=found["key"]) if found else Problem(line)


def _malformed(key: str | None, text: str) -> Problem:
    """Return the problem of a value that the chart renders as a template, and that is not a valid one.

    Helm quotes the whole string, which may hold a secret; the reason names only what is wrong in it.
    """
    reason = _CHARACTER.sub("", _TEMPLATE_PLACE.split(text)[-1]).strip()
    action = _ACTION.match(reason)
    if action:
        reason = f"{_LITERAL.sub('…', action['action'])}: {reason[action.end() :]}"
    message = f"it is rendered as a template, and is not a valid one: {reason}"
    return Problem(message, key=key, fix='correct it, or use {{ "{{" }} for two braces')


def _violations(text: str, schema: dict[str, Any], values: Mapping[str, Any]) -> list[Problem]:
    """Return the violations in Helm's report, without those that only sum up others below them."""
    lines = [match for line in text.splitlines() if (match := _VIOLATION.match(line))]
    problems = []
    for line, following in itertools.zip_longest(lines, lines[1:]):
        if following is None or len(following["indent"]) <= len(line["indent"]):
            path = [part.replace("~1", "/").replace("~0", "~") for part in line["pointer"].split("/")[1:]]
            problems += _violation(path, line["reason"], schema, _at(values, path))
    return sorted(problems, key=lambda problem: problem.key or "") or [Problem(text)]


def _violation(path: list[str], reason: str, schema: dict[str, Any], value: Any) -> list[Problem]:
    """Return the problems of one violation.

    Args:
        path: keys that lead to the value.
        reason: Helm's words.
        schema: the chart's schema.
        value: the value; None where it comes from the chart's defaults.
    """
    unknown = re.match(r"additional propert(?:y|ies) (.*) not allowed", reason)
    if unknown:
        return [_unknown_key(path, name, schema) for name in re.findall(r"'([^']*)'", unknown[1])]
    pattern = re.match(r"(?P<value>.*) does not match pattern '(?P<pattern>.*)'$", reason)
    words = _words_for(_ESCAPED.sub(r"\1", pattern["pattern"])) if pattern else None
    if pattern and words:
        return [Problem(f"{pattern['value']} is not {words}", key=_dotted(path))]
    if isinstance(value, int | float):  # Helm writes 12×10³ for 12000
        reason = re.sub(r"got [^\s,]*×[^\s,]*", f"got {value}", reason)
    if isinstance(value, str) and _DIGITS.fullmatch(value) and "want integer" in reason:
        return [Problem(f"a number of {len(value)} digits is too large", key=_dotted(path), fix="use a smaller one")]
    types = re.fullmatch(r"got (?P<given>\w+), want (?P<wanted>.*)", reason)
    fix = _type_fix(types["given"], types["wanted"].split(" or ")) if types else None
    return [Problem(reason.removesuffix(", <nil>"), key=_dotted(path), fix=fix)]


_DIGITS = re.compile(r"-?\d{19,}")
"""An integer that Helm's reader takes for text, because no number of Go holds it."""


def _at(values: Any, path: Sequence[str]) -> Any:
    """Return the value that keys lead to; None without one."""
    for part in path:
        if isinstance(values, list):
            values = values[int(part)] if part.isdigit() and int(part) < len(values) else None
        else:
            values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _type_fix(given: str, wanted: Sequence[str]) -> str | None:
    """Return what to write instead of a value whose type the schema does not allow."""
    if given in ("number", "integer", "boolean") and "string" in wanted:
        return "put it in quotes"
    if given == "string" and {"number", "integer", "boolean"} & set(wanted):
        return "remove the quotes"
    words = {"array": "use a list", "object": "use a map"}
    return next((words[name] for name in wanted if name in words), None)


def _words_for(pattern: str) -> str | None:
    """Return the name of what a regular expression of the schema allows."""
    from modelservice.values.scalars import WORDS  # takes half a second, for its models

    return WORDS.get(pattern)


def _unknown_key(path: list[str], name: str, schema: dict[str, Any]) -> Problem:
    key = _dotted([*path, name])
    words = next((words for pattern in key_patterns(schema, path) if (words := _words_for(pattern))), None)
    if words:
        return Problem(f"{name!r} is not {words}", key=key)
    return Problem("unknown key", key=key, fix=suggestion(schema, path, name))


def _dotted(path: Sequence[str]) -> str:
    """Return ``["decode", "containers", "0", "name"]`` as ``decode.containers[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() else f".{part}" if text else part
    return text
