"""Volumes and claims other than the model's."""

from __future__ import annotations

from modelservice.values.base import Closed
from modelservice.values.kubernetes import PersistentVolumeClaimSpec
from modelservice.values.scalars import (
    AbsolutePath,
    Annotations,
    DnsLabel,
    DnsSubdomain,
    LabelKey,
    LabelValue,
    Quantity,
)


class PodResourceClaim(Closed):
    """A resource claim of the pod in addition to the accelerator's, from an existing claim or template."""

    name: DnsLabel
    """Name of the claim inside the pod."""
    resourceClaimTemplateName: DnsSubdomain | None = None
    """Existing ResourceClaimTemplate; each pod gets a separate claim."""
    resourceClaimName: DnsSubdomain | None = None
    """Existing ResourceClaim, shared by all pods."""


class SharedMemory(Closed):
    """`/dev/shm` of the engine. NCCL and vLLM's workers need more than the 64 MiB of a container runtime."""

    enabled: bool = False
    """Mounts a memory-backed volume at `/dev/shm`; it counts against the memory limit."""
    sizeLimit: Quantity | None = None
    """Size limit of the volume. Default: the node's, half of its memory."""


class VolumeClaimTemplate(Closed):
    """A volume claim template of a StatefulSet: every pod gets a separate claim."""

    name: DnsLabel
    """Name of the volume in the pod. `model-storage` replaces the volume that an `hf://` model is downloaded to,
    `engine-cache` the volume of `caches`."""
    spec: PersistentVolumeClaimSpec
    """The claim
    (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/)."""
    mountPath: AbsolutePath | None = None
    """Mount path in the engine container."""
    labels: dict[LabelKey, LabelValue] | None = None
    """Labels of the claims."""
    annotations: Annotations | None = None
    """Annotations of the claims."""


class VolumeClaim(Closed):
    """A PersistentVolumeClaim that the release owns and all its pods share. Pods on several nodes need a `…Many`
    access mode. For one claim per pod, use `volumeClaimTemplates` of a StatefulSet."""

    spec: PersistentVolumeClaimSpec
    """The claim
    (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/)."""
    mountPath: AbsolutePath | None = None
    """Mount path in the engine containers; other containers mount the volume by the name of the entry."""
    retain: bool = False
    """Keeps the claim when the release is uninstalled."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the claim."""
    annotations: Annotations = {}
    """Annotations of the claim."""


class Caches(Closed):
    """Writable directories for an engine that runs as non-root or with a read-only root file system: `HOME`, every
    cache directory and `/tmp`."""

    enabled: bool = False
    """Points every cache of the engine to one volume, and mounts another at `/tmp`."""
    mountPath: AbsolutePath = "/var/cache/engine"
    """Mount path of the volume."""
    sizeLimit: Quantity | None = None
    """Size limit of the volume. Default: no limit. A volume of the role named `engine-cache` replaces it, e.g. a
    claim that keeps compiled kernels."""
