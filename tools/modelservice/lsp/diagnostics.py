"""Findings as diagnostics: each at the key or value that caused it, in the file that has it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsprotocol import types

from modelservice.check.finding import Finding, Severity
from modelservice.check.report import DOCUMENTATION
from modelservice.check.rule import rules
from modelservice.lsp.analysis import Analysis
from modelservice.lsp.positions import Span, Text, moved
from modelservice.sources import split

SOURCE = "modelservice"

_SEVERITIES = {
    Severity.error: types.DiagnosticSeverity.Error,
    Severity.warning: types.DiagnosticSeverity.Warning,
    Severity.info: types.DiagnosticSeverity.Information,
}
_ABOUT_THE_KEY = re.compile(r"engine-flag-(unknown|foreign|duplicate|deprecated)|engine-variable|values-duplicate-key")
"""Rules about a name, not about its value."""


@dataclass(frozen=True)
class Located:
    """A finding with its place in the text that was analysed."""

    finding: Finding
    file: str
    span: Span


@functools.lru_cache(maxsize=32)
def located(analysis: Analysis) -> tuple[Located, ...]:
    """Return the findings of a stack with their places; what is in no file of its own is at the top of the last one."""
    return tuple(_located(analysis))


def _located(analysis: Analysis) -> Iterator[Located]:
    for finding in analysis.findings:
        if finding.file is not None and finding.file in analysis.texts:
            yield Located(finding, finding.file, _span(finding, finding.file, analysis))
        else:  # in a preset, or nowhere
            layers = [path for path in analysis.stack.values if path in analysis.texts]
            file = (layers or analysis.stack.files)[-1]
            yield Located(finding, file, first_line(analysis.texts[file]))


def first_line(text: Text) -> Span:
    """Return the first line that is no comment."""
    lines = text.lines
    said = (index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith(("#", "---")))
    return text.words_of_line(next(said, 0))


def _span(finding: Finding, file: str, analysis: Analysis) -> Span:
    """Return the place of a finding in its file: its key or value, else its line, else the top."""
    text, tree = analysis.texts[file], analysis.trees.get(file)
    line = None if finding.line is None else finding.line - 1
    if tree is not None and finding.values:
        path = split(analysis.sources.values if analysis.sources else {}, finding.values)
        entry = tree.find(path)
        if entry and line in (None, text.line_of(entry.key.start)):
            exact = entry.path == path and not _is_about_the_key(finding)
            return entry.best if exact else entry.key
    if tree is not None and line is not None and finding.rule == "values-duplicate-key":
        on_line = (entry.key for entry in tree.entries() if text.line_of(entry.key.start) == line)
        return next(on_line, text.words_of_line(line))
    return first_line(text) if line is None else text.words_of_line(line)


def _is_about_the_key(finding: Finding) -> bool:
    return finding.message.startswith("unknown key") or bool(_ABOUT_THE_KEY.fullmatch(finding.rule))


def diagnostic(found: Located, analysis: Analysis, shown: Text) -> types.Diagnostic | None:
    """Return a finding as a diagnostic of the text that is shown; None where its lines have changed since."""
    span = moved(found.span, analysis.texts[found.file], shown)
    if span is None:
        return None
    finding = found.finding
    rule = rules().get(finding.rule)
    message = f"{finding.message}; {finding.fix}" if finding.fix else finding.message
    return types.Diagnostic(
        range=shown.range(span),
        severity=_SEVERITIES[finding.severity],
        code=finding.rule,
        code_description=types.CodeDescription(f"{DOCUMENTATION}/{rule.family}.md#{rule.id}") if rule else None,
        source=SOURCE,
        message=f"{finding.values}: {message}" if finding.values else message,
    )


def syntax_error(line: int | None, message: str, text: Text) -> types.Diagnostic:
    """Return the diagnostic of a text that is not YAML, at the last line before the parser failed that says something.

    Args:
        line: the line, counted from 1; None where it is not known.
        message: what is wrong.
        text: the text.
    """
    said = [index for index, content in enumerate(text.lines[:line]) if content.strip()]
    span = text.words_of_line(said[-1]) if line and said else first_line(text)
    return types.Diagnostic(text.range(span), message, types.DiagnosticSeverity.Error, source=SOURCE)
