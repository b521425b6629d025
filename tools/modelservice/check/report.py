"""A report as text, JSON, SARIF, JUnit or annotations of GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from modelservice import version
from modelservice.check.finding import Finding, Severity
from modelservice.check.fixing import Fixes
from modelservice.check.rule import rules
from modelservice.check.runner import BY_CHART, BY_SCHEMA, DUPLICATE, INVALID, UNREADABLE, Report
from modelservice.documents import STANDARD_INPUT
from modelservice.escapes import visible

PROJECT = "https://github.com/llm-d/llm-d-modelservice"
DOCUMENTATION = f"{PROJECT}/blob/main/docs/rules"


class Format(StrEnum):
    """Output formats of a check."""

    text = "text"
    json = "json"
    sarif = "sarif"
    junit = "junit"
    github = "github"


_STYLES = {Severity.error: "bold red", Severity.warning: "bold yellow", Severity.info: "cyan"}


Part = tuple[str, str]
"""Text and its style, as rich has it; an empty style for plain text."""


def text_lines(report: Report) -> Iterator[list[Part]]:
    """Yield the lines of a report for people: the findings, what is ignored, and the counts."""
    for finding in report.findings:
        place = f"{finding.place}: " if finding.place else ""
        key = [(finding.values, "bold"), (": ", "")] if finding.values else []
        level = (finding.severity.value, _STYLES[finding.severity])
        yield [(place, ""), level, (": ", ""), *key, (finding.message, "")]
        if finding.fix:
            yield [(f"    {finding.fix}", "")]
        source = "  ".join(part for part in (finding.object, f"[{finding.rule}]") if part)
        yield [(f"    {source}", "dim")]
    for finding, suppression in report.suppressed:
        place = f"{finding.place}: " if finding.place else ""
        yield [(f"{place}ignored: {finding.rule} ({suppression.source}): {suppression.reason}", "dim")]
    counts = []
    for severity in Severity:
        number = report.count(severity)
        plural = "s" if number != 1 and severity is not Severity.info else ""
        counts.append(f"{number} {severity.value}{plural}")
    fixable = sum(any(cure.certain and not cure.blocked for cure in finding.cures) for finding in report.findings)
    if fixable:
        yield [(f"{fixable} of these can be mended with --fix; --diff shows how", "")]
    hidden = f", {len(report.suppressed)} ignored" if report.suppressed else ""
    yield [(f"{len(report.deployments)} checked: {', '.join(counts)}{hidden}", "")]


def to_json(report: Report, fixes: Fixes | None = None) -> str:
    """The report as JSON, with what was mended."""
    found = report.to_json()
    if fixes:
        found["fixed"] = [fix.to_json() for fix in fixes.made]
        found["not_fixed"] = [fix.to_json() for fix in fixes.left]
    return json.dumps(found, indent=2) + "\n"


def to_sarif(report: Report) -> str:
    """The report as SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""
    levels = {Severity.error: "error", Severity.warning: "warning", Severity.info: "note"}
    described = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.reason},
            "helpUri": f"{DOCUMENTATION}/{rule.family}.md#{rule.id}",
            "defaultConfiguration": {"level": levels[rule.severity]},
        }
        for rule in rules().values()
    ]
    described += [{"id": name, "shortDescription": {"text": title}} for name, title in _VALUES.items()]
    results = [_sarif_result(finding, levels) for finding in report.findings]
    for finding, suppression in report.suppressed:
        kept = {"kind": "external", "justification": suppression.reason}
        results.append({**_sarif_result(finding, levels), "suppressions": [kept]})
    tool = {"driver": {"name": "modelservice", "version": version(), "informationUri": PROJECT, "rules": described}}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": tool, "results": results}],
    }
    return json.dumps(log, indent=2) + "\n"


_VALUES = {
    BY_SCHEMA: "The values are as the schema says.",
    BY_CHART: "The values do not contradict each other.",
    DUPLICATE: "A key is given once.",
    INVALID: "Objects have the form that Kubernetes asks for.",
    UNREADABLE: "Inputs can be read.",
}


def _sarif_result(finding: Finding, levels: dict[Severity, str]) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "level": levels[finding.severity],
        "message": {"text": _sentence(finding)},
    }
    if finding.file:
        artifact = {"artifactLocation": {"uri": _uri(finding.file)}, "region": {"startLine": finding.line or 1}}
        result["locations"] = [{"physicalLocation": artifact}]
    return result


def _uri(file: str) -> str:
    """Return the URI of a file: relative to the working folder where it is below."""
    path = Path(file)
    if path.is_absolute():
        return quote(path.relative_to(Path.cwd()).as_posix()) if path.is_relative_to(Path.cwd()) else path.as_uri()
    return quote(path.as_posix(), safe="/:") if file != STANDARD_INPUT else "stdin:"


def to_junit(report: Report) -> str:
    """The report as JUnit XML: a suite for each deployment, a case for each rule with findings."""
    from xml.etree import ElementTree

    suites = ElementTree.Element("testsuites", name="modelservice check")
    for deployment in report.deployments or ("inputs",):
        found = [finding for finding in report.findings if finding.deployment in (deployment, None)]
        suite = ElementTree.SubElement(suites, "testsuite", name=deployment)
        names = dict.fromkeys([*rules(), *(finding.rule for finding in found)])
        failures = 0
        for name in names:
            own = [finding for finding in found if finding.rule == name]
            case = ElementTree.SubElement(suite, "testcase", classname=deployment, name=name)
            bad = [finding for finding in own if finding.severity is Severity.error]
            if bad:
                failures += 1
                failure = ElementTree.SubElement(case, "failure", message=_sentence(bad[0]))
                failure.text = "\n".join(f"{finding.place}: {_sentence(finding)}" for finding in bad)
            others = [finding for finding in own if finding not in bad]
            if others:
                output = ElementTree.SubElement(case, "system-out")
                output.text = "\n".join(f"{item.severity}: {item.place}: {_sentence(item)}" for item in others)
        suite.set("tests", str(len(names)))
        suite.set("failures", str(failures))
    for element in suites.iter():
        element.text = visible(element.text) if element.text else None
        element.attrib.update({name: visible(value) for name, value in element.attrib.items()})
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def to_github(report: Report) -> str:
    """The report as workflow commands, which GitHub shows next to the lines
    (https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-an-error-message)."""
    levels = {Severity.error: "error", Severity.warning: "warning", Severity.info: "notice"}
    lines = []
    for finding in report.findings:
        place = {"file": finding.file, "line": finding.line, "title": finding.rule}
        properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items() if value)
        lines.append(f"::{levels[finding.severity]} {properties}::{_data(_sentence(finding))}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sentence(finding: Finding) -> str:
    where = finding.values or finding.object
    return ": ".join(part for part in (where, finding.message) if part) + (f"; {finding.fix}" if finding.fix else "")
