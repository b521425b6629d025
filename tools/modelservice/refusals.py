"""Helm's errors, translated for the person who wrote the values."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.edits.edit import AsWritten, Cure, certain, moving, removing, setting
from modelservice.edits.former_keys import former, zero_is_unset
from modelservice.errors import ModelserviceError, Problem, ValuesError
from modelservice.paths import chart_dir
from modelservice.sources import Path, split
from modelservice.suggest import key_patterns, meant, misspelt, nearest

EDITS = "modelservice.llm-d.ai/edits"
"""An API version that tells the chart to add cures to its refusals. Helm's users do not see them."""

_VIOLATION = re.compile(r"^(?P<indent>\s*)- at '(?P<pointer>[^']*)': (?P<reason>.*)$")
_REFUSAL = re.compile(r"execution error at \((?P<place>[^)]*)\): (?P<message>.*)", re.DOTALL)
_MALFORMED = re.compile(
    r'(?:cannot parse template|error during tpl function execution for) ["`](\{\{/\* (?P<key>.*?) \*/\}\})?'
)
_CHART = re.compile(r"^(?P<name>[^\s:-][^\s:]*):$")
"""Heading of a chart's violations in Helm's report."""
"""Helm's error about a string that the chart renders as a template; the chart puts its key in front of it."""
_TEMPLATE_PLACE = re.compile(r"template: \S+:\d+(?::\d+)?: ")
_NOT_A_MAP = re.compile(r"type mismatch on (?P<key>\S+): ")
"""Helm's error about what is given for a subchart, which it then prints."""
_ACTION = re.compile(r'executing "[^"]*" at <(?P<action>.*?)>: ')
_CHARACTER = re.compile(r"(?<=malformed character constant): .*")
_LITERAL = re.compile(r"""(["'`])(?:(?!\1)[^\\]|\\.)*\1""")
_ESCAPED = re.compile(r"\\(['\\])")
"""What Helm escapes in the pattern that it quotes."""
_KEY = re.compile(r"^(?P<key>[A-Za-z][A-Za-z0-9_/\[\].*-]*): (?P<rest>.*)$")


def explained(text: str, chart: str, schema: dict[str, Any] | None, values: Mapping[str, Any]) -> ModelserviceError:
    """Return what an error of Helm means for the values.

    Args:
        text: the error.
        chart: name of the chart; keys of its subcharts get theirs in front.
        schema: the chart's schema.
        values: the values.
    """
    if "values don't meet the specifications of the schema" in text:
        return ValuesError(_violations(text, chart, schema, values), by_schema=True)
    refusal = _REFUSAL.search(text)
    if refusal:
        above = re.findall(r"/charts/([^/]+)(?=/)", refusal["place"])
        return ValuesError([_refusal(above, line, values) for line in refusal["message"].strip().splitlines()])
    malformed = _MALFORMED.search(text)
    if malformed:
        return ValuesError([_malformed(malformed["key"], text)])
    mismatch = _NOT_A_MAP.search(text)
    if mismatch:
        return ValuesError([not_a_map(mismatch["key"])])
    return ModelserviceError(text)


def not_a_map(subchart: str) -> Problem:
    """Return the problem of a subchart's values that are no map."""
    return Problem("the values of a subchart must be a map", key=subchart, fix="set a map of its keys")


def _refusal(above: Sequence[str], line: str, values: Mapping[str, Any]) -> Problem:
    """Return one of the things that the chart rejects, each of which is a line: ``key: reason; fix``, and behind a tab
    its cure, where the reader asks for it.

    Args:
        above: names of the charts above the one that rejects.
        line: the line.
        values: all values.
    """
    message, _, cure = line.partition("\t")
    found = _KEY.match(message)
    if not found:
        return Problem(message)
    cures = _cures(json.loads(cure), above, values) if cure else ()
    return Problem(found["rest"], key=".".join([*above, found["key"]]), cures=cures)


def _cures(cure: Mapping[str, Any], above: Sequence[str], values: Mapping[str, Any]) -> tuple[Cure, ...]:
    """Return the cure of a refusal: a map of ``certain`` or ``offered``, with a list of ``{"set": KEY, "value": …}``,
    ``{"remove": KEY}`` and ``{"move": KEY, "to": KEY}``.
    """

    def path(key: str) -> Path:
        return split(values, ".".join([*above, key]))

    ((kind, listed),) = cure.items()
    edits = []
    for edit in listed:
        if "set" in edit:
            edits.append(setting(path(edit["set"]), edit.get("value")))
        elif "move" in edit:
            edits.append(moving(path(edit["move"]), path(edit["to"])))
        else:
            edits.append(removing(path(edit["remove"])))
    return (Cure(tuple(edits), kind == "certain"),)


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


def _violations(
    text: str, chart: str, schema: dict[str, Any] | None, values: Mapping[str, Any]
) -> list[Problem]:  # fmt: skip
    """Return the violations in Helm's report, without those that only sum up others below them."""
    lines: list[tuple[list[str], re.Match[str]]] = []
    above: list[str] = []
    for row in text.splitlines():
        if heading := _CHART.match(row):
            above = [] if heading["name"] == chart else [heading["name"]]
        elif match := _VIOLATION.match(row):
            lines.append((above, match))
    problems = []
    for (owner, line), following in itertools.zip_longest(lines, (match for _, match in lines[1:])):
        if following is None or len(following["indent"]) <= len(line["indent"]):
            path = [part.replace("~1", "/").replace("~0", "~") for part in line["pointer"].split("/")[1:]]
            known = _own_schema() if owner else schema or {}
            problems += _violation(owner, path, line["reason"], known, values)
    return sorted(problems, key=lambda problem: problem.key or "") or [Problem(text)]


