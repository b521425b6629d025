"""Coverage: which objects run something that no rule looks at?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.kubernetes.decode import is_known
from modelservice.model.deployment import Deployment

_FOREIGN = """\
apiVersion: serving.example.com/v1
kind: ModelGraph
metadata: {name: graph}
spec:
  roles: [{name: decode, template: {containers: [{name: vllm, image: "vllm/vllm-openai:v0.32.0"}]}}]
"""
_KNOWN = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode}
spec:
  selector: {matchLabels: {app: decode}}
  template:
    metadata: {labels: {app: decode}}
    spec: {containers: [{name: vllm, image: "vllm/vllm-openai:v0.32.0"}]}
"""


@rule(
    Severity.info,
    reason="Rules read pods of Kubernetes' own workloads, LeaderWorkerSets and DisaggregatedSets. Of a kind of another "
    "project they do not know which pods its controller makes, so no error does not mean that it is correct.",
    link="https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/",
    failing=Example(manifests=_FOREIGN),
    passing=Example(manifests=_KNOWN),
)
def kind_unchecked(deployment: Deployment) -> Iterator[Violation]:
    """Everything that runs containers is of a kind that rules read."""
    read = {id(group.document) for group in deployment.groups}
    unread = [obj for obj in deployment.objects if id(obj) not in read and not is_known(obj)]
    of_kind = {str(obj.get("kind")): obj for obj in reversed(unread) if not deployment.groups or _runs(obj.get("spec"))}
    for kind, obj in of_kind.items():
        yield Violation(
            f"no rule reads the kind {kind} of {obj.get('apiVersion')}, so nothing in it was checked",
            deployment.at(obj),
            "check the Kubernetes objects that its controller makes of it",
        )


def _runs(value: Any) -> bool:
    """Return whether a field holds containers or an image somewhere."""
    if isinstance(value, Mapping):
        return any(key in ("containers", "image") or _runs(below) for key, below in value.items())
    return isinstance(value, list) and any(map(_runs, value))
