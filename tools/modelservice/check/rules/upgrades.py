"""Upgrades: can what the cluster has become what is rendered?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.check.cures import certain, move
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.dotted import value_at
from modelservice.model.deployment import Deployment
from modelservice.model.pods import ROLE, reference
from modelservice.model.provenance import Place

Object = Mapping[str, Any]

_PAGE = "docs/from-the-original-chart.md"
_INSTALLED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: example-llm-d-modelservice-decode, namespace: default}
spec:
  selector:
    matchLabels: {llm-d.ai/inference-serving: "true", llm-d.ai/model: qwen3-8b, llm-d.ai/role: decode}
"""


@rule(
    Severity.error,
    reason="The API server rejects a change of an immutable field, so the upgrade fails. The Deployments of the "
    "original chart have other selectors than those of this one.",
    link="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates",
    failing=Example(nodes=_INSTALLED),
    passing=Example("deploymentSelector: model", nodes=_INSTALLED),
)
def immutable_field_changed(deployment: Deployment) -> Iterator[Violation]:
    """Immutable fields of installed objects stay as they are."""
    cluster, immutable = deployment.cluster, facts.kubernetes().immutable
    for obj in deployment.kind(*immutable) if cluster else ():
        metadata = obj.get("metadata") or {}
        namespace = str(metadata.get("namespace") or deployment.namespace)
        found = cluster.find(str(obj["kind"]), str(metadata.get("name")), namespace) if cluster else None
        for path in immutable[obj["kind"]].fields if found else ():
            now, then = value_at(found, path), value_at(obj, path)
            if None not in (now, then) and now != then:
                message = f"{reference(obj)} is installed with {_shown(now)}, and {path} is immutable"
                keys, fix = _cure(deployment, obj, path, now)
                yield Violation(message, deployment.at(obj, path).preferring(*keys), fix)


def _cure(deployment: Deployment, obj: Object, path: str, installed: Any) -> tuple[tuple[str, ...], str]:
    """Return the values keys that caused the change, and what to do."""
    anew = "install another release next to it and move the route"
    if path != "spec.selector":
        return (), f"keep it, or delete {reference(obj)} before the upgrade"
    template = ((obj.get("spec") or {}).get("template") or {}).get("metadata") or {}
    labels, wanted = template.get("labels") or {}, (installed or {}).get("matchLabels") or {}
    if obj["kind"] == "Deployment" and ROLE in wanted and deployment.sources:
        if deployment.value("deploymentSelector") == "model":
            return ("modelArtifacts.labels",), f"keep modelArtifacts.labels, or {anew} ({_PAGE})"
        if wanted.items() <= labels.items() and "app.kubernetes.io/instance" not in wanted:
            return (), f"set deploymentSelector: model to upgrade in place, or {anew} ({_PAGE})"
    return (), f"keep the selector, or {anew} ({_PAGE})"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("matchLabels") or value
        return ", ".join(f"{name}={item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@rule(
    Severity.warning,
    reason="The values under `global` are for all charts of a release, so their keys are free, and one of the original "
    "chart's that has another place now has no effect.",
    link="https://github.com/llm-d-incubation/llm-d-modelservice/tags",
    failing="global: {tracing: {enabled: true}}",
    passing="tracing: {enabled: true}",
)
def former_key(deployment: Deployment) -> Iterator[Violation]:
    """Values that the original chart read are where this chart reads them."""
    values = deployment.sources.values if deployment.sources else {}
    for item in facts.original_chart().keys if deployment.groups else ():
        if item.key.startswith("global.") and value_at(values, item.key) is not None:
            yield Violation(
                f"it is a key of the original chart {item.versions}, and has no effect; {item.why}",
                Place(deployment.groups[0].object, "", (item.key,)),
                f"set {item.to}",
                cures=certain(move(item.key, item.to)),
            )