def _own_schema() -> dict[str, Any]:
    """Return the schema of this project's chart, for what a parent chart gives it."""
    schema: dict[str, Any] = json.loads((chart_dir() / "values.schema.json").read_text(encoding="utf-8"))
    return schema


def _violation(
    owner: Sequence[str], path: list[str], reason: str, schema: dict[str, Any], values: Mapping[str, Any]
) -> list[Problem]:
    """Return the problems of one violation.

    Args:
        owner: name of the subchart, if it is one's.
        path: keys that lead to the value.
        reason: Helm's words.
        schema: the chart's schema.
        values: all values.
    """
    unknown = re.match(r"additional propert(?:y|ies) (.*) not allowed", reason)
    if unknown:
        return [_unknown_key(owner, path, name, schema, values) for name in re.findall(r"'([^']*)'", unknown[1])]
    key = _dotted([*owner, *path])
    pattern = re.match(r"(?P<value>.*) does not match pattern '(?P<pattern>.*)'$", reason)
    words = _words_for(_ESCAPED.sub(r"\1", pattern["pattern"])) if pattern else None
    if pattern and words:
        return [Problem(f"{pattern['value']} is not {words}", key=key)]
    full = _full(owner, path, values)
    value = _at(values, [*owner, *path])
    if value == 0 and zero_is_unset(".".join(path)):
        problem = f"{reason}; the original chart took 0 for unset"
        return [Problem(problem, key=key, fix="remove it", cures=certain(removing(full)))]
    if isinstance(value, int | float):  # Helm writes 12×10³ for 12000
        reason = re.sub(r"got [^\s,]*×[^\s,]*", f"got {value}", reason)
    if isinstance(value, str) and _DIGITS.fullmatch(value) and "want integer" in reason:
        return [Problem(f"a number of {len(value)} digits is too large", key=key, fix="use a smaller one")]
    types = re.fullmatch(r"got (?P<given>\w+), want (?P<wanted>.*)", reason)
    wanted = types["wanted"].split(" or ") if types else []
    fix = _type_fix(types["given"], wanted) if types else None
    cures = _retyped(value, wanted, full) or _respelt(value, reason, full)
    return [Problem(reason.removesuffix(", <nil>"), key=key, fix=fix, cures=cures)]


def _full(owner: Sequence[str], path: Sequence[str], values: Any) -> Path:
    """Return keys that lead to a value, with the items of lists by number."""
    found: list[str | int] = []
    node = values
    for part in [*owner, *path]:
        item = int(part) if isinstance(node, list) and part.isdigit() else part
        found.append(item)
        node = _at(node, [part])
    return tuple(found)


def _retyped(value: Any, wanted: Sequence[str], path: Path) -> tuple[Cure, ...]:
    """Return the cure of a value that only its quotes give another type than one that the schema allows."""
    if isinstance(value, bool | int | float) and "string" in wanted:
        return certain(setting(path, AsWritten(json.dumps(value))))
    if isinstance(value, str) and "integer" in wanted and re.fullmatch(r"-?(0|[1-9]\d{0,17})", value):
        return certain(setting(path, int(value)))
    if isinstance(value, str) and "number" in wanted and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value):
        return certain(setting(path, float(value) if "." in value else int(value)))
    if isinstance(value, str) and "boolean" in wanted and value.lower() in ("true", "false"):
        return certain(setting(path, value.lower() == "true"))
    return ()


def _respelt(value: Any, reason: str, path: Path) -> tuple[Cure, ...]:
    """Return the cure of a value that is a misspelt one of a list."""
    choices = re.findall(r"'([^']*)'", reason) if reason.startswith("value must be one of") else []
    if not isinstance(value, str) or not choices:
        return ()
    same = [choice for choice in choices if choice.lower() == value.lower()]
    sure = same[0] if len(same) == 1 else misspelt(value, choices)
    near = sure or nearest(value, choices)
    return (Cure((setting(path, near),), bool(sure)),) if near else ()


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


def _unknown_key(
    owner: Sequence[str], path: list[str], name: str, schema: dict[str, Any], values: Mapping[str, Any]
) -> Problem:
    key = _dotted([*owner, *path, name])
    words = next((words for pattern in key_patterns(schema, path) if (words := _words_for(pattern))), None)
    if words:
        return Problem(f"{name!r} is not {words}", key=key)
    earlier = former(".".join([*path, name]), _at(values, owner) or {}, owner)
    if earlier:
        return Problem("unknown key", key=key, fix=earlier.fix, cures=earlier.cures)
    below = values.get(name)
    if not owner and not path and isinstance(below, Mapping) and below and set(below) <= set(schema["properties"]):
        return Problem(
            "unknown key; these are values of a parent chart, which has this chart under that name", key=key,
            fix=f"add --chart PARENT --subchart {name}, or move what is below {name} to the top",
        )  # fmt: skip
    found = meant(schema, path, name)
    if found is None:
        return Problem("unknown key", key=key)
    full, to = _full(owner, [*path, name], values), _full(owner, found.path, values)
    cures = (Cure((moving(full, to),), found.sure),) if _at(values, [*owner, *found.path]) is None else ()
    return Problem("unknown key", key=key, fix=found.text, cures=cures)


def _dotted(path: Sequence[str]) -> str:
    """Return ``["decode", "containers", "0", "name"]`` as ``decode.containers[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() else f".{part}" if text else part
    return text
