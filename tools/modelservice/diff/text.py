"""An upgrade as text for a terminal: lines of parts with a style each."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice.diff.lines import SIGNS, heading, inline, lines, reason
from modelservice.diff.objects import Action, Field, ObjectChange
from modelservice.diff.problems import Problem, Severity, problems
from modelservice.diff.restarts import Effect, WorkloadEffect
from modelservice.diff.upgrade import Upgrade, Verdict
from modelservice.summary import counted

Line = tuple[tuple[str, str], ...]
"""Texts with their styles."""

_STYLES = {"-": "red", "+": "green", " ": "dim", "~": "bold", "=": "bold"}
_SEVERITIES = {Severity.fails: "bold red", Severity.loses: "bold red", Severity.risk: "bold yellow"}


def text(upgrade: Upgrade) -> Iterator[Line]:
    """Yield an upgrade line by line."""
    style = "bold green" if upgrade.verdict is Verdict.safe else "bold red"
    nothing = "" if upgrade.changes else ": nothing would change"
    yield ((f"{upgrade.before} -> {upgrade.after}: ", "bold"), (f"{upgrade.verdict.value}{nothing}", style))
    for problem in problems(upgrade):
        yield from _problem(problem)
    if upgrade.effects:
        yield (("pods", "bold"),)
        for item in upgrade.effects:
            yield from _pods(item)
    if upgrade.needs:
        yield (("accelerators", "bold"),)
        for need in upgrade.needs:
            yield ((f"  {accelerators(upgrade, need.resource)}", ""),)
    if upgrade.changes:
        yield (("objects", "bold"),)
    for change in upgrade.changes:
        yield from _object(change)


def _problem(problem: Problem) -> Iterator[Line]:
    about = f"{problem.object}: " if problem.object else ""
    yield ((f"{problem.severity.value}: ", _SEVERITIES[problem.severity]), (f"{about}{problem.message}", ""))
    if problem.causes:
        yield (("  by ", "dim"), (reason(problem.causes), "cyan"))
    yield (("  fix: ", "dim"), (problem.fix, ""))


def _pods(item: WorkloadEffect) -> Iterator[Line]:
    yield ((f"  {item.name}: ", ""), (effect(item), "yellow" if item.effect is Effect.restart else ""))
    for field in item.reasons if item.effect in (Effect.restart, Effect.by_hand) else ():
        keys = f"  {reason(field.causes)}" if field.causes else ""
        yield ((f"    {field.path}", "dim"), (keys, "cyan"))


def effect(item: WorkloadEffect) -> str:
    """Return what happens to the pods of a workload, in words."""
    was, will = item.replicas
    number = f"{was} to {will} {item.unit}s" if was != will else counted(was, item.unit)
    if item.effect is Effect.restart:
        restart = f"{number} {'restarts' if was == will == 1 else 'restart'}"
        if item.limits.all_at_once:
            return f"{restart}, all at once"
        return f"{restart} (maxSurge {item.limits.surge}, maxUnavailable {item.limits.unavailable})"
    words = {
        Effect.by_hand: f"{number} keep the old template until they are deleted",
        Effect.start: f"{item.unit}s start: {will}",
        Effect.end: f"{item.unit}s end: {was}",
        Effect.scale: f"{number}, none restarts",
        Effect.keep: f"{number}, none restarts",
    }
    return words[item.effect]


def accelerators(upgrade: Upgrade, resource: str) -> str:
    """Return the accelerators of a kind before, during and after a roll-out, in words."""
    need = next(item for item in upgrade.needs if item.resource == resource)
    there = f"; {need.there} for it in {upgrade.source}" if need.there is not None else ""
    return f"{need.resource}: {need.before} now, at most {need.peak} during the roll-out, {need.after} after it{there}"


def _object(change: ObjectChange) -> Iterator[Line]:
    keys = f"  {reason(change.causes)}" if change.causes else ""
    yield ((f"  {heading(change)}", _STYLES[SIGNS[change.action]]), (keys, "cyan"))
    if change.action is Action.changed:
        for field in change.fields:
            yield from _field(field)


def _field(field: Field) -> Iterator[Line]:
    keys = f"  {reason(field.causes)}" if field.causes else ""
    short = inline(field)
    yield ((f"    {field.path}{f': {short}' if short else ''}", ""), (keys, "cyan"))
    if short is None:
        for sign, line in lines(field):
            yield ((f"      {sign} {line}", _STYLES[sign]),)
