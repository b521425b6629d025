"""The registry of rules: what a rule is, and how one is written.

A rule is a small function that takes a deployment and yields violations. Its decorator adds the reason with a link and
two examples, from which its page in the documentation and its test are made.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modelservice.check.finding import Severity, Violation
from modelservice.model.deployment import Deployment

Check = Callable[[Deployment], Iterator[Violation]]
CheckTogether = Callable[[Sequence[Deployment]], Iterator[tuple[Deployment, Violation]]]


@dataclass(frozen=True)
class Example:
    """A deployment in a few lines. All parts are YAML.

    Args:
        values: merged over a base.
        base: ``single`` or ``pd``, one of :data:`modelservice.check.examples.BASES`.
        pool: a pool file.
        nodes: a cluster, as for ``--nodes``.
        beside: values of a second deployment.
        manifests: objects instead of values.
        engine_upgrade: a version of vLLM, as for ``--engine-upgrade``.
    """

    values: str = ""
    base: str = "single"
    pool: str = ""
    nodes: str = ""
    beside: str = ""
    manifests: str = ""
    engine_upgrade: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule."""

    id: str
    family: str
    title: str
    """What the rule requires: the first line of the function's docstring."""
    reason: str
    """Why, in a sentence or two."""
    link: str
    severity: Severity
    failing: Example
    passing: Example
    check: Check | None = None
    check_together: CheckTogether | None = None


OF_RELEASE = ("picker", "picker_parameters", "pool", "revisions", "roles", "sidecar", "transfer")
"""Families whose rules compare roles with each other, and with a pool: one release at a time."""

RENAMED = {
    "cache-writable": "cache-not-writable",
    "gated-model": "gated-model-without-token",
    "pods-fit": "pod-does-not-fit",
    "quota": "quota-exceeded",
    "same-model": "model-mismatch",
}
"""Former ids of rules, for those who still ignore them by these."""

_RULES: dict[str, Rule] = {}


def rule(
    severity: Severity, *, reason: str, link: str, failing: Example | str, passing: Example | str
) -> Callable[[Check], Check]:
    """Register a function as a rule; its name with dashes is the rule's id."""

    def register(check: Check) -> Check:
        _add(check, severity, reason, link, failing, passing, check=check)
        return check

    return register


def rule_together(
    severity: Severity, *, reason: str, link: str, failing: Example | str, passing: Example | str
) -> Callable[[CheckTogether], CheckTogether]:
    """Register a function that compares several deployments."""

    def register(check: CheckTogether) -> CheckTogether:
        _add(check, severity, reason, link, failing, passing, check_together=check)
        return check

    return register


def _add(
    function: Callable[..., object], severity: Severity, reason: str, link: str, failing: Example | str,
    passing: Example | str, check: Check | None = None, check_together: CheckTogether | None = None,
) -> None:  # fmt: skip
    identifier = function.__name__.replace("_", "-")
    if identifier in _RULES:
        raise ValueError(f"two rules are called {identifier}")
    _RULES[identifier] = Rule(
        identifier,
        function.__module__.rsplit(".", 1)[-1],
        (function.__doc__ or "").strip().splitlines()[0],
        reason,
        link,
        severity,
        failing if isinstance(failing, Example) else Example(failing),
        passing if isinstance(passing, Example) else Example(passing),
        check,
        check_together,
    )


@functools.cache
def rules() -> dict[str, Rule]:
    """Return all rules by id, in the order of their families and modules."""
    package = importlib.import_module("modelservice.check.rules")
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_RULES.items(), key=lambda item: (item[1].family, list(_RULES).index(item[0]))))
