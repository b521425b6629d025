"""No wrong deployment gets through: every mutant is refused, with a finding that names what was changed."""

import functools
import zlib

import pytest

from modelservice.check.finding import Finding
from modelservice.helm import EmbeddedHelm
from mutation.corpus import Base, bases
from mutation.mutants import errors, mutate
from mutation.operators import OPERATORS

EACH = 8
"""Deployments that the test breaks with each operator, another choice for each; `make mutants` breaks all."""


@functools.cache
def correct() -> list[Base]:
    """The corpus, read once."""
    return bases()


def _shown(findings: list[Finding] | tuple[Finding, ...]) -> list[str]:
    return [f"{finding.rule}: {finding.values}: {finding.message}" for finding in findings]


@pytest.mark.parametrize("base", [pytest.param(base, id=base.name) for base in correct()])
def test_a_correct_deployment_has_no_errors(embedded: EmbeddedHelm, base: Base) -> None:
    assert _shown(errors(base, embedded)) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_what_the_operator_breaks_is_refused_with_the_key(embedded: EmbeddedHelm, name: str) -> None:
    order = sorted(correct(), key=lambda base: zlib.crc32(f"{name} {base.name}".encode()))
    found = []
    for base in order:
        mutant = mutate(base, name, embedded)
        if mutant:
            found.append(mutant)
        if len(found) == EACH:
            break
    assert found, "the operator applies to nothing"
    passed = [mutant.base for mutant in found if mutant.layer is None]
    unnamed = [(mutant.base, _shown(mutant.findings)) for mutant in found if mutant.layer and not mutant.named]
    assert passed == []
    assert unnamed == []


def test_there_are_many_operators() -> None:
    assert len(OPERATORS) >= 40
