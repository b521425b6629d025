"""Runs the rules over deployments and finds the line of each violation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelservice.assignments import NOTHING, Assignments
from modelservice.check.cures import cures
from modelservice.check.finding import Finding, Severity, Violation
from modelservice.check.rule import OF_RELEASE, Rule, rules
from modelservice.check.suppression import Suppression
from modelservice.edits.placing import placed
from modelservice.errors import ModelserviceError, ValuesError
from modelservice.helm import Release, Renderer
from modelservice.inputs import InputWarning
from modelservice.kubernetes.decode import is_known
from modelservice.model.deployment import Deployment
from modelservice.model.pods import reference
from modelservice.model.workloads import object_problem
from modelservice.refusals import EDITS
from modelservice.secrets import masked_message
from modelservice.sources import Sources, read_sources
from modelservice.subchart import scoped

BY_SCHEMA = "values-schema"
BY_CHART = "values-chart"
"""Names under which values that are rejected are reported; they cannot be suppressed."""
DUPLICATE = "values-duplicate-key"
INVALID = "object-invalid"
UNREADABLE = "input-unreadable"


@dataclass(frozen=True)
class Report:
    """Everything a check found."""

    findings: Sequence[Finding]
    suppressed: Sequence[tuple[Finding, Suppression]] = field(default_factory=tuple)
    deployments: Sequence[str] = field(default_factory=tuple)

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def masked(self) -> Report:
        """Return the report without the secrets that messages quote."""
        suppressed = [(_masked(finding), suppression) for finding, suppression in self.suppressed]
        return replace(self, findings=[_masked(finding) for finding in self.findings], suppressed=suppressed)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"findings": [...], "summary": {...}}``."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "summary": {
                "errors": self.count(Severity.error),
                "warnings": self.count(Severity.warning),
                "infos": self.count(Severity.info),
                "deployments": list(self.deployments),
                "suppressed": [
                    {**finding.to_json(), "reason": suppression.reason, "source": suppression.source}
                    for finding, suppression in self.suppressed
                ],
            },
        }


def _masked(finding: Finding) -> Finding:
    message = masked_message(finding.message, finding.values)
    return replace(finding, message=message, fix=finding.fix and masked_message(finding.fix))


def load(
    files: Sequence[str], renderer: Renderer, release: Release, assignments: Assignments = NOTHING
) -> tuple[Deployment | None, list[Finding]]:
    """Read and render one deployment; what schema and chart reject is returned as findings.

    Raises:
        UsageError: a file cannot be read.
        ModelserviceError: one is no values file.
    """
    given, duplicates = read(files, assignments)
    deployment, findings = rendered(given, renderer, release)
    return deployment, [*duplicates, *findings]


def read(files: Sequence[str], assignments: Assignments = NOTHING) -> tuple[Sources, list[Finding]]:
    """Read the values of a deployment; keys that a file has twice are findings.

    Raises:
        UsageError: a file cannot be read.
        ModelserviceError: one is no values file.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        given = read_sources(files, assignments)
    return given, [_duplicate(str(item.message)) for item in caught if issubclass(item.category, InputWarning)]


def rendered(given: Sources, renderer: Renderer, release: Release) -> tuple[Deployment | None, list[Finding]]:
    """Render a deployment; what schema and chart reject is returned as findings, without a deployment."""
    rendering, sources = scoped(renderer, given)
    try:
        found = rendering.render(sources.values, release, api_versions=[EDITS])
    except ValuesError as error:
        name = BY_SCHEMA if error.by_schema else BY_CHART
        rejected = [
            Finding(
                name, Severity.error, problem.message, problem.key, None, problem.fix, deployment=release.name,
                cures=problem.cures,
            )
            for problem in error.problems
        ]  # fmt: skip
        return None, [_placed(finding, sources.whole) for finding in rejected]
    objects, refused = sound(found.objects, release.name)
    return Deployment(release.name, objects, release.namespace, sources), refused


def unreadable(error: ModelserviceError, deployment: str | None = None) -> list[Finding]:
    """Return what keeps an input from being checked as findings, which have a place in every report."""
    found = []
    for problem in error.problems:
        match = re.fullmatch(r"(.*):(\d+)", problem.file or "", flags=re.DOTALL)
        file, line = (match[1], int(match[2])) if match else (problem.file, None)
        found.append(
            Finding(UNREADABLE, Severity.error, problem.message, problem.key, None, problem.fix, file, line, deployment)
        )
    return found


def sound(objects: Sequence[Mapping[str, Any]], deployment: str) -> tuple[list[Mapping[str, Any]], list[Finding]]:
    """Return the objects whose fields have the types that rules read, and findings about the others."""
    kept, findings = [], []
    for obj in map(_named, objects):
        problem = object_problem(obj)
        if problem is None:
            kept.append(obj)
        else:
            severity, message, fix = _unread(obj, problem)
            findings.append(Finding(INVALID, severity, message, None, reference(obj), fix, deployment=deployment))
    return kept, findings


