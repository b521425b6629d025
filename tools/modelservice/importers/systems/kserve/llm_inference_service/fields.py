"""What becomes of each field of KServe's LLMInferenceService and its configurations."""

from __future__ import annotations

from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import OBJECT, POD

DRA = "serving.kserve.io/exp-dra-"
"""Beginning of the annotations of managed dynamic resource allocation."""


def _keda(path: str, role: str) -> tuple[Field, ...]:
    behavior = f"{path}.advanced.horizontalPodAutoscalerConfig.behavior"
    return (
        Field(f"{path}.triggers", f"{role}.autoscaling.triggers", type="list"),
        Field(f"{path}.pollingInterval", f"{role}.autoscaling.pollingInterval", type="integer"),
        Field(f"{path}.idleReplicaCount", f"{role}.autoscaling.idleReplicas", type="integer"),
        Field(f"{path}.cooldownPeriod", f"{role}.autoscaling.scaleDownDelaySeconds", type="integer"),
        Field(behavior, f"{role}.autoscaling.behavior", type="object"),
        Field(f"{path}.fallback", f"{role}.autoscaling.fallback", type="object"),
        Field(f"{path}.initialCooldownPeriod", f"{role}.autoscaling.initialCooldownPeriod", type="integer"),
        Field(f"{path}.advanced.scalingModifiers", f"{role}.autoscaling.scalingModifiers", type="object"),
    )


def _workload(path: str, role: str) -> tuple[Field, ...]:
    at = f"{path}." if path else ""
    option = "engine.args (--kv-transfer-config)"
    offload = tuple(
        field
        for prefix in (f"{at}kvCacheOffloading", f"{at}workload.kvCacheOffloading")
        for field in (
            changed(
                prefix,
                option,
                "becomes the flag of vLLM's OffloadingConnector; check it when you upgrade vLLM",
                type="section",
            ),
            Field(f"{prefix}.cpu", option, type="scalar"),
            Field(f"{prefix}.cpuBytesToUse", option, type="integer"),
            Field(f"{prefix}.evictionPolicy", option, type="string"),
            Field(f"{prefix}.secondaryTiers", option, type="list"),
            Field(f"{prefix}.secondary[].fileSystem.emptyDir.size", f"{role}.volumes", type="scalar"),
            Field(f"{prefix}.secondary[].fileSystem.pvc.ref.name", f"{role}.volumes", type="string"),
            Field(f"{prefix}.secondary[].fileSystem.pvc.ref.path", f"{role}.volumes", type="string"),
            Field(
                f"{prefix}.secondary[].fileSystem.pvc.spec",
                f"{role}.volumes",
                type="core.v1.PersistentVolumeClaimSpec",
            ),
        )
    )
    scaling = "spec.prefill" if path == "spec.prefill" else "spec"
    return (
        Field(f"{at}replicas", f"{role}.replicas", type="integer"),
        Field(f"{scaling}.scaling.minReplicas", f"{role}.autoscaling.minReplicas", type="integer"),
        Field(f"{scaling}.scaling.maxReplicas", f"{role}.autoscaling.maxReplicas", type="integer"),
        Field(f"{scaling}.scaling.wva", f"{role}.autoscaling.type", type="section"),
        Field(f"{scaling}.scaling.wva.variantCost", f"{role}.autoscaling.variantCost", type="scalar"),
        Field(f"{scaling}.scaling.wva.hpa.behavior", f"{role}.autoscaling.behavior", type="object"),
        *_keda(f"{scaling}.scaling.wva.keda", role),
        *_keda(f"{scaling}.scaling.keda", role),
        Field(f"{at}parallelism.tensor", f"{role}.parallelism.tensor", type="integer"),
        Field(f"{at}parallelism.pipeline", f"{role}.parallelism.pipeline", type="integer"),
        Field(f"{at}parallelism.data", f"{role}.parallelism.data", type="integer"),
        Field(f"{at}parallelism.dataLocal", f"{role}.parallelism.dataLocal", type="integer"),
        Field(
            f"{at}parallelism.dataRPCPort",
            "engine.args (--data-parallel-rpc-port)",
            type="integer",
        ),
        Field(f"{at}parallelism.expert", f"{role}.parallelism.expert", type="boolean"),
        Field(f"{at}labels", f"modelArtifacts.labels and {role}.podLabels", type="map"),
        Field(f"{at}annotations", f"{role}.podAnnotations", type="map"),
        Field(f"{at}rolloutStrategy", f"{role}.strategy", type="object"),
        Field(
            f"{at}template",
            f"engine, {role}.volumes, … and {role}.extraConfig",
            type=POD,
        ),
        Field(f"{at}worker", f"{role}.workerTemplate", type=POD),
        *offload,
    )


