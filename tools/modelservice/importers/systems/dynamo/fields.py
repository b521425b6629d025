"""What becomes of each field of a DynamoGraphDeployment
(https://github.com/ai-dynamo/dynamo, deploy/operator/api)."""

from __future__ import annotations

from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import OBJECT, POD, pod_template

_SCALER = "its scale subresource is Dynamo's; set {role}.autoscaling, or scale the workload"
_PLACED = "Grove places the pods; set {role}.affinity, or a scheduler's own annotations"
_DISCOVERY = "workers are found by the release's Service or pool, not by Dynamo's discovery"

_OBJECT = (
    *OBJECT,
    Field("metadata.labels", "{role}.labels", type="map"),
    Field("metadata.annotations", "{role}.annotations", type="map"),
    Field("spec", "", type="section", quiet=True),
    Field("spec.annotations", "{role}.podAnnotations", type="map"),
    Field("spec.labels", "modelArtifacts.labels and {role}.podLabels", type="map"),
    Field("spec.priorityClassName", "{role}.extraConfig", type="string"),
    Field("spec.backendFramework", "", type="string", quiet=True),
    lost("spec.providerOverride", _PLACED, type="object"),
    lost("spec.restart", "a restart that was asked for once; kubectl rollout restart does it here", type="object"),
    lost("spec.topologyConstraint", _PLACED, type="object"),
    lost(
        "spec.experimental.kvTransferPolicy",
        "the endpoint picker knows no topology of transfers; place the roles together with {role}.affinity",
        type="object",
    ),
    lost("spec.experimental.componentGroups", "roles scale by themselves", type="list"),
)
"""Fields of a graph in both versions."""


def _component(at: str) -> tuple[Field, ...]:
    """Fields of a component in both versions."""
    return (
        Field(at, "", type="section", quiet=True),
        Field(f"{at}.replicas", "{role}.replicas", type="integer"),
        Field(f"{at}.multinode.nodeCount", "{role}.parallelism.workers", type="integer"),
        changed(f"{at}.globalDynamoNamespace", "", _DISCOVERY, type="boolean", when=bool),
        changed(f"{at}.modelRef", "", _DISCOVERY, type="object"),
        lost(f"{at}.topologyConstraint", _PLACED, type="object"),
        lost(f"{at}.providerOverride", _PLACED, type="object"),
        changed(
            f"{at}.eppConfig", "routing.epp", "the chart writes the endpoint picker's configuration", type="object"
        ),
    )


def _checkpoint(path: str) -> Field:
    return lost(path, "the chart keeps no snapshots of engines; they start from the model's files", type="object")


def _shared_memory(path: str) -> Field:
    return lost(path, "engines hold their memory themselves, and no second one waits for them", type="object")


_AT = "spec.components[]"

BETA = (
    *_OBJECT,
    Field("spec.env", "engine.env", type="core.v1.EnvVar[]"),
    Field("spec.components", "", type="sections", quiet=True),
    *_component(_AT),
    Field(f"{_AT}.name", "", type="string", quiet=True),
    Field(f"{_AT}.type", "decode or prefill", type="string"),
    Field(f"{_AT}.podTemplate", "", type="section", quiet=True),
    *pod_template(f"{_AT}.podTemplate"),
    Field(f"{_AT}.sharedMemorySize", "{role}.sharedMemory", type="scalar"),
    Field(f"{_AT}.compilationCache.pvcName", "{role}.volumes", type="string"),
    Field(f"{_AT}.compilationCache.mountPath", "{role}.engine.volumeMounts", type="string"),
    lost(f"{_AT}.minAvailable", "a Deployment starts pods one by one; a group is whole or not there", type="integer"),
    lost(f"{_AT}.scalingAdapter", _SCALER, type="object"),
    changed(f"{_AT}.frontendSidecar", "", "requests go to the engine itself, without Dynamo's frontend", type="string"),
    changed(f"{_AT}.dynamoSidecar", "", "requests go to the engine itself, without Dynamo's runtime", type="string"),
    changed(f"{_AT}.runtimeVersionOverride", "", "the engine runs without Dynamo's runtime", type="string"),
    Field(f"{_AT}.roles", "", type="list", quiet=True),  # refused
    _checkpoint(f"{_AT}.experimental.checkpoint"),
    _shared_memory(f"{_AT}.experimental.gpuMemoryService"),
    _shared_memory(f"{_AT}.experimental.failover"),
    lost(f"{_AT}.experimental.grove", _PLACED, type="object"),
)
"""Fields of v1beta1."""

