"""Many renders of one template in one call of Helm, which then parses the chart's templates once.

The chart is copied without what takes time and does not show in the template's text: its other templates, and its
schema. Where a template refuses values, the copy goes on, because one refusal would end all renders of the call. So
texts of values that the chart takes are exact, and others mean nothing.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from modelservice.errors import ModelserviceError
from modelservice.helm import Release, Renderer
from modelservice.inputs import Values

_REFUSAL = re.compile(r"(?<=[{( -])fail(?= [(\"])")
"""``fail`` where it is a call in a template."""

_GOES_ON = "trunc 0"
"""A function that takes the message of a refusal, and prints nothing."""

_ALL = """\
{{- $texts := list }}
{{- range $values := .Values.each }}
{{- $texts = append $texts (include %s (set (omit $ "Values") "Values" $values)) }}
{{- end }}
{{- dict "kind" "Texts" "metadata" (dict "name" "texts") "texts" $texts | toJson }}
"""


class Batch:
    """One template of a chart, to be rendered with many values.

    Args:
        chart: directory of the chart.
        template: path of the template, as Helm names it.
        folder: a new directory for the copy.
        renderer: makes the renderer of a chart.
        release: the release.
    """

    def __init__(
        self, chart: Path, template: str, folder: Path, renderer: Callable[[Path], Renderer], release: Release
    ) -> None:
        shutil.copytree(chart, folder)
        (folder / "values.schema.json").unlink()
        (folder / "values.yaml").write_text("{}", encoding="utf-8")
        own = folder.joinpath(*Path(template).parts[1:])
        for path in (path for path in (folder / "templates").rglob("*") if path.is_file()):
            text = path.read_text(encoding="utf-8")
            if path == own or "define" in text:
                path.write_text(_REFUSAL.sub(_GOES_ON, text), encoding="utf-8")
            else:
                path.unlink()
        # Helm does not render a file whose name begins so.
        hidden = own.rename(own.with_name(f"_{own.name}"))
        name = template.removesuffix(own.name) + hidden.name
        (folder / "templates" / "all.yaml").write_text(_ALL % json.dumps(name), encoding="utf-8")
        self._renderer, self._release = renderer(folder), release

    def texts(self, each: Sequence[Values]) -> list[str | None]:
        """What the template prints for each of these values, which have the defaults in them; None where it fails."""
        try:
            (text,) = self._renderer.render({"each": list(each)}, self._release).templates.values()
        except ModelserviceError:
            if len(each) == 1:
                return [None]
            half = len(each) // 2
            return self.texts(each[:half]) + self.texts(each[half:])
        found: list[str | None] = json.loads(text[text.index("{") :])["texts"]
        return found
