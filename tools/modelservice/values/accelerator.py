"""``accelerator``: which accelerators there are and how they are requested."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type
from modelservice.values.base import Closed
from modelservice.values.kubernetes import (
    DeviceClaimConfiguration,
    DeviceConstraint,
    DeviceSelector,
    DeviceToleration,
    EnvVar,
)
from modelservice.values.scalars import AcceleratorType, DnsLabel, DnsSubdomain, ExtendedResourceName


class RoleAccelerator(Closed):
    """What a role changes of the global `accelerator`."""

    type: AcceleratorType | None = None
    """Accelerator type of this role."""
    dra: bool | None = None
    """Dynamic Resource Allocation for this role."""
    count: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Accelerators of each pod, where the derived number is intentionally not the right one."""


class ClaimAlternative(Closed):
    """One choice of a `firstAvailable` device request, in order of preference."""

    name: DnsLabel
    """Name of the sub-request."""
    class_: DnsSubdomain = Field(alias="class")
    """DeviceClass."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Devices; derived from `parallelism` when unset."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` takes every matching device of the node."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""


class ClaimRequest(Closed):
    """A further device request of the accelerator's claim, for instance an RDMA interface."""

    class_: DnsSubdomain = Field(alias="class")
    """DeviceClass."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Devices; 1 when unset."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` takes every matching device of the node."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""
    adminAccess: bool | None = None
    """Administrative access to the devices."""


class ClaimTemplate(Closed):
    """The ResourceClaimTemplate of one accelerator type."""

    name: DnsLabel | None = None
    """Name of the template inside the release; the type is used when unset. The object's name also carries
    release and role."""
    class_: DnsSubdomain | None = Field(default=None, alias="class")
    """DeviceClass (`deviceClassName`)."""
    match: Literal["exactly", "firstAvailable"] | None = None
    """Form of the request; `exactly` when unset."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Devices of each pod; derived from `parallelism` when unset."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` takes every matching device of the node and excludes `count`."""
    adminAccess: bool | None = None
    """Administrative access to the devices."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors over device attributes."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""
    firstAvailable: list[ClaimAlternative] | None = Field(default=None, max_length=8)
    """Choices of a `firstAvailable` request, best first; without them the entry itself is the only choice."""
    requests: dict[DnsLabel, ClaimRequest] | None = None
    """Further requests of the claim by name."""
    constraints: list[DeviceConstraint] | None = None
    """Constraints between the requests, for instance devices on one NUMA node."""
    config: list[DeviceClaimConfiguration] | None = None
    """Driver configuration (`opaque` parameters)."""


class VirtualGpu(Closed):
    """Parts of a GPU, given out by HAMi (https://project-hami.io) or by Volcano's vGPU device plugin
    (https://github.com/Project-HAMi/volcano-vgpu-device-plugin). Memory and cores are those of each part."""

    enabled: bool = False
    """Requests virtual GPUs instead of whole ones."""
    provider: Literal["hami", "volcano"] = "hami"
    """`hami` extends `nvidia.com/gpu` by memory and cores; `volcano` has resources of its own and its own scheduler."""
    number: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Virtual GPUs of each pod; those that `parallelism` needs when unset."""
    memory: (
        Annotated[
            int | str,
            json_type(type=["integer", "string"], minimum=1, maximum=10_000_000, pattern="^(100|[1-9][0-9]?)%$"),
        ]
        | None
    ) = None
    """Device memory of each, in MiB or as a percentage (`50%`); all of it when unset."""
    cores: Annotated[int, Field(ge=0, le=100)] | None = None
    """Share of the processors of each, in percent; not limited when unset."""


class Accelerator(Closed):
    """Accelerators: which type, how they are requested."""

    type: AcceleratorType = "nvidia"
    """Accelerator type: a key of `accelerator.resources`, or `cpu` for none."""
    dra: bool = False
    """Requests accelerators through Dynamic Resource Allocation claims instead of the device plugin."""
    count: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Accelerators of each pod, where the derived number is intentionally not the right one."""
    resources: dict[AcceleratorType, ExtendedResourceName] = {
        "nvidia": "nvidia.com/gpu",
        "amd": "amd.com/gpu",
        "intel-gaudi": "habana.ai/gaudi",
        "intel-i915": "gpu.intel.com/i915",
        "intel-xe": "gpu.intel.com/xe",
        "google": "google.com/tpu",
        "rebellions-atom": "rebellions.ai/ATOM",
        "spyre": "ibm.com/spyre_pf",
    }
    """Extended resource of each type. Add an entry for a vendor that is not listed."""
    independentCount: dict[AcceleratorType, bool] = {"google": True, "rebellions-atom": True}
    """Types whose device count need not equal the parallel ranks of the pod (a TPU chip has several cores)."""
    env: dict[AcceleratorType, list[EnvVar]] = {
        "intel-i915": [
            {"name": "VLLM_USE_V1", "value": "1"},
            {"name": "TORCH_LLM_ALLREDUCE", "value": "1"},
            {"name": "VLLM_WORKER_MULTIPROC_METHOD", "value": "spawn"},
        ],
        "intel-xe": [{"name": "VLLM_WORKER_MULTIPROC_METHOD", "value": "spawn"}],
    }
    """Environment variables that a type needs, added to the engine container."""
    resourceClaimTemplates: dict[AcceleratorType, ClaimTemplate] = {
        "nvidia": ClaimTemplate(name="nvidia-claim-template", class_="gpu.nvidia.com"),
        "amd": ClaimTemplate(name="amd-claim-template", class_="gpu.amd.com"),
        "intel": ClaimTemplate(name="intel-claim-template", class_="gpu.intel.com"),
        "intel-i915": ClaimTemplate(name="intel-claim-template", class_="gpu.intel.com"),
        "intel-xe": ClaimTemplate(name="intel-claim-template", class_="gpu.intel.com"),
        "intel-gaudi": ClaimTemplate(name="intel-gaudi-claim-template", class_="gaudi.intel.com"),
        "google": ClaimTemplate(name="google-claim-template", class_="tpu.google.com"),
    }
    """ResourceClaimTemplate of each type, used with `dra`."""
    vgpu: VirtualGpu = VirtualGpu()
    """Parts of GPUs instead of whole ones."""
