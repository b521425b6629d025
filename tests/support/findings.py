"""What check finds in values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.check.finding import Finding
from modelservice.check.runner import run, sound
from modelservice.helm import EmbeddedHelm, Release
from modelservice.model.deployment import Deployment
from modelservice.sources import Layer, Sources


def findings(embedded: EmbeddedHelm, values: Mapping[str, Any]) -> list[Finding]:
    """Return the findings about what the chart renders from values."""
    objects, unread = sound(embedded.render(dict(values), Release("x")).objects, "x")
    deployment = Deployment("x", objects, "default", Sources([Layer("values.yaml", dict(values), None)]))
    return [*unread, *run([deployment])]


def rules(embedded: EmbeddedHelm, values: Mapping[str, Any]) -> set[str]:
    """Return the rules that values break, those that only inform left out."""
    return {finding.rule for finding in findings(embedded, values) if finding.severity.value != "info"}
