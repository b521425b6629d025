"""What the API server requires of the fields of an object beyond their types: choices, forms, alternatives."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from modelservice import facts
from modelservice.facts.models import Alternatives, Excluded, Form, Needed, Ordered, Within
from modelservice.kubernetes.quantity import quantity
from modelservice.kubernetes.types import embedded

Path = tuple[str, ...]
"""Keys of a place; items of lists, and keys of free maps, in brackets: by name, or by number."""

_ANNOTATION = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9_.]*[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True)
class Unmet:
    """A requirement that a value does not meet."""

    path: Path
    message: str
    fix: str
    meant: str | None = None
    """The only value that can be meant."""

    def address(self, above: int = 0) -> str:
        """Return the place as ``volumes[cache].name``, without some keys above it."""
        return "".join(key if key.startswith("[") else f".{key}" for key in self.path[above:]).lstrip(".")


def unmet(name: str, value: Any, path: Path = ()) -> Iterator[Unmet]:
    """Yield the requirements of a Kubernetes type that a value does not meet; other types than Kubernetes' are skipped.

    Args:
        name: name of the definition in the chart's schema, ``core.v1.PodSpec.partial``.
        value: the value.
        path: place of the value.
    """
    yield from _unmet({"$ref": f"#/definitions/{name}"}, value, path)


def unmet_by_annotations(metadata: Any, path: Path) -> Iterator[Unmet]:
    """Yield the keys of annotations that the API server rejects."""
    given = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    for key in given if isinstance(given, Mapping) else ():
        if not _ANNOTATION.fullmatch(str(key)):
            yield Unmet(
                (*path, "annotations", f"[{key}]"),
                f"{key!r} is not the key of an annotation",
                "use [domain/]name with letters, digits, dashes, dots and underscores",
            )


def _unmet(schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Unmet]:
    kind = ""
    while "$ref" in schema or "allOf" in schema:
        reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
        name = reference.removeprefix("#/definitions/")
        kind = kind or ("" if name.startswith("shared.") else name.removesuffix(".partial"))
        schema = embedded()[name]
    if isinstance(value, Mapping):
        yield from _unmet_by_type(kind, value, path)
        fields = schema.get("properties") or {}
        for field, below in value.items():
            for at, item in items(below, (*path, str(field))):
                yield from _unmet_by_field(f"{kind}.{field}", item, at)
            yield from _unmet(fields.get(field) or {}, below, (*path, str(field)))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            named = isinstance(item, Mapping) and isinstance(item.get("name"), str)
            yield from _unmet(schema.get("items") or {}, item, (*path, f"[{item['name'] if named else position}]"))


def items(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield a value with its place; of a list, each item."""
    if isinstance(value, list):
        yield from (((*path, f"[{position}]"), item) for position, item in enumerate(value))
    else:
        yield path, value


def _unmet_by_field(field: str, value: Any, path: Path) -> Iterator[Unmet]:
    known = facts.kubernetes_fields()
    choices = known.choices.get(field, ())
    if choices and isinstance(value, str) and value and value not in choices:
        near = next((choice for choice in choices if choice.lower() == value.lower()), None)
        fix = f"set {near}" if near else f"set one of {', '.join(choices)}"
        yield Unmet(path, f"{value!r} is not one of {', '.join(choices)}", fix, near)
    form = _forms().get(field)
    if form and isinstance(value, str) and value and not _has(form, value):
        yield Unmet(path, f"{value!r} is not {form.words}", f"use at most {form.longest} characters of this form")
    least, most = known.least.get(field), known.most.get(field)
    if least is not None and isinstance(value, int) and value < least:
        yield Unmet(path, f"{value} is less than {least}", f"set {least} or more")
    if most is not None and isinstance(value, int) and value > most:
        yield Unmet(path, f"{value} is more than {most}", f"set {most} or less")
    if field in known.quantities and value is not None:
        amounts = {f"[{name}]": amount for name, amount in value.items()} if isinstance(value, Mapping) else {"": value}
        for name, amount in amounts.items():
            if quantity(amount) is None:
                at = (*path, name) if name else path
                yield Unmet(at, f"{amount!r} is not a quantity", "set a number with a unit, as in 40Gi")


