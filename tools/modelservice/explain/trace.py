"""Where a line of the output comes from: the values it depends on, with the lines that set them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from modelservice.concealed import Concealer
from modelservice.explain.address import Address, at, parse, steps
from modelservice.explain.batch import Batch
from modelservice.explain.changes import Changeable, words
from modelservice.explain.line import Line
from modelservice.explain.screen import Screen
from modelservice.explain.search import Search
from modelservice.helm import Release, Renderer
from modelservice.inputs import Values
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.secrets import MASK
from modelservice.sources import Path, Place, Sources, dotted

RELEASE_NAME = ".Release.Name"
"""Stands for a values key where a line depends on the release name."""


@dataclass(frozen=True)
class Dependency:
    """A values key that a line depends on."""

    key: str
    """The key as it stands in the files: below a subchart's name."""
    value: Any
    """The value in effect, without secrets."""
    given: bool
    """Whether the user set it; otherwise it is a default that would change the line."""
    places: tuple[Place, ...]
    """Where it is written, the line that counts last; none for a default and for ``--set``."""


@dataclass(frozen=True)
class Explanation:
    """Where a line of the output comes from."""

    address: Address
    value: Any
    """What is there, without secrets."""
    template: str
    """The template that printed the object."""
    dependencies: tuple[Dependency, ...]
    """What the user set, in the order of the files; then the defaults."""

    def to_json(self) -> dict[str, Any]:
        """Return the explanation for programs."""
        return {
            "object": self.address.object,
            "path": self.address.path,
            "value": self.value,
            "template": self.template,
            "values": [
                {
                    "key": item.key,
                    "value": item.value,
                    "given": item.given,
                    "places": [str(place) for place in item.places],
                }
                for item in self.dependencies
            ],
        }


def explain(
    text: str,
    sources: Sources,
    chart: Folder,
    renderer: Callable[[Folder], Renderer],
    release: Release,
    *,
    whole: Renderer | None = None,
    exact: bool = True,
    thorough: bool = False,
) -> Explanation:
    """Return what a line of the output depends on.

    Args:
        text: address of the line.
        sources: the values.
        chart: directory of the chart.
        renderer: makes the renderer of a chart.
        release: the release.
        whole: renders the chart where it is a subchart of another one.
        exact: ask the whole chart about the defaults too; without, the chart may reject what would change some.
        thorough: change every value in the whole chart; takes a hundred times as long and finds the same.

    Raises:
        UsageError: there is nothing at the address.
        ValuesError: the values are rejected.
    """
    whole = whole or renderer(chart)
    rendered = whole.render(sources.values, release)
    address, obj = parse(text, rendered.objects)
    line = Line.of(address, obj, rendered)
    values = Changeable(sources.values, chart, [*steps(address.path), *words(line.value)])
    with tempfile.TemporaryDirectory() as scratch:
        screen = None
        if not thorough:
            screen = Screen(line, values, Batch(chart, line.template, Folder(scratch) / "batch", renderer, release))
        usable = screen if screen and screen.usable else None
        found = Search(line, values, whole, release, usable).keys(exact=exact)
    conceal = Concealer(values.effective(), rendered.objects)
    seen = conceal(values.effective())
    dependencies = [_dependency(path, seen, path in values.given, sources) for path in found]
    dependencies.sort(key=lambda item: (not item.given, _position(item, sources), item.key))
    renamed = whole.render(sources.values, Release(f"{release.name[:50]}-x", release.namespace))
    if not line.same_in(renamed):
        dependencies.append(Dependency(RELEASE_NAME, release.name, True, ()))
    value = at(conceal(obj), address.path)
    return Explanation(address, MASK if value is MISSING else value, line.template, tuple(dependencies))


def _dependency(path: Path, values: Values, given: bool, sources: Sources) -> Dependency:
    value = found_at(values, path)
    places = tuple(sources.places(dotted(path)))
    return Dependency(sources.full(dotted(path)), None if value is MISSING else value, given, places)


def _position(item: Dependency, sources: Sources) -> tuple[int, int]:
    """Return where the key was written last: file and line; after all files for one that is in none."""
    if not item.places:
        return len(sources.layers), 0
    last = item.places[-1]
    return max(index for index, layer in enumerate(sources.layers) if layer.name == last.file), last.line


def shown(value: Any) -> str:
    """Return a value as one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."
