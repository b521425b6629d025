"""What becomes of each field of KServe's InferenceService and of runtimes."""

from __future__ import annotations

from modelservice.importers.report import Outcome
from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import OBJECT, POD

_LOST = {
    "spec.predictor.containerConcurrency": "the engine queues; set max-num-seqs in its arguments",
    "spec.predictor.timeout": "a timeout belongs to the route; set it in the HTTPRoute",
    "spec.predictor.canaryTrafficPercent": "traffic is split by an HTTPRoute over two releases",
    "spec.predictor.logger": "the chart logs no requests; a gateway can",
    "spec.predictor.batcher": "vLLM batches by itself",
    "spec.transformer": "the chart serves the model only; deploy the transformer separately",
    "spec.explainer": "the chart serves the model only; deploy the explainer separately",
    "spec.predictor.model.storage.key": "credentials are not copied; give the container the store's environment",
    "spec.predictor.model.storage.parameters": "credentials are not copied; give the container the store's environment",
    "spec.predictor.model.storage.schemaPath": "schemas belong to other model formats",
}

CONTAINER_FIELDS = (
    ("image", "string"),
    ("command", "strings"),
    ("args", "strings"),
    ("env", "core.v1.EnvVar[]"),
    ("envFrom", "core.v1.EnvFromSource[]"),
    ("resources", "core.v1.ResourceRequirements"),
    ("ports", "core.v1.ContainerPort[]"),
    ("volumeMounts", "core.v1.VolumeMount[]"),
    ("startupProbe", "core.v1.Probe"),
    ("livenessProbe", "core.v1.Probe"),
    ("readinessProbe", "core.v1.Probe"),
    ("securityContext", "core.v1.SecurityContext"),
    ("lifecycle", "core.v1.Lifecycle"),
    ("imagePullPolicy", "string"),
    ("workingDir", "string"),
    ("name", "string"),
)


_PLACES = {"envFrom": "engine.extraConfig.envFrom", "name": "decode.containers[].name"}
"""Fields of a container that ``engine`` has no key for."""


def _model(path: str) -> tuple[Field, ...]:
    return (
        Field(f"{path}.modelFormat.name", "engine.type", type="string"),
        Field(f"{path}.modelFormat.version", "", quiet=True, type="string"),
        changed(
            f"{path}.storageUri",
            "modelArtifacts.uri",
            "the engine loads hf:// and pvc:// itself; for other stores an init container of KServe's image downloads",
            type="string",
        ),
        lost(f"{path}.storageUris", "a release serves one model; its first place is taken", type="list"),
        Field(f"{path}.storage.path", "modelArtifacts.uri", type="string"),
        Field(f"{path}.runtime", "engine", type="string"),
        Field(f"{path}.runtimeVersion", "engine.image", type="string"),
        Field(f"{path}.protocolVersion", "", Outcome.kept, quiet=True, type="string"),
        *(Field(f"{path}.{name}", _PLACES.get(name, f"engine.{name}"), type=kind) for name, kind in CONTAINER_FIELDS),
    )


def _sizes(path: str) -> tuple[Field, ...]:
    return tuple(
        Field(f"{path}.{name}ParallelSize", f"decode.parallelism.{name}", type="integer")
        for name in ("pipeline", "tensor")
    )


FIELDS = (
    *OBJECT,
    changed(
        "metadata.name",
        "fullnameOverride",
        "the chart names the workload <name>-decode",
        type="string",
    ),
    Field("metadata.labels", "decode.podLabels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    changed(
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "",
        "the chart makes Deployments, which do not scale from zero on requests",
        type="string",
        when=lambda value: value not in ("Standard", "RawDeployment"),
    ),
    *_model("spec.predictor.model"),
    *_model("spec.predictor.huggingface"),
    Field("spec.predictor", "decode.extraConfig", type=POD),
    Field("spec.predictor.labels", "decode.podLabels", type="map"),
    Field("spec.predictor.annotations", "decode.podAnnotations", type="map"),
    Field("spec.predictor.minReplicas", "decode.replicas", type="integer"),
    Field("spec.predictor.maxReplicas", "decode.autoscaling.maxReplicas", type="integer"),
    Field("spec.predictor.scaleMetric", "decode.autoscaling.metrics", type="string"),
    Field("spec.predictor.scaleTarget", "decode.autoscaling.metrics", type="integer"),
    Field("spec.predictor.scaleMetricType", "decode.autoscaling.metrics", type="string"),
    Field("spec.predictor.autoScaling.metrics", "decode.autoscaling.metrics", type="list"),
    Field("spec.predictor.autoScaling.behavior", "decode.autoscaling.behavior", type="object"),
    Field("spec.predictor.deploymentStrategy", "decode.strategy", type="apps.v1.DeploymentStrategy"),
    changed(
        "spec.predictor.workerSpec",
        "decode.parallelism",
        "vLLM forms the group itself over a LeaderWorkerSet, in place of Ray",
        type=POD,
    ),
    *_sizes("spec.predictor.workerSpec"),
    *(lost(path, why) for path, why in _LOST.items()),
)

RUNTIME_FIELDS = (
    *OBJECT,
    lost("metadata.labels", "the runtime's own", quiet=True),
    lost("metadata.annotations", "the runtime's own", quiet=True),
    Field("spec.containers", "engine", type="core.v1.Container[]"),
    Field("spec.volumes", "decode.volumes", type="core.v1.Volume[]"),
    Field("spec.labels", "decode.podLabels", type="map"),
    Field("spec.annotations", "decode.podAnnotations", type="map"),
    Field("spec.hostIPC", "decode.hostIPC", type="boolean"),
    changed("spec.workerSpec", "decode.parallelism", "vLLM forms the group itself", type=POD),
    *_sizes("spec.workerSpec"),
    *(
        lost(f"spec.{name}", "it tells KServe when to choose the runtime", quiet=True)
        for name in (
            "supportedModelFormats",
            "protocolVersions",
            "multiModel",
            "disabled",
            "builtInAdapter",
            "replicas",
        )
    ),
    *(
        Field(f"spec.{name}", f"decode.{name}")
        for name in ("nodeSelector", "tolerations", "affinity", "imagePullSecrets")
    ),
)
