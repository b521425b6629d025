"""Many renders of one template in one call of Helm, which then parses the chart's templates once.

The chart is copied without what takes time and does not show in what the template prints: its other templates, and its
schema. The facts are read once for all renders, and objects are printed as JSON. Refusals are switched off in the copy,
because one would end all renders of the call. So objects of values that the chart accepts are exact, and others mean
nothing.

A refusal is a call of the template function ``fail``, which has to be spelt so that :data:`REFUSAL` finds it. The chart
does not check a release whose context has ``Refusals``, where it would collect them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from modelservice.errors import ModelserviceError
from modelservice.helm import SCHEMA, Release, Renderer
from modelservice.inputs import Values

REFUSAL = re.compile(r"(?<=[{( -])fail(?= [(\"])")
"""``fail`` where it is a call in a template: at the beginning of an action, with its message after a space."""

_GOES_ON = "trunc 0"
"""A function that takes the message of a refusal, and prints nothing."""

MOST = 24
"""Renders in one call. Parsing takes as long as one or two of them, and an error costs those of its call again."""

_PRINTED = re.compile(r"\btoYaml\b")
"""What prints an object in a template that is not a named one."""

_ONE = """\
{{- if gt (len .Values.each) %d }}{{ $texts = append $texts (include %s (set (set (omit $ "Values") "Refusals" dict) "Values" (index .Values.each %d))) }}{{ end }}
"""  # noqa: E501
_BEGIN = """\
{{- $texts := list }}{{ $_ := set $ "Known" (.Files.Get "facts.json" | fromJson) }}
"""
_NAME = re.compile(r"^name: .*$", re.MULTILINE)
_ALL = "all.yaml"
_NOT_COPIED = ("templates", "values.yaml", SCHEMA, "README.md", "ci")
_FAILED = re.compile(rf"/{re.escape(_ALL)}:(\d+)")
"""Helm's name of the line that failed; line N renders the values N - 2, counted from 0."""


class Batch:
    """One template of a chart, to be rendered with many values.

    Args:
        chart: directory of the chart.
        template: path of the template, as Helm names it; below its parent's for a subchart.
        folder: a new directory for the copy.
        renderer: makes the renderer of a chart.
        release: the release.
    """

    def __init__(
        self, chart: Path, template: str, folder: Path, renderer: Callable[[Path], Renderer], release: Release
    ) -> None:
        shutil.copytree(chart, folder, ignore=lambda path, _: _NOT_COPIED if Path(path) == chart else ())
        (folder / "values.yaml").write_text("{}", encoding="utf-8")
        templates = folder / "templates"
        templates.mkdir()
        name, _, below = template.rpartition("/templates/")
        own, name = chart / "templates" / below, name.rpartition("/")[2]
        described = (chart / "Chart.yaml").read_text(encoding="utf-8")
        # A subchart has the name that its parent gives it.
        (folder / "Chart.yaml").write_text(_NAME.sub(f"name: {name}", described, count=1), encoding="utf-8")
        partials = (path.read_text(encoding="utf-8") for path in sorted((chart / "templates").rglob("*.tpl")))
        (templates / "_partials.tpl").write_text(REFUSAL.sub(_GOES_ON, "\n".join(partials)), encoding="utf-8")
        printing = _PRINTED.sub("toJson", REFUSAL.sub(_GOES_ON, own.read_text(encoding="utf-8")))
        # Helm does not render a file whose name begins so.
        (templates / f"_{own.name}").write_text(printing, encoding="utf-8")
        path = json.dumps(f"{name}/templates/_{own.name}")
        lines = "".join(_ONE % (index, path, index) for index in range(MOST))
        texts = '{{- dict "kind" "Texts" "metadata" (dict "name" "texts") "texts" $texts | toJson }}\n'
        (templates / _ALL).write_text(f"{_BEGIN}{lines}{texts}", encoding="utf-8")
        self._renderer, self._release = renderer(folder), release

    def texts(self, each: Sequence[Values]) -> list[str | None]:
        """Return what the template prints for each of these values, which include the defaults; None where it fails."""
        chunks = [each[start : start + MOST] for start in range(0, len(each), MOST)]
        return [text for chunk in chunks for text in self._texts(chunk)]

    def _texts(self, each: Sequence[Values]) -> list[str | None]:
        if not each:
            return []
        try:
            (text,) = self._renderer.render({"each": list(each)}, self._release).templates.values()
        except ModelserviceError as error:
            line = _FAILED.search(str(error))
            if line is None:
                raise
            failed = int(line[1]) - 2
            others = self._texts([*each[:failed], *each[failed + 1 :]])
            return [*others[:failed], None, *others[failed:]]
        found: list[str | None] = json.loads(text[text.index("{") :])["texts"]
        return found
