"""A subchart: this project's chart inside a parent chart, rendered with the parent but seen by itself.

Everything that reads its values or objects finds the keys of the chart itself; what people see has the name of the
subchart in front, see :meth:`modelservice.sources.Sources.full`.
"""

from __future__ import annotations

import contextlib
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelservice.errors import UsageError, ValuesError
from modelservice.helm import Release, Renderer, load_chart, renderer
from modelservice.inputs import Values, merge
from modelservice.kubernetes.dotted import value_at
from modelservice.paths import CHART, chart_dir
from modelservice.refusals import not_a_map
from modelservice.rendered import Rendered
from modelservice.sources import Layer, Sources, read_layers


def subcharts(chart: Path) -> list[str]:
    """Return the names under which a chart contains this project's chart: aliases, where it gives them."""
    loaded = load_chart(chart)
    names = [_name(item) for item in _declared(loaded.metadata)]
    return names or [CHART for item in loaded.dependencies if item.get("name") == CHART]


def _declared(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the dependencies of a parent chart that are this project's chart."""
    return [item for item in metadata.get("dependencies") or [] if item.get("name") == CHART]


def _name(dependency: Mapping[str, Any]) -> str:
    return str(dependency.get("alias") or CHART)


def _switch(metadata: Mapping[str, Any], name: str, values: Values) -> str | None:
    """Return the key that disables a dependency. The first condition with a value counts, tags only without one
    (https://helm.sh/docs/topics/charts/#tags-and-condition-fields-in-dependencies).
    """
    dependency = next((item for item in _declared(metadata) if _name(item) == name), {})
    conditions = str(dependency.get("condition") or "").strip().split(",")
    tags = [f"tags.{tag}" for tag in dependency.get("tags") or []]
    return next((path for path in [*conditions, *tags] if value_at(values, path) is False), None)


class Subchart:
    """Renders one subchart of a parent chart.

    Args:
        parent: renders the parent.
        chart: the parent's directory or archive.
        name: name or alias of the subchart.
        given: values that the parent is given.
    """

    def __init__(self, parent: Renderer, chart: Path, name: str, given: Mapping[str, Any] | None = None) -> None:
        self._parent = parent
        self._chart = chart
        self._name = name
        self._given = given or {}

    def over(self, given: Sources) -> tuple[Subchart, Sources]:
        """Return the subchart of a parent that is given values, and its part of them, over the parent's own.

        Raises:
            ValuesError: what is given for the subchart is no map.
        """
        file = self._chart / "values.yaml"
        own = read_layers([str(file)]) if file.is_file() else [Layer(str(self._chart), self._defaults, None)]
        whole = Sources([*own, *given.layers], merge([*(layer.values for layer in own), given.values]))
        below = whole.values.get(self._name)
        if below is not None and not isinstance(below, Mapping):
            raise whole.located(ValuesError([not_a_map(self._name)]))
        return Subchart(self._parent, self._chart, self._name, given.values), whole.below(self._name)

    @property
    def _defaults(self) -> Values:
        return dict(load_chart(self._chart).values)

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        """Render the parent with these values for the subchart, and return the subchart's part.

        Raises:
            ValuesError: the schema or the templates reject the values.
            ModelserviceError: the parent does not render.
            UsageError: the parent does not enable the subchart.
        """
        rendered = self._parent.render(
            self._of_parent(values), release, kube_version=kube_version, api_versions=api_versions
        )
        own = self.part(rendered)
        if not own.templates:
            raise self._missing(rendered, self._of_parent(values))
        return own

    def part(self, rendered: Rendered) -> Rendered:
        """Return the subchart's part of what the parent rendered to."""
        own = f"/charts/{self._name}/"
        return Rendered({path: text for path, text in rendered.templates.items() if own in path})

    def _missing(self, rendered: Rendered, given: Values) -> UsageError:
        """Return why the parent renders without the subchart: another version of it is there, or it is switched off."""
        loaded = load_chart(self._chart)
        by_own_name = any(f"/charts/{CHART}/" in path for path in rendered.templates)
        if by_own_name and CHART not in subcharts(self._chart):
            # Helm does not take a chart outside the declared range for the dependency, and renders it by its own name.
            wanted = " or ".join(dict.fromkeys(str(item["version"]) for item in _declared(loaded.metadata)))
            return UsageError(
                f"the parent chart asks for {CHART} {wanted}, and its folder charts has another version",
                file=str(self._chart),
                fix=f"run helm dependency update {self._chart}",
            )
        switch = _switch(loaded.metadata, self._name, merge([loaded.values, given]))
        return UsageError(
            f"the parent chart does not enable its subchart {self._name}",
            file=str(self._chart),
            fix=f"set {switch}: true" if switch else None,
        )

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        """Return what Helm's linter finds in the parent with these values for the subchart."""
        return self._parent.lint(self._of_parent(values))

    def _of_parent(self, values: Mapping[str, Any]) -> Values:
        shared = {key: value for key, value in values.items() if key == "global"}
        return {**self._given, **shared, self._name: {key: value for key, value in values.items() if key not in shared}}


def chart_renderer(which: str, chart: Path | None, subchart: str | None) -> Renderer:
    """Return the renderer of this project's chart: by itself, or inside a parent chart.

    Args:
        which: ``embedded``, or a helm executable.
        chart: the chart or its parent; None for the tool's own.
        subchart: name of the chart in the parent.

    Raises:
        UsageError: the chart cannot be read, is a parent although no subchart is named, or has none of this name.
    """
    if chart is None:
        if subchart:
            raise UsageError("--subchart names a chart inside a parent", fix="add --chart PARENT")
        return renderer(which, chart_dir())
    rendering = renderer(which, chart)
    if subchart is None:
        if load_chart(chart).name != CHART and (found := subcharts(chart)):
            names = " or ".join(found)
            problem = f"a parent chart, which has {CHART} as {names}"
            raise UsageError(problem, file=str(chart), fix=f"add --subchart {names}")
        return rendering
    found = subcharts(chart)
    if subchart not in found:
        fix = f"set --subchart {' or '.join(found)}" if found else "leave --subchart out"
        raise UsageError(f"no subchart {subchart} of {CHART}", file=str(chart), fix=fix)
    return Subchart(rendering, chart, subchart)


@contextlib.contextmanager
def chart_folder(chart: Path | None, subchart: str | None) -> Iterator[Path]:
    """Give the directory of this project's chart: the tool's own, the given one, or the one inside a parent.

    Archives are unpacked for the block.

    Raises:
        UsageError: the parent has the chart in several versions.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = _unpacked(chart or chart_dir(), Path(scratch))
        if subchart is not None:
            inside = [_unpacked(path, Path(scratch)) for path in sorted((folder / "charts").iterdir())]
            found = [path for path in inside if (path / "Chart.yaml").is_file() and load_chart(path).name == CHART]
            if len(found) != 1:
                problem = f"{len(found)} versions of {CHART} in its folder charts"
                raise UsageError(problem, file=str(chart), fix="keep the one to explain")
            folder = found[0]
        yield folder


def _unpacked(chart: Path, scratch: Path) -> Path:
    """Return the directory of a chart; an archive is unpacked into a directory of its own."""
    if chart.suffix != ".tgz":
        return chart
    folder = Path(tempfile.mkdtemp(dir=scratch))
    with tarfile.open(chart) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


def scoped(rendering: Renderer, given: Sources) -> tuple[Renderer, Sources]:
    """Return what renders the chart with the given values, and those of them that are the chart's."""
    return rendering.over(given) if isinstance(rendering, Subchart) else (rendering, given)
