"""Fields of Kubernetes' own objects, as every importer that meets them declares them."""

from __future__ import annotations

from modelservice.importers.source.fields import METADATA, Field, changed, lost

POD = "core.v1.PodSpec?"
"""A pod spec in which anything may be missing."""

OBJECT = (
    *METADATA,
    Field("metadata.name", "", type="string", quiet=True),
    Field("metadata.namespace", "", type="string", quiet=True),
)
"""What every object has."""


def pod_template(path: str) -> tuple[Field, ...]:
    """Fields of a pod template under a path."""
    return (
        Field(f"{path}.metadata.labels", "modelArtifacts.labels and {role}.podLabels", type="map"),
        Field(f"{path}.metadata.annotations", "{role}.podAnnotations", type="map"),
        lost(f"{path}.metadata.creationTimestamp", "written by the API server", quiet=True),
        lost(f"{path}.metadata.name", "pods are named after their workload", quiet=True),
        lost(f"{path}.metadata.namespace", "pods are in their workload's namespace", quiet=True),
        Field(f"{path}.spec", "engine, {role}.volumes, … and {role}.extraConfig", type=POD),
        Field(f"{path}.spec.serviceAccountName", "serviceAccountOverride", type="string"),
        Field(f"{path}.spec.runtimeClassName", "{role}.runtimeClassName", type="string"),
    )


DEPLOYMENT = (
    *OBJECT,
    Field("metadata.labels", "{role}.labels", type="map"),
    Field("metadata.annotations", "{role}.annotations", type="map"),
    Field("spec.replicas", "{role}.replicas", type="integer"),
    changed(
        "spec.selector",
        "",
        "the chart selects by its own labels, which no user can change; pods keep theirs too",
        type="object",
        quiet=True,
    ),
    Field("spec.strategy", "{role}.strategy", type="apps.v1.DeploymentStrategy"),
    lost(
        "spec.revisionHistoryLimit",
        "the chart leaves it to Kubernetes, which keeps 10",
        type="integer",
        when=lambda value: value != 10,
    ),
    lost(
        "spec.progressDeadlineSeconds",
        "the chart leaves it to Kubernetes: 600 seconds",
        type="integer",
        when=lambda value: value != 600,
    ),
    lost(
        "spec.minReadySeconds",
        "the chart has no key for it; a readiness probe with a higher successThreshold waits too",
        type="integer",
        when=lambda value: value != 0,
    ),
    lost("spec.paused", "a release is never paused", type="boolean", when=lambda value: value is True),
    *pod_template("spec.template"),
)
"""Fields of a Deployment."""