def _unmet_by_type(kind: str, value: Mapping[str, Any], path: Path) -> Iterator[Unmet]:
    for rule in _rules().get(kind, ()):
        match rule:
            case Excluded():
                yield from _excluded(rule, value, path)
            case Alternatives():
                yield from _alternatives(rule, value, path)
            case Needed():
                yield from _needed(rule, value, path)
            case Ordered():
                yield from _ordered(rule, value, path)
            case Within():
                yield from _outside(rule, value, path)


def _excluded(rule: Excluded, value: Mapping[str, Any], path: Path) -> Iterator[Unmet]:
    if all(_is(value.get(field), wanted) for field, wanted in rule.fields.items()):
        both = " and ".join(field if wanted == "any" else f"{field}: {wanted}" for field, wanted in rule.fields.items())
        yield Unmet(path, f"{both} exclude each other", "remove one of them")


def _alternatives(rule: Alternatives, value: Mapping[str, Any], path: Path) -> Iterator[Unmet]:
    given = [
        field
        for field, below in value.items()
        if below is not None and field not in rule.besides and (not rule.fields or field in rule.fields)
    ]
    if len(given) > 1:
        yield Unmet(path, f"{' and '.join(given)} exclude each other", "keep one of them")


def _needed(rule: Needed, value: Mapping[str, Any], path: Path) -> Iterator[Unmet]:
    holds = all(_is(value.get(field), wanted) for field, wanted in rule.when.items())
    if holds and all(value.get(field) in (None, "", []) for field in rule.fields):
        because = "".join(f" for {field}: {wanted}" for field, wanted in rule.when.items())
        names = f"one of {', '.join(rule.fields)}" if len(rule.fields) > 1 else rule.fields[0]
        yield Unmet((*path, *rule.when), f"it needs {names}{because}", f"set {names}")


def _ordered(rule: Ordered, value: Mapping[str, Any], path: Path) -> Iterator[Unmet]:
    first, last = value.get(rule.first), value.get(rule.last)
    if last is not None and not isinstance(first, int):
        yield Unmet((*path, rule.last), f"it needs a number as {rule.first}", f"set {rule.first}")
    elif isinstance(last, int) and isinstance(first, int) and last < first:
        yield Unmet((*path, rule.last), f"{last} is less than {rule.first} {first}", f"set {first} or more")


def _outside(rule: Within, value: Mapping[str, Any], path: Path) -> Iterator[Unmet]:
    outer = _network(value.get(rule.outer))
    for at, text in items(value.get(rule.inner) or [], (*path, rule.inner)):
        inner = _network(text)
        if outer is None or inner is None:
            continue
        part = inner.version == outer.version and inner.prefixlen > outer.prefixlen
        if not part or inner.network_address not in outer:
            yield Unmet(at, f"{text} is not a part of {value[rule.outer]}", f"set a range within {value[rule.outer]}")


def _network(text: Any) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(str(text), strict=False)
    except ValueError:
        return None


def _is(value: Any, wanted: str) -> bool:
    if wanted == "any":
        return value is not None and value != ""
    return (str(value).lower() if isinstance(value, bool) else value) == wanted


def _has(form: Form, value: str) -> bool:
    return len(value) <= form.longest and re.fullmatch(form.pattern, value) is not None


@functools.cache
def _forms() -> Mapping[str, Form]:
    return {field: form for form in facts.kubernetes_fields().forms for field in form.fields}


Rule = Alternatives | Excluded | Needed | Ordered | Within


@functools.cache
def _rules() -> Mapping[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    known = facts.kubernetes_fields()
    rules: tuple[Rule, ...] = (*known.alternatives, *known.excluded, *known.needed, *known.ordered, *known.within)
    for rule in rules:
        found.setdefault(rule.type, []).append(rule)
    return found
