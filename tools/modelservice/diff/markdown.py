"""An upgrade as Markdown, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice.diff.lines import SIGNS, heading, inline, lines, reason
from modelservice.diff.objects import Action, Field, ObjectChange
from modelservice.diff.problems import problems
from modelservice.diff.text import accelerators, effect
from modelservice.diff.upgrade import Upgrade


def markdown(upgrade: Upgrade) -> str:
    """Return an upgrade as Markdown."""
    return "\n".join(_lines(upgrade)) + "\n"


def _lines(upgrade: Upgrade) -> Iterator[str]:
    nothing = "" if upgrade.changes else ", nothing would change"
    yield f"### Upgrade of {_code(upgrade.before)} to {_code(upgrade.after)}: {upgrade.verdict.value}{nothing}"
    found = list(problems(upgrade))
    if found:
        yield ""
    for problem in found:
        about = f"{_code(problem.object)}: " if problem.object else ""
        keys = f" (by {_code(reason(problem.causes))})" if problem.causes else ""
        yield f"- **{problem.severity.value}** {about}{_escaped(problem.message)}{keys}; {_escaped(problem.fix)}"
    if upgrade.effects:
        yield from ("", "| Workload | Pods | Because of |", "|---|---|---|")
    for item in upgrade.effects:
        by = dict.fromkeys(cause.key for field in item.reasons for cause in field.causes)
        because = ", ".join(map(_code, by or dict.fromkeys(field.path for field in item.reasons)))
        yield f"| {_code(item.name)} | {effect(item)} | {because} |"
    if upgrade.needs:
        yield ""
        yield from (f"- {_escaped(accelerators(upgrade, need.resource))}" for need in upgrade.needs)
    if upgrade.changes:
        counted = [
            f"{sum(change.action is action for change in upgrade.changes)} {action.value}"
            for action in Action
            if any(change.action is action for change in upgrade.changes)
        ]
        yield from ("", f"<details><summary>Objects: {', '.join(counted)}</summary>", "", "```diff")
        for change in upgrade.changes:
            yield from _object(change)
        yield from ("```", "", "</details>")


def _object(change: ObjectChange) -> Iterator[str]:
    keys = f"  # {reason(change.causes)}" if change.causes else ""
    sign = SIGNS[change.action] if change.action in (Action.added, Action.removed) else "@@"
    text = heading(change).partition(" ")[2]
    yield f"{sign} {text} @@{keys}" if sign == "@@" else f"{sign} {text}{keys}"
    if change.action is Action.changed:
        for field in change.fields:
            yield from _field(field)


def _field(field: Field) -> Iterator[str]:
    keys = f"  # {reason(field.causes)}" if field.causes else ""
    short = inline(field)
    if short:
        before, _, after = short.partition(" -> ")
        yield f"- {field.path}: {_fenced(before)}"
        yield f"+ {field.path}: {_fenced(after)}{keys}"
        return
    yield f"  {field.path}{keys}"
    yield from (f"{sign}   {_fenced(line)}" for sign, line in lines(field))


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`" if text else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _fenced(line: str) -> str:
    """Return a line that cannot end the block that it is in."""
    return line.replace("```", "'''")
