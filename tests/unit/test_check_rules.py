"""Every rule by its own two examples."""

import pytest

from modelservice.check.examples import findings
from modelservice.check.rule import rules
from modelservice.docs.rules import FAMILIES
from modelservice.helm import EmbeddedHelm


@pytest.mark.parametrize("name", rules())
def test_the_failing_example_fails_and_says_what_to_do(embedded: EmbeddedHelm, name: str) -> None:
    rule = rules()[name]
    found = findings(rule, rule.failing, embedded)
    assert {finding.rule for finding in found} == {name}
    assert all(finding.message and finding.fix and finding.object for finding in found)
    assert rule.severity in {finding.severity for finding in found}


@pytest.mark.parametrize("name", rules())
def test_the_passing_example_passes(embedded: EmbeddedHelm, name: str) -> None:
    rule = rules()[name]
    assert findings(rule, rule.passing, embedded) == []


@pytest.mark.parametrize("name", rules())
def test_a_finding_in_values_names_a_key_and_its_line(embedded: EmbeddedHelm, name: str) -> None:
    rule = rules()[name]
    values_side = not rule.failing.manifests and rule.family not in ("pool", "routes") and name not in NO_LINE
    for finding in findings(rule, rule.failing, embedded) if values_side else ():
        assert finding.values and finding.file and finding.line, finding


NO_LINE = {
    # What is wrong stands in the pool's file, or in no file yet; the message says where it belongs.
    "epp-config", "immutable-field-changed", "node-taint",
}  # fmt: skip


@pytest.mark.parametrize("name", rules())
def test_a_rule_says_why_with_a_link_to_the_source(name: str) -> None:
    rule = rules()[name]
    assert rule.link.startswith("https://")
    assert rule.reason.endswith(".")
    assert rule.title.endswith(".")


def test_every_family_has_a_title() -> None:
    assert {rule.family for rule in rules().values()} == set(FAMILIES)