def _named(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object under its name, or the beginning of the one that the API server will give it."""
    metadata = obj.get("metadata")
    beginning = metadata.get("generateName") if isinstance(metadata, Mapping) else None
    return {**obj, "metadata": {"name": beginning, **metadata}} if isinstance(metadata, Mapping) and beginning else obj


def _unread(obj: Mapping[str, Any], problem: str) -> tuple[Severity, str, str]:
    """Return what to report about an object that no rule can read: the severity, the message and the fix."""
    if "${" in problem:
        message = f"it holds a variable that nothing has filled in, so no rule checks it: {problem}"
        return Severity.info, message, "fill it in, e.g. with envsubst, and check the result"
    if not is_known(obj):
        message = f"the kind {obj.get('kind')} of {obj.get('apiVersion', 'no API')} is not known, so no rule checks it"
        return Severity.info, message, "check the Kubernetes objects that are made of it"
    return Severity.error, problem, "use the type that Kubernetes has; no rule checks this object"


def run(
    deployments: Sequence[Deployment], *, together: bool = False, selected: Iterable[Rule] | None = None
) -> list[Finding]:
    """Return the findings of the rules, errors first, each once.

    Args:
        deployments: deployments to check, each by itself.
        together: whether they share a cluster, so that they are compared too.
        selected: only these rules.
    """
    findings = []
    for rule in rules().values() if selected is None else selected:
        for deployment in deployments if rule.check else ():
            for part in deployment.releases if rule.family in OF_RELEASE else [deployment]:
                findings += _checked(rule, part)
        if rule.check_together and together:
            findings += [
                _found(rule, violation, deployment) for deployment, violation in rule.check_together(deployments)
            ]
    return order(findings)


def _checked(rule: Rule, deployment: Deployment) -> list[Finding]:
    """Return what a rule finds.

    Objects have the form that :mod:`modelservice.kubernetes.decode` checks; a field that is missing there must not
    stop the check of everything else.
    """
    try:
        return [_found(rule, violation, deployment) for violation in rule.check(deployment)] if rule.check else []
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"the rule {rule.id} cannot read the objects: {type(error).__name__}: {error}"
        fix = "look for a field with another type than Kubernetes has"
        return [Finding(INVALID, Severity.error, message, None, None, fix, deployment=deployment.name)]


def order(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, the worst first, then by file and line."""
    rank = list(Severity)
    unique = dict.fromkeys(findings)
    return sorted(
        unique, key=lambda item: (item.deployment or "", rank.index(item.severity), item.file or "", item.line or 0)
    )


def suppress(findings: Iterable[Finding], suppressions: Sequence[Suppression]) -> Report:
    """Separate the findings of rules that the project ignores."""
    kept, hidden = [], []
    for finding in findings:
        match = next((item for item in suppressions if item.covers(finding)), None)
        if match:
            hidden.append((finding, match))
        else:
            kept.append(finding)
    return Report(kept, hidden)


def _found(rule: Rule, violation: Violation, deployment: Deployment) -> Finding:
    """Return a violation with its rule, and the key, file and line of its place."""
    at = violation.at
    sources = at.sources or deployment.sources
    key = at.key(sources)
    obj = at.object if key or not at.path else f"{at.object}: {at.path}"
    severity = violation.severity or rule.severity
    found = tuple(cure.at(sources.full_path) for cure in cures(violation.cures, sources)) if sources else ()
    finding = Finding(
        rule.id, severity, violation.message, key, obj, violation.fix, deployment=deployment.name, cures=found
    )
    return _placed(finding, sources)


def _placed(finding: Finding, sources: Sources | None) -> Finding:
    """Return a finding with the file and line of its key; the last file where the key is in none.

    A value of `--set` is in no file.
    """
    if sources is not None:
        finding = replace(finding, cures=tuple(placed(cure, sources.whole) for cure in finding.cures))
    if sources is None or not sources.layers:
        return finding
    given = bool(finding.values) and sources.set_by_option(finding.values or "")
    place = sources.place(finding.values) if finding.values else None
    if finding.values:
        finding = replace(finding, values=sources.full(finding.values))
    if given:
        return finding
    if place:
        return replace(finding, file=place.file, line=place.line)
    return replace(finding, file=sources.layers[-1].name)


def _duplicate(message: str) -> Finding:
    file, line, text = message.split(":", 2)
    return Finding(
        DUPLICATE, Severity.warning, text.strip(), None, None, "remove one of them", file,
        int(line) if line.isdigit() else None,
    )  # fmt: skip
