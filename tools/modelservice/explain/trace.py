"""Which values a line of the output depends on: found by rendering with each value changed, not by guessing.

The chart prints far more than one object, so most of the work of those renders would be for nothing. Each value is
changed in a batch that renders only the object's template. Where the line differs there, the whole chart has the last
word, because it may refuse the value.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

import jsonschema_rs

from modelservice.errors import ModelserviceError
from modelservice.explain.address import MISSING, Address, at, parse, steps
from modelservice.explain.alternatives import alternatives
from modelservice.explain.batch import Batch
from modelservice.helm import Release, Rendered, Renderer, copy_chart, dump
from modelservice.inputs import Values, read_values
from modelservice.model.deployment import overlaid
from modelservice.model.pods import reference
from modelservice.sources import Path, Place, Sources, dotted, leaves

RELEASE_NAME = ".Release.Name"
"""What stands for a values key where a line depends on the release's name."""

_TOGETHER = 24
"""Renders in one call of Helm: many share the work that they have in common, few can run at the same time."""

Run = Callable[..., Iterator[Any]]

Track = Callable[[Iterable[Any], int], Iterable[Any]]
"""Shows the progress over so many steps."""


@dataclass(frozen=True)
class Dependency:
    """A values key that a line depends on."""

    key: str
    value: Any
    places: tuple[Place, ...]
    """Where it is written, the line that counts last; none for a default."""


@dataclass(frozen=True)
class Explanation:
    """Where a line of the output comes from."""

    address: Address
    value: Any
    template: str
    """The template that printed the object."""
    dependencies: tuple[Dependency, ...]

    def to_json(self) -> dict[str, Any]:
        """The explanation for machines."""
        return {
            "object": self.address.object,
            "path": self.address.path,
            "value": self.value,
            "template": self.template,
            "values": [
                {"key": item.key, "value": item.value, "places": [str(place) for place in item.places]}
                for item in self.dependencies
            ],
        }


def explain(
    text: str,
    sources: Sources,
    chart: Folder,
    renderer: Callable[[Folder], Renderer],
    release: Release,
    track: Track = lambda steps, _: steps,
    *,
    thorough: bool = False,
) -> Explanation:
    """What a line of the output depends on.

    Args:
        text: address of the line.
        sources: the values.
        chart: the chart.
        renderer: makes the renderer of a chart.
        release: the release.
        track: shows the progress over the keys.
        thorough: change every value in the whole chart; it takes long, and finds the same.

    Raises:
        UsageError: there is nothing at the address.
        ValuesError: the values are refused.
    """
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as threads:
        folder = Folder(scratch)
        copy_chart(chart, folder / "whole")
        whole = renderer(folder / "whole")
        rendered = whole.render(sources.values, release)
        address, obj = parse(text, rendered.objects)
        line = Line.of(address, obj, rendered)
        values = Trials(line, sources.values, folder / "whole", whole, release, threads.map)
        trials = values.all
        if not thorough:
            batch = Batch(folder / "whole", line.template, folder / "batch", renderer, release)
            trials = values.promising(trials, batch, track)
        dependencies = [
            Dependency(dotted(path), values.current(path), tuple(sources.places(dotted(path))))
            for path in values.found_by(trials)
        ]
        renamed = whole.render(sources.values, Release(f"{release.name[:50]}-x", release.namespace))
        if not line.same_in(renamed):
            dependencies.append(Dependency(RELEASE_NAME, release.name, ()))
        return Explanation(address, line.value, line.template, tuple(dependencies))


@dataclass(frozen=True)
class Line:
    """A line of the output, which can be found in other renders."""

    address: Address
    value: Any
    template: str
    position: int
    """Place of the object among those of its kind that the template prints."""
    number: int
    """How many those are."""

    @classmethod
    def of(cls, address: Address, obj: Mapping[str, Any], rendered: Rendered) -> Line:
        """The line at an address of an object."""
        template = rendered.template_of(obj)
        alike = _alike(rendered, template, address)
        return cls(address, at(obj, address.path), template, alike.index(dict(obj)), len(alike))

    def same_in(self, rendered: Rendered) -> bool:
        """Whether another render has the value at the same place of the same object, which may have another name."""
        alike = _alike(rendered, self.template, self.address)
        match = next((obj for obj in alike if reference(obj) == self.address.object), None)
        if match is None and len(alike) == self.number:
            match = alike[self.position]
        return match is not None and bool(at(match, self.address.path) == self.value)

    def same_in_text(self, text: str) -> bool:
        """Whether another text of the template has it."""
        try:
            return self.same_in(Rendered({self.template: text}))
        except ModelserviceError:
            return False


def _alike(rendered: Rendered, template: str, address: Address) -> list[dict[str, Any]]:
    kind = address.object.partition("/")[0]
    return [obj for obj in rendered.objects_of(template) if obj.get("kind") == kind]


