"""What becomes of each field of KubeAI's Model and of the values of its chart."""

from __future__ import annotations

from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import OBJECT

_PICKER = (
    "an endpoint picker scores pods by load and cached prefixes, and a Gateway has to send requests to the pool "
    "(routing.httpRoute)"
)

FIELDS = (
    *OBJECT,
    Field("metadata.name", "fullnameOverride and modelArtifacts.name", type="string"),
    Field("metadata.labels", "modelArtifacts.labels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    *(
        lost(
            f"metadata.annotations.model-pod-{name}",
            "it is for KubeAI's own development",
            type="string",
        )
        for name in ("ip", "port")
    ),
    Field("spec.url", "modelArtifacts.uri", type="string"),
    Field("spec.adapters[].name", "modelArtifacts.adapters", type="string"),
    changed(
        "spec.adapters[].url",
        "modelArtifacts.adapters",
        "adapters are loaded at start, under the name <adapter>; KubeAI's proxy calls them <model>_<adapter>",
        type="string",
    ),
    Field("spec.features", "modelArtifacts.features", type="strings"),
    Field("spec.engine", "engine.type", type="string"),
    Field("spec.resourceProfile", "decode.resourceProfile", type="string"),
    changed(
        "spec.cacheProfile",
        "modelArtifacts.persistence",
        "a Job fills a claim of the release, which ends with it; KubeAI's claim is for all models of the profile",
        type="string",
    ),
    Field("spec.image", "engine.image", type="string"),
    Field("spec.args", "engine.args", type="strings"),
    Field("spec.env", "engine.env", type="map"),
    Field("spec.envFrom", "engine.extraConfig.envFrom", type="core.v1.EnvFromSource[]"),
    Field("spec.replicas", "decode.replicas", type="integer"),
    Field("spec.minReplicas", "decode.autoscaling.minReplicas", type="integer"),
    Field("spec.maxReplicas", "decode.autoscaling.maxReplicas", type="integer"),
    changed(
        "spec.targetRequests",
        "decode.autoscaling.targetActiveRequests",
        "KEDA asks vLLM for running and waiting requests; KubeAI counts them in its proxy over ten minutes",
        type="integer",
    ),
    Field("spec.scaleDownDelaySeconds", "decode.autoscaling.scaleDownDelaySeconds", type="integer"),
    Field("spec.autoscalingDisabled", "decode.autoscaling.enabled", type="boolean"),
    changed(
        "spec.loadBalancing.strategy",
        "routing.loadBalancing.strategy",
        _PICKER,
        type="string",
        when=lambda value: value != "LeastLoad",
    ),
    Field(
        "spec.loadBalancing.prefixHash.prefixCharLength",
        "routing.loadBalancing.prefixHash.prefixCharLength",
        type="integer",
    ),
    *(
        lost(
            f"spec.loadBalancing.prefixHash.{name}",
            f"an endpoint picker has no {what}",
            type="integer",
        )
        for name, what in (("meanLoadFactor", "hard bound on the load"), ("replication", "hash ring"))
    ),
    Field("spec.files[].path", "files", type="string"),
    Field("spec.files[].content", "files", type="string"),
    Field("spec.priorityClassName", "decode.priorityClassName", type="string"),
    lost("spec.owner", "the chart has no key for what only a model list shows", type="string"),
)

"""Fields of a Model."""

CHART_FIELDS = (
    Field("resourceProfiles.*.imageName", "engine.image", type="string"),
    Field("resourceProfiles.*.requests", "resourceProfiles.*.requests", type="quantities"),
    Field("resourceProfiles.*.limits", "resourceProfiles.*.limits", type="quantities"),
    Field("resourceProfiles.*.nodeSelector", "resourceProfiles.*.nodeSelector", type="map"),
    Field("resourceProfiles.*.tolerations", "resourceProfiles.*.tolerations", type="core.v1.Toleration[]"),
    Field("resourceProfiles.*.affinity", "resourceProfiles.*.affinity", type="core.v1.Affinity"),
    Field("resourceProfiles.*.runtimeClassName", "resourceProfiles.*.runtimeClassName", type="string"),
    Field("resourceProfiles.*.schedulerName", "resourceProfiles.*.schedulerName", type="string"),
    Field(
        "cacheProfiles.*.sharedFilesystem.storageClassName",
        "modelArtifacts.persistence.storageClassName",
        type="string",
    ),
    Field(
        "cacheProfiles.*.sharedFilesystem.persistentVolumeName", "modelArtifacts.persistence.volumeName", type="string"
    ),
    Field("modelServers.*.images", "engine.image", type="map"),
    Field("modelServerPods.securityContext", "engine.securityContext", type="core.v1.SecurityContext"),
    Field("modelServerPods.podSecurityContext", "decode.podSecurityContext", type="core.v1.PodSecurityContext"),
    Field("modelServerPods.serviceAccountName", "serviceAccountOverride", type="string"),
    Field("modelServerPods.serviceAccount.name", "serviceAccountOverride", type="string"),
    Field("modelServerPods.serviceAccount.create", "", quiet=True),
    Field("modelServerPods.serviceAccount.annotations", "", quiet=True),
    Field("modelServerPods.imagePullSecrets", "imagePullSecrets", type="list"),
    lost("modelServerPods.jsonPatches", "set what they change in decode.extraConfig", type="list"),
    Field("secrets.huggingface.name", "engine.env", type="string"),
    Field("secrets.aws.name", "engine.env", type="string"),
    Field("secrets.gcp.name", "modelArtifacts.credentials.gcp.name", type="string"),
    Field("secrets.alibaba.name", "modelArtifacts.credentials.alibaba.name", type="string"),
    Field("imagePullSecrets", "imagePullSecrets", type="list"),
)
"""Fields of the values of KubeAI's chart that are about models."""
