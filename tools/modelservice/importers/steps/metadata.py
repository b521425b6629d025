"""Names, labels, annotations and ServiceAccounts of the workloads."""

from __future__ import annotations

from modelservice.errors import ModelserviceError
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder
from modelservice.importers.workload import ROLE_LABEL, release_name

OF_A_RELEASE = ("app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart", "pod-template-hash")
"""Labels that a release or a controller sets anew."""


def name_release(builder: ValuesBuilder) -> None:
    """Take the model's name; give ``fullnameOverride``, a name that Services and LeaderWorkerSets may have."""
    given = builder.model.name
    builder.name = release_name(given)
    builder.values["fullnameOverride"] = builder.name
    if builder.name == given:
        return
    builder.report.changed(
        "metadata.name",
        f"the workloads are named {builder.name}-<role>: names are DNS labels of at most 63 characters",
        values="fullnameOverride",
    )
    for item in builder.objects:
        target = item.get("spec", {}).get("scaleTargetRef", {}) if isinstance(item.get("spec"), dict) else {}
        if str(target.get("name", "")).startswith(f"{given}-"):
            target["name"] = builder.name + target["name"].removeprefix(given)


def share_service_account(builder: ValuesBuilder) -> None:
    """Take the pods' ServiceAccounts; give ``serviceAccountOverride``, or ``extraConfig`` where the roles differ."""
    accounts = {role.name: account for role in builder.roles if (account := _service_account(role))}
    shared = accounts[builder.served_by.name] if len(accounts) == len(builder.roles) else None
    if shared:
        builder.values["serviceAccountOverride"] = shared
    for role in builder.roles:
        account = accounts.get(role.name)
        if account and account != shared:
            role.pod["serviceAccountName"] = account


def _service_account(role: RoleBuilder) -> str | None:
    found = None
    for pod in (role.pod, role.worker or {}):
        account = pod.pop("serviceAccountName", None) or pod.pop("serviceAccount", None)
        pod.pop("serviceAccount", None)
        found = found or account
    return found


def annotate(builder: ValuesBuilder) -> None:
    """Take update strategies and annotations; give ``strategy``, ``rolloutStrategy`` and both kinds of annotations."""
    for role in builder.roles:
        source = role.source
        if source.strategy:
            role.values["rolloutStrategy" if source.group else "strategy"] = source.strategy
        if source.annotations:
            role.values["annotations"] = source.annotations
        if source.pod_annotations:
            role.values["podAnnotations"] = source.pod_annotations


def label_pods(builder: ValuesBuilder) -> None:
    """Take the pods' labels; give ``modelArtifacts.labels``, those of both roles, and ``<role>.podLabels``."""
    for role in builder.roles:
        _check_role(role)
        _take_selector_labels(builder, role)
    first, *others = [role.labels for role in builder.roles]
    common = {key: value for key, value in first.items() if all(labels.get(key) == value for labels in others)}
    if common:
        builder.section("modelArtifacts")["labels"] = common
    for role in builder.roles:
        own = {key: value for key, value in role.labels.items() if key not in common}
        if own:
            role.values["podLabels"] = own


def _check_role(role: RoleBuilder) -> None:
    """Take the label of the role.

    Raises:
        ModelserviceError: it is of another role than the chart would give the pods.
    """
    label = role.labels.pop(ROLE_LABEL, role.name)
    if label != role.name:
        raise ModelserviceError(
            f"the pods have the role {label}, but the chart would make them {role.name}, and an endpoint picker would "
            "send them other requests",
            key=f"{role.source.place}: label {ROLE_LABEL}",
            fix=f"set {ROLE_LABEL}: {role.name}, or keep the manifest of this workload next to the release",
        )


def _take_selector_labels(builder: ValuesBuilder, role: RoleBuilder) -> None:
    """Take the labels of the chart's own selectors, which follow from the names of chart and release."""
    called = role.labels.pop("app.kubernetes.io/name", None)
    if called and builder.values.setdefault("nameOverride", called) != called:
        where = f"{role.source.place}: label app.kubernetes.io/name"
        builder.report.lost(where, f"{role.name} gets the label of the other role")
    instance = role.labels.pop("app.kubernetes.io/instance", None)
    if instance:
        builder.report.changed(
            f"{role.source.place}: label app.kubernetes.io/instance",
            f"it is the name of the release; install it as {instance}",
        )
    for key in OF_A_RELEASE:
        role.labels.pop(key, None)
