"""Revisions of prefill and decode pods: does the endpoint picker keep a request within one?

The plugin counts ready pods by two labels and gives requests only to a revision with pods of every required role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.model.deployment import Deployment
from modelservice.model.picker import EndpointPicker
from modelservice.model.pods import PodGroup
from modelservice.model.rollouts import limits
from modelservice.model.set_rollouts import rollout_of


@dataclass(frozen=True)
class Screener:
    """The plugin in the configuration of a picker.

    Args:
        picker: the picker.
        revision: label of the pods' revision.
        role: label of the pods' role.
        roles: roles without which a revision gets no request.
    """

    picker: EndpointPicker
    revision: str
    role: str
    roles: tuple[str, ...]

    def lacks(self, group: PodGroup) -> str:
        """Return the label without which pods get no request; empty where they have both."""
        return next((name for name in (self.revision, self.role) if not group.carries(name)), "")


def screeners(deployment: Deployment) -> Iterator[Screener]:
    """Yield the plugins that keep requests within one revision, of the pickers of the deployment's pools."""
    for picker in deployment.pickers if deployment.pools else ():
        for plugin in picker.plugins:
            found = _screener(picker, plugin.get("parameters") or {})
            if plugin.get("type") == facts.endpoint_picker().rollout_screener.plugin and found:
                yield found


def has_revision(group: PodGroup) -> bool:
    """Return whether pods have the label of a revision that the chart sets."""
    return bool(group.labels.get(facts.endpoint_picker().rollout_screener.label))


def are_screened(deployment: Deployment, *others: Deployment) -> bool:
    """Return whether the picker keeps all requests of prefill and decode within one revision.

    Args:
        deployment: the deployment with the picker.
        others: deployments whose pods it has next to its own, e.g. the one before an upgrade.
    """
    pods = [group for one in (deployment, *others) for group in _handing_over(one)]
    return bool(pods) and any(not any(screener.lacks(group) for group in pods) for screener in screeners(deployment))


def gap(group: PodGroup) -> str:
    """Return why a role may have no old pod left before the other one has a new pod; empty where that takes longer.

    Roles are rolled independently of each other, and one that is done in one round is done with its first new pods.
    Those of a DisaggregatedSet are rolled together.
    """
    if group.whole is not None:
        return "" if rollout_of(group.whole).always_complete else "all groups of both roles before the new ones"
    replicas = group.placed_replicas
    found = limits(group.workload, replicas)
    if found is None or found.by_hand or found.kept:
        return ""
    number = "its only pod" if replicas == 1 else f"all {replicas} pods"
    if found.all_at_once:
        return f"{number} at once, before the new {'one' if replicas == 1 else 'ones'}"
    if found.surge + found.unavailable < replicas:
        return ""
    if not found.surge:
        return f"{number} before the new {'one' if replicas == 1 else 'ones'}"
    if (group.workload.get("spec") or {}).get("minReadySeconds"):
        return ""  # which is for this, among others
    return f"{number} in one round"


def _handing_over(deployment: Deployment) -> list[PodGroup]:
    return [group for groups in deployment.prefill_and_decode for group in groups if group.serves]


def _screener(picker: EndpointPicker, parameters: Any) -> Screener | None:
    """Return the plugin with its parameters; None where it does not choose among revisions."""
    gating = parameters.get("revisionGating") if isinstance(parameters, Mapping) else None
    if not isinstance(gating, Mapping) or gating.get("mode") == "disabled":
        return None
    required = gating.get("requireRoles")
    roles = required.get("values") if isinstance(required, Mapping) else None
    of_set = facts.disaggregated_set().labels  # which the plugin reads where it is told no others
    return Screener(
        picker,
        str(gating.get("revisionLabelKey") or of_set.revision),
        str(gating.get("roleLabelKey") or of_set.role),
        tuple(map(str, roles)) if isinstance(roles, list) else (),
    )
