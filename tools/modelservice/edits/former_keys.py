"""Keys of the original chart that have another place now, or none: what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from modelservice import facts
from modelservice.edits.edit import Cure, Edit, moving, removing, setting
from modelservice.facts.models import FormerKey
from modelservice.kubernetes.dotted import value_at


class Former(NamedTuple):
    """What has become of a key of the original chart."""

    fix: str
    cures: tuple[Cure, ...]


def former(key: str, values: Mapping[str, Any], above: Sequence[str] = ()) -> Former | None:
    """Return what has become of a key; None for one that no version of the original chart had.

    Args:
        key: the key, or the section that it was in.
        values: the values of this chart.
        above: name of the chart in its parent.
    """
    found = [item for item in facts.original_chart().keys if item.key == key or item.key.startswith(f"{key}.")]
    fitting = [item for item in found if not item.type or isinstance(value_at(values, item.key), bool)]
    if not fitting:
        return None
    used = [item for item in fitting if not item.when or value_at(values, item.when) is True]
    targets = dict.fromkeys(item.to for item in used if item.to)
    fix = f"set {' and '.join(targets)}" if targets else "remove it"
    first = fitting[0]
    text = f"{fix} (a key of the original chart {first.versions}; {first.why})"
    return Former(text, _cures(key, used, values, tuple(above)))


def zero_is_unset(key: str) -> bool:
    """Return whether 0 meant in the original chart that a key is not set."""
    return key in facts.original_chart().unset_by_zero


def _cures(key: str, used: Sequence[FormerKey], values: Mapping[str, Any], above: tuple[str, ...]) -> tuple[Cure, ...]:
    """Return the cure: the parts of a section go where they belong, and the rest of it has no effect."""
    edits = [edit for item in used for edit in _edits(item, values, above)]
    if [item.key for item in used] != [key] or not used[0].to or used[0].keyed_by:
        edits.append(removing((*above, *key.split("."))))
    taken = [item.to for item in used if item.to and not item.when and value_at(values, item.to) is not None]
    return () if taken else (Cure(tuple(edits), True),)


def _edits(item: FormerKey, values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[Edit]:
    """Yield the edits that give one key its place."""
    value = value_at(values, item.key)
    if not item.to or value is None:
        return
    path, to = (*above, *item.key.split(".")), (*above, *item.to.split("."))
    if item.keyed_by and isinstance(value, list):
        for entry in value:
            name = entry.get(item.keyed_by) if isinstance(entry, Mapping) else None
            if isinstance(entry, Mapping) and isinstance(name, str):
                yield setting((*to, name), {field: given for field, given in entry.items() if field != item.keyed_by})
    elif item.when:
        yield setting(to, value)
    else:
        yield moving(path, to)
    for key, stated in item.also_set.items():
        if value_at(values, key) is None:
            yield setting((*above, *key.split(".")), stated)