FIELDS = (
    *OBJECT,
    Field("metadata.name", "fullnameOverride", type="string"),
    lost("metadata.labels", "KServe puts them on its own objects only", type="map", quiet=True),
    Field("metadata.labels.kueue.x-k8s.io/queue-name", "{role}.labels and modelArtifacts.labels", type="string"),
    lost("metadata.annotations", "KServe's own", type="map", quiet=True),
    *(
        Field(f"metadata.annotations.{prefix}", "decode.podAnnotations", type="string")
        for prefix in ("k8s.v1.cni.cncf.io/networks", "kueue.x-k8s.io/queue-name")
    ),
    *(
        Field(f"metadata.annotations.{DRA}{name}", "accelerator.resourceClaimTemplates", type="string")
        for name in ("device-class", "device-count", "cel-selector")
    ),
    changed(
        f"metadata.annotations.{DRA}container-name",
        "accelerator.dra",
        "the claim belongs to the engine's container",
        type="string",
        when=lambda value: value != "main",
    ),
    changed(
        "spec.model.uri",
        "modelArtifacts.uri",
        "vLLM downloads the model itself, in place of KServe's storage initializer",
        type="string",
        when=lambda value: str(value).startswith("hf://"),
    ),
    Field("spec.model.name", "modelArtifacts.name", type="string"),
    lost("spec.model.criticality", "InferenceModel was removed; give requests an InferenceObjective"),
    lost(
        "spec.model.confidential",
        "the chart starts no confidential containers; set runtimeClassName",
    ),
    Field("spec.model.lora.adapters[].name", "modelArtifacts.adapters", type="string"),
    Field("spec.model.lora.adapters[].uri", "modelArtifacts.adapters", type="string"),
    *(
        Field(f"spec.model.lora.{name}", f"modelArtifacts.lora.{key}", type="integer")
        for name, key in (("maxRank", "maxRank"), ("maxAdapters", "maxLoras"), ("maxCpuAdapters", "maxCpuLoras"))
    ),
    changed(
        "spec.storageInitializer.enabled",
        "",
        "there is no storage initializer; vLLM downloads the model itself",
        type="boolean",
        quiet=True,
    ),
    changed("spec.storageInitializer", "", "there is no storage initializer", type="object", quiet=True),
    *_workload("spec", "decode"),
    Field("spec.prefill", "prefill.create", type="section"),
    *_workload("spec.prefill", "prefill"),
    changed(
        "spec.router.route",
        "routing.httpRoute",
        "one rule for all paths under /<namespace>/<name>, in place of one for each path of the API",
        type="section",
        when=lambda value: isinstance(value, dict) and "http" not in value,
    ),
    Field("spec.router.route.http.spec.parentRefs", "routing.parentRefs", type="list"),
    Field("spec.router.route.http.spec.hostnames", "routing.httpRoute.hostnames", type="strings"),
    Field("spec.router.route.http.spec.rules", "routing.httpRoute.rules", type="sections"),
    Field("spec.router.route.http.spec.rules[]", "routing.httpRoute.rules", type="object", quiet=True),
    Field("spec.router.route.http.spec.rules[].backendRefs[]", "routing.httpRoute.rules", type="object", quiet=True),
    lost("spec.router.route.http.refs", "routes that exist stay; point them at the pool", type="list"),
    lost("spec.router.route.group", "weights over several services belong to one HTTPRoute", type="any"),
    lost(
        "spec.router.route.weight",
        "weights over several services belong to one HTTPRoute",
        type="any",
    ),
    Field("spec.router.gateway", "routing.parentRefs", type="section", quiet=True),
    Field("spec.router.gateway.refs[].name", "routing.parentRefs[].name", type="string"),
    Field("spec.router.gateway.refs[].namespace", "routing.parentRefs[].namespace", type="string"),
    Field("spec.router.gateway.refs[].sectionName", "routing.parentRefs[].sectionName", type="string"),
    lost(
        "spec.router.ingress",
        "the chart makes no Ingress; put one into extraObjects",
        type="object",
    ),
    changed(
        "spec.router.scheduler",
        "routing.epp.create",
        "the endpoint picker is the chart's, with the plugins of its version",
        type="section",
    ),
    Field("spec.router.scheduler.replicas", "routing.epp.replicas", type="integer"),
    Field("spec.router.scheduler.pool.spec", "routing.inferencePool", type="object"),
    Field("spec.router.scheduler.pool.spec.selector", "routing.inferencePool.matchLabels", type="object"),
    Field("spec.router.scheduler.pool.ref.name", "routing.inferencePool.name", type="string"),
    Field("spec.router.scheduler.config.inline", "routing.epp.pluginsConfig"),
    lost(
        "spec.router.scheduler.config.ref",
        "the configuration is in a ConfigMap; copy it to routing.epp.pluginsConfig",
        type="object",
    ),
    lost(
        "spec.router.scheduler.template",
        "the chart makes the picker's pod itself; set what you need of it in routing.epp",
        type="object",
    ),
    Field("spec.tracing.exporterEndpoint", "tracing.otlpEndpoint", type="string"),
    Field("spec.tracing.sampler", "tracing.sampling.sampler", type="string"),
    Field("spec.tracing.samplerArg", "tracing.sampling.samplerArg", type="string"),
    changed(
        "spec.tracing.exporter",
        "tracing.enabled",
        "the chart exports with OTLP",
        type="string",
        when=lambda value: value != "otlp",
    ),
    Field("spec.tracing", "tracing.enabled", type="section"),
    changed(
        "spec.baseRefs[].name",
        "",
        "the configuration is merged into the values",
        type="string",
        quiet=True,
    ),
)
