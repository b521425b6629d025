"""Values keys that the chart does not have yet, and where importers put such settings until it has them.

The one place to change when a key lands: write the key in place of its substitute.
"""

from __future__ import annotations

PLACES = {
    # what:                (now, the proposed key)
    "runtimeClassName": ("{role}.extraConfig.runtimeClassName", "{role}.runtimeClassName"),
    "revision": ("{role}.containers[].args (--revision)", "modelArtifacts.revision"),
    "endpoint": ("{role}.containers[].env (HF_ENDPOINT)", "modelArtifacts.endpoint"),
    "authSecretKey": ("{role}.containers[].env (HF_TOKEN)", "modelArtifacts.authSecretKey"),
    "aliases": ("{role}.containers[].args (--served-model-name)", "modelArtifacts.aliases"),
    "adapters": ("{role}.containers[].args (--lora-modules)", "modelArtifacts.adapters"),
    "lora": ("{role}.containers[].args (--max-lora-rank, …)", "modelArtifacts.lora"),
    "objectStore": ("{role}.containers[].args (--model s3://…)", "modelArtifacts.uri: s3://…"),
    "modelscope": ("{role}.containers[].env (VLLM_USE_MODELSCOPE)", "modelArtifacts.uri: ms://…"),
    "download": ("{role}.initContainers", "modelArtifacts.download"),
    "persistence": ("extraObjects (PersistentVolumeClaim) and {role}.volumes", "modelArtifacts.persistence"),
    "volumeClaims": ("extraObjects (PersistentVolumeClaim) and {role}.volumes", "volumeClaims"),
    "volumeClaimTemplates": ("{role}.volumes (ephemeral)", "{role}.volumeClaimTemplates"),
    "engine": ("{role}.containers[] (modelCommand, extraConfig.args)", "engine.type"),
    "resourceProfile": ("{role}.containers[].resources and placement", "{role}.resourceProfile"),
    "vgpu": ("accelerator.resources and {role}.containers[].resources", "accelerator.vgpu"),
    "service": ("extraObjects (Service)", "service"),
    "files": ("extraObjects (ConfigMap) and {role}.volumes", "files"),
    "autoscaling": ("{role}.autoscaling.enabled and extraObjects (HorizontalPodAutoscaler)", "{role}.autoscaling"),
    "queueScaling": ("{role}.autoscaling.enabled and extraObjects (ScaledObject)", "{role}.autoscaling"),
    "loadBalancing": ("extraObjects (ConfigMap of the endpoint picker)", "routing.loadBalancing"),
    "httpRoute": ("extraObjects (HTTPRoute)", "routing.httpRoute"),
    "inferencePool": ("extraObjects (InferencePool)", "routing.inferencePool"),
    "inferenceObjective": ("extraObjects (InferenceObjective)", "routing.inferenceObjective"),
    "epp": ("extraObjects (Deployment, Service, RBAC)", "routing.epp"),
    "suspend": ("{role}.replicas (0)", "suspend"),
}
"""For each setting: the place that the chart has, and the key that is proposed for it."""


def place(what: str) -> str:
    """The values key that takes a setting today."""
    return PLACES[what][0]
