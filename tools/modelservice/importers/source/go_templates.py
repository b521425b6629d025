"""Go templates of other systems, evaluated by Helm's own engine, which has the same text/template and sprig."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.importers.source.template_process import render_apart

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`")

_BOUNDED = frozenset(
    (
        "if", "else", "end", "eq", "ne", "and", "or", "not", "default", "quote", "squote", "lower", "upper", "trim",
        "trimSuffix", "trimPrefix", "toYaml", "toJson", "int", "nindent", "indent", "getPort", "true", "false", "nil",
    )
)  # fmt: skip
"""Words whose result is about as long as what they are given; their templates need no process of their own."""

_CHANGING = re.compile(
    r"\b(now|ago|date\w*|htmlDate\w*|rand\w+|shuffle|uuidv4|bcrypt|htpasswd|gen(?:PrivateKey|CA|SelfSignedCert|SignedCert)\w*"
    r"|encryptAES)\b"
)
"""Functions of sprig that give another result each time (https://masterminds.github.io/sprig/)."""


class Templates:
    """Templates with variables, rendered in a scratch chart.

    Args:
        variables: what ``.`` is in a template.
        named: named templates by name, for functions that Helm does not have.

    Attributes:
        changing: functions that give another result at each import, each with the place of its template.
    """

    def __init__(self, variables: Mapping[str, Any], named: Mapping[str, str] | None = None) -> None:
        self.variables = dict(variables)
        self.named = dict(named or {})
        self.changing: dict[str, str] = {}

    def render(self, texts: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """Return texts by key, rendered.

        Args:
            texts: by key the template, and its place for messages.

        Raises:
            ModelserviceError: a template is not one, fails, or takes too long.
        """
        wanted = {key: item for key, item in texts.items() if "{{" in item[0]}
        for text, place in wanted.values():
            self.changing |= dict.fromkeys(_CHANGING.findall(" ".join(_words(text))), place)
        rendered = {key: text for key, (text, _) in texts.items() if key not in wanted}
        if wanted:
            bounded = all(map(_is_bounded, (text for text, _ in wanted.values())))
            rendered |= (render_here if bounded else render_apart)(wanted, self.variables, self.named)
        return {key: rendered[key] for key in texts}


def render_here(
    texts: Mapping[str, tuple[str, str]], variables: Mapping[str, Any], named: Mapping[str, str]
) -> dict[str, str]:
    """Return templates by key, rendered in this process; the arguments are those of :func:`render_apart`.

    Raises:
        ModelserviceError: a template is not one, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder) / "scratch", named)
        return {key: _rendered(engine, text, place, variables) for key, (text, place) in texts.items()}


def _words(text: str) -> Iterator[str]:
    """Yield what a template's actions have outside of quotes."""
    for action in _ACTION.findall(text):
        yield _TEXT.sub(" ", action)


def _is_bounded(text: str) -> bool:
    """Return whether what a template renders to is about as long as itself and its variables."""
    for words in _words(text):
        names = re.findall(r"(?<![\w.$])[A-Za-z_]\w*", words)
        if not _BOUNDED.issuperset(names) or re.search(r"\d{4}", words):
            return False
    return True


def _engine(chart: Path, named: Mapping[str, str]) -> EmbeddedHelm:
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: scratch\nversion: 0.0.0\n", encoding="utf-8")
    definitions = "".join(f'{{{{- define "{name}" -}}}}{text}{{{{- end -}}}}\n' for name, text in named.items())
    (chart / "templates" / "_named.tpl").write_text(definitions, encoding="utf-8")
    (chart / "templates" / "text.txt").write_text("{{ tpl .Values.text .Values.variables }}", encoding="utf-8")
    return EmbeddedHelm(chart)


def _rendered(engine: EmbeddedHelm, text: str, place: str, variables: Mapping[str, Any]) -> str:
    try:
        rendered = engine.render({"text": text, "variables": variables}, Release("scratch"))
    except ModelserviceError as error:
        raise ModelserviceError(f"the template fails: {_reason(str(error))}", file=place) from None
    return rendered.templates["scratch/templates/text.txt"]


def _reason(text: str) -> str:
    """Return the last part of Helm's chain of messages, which names the problem."""
    for chain in ("error calling tpl: ", "is not a valid one: "):
        text = text.rsplit(chain, 1)[-1]
    return text.partition("; correct it")[0].replace("gotpl:", "line ").replace("cannot parse template ", "")


def escaped(value: Any) -> Any:
    """Return a value that the chart renders as a template, written so that it comes out as it is."""
    if isinstance(value, str):
        return value.replace("{{", "{{ `{{` }}")
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value
