"""What becomes of each field of a ModelService and of its base ConfigMap."""

from __future__ import annotations

from dataclasses import replace

from modelservice.importers.report import Outcome
from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import OBJECT

POOL_GROUP = "inference.networking.k8s.io"
"""API group of InferencePools that are served today."""

_PICKER = "the endpoint picker is the chart's, of a version that knows today's InferencePool, with its own flags"


def _container(path: str, values: str) -> tuple[Field, ...]:
    extra = "" if "initContainers" in values or "(" in values else ".extraConfig"
    return (
        Field(f"{path}.name", f"{values}.name", type="string"),
        Field(f"{path}.image", f"{values}.image", type="string"),
        Field(f"{path}.command", f"{values}.command", type="strings"),
        Field(f"{path}.args", f"{values}.args", type="strings"),
        Field(f"{path}.env", f"{values}.env", type="core.v1.EnvVar[]"),
        Field(f"{path}.envFrom", f"{values}{extra}.envFrom", type="core.v1.EnvFromSource[]"),
        Field(f"{path}.resources", f"{values}.resources", type="core.v1.ResourceRequirements"),
        Field(
            f"{path}.mountModelVolume", f"{values}.{'mountModelVolume' if extra else 'volumeMounts'}", type="boolean"
        ),
    )


def _role(role: str) -> tuple[Field, ...]:
    return (
        Field(f"spec.{role}", f"{role}.create", type="section"),
        Field(f"spec.{role}.replicas", f"{role}.replicas", type="integer"),
        changed(
            f"spec.{role}.parallelism.tensor",
            f"{role}.parallelism.tensor",
            "the operator does not read it; arguments and accelerators of the containers count, as they did there",
            type="integer",
            when=lambda value: value != 1,
        ),
        Field(f"spec.{role}.acceleratorTypes.labelKey", f"{role}.acceleratorTypes.labelKey", type="string"),
        Field(f"spec.{role}.acceleratorTypes.labelValues", f"{role}.acceleratorTypes.labelValues", type="strings"),
        *_container(f"spec.{role}.containers[]", f"{role}.containers[]"),
        *_container(f"spec.{role}.initContainers[]", f"{role}.initContainers[]"),
    )


def _picker_fields(path: str) -> tuple[Field, ...]:
    return tuple(
        replace(field, values="routing.epp", outcome=Outcome.changed, why=_PICKER) for field in _container(path, "")
    )


FIELDS = (
    *OBJECT,
    Field("metadata.name", "fullnameOverride", type="string"),
    lost("metadata.labels", "the operator does not pass them on", type="map", quiet=True),
    lost("metadata.annotations", "the operator does not pass them on", type="map", quiet=True),
    *(
        changed(
            f"spec.baseConfigMapRef.{name}",
            "",
            "the base is merged into the values",
            type="string",
            quiet=True,
        )
        for name in ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")
    ),
    changed(
        "spec.decoupleScaling",
        "{role}.autoscaling.enabled",
        "the operator sets replicas once, at creation; the chart never prints them, so a new workload begins with one",
        type="boolean",
        when=bool,
    ),
    Field("spec.routing.modelName", "modelArtifacts.name", type="string"),
    changed(
        "spec.routing.ports[].name",
        "routing.servicePort",
        "named ports exist in templates only; the numbers are in the result",
        type="string",
        quiet=True,
    ),
    Field("spec.routing.ports[].port", "routing.servicePort", type="integer"),
    Field("spec.routing.gatewayRefs", "routing.parentRefs", type="sections"),
    *(
        Field(
            f"spec.routing.gatewayRefs[].{name}",
            f"routing.parentRefs[].{name}",
            type="integer" if name == "port" else "string",
        )
        for name in ("group", "kind", "name", "namespace", "port", "sectionName")
    ),
    Field("spec.modelArtifacts.uri", "modelArtifacts.uri", type="string"),
    Field("spec.modelArtifacts.authSecretName", "modelArtifacts.authSecretName", type="string"),
    Field("spec.modelArtifacts.size", "modelArtifacts.size", type="scalar"),
    *_role("decode"),
    *_role("prefill"),
    Field("spec.endpointPicker", "routing.epp.create", type="section"),
    Field("spec.endpointPicker.replicas", "routing.epp.replicas", type="integer"),
    *_picker_fields("spec.endpointPicker.containers[]"),
    *_picker_fields("spec.endpointPicker.initContainers[]"),
)

BASE_FIELDS = (
    *OBJECT,
    lost("metadata.labels", "they are the ConfigMap's own", quiet=True),
    lost("metadata.annotations", "they are the ConfigMap's own", quiet=True),
    lost("immutable", "the base is merged into the values", quiet=True),
    Field("data.configMaps", "extraObjects (ConfigMap)", type="string"),
    Field("data.decodeDeployment", "decode", type="string"),
    Field("data.prefillDeployment", "prefill", type="string"),
    Field("data.decodeService", "decode.service", type="string"),
    Field("data.prefillService", "prefill.service", type="string"),
    changed(
        "data.httpRoute",
        "routing.httpRoute",
        f"backends of kind InferencePool are of the group {POOL_GROUP}; the older group was removed",
        type="string",
    ),
    changed(
        "data.inferencePool",
        "routing.inferencePool",
        f"InferencePool {POOL_GROUP}/v1; v1alpha2 was removed",
        type="string",
    ),
    changed(
        "data.inferenceModel",
        "routing.inferenceObjective",
        "InferenceModel was removed; an InferenceObjective has its priority (Critical 1, Standard 0, Sheddable -1)",
        type="string",
    ),
    changed(
        "data.eppDeployment",
        "routing.epp",
        _PICKER,
        type="string",
    ),
    Field("data.eppService", "routing.epp.service", type="string"),
)
