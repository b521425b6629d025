"""Breaks correct deployments and says which layer refuses each mutant: schema, chart or check.

``make mutants`` runs all of them and prints the table operator × layer; the tests run some of each operator.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from modelservice.check.finding import Finding, Severity
from modelservice.check.runner import BY_CHART, BY_SCHEMA, load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.model.pool import read_pool
from modelservice.paths import chart_dir
from mutation.corpus import Base, bases
from mutation.operators import OPERATORS, Operator

LAYERS = ("schema", "chart", "check")


@dataclass(frozen=True)
class Mutant:
    """One broken deployment and what became of it."""

    operator: str
    base: str
    layer: str | None
    """Which layer refused it; None for none."""
    named: bool
    """A finding names the mutated key or its counterpart."""
    findings: tuple[Finding, ...]


ESTIMATES = {"model-volume", "startup-budget", "roles-with-other-weights"}
"""Rules that judge by what they cannot see, and so only warn."""


def errors(base: Base, helm: EmbeddedHelm) -> list[Finding]:
    """The errors in a deployment with its pool, and what is one by an estimate."""
    with tempfile.TemporaryDirectory() as scratch:
        values, pool = Path(scratch) / "values.yaml", Path(scratch) / "pool.yaml"
        values.write_text(json.dumps(base.values, indent=1), encoding="utf-8")
        pool.write_text(json.dumps(base.pool, indent=1), encoding="utf-8")
        deployment, found = load([str(values)], helm, Release("mutant"))
        if deployment is not None:
            neighbours = read_pool(str(pool))
            deployment.given_pools, deployment.neighbours = neighbours.pools, neighbours.objects
            found = [*found, *run([deployment])]
    return [finding for finding in found if finding.severity is Severity.error or finding.rule in ESTIMATES]


def mutate(base: Base, name: str, helm: EmbeddedHelm) -> Mutant | None:
    """One mutant; None where the operator does not apply."""
    operator: Operator = OPERATORS[name]
    changed = Base(base.name, copy.deepcopy(base.values), copy.deepcopy(base.pool))
    touched = operator(changed)
    if not touched or (changed.values == base.values and changed.pool == base.pool):
        return None
    found = errors(changed, helm)
    rules = {finding.rule for finding in found}
    layer = "schema" if BY_SCHEMA in rules else "chart" if BY_CHART in rules else "check" if found else None
    named = any(
        word in " ".join(filter(None, (finding.values, finding.message, finding.fix, finding.object)))
        for finding in found
        for word in touched
    )
    return Mutant(name, base.name, layer, named, tuple(found))


def mutants(helm: EmbeddedHelm, correct: list[Base]) -> Iterator[Mutant]:
    """Every operator on every correct deployment that it applies to."""
    for name in track(OPERATORS, "breaking", console=Console(stderr=True), transient=True):
        for base in correct:
            mutant = mutate(base, name, helm)
            if mutant:
                yield mutant


def table(found: list[Mutant]) -> Table:
    """Operator × layer."""
    result = Table(title=f"{len(found)} mutants of {len({item.base for item in found})} deployments", box=None)
    result.add_column("operator")
    for column in (*LAYERS, "passed", "key not named"):
        result.add_column(column, justify="right")
    for name in OPERATORS:
        own = [item for item in found if item.operator == name]
        counts = Counter(item.layer for item in own)
        unnamed = sum(item.layer is not None and not item.named for item in own)
        numbers = [*(counts[layer] for layer in LAYERS), counts[None], unnamed]
        result.add_row(name, *(str(number) if number else "" for number in numbers))
    counts = Counter(item.layer for item in found)
    unnamed = sum(item.layer is not None and not item.named for item in found)
    result.add_row("all", *(str(number) for number in (*(counts[layer] for layer in LAYERS), counts[None], unnamed)))
    return result


def main() -> None:
    """Prints the table, and every mutant that passed or whose key no finding names."""
    helm = EmbeddedHelm(chart_dir())
    console = Console(width=120)
    correct = bases()
    for base in correct:
        for finding in errors(base, helm):
            console.print(
                f"not correct: {base.name}: {finding.rule}: {finding.values}: {finding.message}", markup=False
            )
    found = list(mutants(helm, correct))
    console.print(table(found))
    for item in found:
        if item.layer is None or not item.named:
            said = "; ".join(f"{finding.rule} {finding.values}" for finding in item.findings)
            console.print(f"{item.operator} / {item.base}: {said or 'passed'}", markup=False)


if __name__ == "__main__":
    main()
