"""Go templates of other systems, evaluated by Helm's own engine, which has the same text/template and sprig."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release


class Templates:
    """Templates with variables, rendered in a scratch chart.

    Args:
        variables: what ``.`` is in a template.
        named: named templates by name, for functions that Helm does not have.
    """

    def __init__(self, variables: Mapping[str, Any], named: Mapping[str, str] | None = None) -> None:
        self.variables = dict(variables)
        self.named = dict(named or {})

    def render(self, texts: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """Return texts by key, rendered.

        Args:
            texts: by key the template, and its place for messages.

        Raises:
            ModelserviceError: a template is not one, or fails.
        """
        result = {key: text for key, (text, _) in texts.items() if "{{" not in text}
        wanted = {key: item for key, item in texts.items() if key not in result}
        if wanted:
            with tempfile.TemporaryDirectory() as folder:
                engine = self._engine(Path(folder) / "scratch")
                for key, (text, place) in wanted.items():
                    result[key] = self._rendered(engine, text, place)
        return {key: result[key] for key in texts}

    def _engine(self, chart: Path) -> EmbeddedHelm:
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: scratch\nversion: 0.0.0\n", encoding="utf-8")
        named = "".join(f'{{{{- define "{name}" -}}}}{text}{{{{- end -}}}}\n' for name, text in self.named.items())
        (chart / "templates" / "_named.tpl").write_text(named, encoding="utf-8")
        (chart / "templates" / "text.txt").write_text("{{ tpl .Values.text .Values.variables }}", encoding="utf-8")
        return EmbeddedHelm(chart)

    def _rendered(self, engine: EmbeddedHelm, text: str, place: str) -> str:
        try:
            rendered = engine.render({"text": text, "variables": self.variables}, Release("scratch"))
        except ModelserviceError as error:
            raise ModelserviceError(f"the template fails: {_reason(str(error))}", file=place) from None
        return rendered.templates["scratch/templates/text.txt"]


def _reason(text: str) -> str:
    """Return the last part of Helm's chain of messages, which names the problem."""
    return text.rsplit("error calling tpl: ", 1)[-1].replace("gotpl:", "line ").replace("cannot parse template ", "")


def escaped(value: Any) -> Any:
    """Return a value that the chart renders as a template, written so that it comes out as it is."""
    if isinstance(value, str):
        return value.replace("{{", "{{ `{{` }}")
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value
