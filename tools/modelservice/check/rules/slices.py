"""Slices of accelerators over hosts: do pods request what a host has, and groups the whole slice?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.facts.models import Slices
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_TPU = """\
accelerator: {type: google, count: %d}
engine: {image: 'vllm/vllm-tpu:v0.18.0'}
decode: {nodeSelector: {cloud.google.com/gke-tpu-topology: %s}}
"""


@rule(
    Severity.error,
    reason="GKE gives a pod all chips of a host. A host of a slice with more than 8 chips has 4 of them, so a pod that "
    "requests another number fits on none. A pod alone on a slice of several hosts waits for the others.",
    link="https://cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus",
    failing=_TPU % (8, "2x2"),
    passing=_TPU % (8, "2x4"),
)
def slice_topology(deployment: Deployment) -> Iterator[Violation]:
    """Pods request as many accelerators as the hosts of their slice have."""
    for kind in facts.accelerators().types:
        for group in deployment.groups if kind.slices else ():
            count = group.accelerators[kind.resource]
            shapes = {value for label, value in group.allowed_node_labels if kind.slices and label == kind.slices.label}
            shape = shapes.pop() if len(shapes) == 1 else ""
            if kind.slices is None or not count or not re.fullmatch(r"\d+(x\d+){1,2}", str(shape)):
                continue
            problem = _problem(group, kind.slices, str(shape), count)
            if problem:
                message, fix, severity = problem
                yield Violation(message, group.engine.at("resources"), fix, severity)


def _problem(group: PodGroup, known: Slices, shape: str, count: int) -> tuple[str, str, Severity | None] | None:
    """Return what does not match, the fix, and the severity where it is not the rule's."""
    chips = math.prod(map(int, shape.split("x")))
    host = known.host_of_several if chips > known.one_host else chips
    if count > host or (chips > known.one_host and count != host):
        return (
            f"each pod requests {count} chips, but a host of the topology {shape} has {host}",
            f"set {host} chips for each pod, or another {known.label}",
            None if count > chips else Severity.warning,
        )
    pods = group.group_size
    if count * pods != chips:
        have = f"{pods} pods of {count} chips are {count * pods}" if pods > 1 else f"the pod requests {count}"
        return (
            f"the topology {shape} has {chips} chips, but {have}",
            f"set a {known.label} of {count * pods} chips, or request all {chips}",
            Severity.warning,
        )
    return None
