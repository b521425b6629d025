"""``accelerator``: which accelerators there are and how they are requested."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice import facts
from modelservice.values.base import Closed
from modelservice.values.kubernetes import (
    DeviceClaimConfiguration,
    DeviceConstraint,
    DeviceSelector,
    DeviceToleration,
    EnvVar,
)
from modelservice.values.scalars import AcceleratorType, DnsLabel, DnsSubdomain, ExtendedResourceName, json_form

_KNOWN = facts.accelerators().types
_TYPES = [item.type for item in _KNOWN]


class RoleAccelerator(Closed):
    """Settings of a role that replace those of the top-level `accelerator`."""

    type: AcceleratorType | None = Field(default=None, examples=_TYPES)
    """Accelerator type of this role."""
    dra: bool | None = None
    """Requests accelerators through Dynamic Resource Allocation for this role."""
    count: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Number of accelerators of each pod, in place of the derived number."""


class DeviceRequest(Closed):
    """Fields of every device request of a claim."""

    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Number of devices of each pod. Default: the number that `parallelism` needs."""
    allocationMode: Literal["ExactCount", "All"] | None = None
    """`All` allocates every matching device of the node and excludes `count`."""
    selectors: list[DeviceSelector] | None = None
    """CEL selectors over device attributes."""
    tolerations: list[DeviceToleration] | None = None
    """Tolerations of device taints."""


class ClaimAlternative(DeviceRequest):
    """One choice of a `firstAvailable` device request, in order of preference."""

    name: DnsLabel
    """Name of the subrequest."""
    class_: DnsSubdomain = Field(alias="class")
    """DeviceClass."""


class ClaimRequest(DeviceRequest):
    """A further device request of the accelerator's claim, e.g. an RDMA interface."""

    class_: DnsSubdomain = Field(alias="class")
    """DeviceClass."""
    count: Annotated[int, Field(ge=1, le=32)] | None = None
    """Number of devices of each pod. Default: 1."""
    adminAccess: bool | None = None
    """Administrative access to the devices."""


class ClaimTemplate(DeviceRequest):
    """The ResourceClaimTemplate of one accelerator type."""

    class_: DnsSubdomain | None = Field(default=None, alias="class")
    """DeviceClass; not needed with `firstAvailable`."""
    name: DnsLabel | None = None
    """Base name of the template; the object's name also carries release and role. Default: the type."""
    match: Literal["exactly", "firstAvailable"] | None = None
    """Form of the request. Default: `exactly`."""
    adminAccess: bool | None = None
    """Administrative access to the devices."""
    firstAvailable: list[ClaimAlternative] | None = Field(default=None, max_length=8)
    """Choices of a `firstAvailable` request, best first. Default: the entry itself as the only choice."""
    requests: dict[DnsLabel, ClaimRequest] | None = None
    """Further requests of the claim by name."""
    constraints: list[DeviceConstraint] | None = None
    """Constraints between the requests, e.g. devices on one NUMA node."""
    config: list[DeviceClaimConfiguration] | None = None
    """Driver configuration (`opaque` parameters)."""


class VirtualGpu(Closed):
    """Shares of a GPU, allocated by HAMi (https://project-hami.io) or by Volcano's vGPU device plugin
    (https://github.com/Project-HAMi/volcano-vgpu-device-plugin). Memory and cores are those of each share."""

    enabled: bool = False
    """Requests virtual GPUs instead of whole ones."""
    provider: Literal["hami", "volcano"] = "hami"
    """Device plugin: `hami` adds memory and cores to `nvidia.com/gpu`; `volcano` has separate resources and a
    separate scheduler."""
    number: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of virtual GPUs of each pod. Default: the number that `parallelism` needs."""
    memory: (
        Annotated[
            int | str,
            json_form(
                "a number of MiB or a percentage, e.g. 8000 or 50%",
                "^(100|[1-9][0-9]?)%$",
                type=["integer", "string"],
                minimum=1,
                maximum=10_000_000,
            ),
        ]
        | None
    ) = None
    """Device memory of each virtual GPU, in MiB or as a percentage (`50%`). Default: all of it."""
    cores: Annotated[int, Field(ge=0, le=100)] | None = None
    """Compute share of each virtual GPU, in percent. Default: no limit."""


class Accelerator(Closed):
    """Type of the accelerators and how they are requested."""

    type: AcceleratorType = Field(default="nvidia", examples=_TYPES)
    """Accelerator type: a key of `accelerator.resources`, or `cpu` for no accelerators."""
    dra: bool = False
    """Requests accelerators through Dynamic Resource Allocation claims instead of a device plugin."""
    count: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Number of accelerators of each pod, in place of the derived number."""
    resources: dict[AcceleratorType, ExtendedResourceName] = {
        item.type: item.resource for item in _KNOWN if item.resource
    }
    """Extended resource of each type. Add an entry for a vendor that is not listed."""
    independentCount: dict[AcceleratorType, bool] = {item.type: True for item in _KNOWN if item.counts_cores}
    """Types whose device count may differ from the parallel ranks of the pod, e.g. a TPU chip with several cores."""
    env: dict[AcceleratorType, list[EnvVar]] = {
        item.type: [{"name": variable.name, "value": variable.value} for variable in item.env]
        for item in _KNOWN
        if item.env
    }
    """Environment variables of each type, added to the engine container."""
    resourceClaimTemplates: dict[AcceleratorType, ClaimTemplate] = {
        item.type: ClaimTemplate(class_=item.device_class, name=item.claim_template or f"{item.type}-claim-template")
        for item in _KNOWN
        if item.device_class
    }
    """ResourceClaimTemplate of each type, used with `dra`."""
    vgpu: VirtualGpu = VirtualGpu()
    """Shares of GPUs instead of whole ones."""
