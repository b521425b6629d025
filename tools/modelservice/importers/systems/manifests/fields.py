"""What becomes of each field of workloads, and what is read of the objects that go with them."""

from __future__ import annotations

from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import DEPLOYMENT, OBJECT, pod_template
from modelservice.importers.systems.claims import claim_fields

STATEFUL_SET = (
    *(item for item in DEPLOYMENT if item.path not in ("spec.strategy", "spec.paused", "spec.progressDeadlineSeconds")),
    Field("spec.serviceName", "{role}.service.name", type="string"),
    Field("spec.updateStrategy", "{role}.updateStrategy", type="apps.v1.StatefulSetUpdateStrategy"),
    Field("spec.podManagementPolicy", "{role}.podManagementPolicy", type="string"),
    lost("spec.ordinals", "the chart numbers the pods from 0", type="object"),
    Field(
        "spec.persistentVolumeClaimRetentionPolicy",
        "{role}.persistentVolumeClaimRetentionPolicy",
        type="apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
    ),
    *claim_fields("spec.volumeClaimTemplates"),
)
"""Fields of a StatefulSet."""

LEADER_WORKER_SET = (
    *OBJECT,
    Field("metadata.labels", "{role}.labels", type="map"),
    Field("metadata.annotations", "{role}.annotations", type="map"),
    Field("spec.replicas", "{role}.replicas", type="integer"),
    Field("spec.leaderWorkerTemplate.size", "{role}.parallelism.workers", type="integer"),
    *pod_template("spec.leaderWorkerTemplate.workerTemplate"),
    *pod_template("spec.leaderWorkerTemplate.leaderTemplate"),
    changed(
        "spec.leaderWorkerTemplate.restartPolicy",
        "{role}.restartPolicy",
        "Default is None, as LeaderWorkerSet's webhook reads it: only the container restarts",
        type="string",
        when=lambda value: value == "Default",
    ),
    Field("spec.leaderWorkerTemplate.subGroupPolicy", "{role}.subGroupPolicy", type="object"),
    *claim_fields("spec.leaderWorkerTemplate.volumeClaimTemplates", "{role}.volumes"),
    lost(
        "spec.leaderWorkerTemplate.persistentVolumeClaimRetentionPolicy",
        "ephemeral volumes go with their pods",
        type="object",
    ),
    Field("spec.rolloutStrategy", "{role}.rolloutStrategy", type="object"),
    Field("spec.startupPolicy", "{role}.startupPolicy", type="string"),
    Field("spec.networkConfig", "{role}.networkConfig", type="object"),
)
"""Fields of a LeaderWorkerSet (https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/)."""

DISAGGREGATED_SET = (
    *LEADER_WORKER_SET,
    Field("scaling.mode", "{role}.autoscaling.enabled", type="string"),
    lost(
        "spec.groupIdentity",
        "the chart has no key for it; no release of LeaderWorkerSet up to 0.10 has it",
        type="string",
    ),
    Field("spec.slices", "disaggregatedSet.slices", type="integer"),
    Field("spec.placementPolicy", "disaggregatedSet.placementPolicy", type="object"),
)
"""Fields of a role of a DisaggregatedSet, and what the set says of all of them."""

FIELDS = {
    "Deployment": DEPLOYMENT,
    "StatefulSet": STATEFUL_SET,
    "LeaderWorkerSet": LEADER_WORKER_SET,
    "DisaggregatedSet": DISAGGREGATED_SET,
}
"""Fields of each kind of workload."""

RELATED = (
    Field("metadata", "", type="object"),
    Field("metadata.labels", "", type="map"),
    Field("metadata.annotations", "", type="map"),
    Field("spec", "", type="object"),
)
"""What is read of every related object."""

RELATED_KINDS = {
    "Service": (Field("spec", "", type="core.v1.ServiceSpec?"),),
    "PodDisruptionBudget": (Field("spec.selector.matchLabels", "", type="map"),),
    "HorizontalPodAutoscaler": (
        Field("spec.scaleTargetRef", "", type="object"),
        Field("spec.metrics", "", type="list"),
    ),
    "ScaledObject": (
        Field("spec.scaleTargetRef", "", type="object"),
        Field("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown", "", type="object"),
    ),
    "InferencePool": (
        Field("spec.selector.matchLabels", "", type="map"),
        Field("spec.endpointPickerRef.port", "", type="object"),
    ),
    "InferenceObjective": (Field("spec.poolRef", "", type="object"),),
    "HTTPRoute": (
        Field("spec.parentRefs", "", type="list"),
        Field("spec.rules[]", "", type="object"),
        Field("spec.rules[].backendRefs[]", "", type="object"),
    ),
}
"""What is read of the kinds that the chart has keys for."""