_OF = "spec.services.*"


def _resources(part: str) -> tuple[Field, ...]:
    at, values = f"{_OF}.resources.{part}", f"engine.resources.{part}"
    return (
        Field(f"{at}.cpu", values, type="scalar"),
        Field(f"{at}.memory", values, type="scalar"),
        Field(f"{at}.gpu", "accelerator", type="scalar"),
        Field(f"{at}.gpuType", "accelerator.type", type="string"),
        Field(f"{at}.custom", values, type="quantities"),
    )


ALPHA = (
    *_OBJECT,
    Field("spec.envs", "engine.env", type="core.v1.EnvVar[]"),
    Field("spec.pvcs", "", type="sections", quiet=True),
    Field("spec.pvcs[].name", "{role}.volumes", type="string"),
    Field("spec.pvcs[].create", "extraObjects", type="boolean"),
    Field("spec.pvcs[].size", "extraObjects", type="scalar"),
    Field("spec.pvcs[].storageClass", "extraObjects", type="string"),
    Field("spec.pvcs[].volumeAccessMode", "extraObjects", type="string"),
    Field("spec.services", "", type="section", quiet=True),
    *_component(_OF),
    Field(f"{_OF}.serviceName", "", type="string", quiet=True),
    Field(f"{_OF}.componentType", "decode or prefill", type="string"),
    Field(f"{_OF}.subComponentType", "decode or prefill", type="string"),
    changed(f"{_OF}.dynamoNamespace", "", _DISCOVERY, type="string"),
    Field(f"{_OF}.annotations", "{role}.podAnnotations", type="map"),
    Field(f"{_OF}.labels", "modelArtifacts.labels and {role}.podLabels", type="map"),
    *_resources("requests"),
    *_resources("limits"),
    Field(f"{_OF}.resources.claims", "engine.resources.claims", type="core.v1.ResourceClaim[]"),
    lost(f"{_OF}.autoscaling", "Dynamo ignores it too; set {role}.autoscaling", type="object"),
    Field(f"{_OF}.envs", "engine.env", type="core.v1.EnvVar[]"),
    Field(f"{_OF}.envFromSecret", "engine.extraConfig", type="string"),
    Field(f"{_OF}.volumeMounts", "", type="sections", quiet=True),
    Field(f"{_OF}.volumeMounts[].name", "{role}.volumes", type="string"),
    Field(f"{_OF}.volumeMounts[].mountPoint", "{role}.engine.volumeMounts", type="string"),
    Field(f"{_OF}.volumeMounts[].useAsCompilationCache", "engine.env", type="boolean"),
    lost(f"{_OF}.ingress", "set routing.httpRoute, or an Ingress in extraObjects", type="object"),
    Field(f"{_OF}.sharedMemory.disabled", "{role}.sharedMemory", type="boolean"),
    Field(f"{_OF}.sharedMemory.size", "{role}.sharedMemory", type="scalar"),
    Field(f"{_OF}.extraPodMetadata.annotations", "{role}.podAnnotations", type="map"),
    Field(f"{_OF}.extraPodMetadata.labels", "modelArtifacts.labels and {role}.podLabels", type="map"),
    Field(f"{_OF}.extraPodSpec", "engine, {role}.volumes, … and {role}.extraConfig", type=POD),
    Field(f"{_OF}.extraPodSpec.mainContainer", "engine", type="core.v1.Container?"),
    changed(f"{_OF}.livenessProbe", "{role}.probes", "it asks the engine", type="core.v1.Probe"),
    changed(f"{_OF}.readinessProbe", "{role}.probes", "it asks the engine", type="core.v1.Probe"),
    lost(f"{_OF}.scalingAdapter.enabled", _SCALER, type="boolean", when=bool),
    changed(f"{_OF}.frontendSidecar", "", "requests go to the engine itself, without Dynamo's frontend", type="object"),
    _checkpoint(f"{_OF}.checkpoint"),
    _shared_memory(f"{_OF}.gpuMemoryService"),
    _shared_memory(f"{_OF}.failover"),
)
"""Fields of v1alpha1."""
