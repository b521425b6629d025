"""Revisions: are prefill and decode pods kept apart that cannot hand over, and is one revision always complete?"""

from __future__ import annotations

from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.check.rules.picker import picker_values
from modelservice.model.deployment import Deployment
from modelservice.model.pods import ROLE, PodGroup
from modelservice.model.revisions import gap, has_revision, screeners

_SCREENER = (
    "https://github.com/llm-d/llm-d-router/blob/v0.10.0/pkg/epp/framework/plugins/requestcontrol/screener/"
    "disaggregatedsetrollout/README.md"
)
_GATING = "routing: {revisionGating: {enabled: true}}\n"
_PROFILES = """\
schedulingProfiles:
        - {name: prefill, plugins: [{pluginRef: prefill-filter}]}
        - {name: decode, plugins: [{pluginRef: decode-filter}]}
        plugins: [{type: disagg-profile-handler}, {type: prefill-filter}, {type: decode-filter}%s]"""
_PLUGIN = (
    ", {type: disaggregatedset-rollout-screener, parameters: {scope: {labelSelector: llm-d.ai/model=qwen3-8b}, "
    "revisionGating: {mode: max-role, requireRoles: {values: [prefill, decode]}, "
    "revisionLabelKey: llm-d.ai/pd-revision, roleLabelKey: llm-d.ai/role}}}"
)


def _pool(plugin: str = _PLUGIN) -> str:
    """Return a pool whose picker has a plugin more."""
    flag = "    flags: {allow-experimental-plugins: true}\n"
    return picker_values(_PROFILES % plugin) + flag


@rule(
    Severity.warning,
    reason="The label of a revision keeps nothing apart by itself: until the endpoint picker reads it, requests meet "
    "old and new pods during an upgrade, which refuse each other.",
    link=_SCREENER,
    failing=Example(_GATING, base="pd", pool=_pool("")),
    passing=Example(_GATING, base="pd", pool=_pool()),
)
def revision_not_read(deployment: Deployment) -> Iterator[Violation]:
    """The endpoint picker reads the revisions that pods have."""
    known = facts.endpoint_picker().rollout_screener
    labelled = next((group for group in deployment.serving if has_revision(group)), None)
    read = {screener.revision for screener in screeners(deployment)}
    pickers = [picker for picker in deployment.pickers if deployment.pools and picker.config is not None]
    if labelled is None or not pickers or known.label in read:
        return
    yield Violation(
        f"the pods have the label {known.label}, but the endpoint picker's configuration has no {known.plugin} that "
        "reads it, so requests still meet old and new pods",
        labelled.at(f"metadata.labels[{known.label}]").preferring("routing.revisionGating"),
        "add the picker plugin and flag that `modelservice endpoints` prints, or let the chart make the picker with "
        "routing.epp.create",
    )


@rule(
    Severity.error,
    reason="The plugin gives requests only to pods of a revision that has ready pods of every required role. Without "
    "the labels there is none, and every request gets HTTP 503.",
    link=_SCREENER,
    failing=Example(base="pd", pool=_pool()),
    passing=Example(_GATING, base="pd", pool=_pool()),
)
def revision_missing(deployment: Deployment) -> Iterator[Violation]:
    """Pods have the revision and the role that the endpoint picker chooses by."""
    pods = deployment.serving
    for screener in screeners(deployment):
        for group in pods:
            if label := screener.lacks(group):
                yield Violation(
                    f"the endpoint picker gives requests only to pods with the label {label}, which those of "
                    f"{group.role} lack: it answers with HTTP 503",
                    group.at("metadata.labels").preferring("routing.revisionGating")
                    if group.whole is None
                    else screener.picker.config_at,
                    _labelled(group, label, chart=bool(deployment.sources)),
                )
        there = {group.running_labels.get(screener.role) for group in pods}
        for role in screener.roles if pods and None not in there else ():
            if role not in there:
                yield Violation(
                    f"the endpoint picker needs pods of the role {role} in each revision, and there are none: it "
                    "answers every request with HTTP 503",
                    screener.picker.config_at,
                    f"remove {role} from requireRoles.values",
                )


def _labelled(group: PodGroup, label: str, *, chart: bool) -> str:
    """Return how pods get a label that the picker reads, or the picker reads one that they have."""
    known = facts.endpoint_picker().rollout_screener.label
    if group.whole is not None:
        keys = facts.disaggregated_set().labels
        return f"remove revisionLabelKey and roleLabelKey, whose defaults {keys.revision} and {keys.role} the pods have"
    if chart and label == known:
        return "set routing.revisionGating.enabled: true"
    if chart:
        return f"set routing.revisionGating.enabled: true, and revisionLabelKey: {known} and roleLabelKey: {ROLE}"
    return f"set the label {label}, or remove the plugin from the picker's configuration"


@rule(
    Severity.warning,
    reason="A revision gets no request unless pods of both roles are ready, and the roles are rolled independently of "
    "each other. If one is done before the other has a new pod, neither revision has both, and requests get HTTP 503.",
    link=_SCREENER,
    failing=Example(_GATING + "decode: {replicas: 1}\nprefill: {replicas: 1}", base="pd", pool=_pool()),
    passing=Example(_GATING + "decode: {replicas: 2}\nprefill: {replicas: 2}", base="pd", pool=_pool()),
)
def revision_gap(deployment: Deployment) -> Iterator[Violation]:
    """An update keeps old pods of each role until the other one has new pods."""
    of_set = facts.disaggregated_set().labels.revision
    read = {screener.revision for screener in screeners(deployment)}
    for groups in deployment.workloads:
        group = groups[0]
        is_gated = has_revision(group) if group.whole is None else of_set in read
        why = gap(group) if is_gated and group.serves else ""
        if why:
            yield Violation(
                f"an update replaces {why} of {group.role}, so no revision has both roles until the other one has new "
                "pods",
                group.workload_at("spec.replicas"),
                "set 2 replicas with maxSurge: 1 and maxUnavailable: 0, or install the new version as a second release "
                "and move the route's weights to it",
            )
