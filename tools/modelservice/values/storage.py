"""Volumes and claims besides the model's."""

from __future__ import annotations

from modelservice.values.base import Closed
from modelservice.values.kubernetes import PersistentVolumeClaimSpec
from modelservice.values.scalars import AbsolutePath, DnsLabel, DnsSubdomain, LabelKey, LabelValue, Quantity


class PodResourceClaim(Closed):
    """A claim of the pod beside the accelerator's, from an existing claim or template."""

    name: DnsLabel
    """Name of the claim inside the pod."""
    resourceClaimTemplateName: DnsSubdomain | None = None
    """Existing ResourceClaimTemplate; each pod gets a claim of its own."""
    resourceClaimName: DnsSubdomain | None = None
    """Existing ResourceClaim; all pods share it."""


class SharedMemory(Closed):
    """`/dev/shm` of the engine. NCCL and vLLM's workers need more than the 64 MiB of a container runtime."""

    enabled: bool = False
    """Mounts a memory-backed volume at `/dev/shm`; it counts against the memory limit."""
    sizeLimit: Quantity | None = None
    """Largest size; the node's default (half of its memory) when unset."""


class VolumeClaimTemplate(Closed):
    """A claim that each pod of a StatefulSet gets for itself."""

    name: DnsLabel
    """Name of the volume in the pod. `model-storage` replaces the volume that an `hf://` model is downloaded to, and
    `engine-cache` the one of `caches`."""
    spec: PersistentVolumeClaimSpec
    """The claim
    (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/)."""
    mountPath: AbsolutePath | None = None
    """Where the engine gets it."""
    labels: dict[LabelKey, LabelValue] | None = None
    """Labels of the claims."""
    annotations: dict[str, str] | None = None
    """Annotations of the claims."""


class VolumeClaim(Closed):
    """A claim that the release owns and all its pods share. Pods on several nodes need an access mode for many, and a
    claim for each pod is a `volumeClaimTemplates` entry of a StatefulSet."""

    spec: PersistentVolumeClaimSpec
    """The claim
    (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/)."""
    mountPath: AbsolutePath | None = None
    """Where engines get it; other containers mount the volume, which has the name of the entry."""
    retain: bool = False
    """Keeps the claim when the release is removed."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the claim."""
    annotations: dict[str, str] = {}
    """Annotations of the claim."""


class Caches(Closed):
    """Writable places for an engine that is not root or whose root file system is read-only: `HOME`, every cache
    directory and `/tmp`."""

    enabled: bool = False
    """Points every cache of the engine to a volume of its own, and mounts one at `/tmp`."""
    mountPath: AbsolutePath = "/var/cache/engine"
    """Where the volume is mounted."""
    sizeLimit: Quantity | None = None
    """Largest size; no limit when unset. A volume of the role named `engine-cache` replaces it, for instance a claim
    that keeps compiled kernels."""
