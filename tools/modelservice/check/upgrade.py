"""What the rules find with another version of vLLM, next to what they find now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from modelservice.check.finding import Finding, Severity
from modelservice.check.rule import rules
from modelservice.check.runner import order, run
from modelservice.model.deployment import Deployment

_COMPARING = "engine_upgrades"
"""Family of the rules that compare two versions by themselves."""
_RANK = list(Severity)


def run_with_upgrade(deployments: Sequence[Deployment], *, together: bool = False) -> list[Finding]:
    """Return the findings of the rules, and with an upgrade of the engine those that only the new version has.

    Args:
        deployments: deployments to check, all with the version that they are to be upgraded to, or none.
        together: whether they share a cluster.
    """
    now = run(deployments, together=together)
    upgraded = [
        replace(deployment, vllm_version=deployment.engine_upgrade)
        for deployment in deployments
        if deployment.engine_upgrade
    ]
    if not upgraded:
        return now
    others = [rule for rule in rules().values() if rule.family != _COMPARING]
    title = f"with vLLM {upgraded[0].vllm_version}"
    new = [
        replace(finding, message=f"{title}: {finding.message}")
        for finding in _new(now, run(upgraded, together=together, selected=others))
    ]
    return order([*now, *new])


def _new(now: Sequence[Finding], then: Sequence[Finding]) -> list[Finding]:
    """Return the findings that a rule has not at the same place already, at least as severe.

    Messages are not compared: most name the version.
    """
    known = Counter((_place(finding), _RANK.index(finding.severity)) for finding in now)
    new = []
    for finding in then:
        same = [
            (_place(finding), rank) for rank in range(_RANK.index(finding.severity) + 1) if known[_place(finding), rank]
        ]
        if same:
            known[same[-1]] -= 1
        else:
            new.append(finding)
    return new


def _place(finding: Finding) -> tuple[str | None, ...]:
    return finding.deployment, finding.rule, finding.values, finding.object
