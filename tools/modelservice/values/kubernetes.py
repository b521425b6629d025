"""Kubernetes objects that values hold as they are, each with the definition of the API server."""

from __future__ import annotations

from typing import Annotated, Any

from modelservice.kubernetes.types import Kubernetes

Affinity = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Affinity")]
ContainerFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Container", partial=True)]
ConfigMapKeySelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.ConfigMapKeySelector")]
DeploymentStrategy = Annotated[dict[str, Any], Kubernetes("io.k8s.api.apps.v1.DeploymentStrategy")]
EnvVar = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.EnvVar")]
EnvVarSource = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.EnvVarSource")]
HpaBehavior = Annotated[dict[str, Any], Kubernetes("io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior")]
InitContainer = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Container")]
Lifecycle = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Lifecycle")]
LocalObjectReference = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.LocalObjectReference")]
MetricSpec = Annotated[dict[str, Any], Kubernetes("io.k8s.api.autoscaling.v2.MetricSpec")]
PodFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSpec", partial=True)]
PodSecurityContext = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PodSecurityContext")]
ServicePort = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.ServicePort")]
Probe = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Probe")]
SecretKeySelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.SecretKeySelector")]
SecurityContext = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.SecurityContext")]
TypedLocalObjectReference = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.TypedLocalObjectReference")]
Toleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Toleration")]
Volume = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.Volume")]
VolumeMount = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.VolumeMount")]
DeviceSelector = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceSelector")]
DeviceToleration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceToleration")]
DeviceConstraint = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceConstraint")]
DeviceClaimConfiguration = Annotated[dict[str, Any], Kubernetes("io.k8s.api.resource.v1.DeviceClaimConfiguration")]
ClaimRetention = Annotated[
    dict[str, Any], Kubernetes("io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy")
]
PersistentVolumeClaimSpec = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.PersistentVolumeClaimSpec")]
StatefulSetStrategy = Annotated[dict[str, Any], Kubernetes("io.k8s.api.apps.v1.StatefulSetUpdateStrategy")]
TopologySpreadConstraint = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.TopologySpreadConstraint")]
ServiceFragment = Annotated[dict[str, Any], Kubernetes("io.k8s.api.core.v1.ServiceSpec", partial=True)]
NetworkPolicyPeer = Annotated[dict[str, Any], Kubernetes("io.k8s.api.networking.v1.NetworkPolicyPeer")]
NetworkPolicyIngressRule = Annotated[dict[str, Any], Kubernetes("io.k8s.api.networking.v1.NetworkPolicyIngressRule")]
NetworkPolicyEgressRule = Annotated[dict[str, Any], Kubernetes("io.k8s.api.networking.v1.NetworkPolicyEgressRule")]
