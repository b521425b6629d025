"""How `modelservice check` shows what it mended, or would mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modelservice import secrets
from modelservice.check.fixing import Fix, Fixes
from modelservice.check.report import Format
from modelservice.cli.messages import say, write_line
from modelservice.concealed import Concealer
from modelservice.documents import go_value

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_fixes(fixes: Fixes, output_format: Format) -> None:
    """Print the cures that were made, and the reasons why others were not."""
    if output_format is Format.text:
        for fix in fixes.made:
            write_line(("fixed", "bold green"), (f": {_shown(fix)}", ""))
    for fix in fixes.left:
        say("not fixed", f"{fix.finding.values or fix.finding.rule}: {fix.obstacle}", style="bold yellow")


def print_diff(fixes: Fixes) -> None:
    """Print what would change as a unified diff, without secrets."""
    for name, text in fixes.after.items():
        before = fixes.before[name]
        hidden = sorted({*_secrets(before), *_secrets(text)}, key=len, reverse=True)
        lines = difflib.unified_diff(before.splitlines(), text.splitlines(), name, name, lineterm="")
        for line in lines:
            for secret in hidden:
                line = line.replace(secret, secrets.MASK)
            write_line((line, _STYLES.get(line[:1], "")))
    for fix in fixes.left:
        say("not fixed", f"{fix.finding.values or fix.finding.rule}: {fix.obstacle}", style="bold yellow")


def _shown(fix: Fix) -> str:
    return f"{', '.join(fix.files)}: {secrets.masked_message(fix.cure.title)}  [{fix.finding.rule}]"


def _secrets(text: str) -> Iterator[str]:
    """Yield the lines of the secrets in a values file."""
    found: list[str] = []
    Concealer(values := go_value(text), put=lambda secret: found.append(secret) or secrets.MASK)(values)  # type: ignore[func-returns-value]
    for secret in found:
        yield from filter(None, (line.strip() for line in secret.splitlines()))