class Trials:
    """Renders with one value changed.

    Args:
        line: what is looked at.
        values: the values that the user gave.
        chart: directory of the whole chart.
        renderer: renders it.
        release: the release.
        run: like :func:`map`.
    """

    def __init__(
        self, line: Line, values: Values, chart: Folder, renderer: Renderer, release: Release, run: Run
    ) -> None:
        self._line, self._values, self._renderer, self._release, self._run = line, values, renderer, release, run
        self._schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
        self._validator = jsonschema_rs.Draft7Validator(self._schema)
        self._defaults = read_values(str(chart / "values.yaml"))
        self._effective = overlaid(self._defaults, values)

    @property
    def keys(self) -> list[Path]:
        """Every key that may be changed: those the user wrote, and the chart's others, its lists as a whole."""
        own = [path for path, _ in leaves(self._values) if path]  # no values at all are one leaf without a key
        others = [_without_items(path) for path, _ in leaves(self._defaults)]
        return list(dict.fromkeys([*own, *(path for path in others if _get(self._values, path) is MISSING)]))

    @property
    def all(self) -> list[_Trial]:
        """Every other value of every key."""
        return [trial for path in self.keys for trial in self._of(path)]

    def _of(self, path: Path) -> list[_Trial]:
        """The trials of one key whose values the schema takes."""
        trials: dict[str, _Trial] = {}

        def valid(other: Any) -> bool:
            values = _with(self._values, path, other)
            effective = overlaid(self._defaults, values)
            if not self._validator.is_valid(effective):
                return False
            trials[json.dumps(other)] = _Trial(path, values, effective)
            return True

        current = _get(self._effective, path)
        names = [*steps(self._line.address.path), *map(str, _keys(self._line.value))]
        found = alternatives(current, path, self._schema, names, valid)
        return [trials[json.dumps(other)] for other in found]

    def current(self, path: Path) -> Any:
        """The value in effect; None without one."""
        value = _get(self._effective, path)
        return None if value is MISSING else value

    def promising(self, trials: Sequence[_Trial], batch: Batch, track: Track) -> list[_Trial]:
        """The trials that change the line, unless the chart refuses them."""
        (before,) = batch.texts([self._effective])
        if before is None or not self._line.same_in_text(before):
            return list(trials)  # the template does not stand by itself
        chunks = [trials[start : start + _TOGETHER] for start in range(0, len(trials), _TOGETHER)]
        effective = ([trial.effective for trial in chunk] for chunk in chunks)
        texts = itertools.chain.from_iterable(track(self._run(batch.texts, effective), len(chunks)))
        same = functools.cache(self._line.same_in_text)
        return [
            trial
            for trial, text in zip(trials, texts, strict=True)
            if text is not None and text != before and not same(text)
        ]

    def found_by(self, trials: Sequence[_Trial]) -> list[Path]:
        """The keys of the trials that the chart takes and that change the line."""
        keys = list(dict.fromkeys(trial.path for trial in trials))
        own = [[trial.values for trial in trials if trial.path == key] for key in keys]
        changing = self._run(lambda each: any(map(self._changes, each)), own)
        return [key for key, changes in zip(keys, changing, strict=True) if changes]

    def _changes(self, values: Values) -> bool:
        try:
            return not self._line.same_in(self._renderer.render(values, self._release))
        except ModelserviceError:
            return False


@dataclass(frozen=True)
class _Trial:
    """Another value under one key."""

    path: Path
    values: Values
    """What the user would have given."""
    effective: Values
    """With the chart's defaults."""


def _keys(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value
    if isinstance(value, Mapping | list):
        for below in value.values() if isinstance(value, Mapping) else value:
            yield from _keys(below)


def _without_items(path: Path) -> Path:
    """A path up to its first list, which is changed as a whole."""
    return path[: next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))]


def _get(values: Any, path: Path) -> Any:
    for part in path:
        if part not in (range(len(values)) if isinstance(values, list) else values if isinstance(values, dict) else ()):
            return MISSING
        values = values[part]
    return values


def _with(values: Values, path: Path, value: Any) -> Values:
    """Values with another one under a path; nothing else is copied but what leads there."""
    *above, last = path
    changed = dict(values)
    node: Any = changed
    for part in above:
        below = node.get(part) if isinstance(node, dict) else node[part]
        node[part] = list(below) if isinstance(below, list) else dict(below) if isinstance(below, dict) else {}
        node = node[part]
    if isinstance(last, int) and value is None:
        del node[last]
    else:
        node[last] = value
    return changed


def difference(before: Rendered, after: Rendered) -> dict[str, str]:
    """Unified diffs between two renders, by object."""
    old = {reference(obj): dump(obj) for obj in before.objects}
    new = {reference(obj): dump(obj) for obj in after.objects}
    found = {}
    for name in dict.fromkeys([*old, *new]):
        lines = difflib.unified_diff(
            old.get(name, "").splitlines(),
            new.get(name, "").splitlines(),
            f"{name} (now)",
            f"{name} (then)",
            lineterm="",
        )
        text = "\n".join(lines)
        if text:
            found[name] = text
    return found


def shown(value: Any) -> str:
    """A value on one line where it is short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."
