"""Which devices pods ask for, and whose they are. What is an accelerator is written in :mod:`modelservice.facts`."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.facts.models import Accelerator
from modelservice.kubernetes.quantity import quantity

Object = Mapping[str, Any]

_CLAIM = " (claim)"


@dataclass(frozen=True)
class DeviceRequest:
    """One request for devices in a claim."""

    device_class: str
    count: int
    all: bool
    """It takes every matching device of the node."""

    @property
    def device(self) -> str:
        """The device as it is counted: ``gpu.nvidia.com (claim)``."""
        return self.device_class + _CLAIM

    @property
    def is_network(self) -> bool:
        """Whether the devices are network adapters, which may stand next to the accelerators in a claim."""
        return any(re.search(pattern, self.device_class) for pattern in facts.accelerators().networks.device_classes)


def device_requests(template: Object) -> Iterator[DeviceRequest]:
    """Yield what a ResourceClaimTemplate or ResourceClaim asks for; the first choice where there are several."""
    spec = template.get("spec") or {}
    devices = (spec.get("spec") or spec).get("devices") or {}
    for request in devices.get("requests") or []:
        # resource.k8s.io/v1beta1 has the fields of `exactly` in the request itself.
        choice = request.get("exactly") or next(iter(request.get("firstAvailable") or []), request)
        everything = choice.get("allocationMode") == "All"
        count = 0 if everything else int(choice.get("count") or 1)
        yield DeviceRequest(str(choice.get("deviceClassName", "")), count, everything)


def shared_domain(obj: Object) -> tuple[str, int] | None:
    """Return the claim template and the number of nodes of a ComputeDomain; None for another object."""
    known = facts.accelerators().compute_domain
    if obj.get("kind") != known.kind:
        return None
    nodes = _below(obj, known.nodes)
    return str(_below(obj, known.template) or ""), nodes if isinstance(nodes, int) else 0


def _below(obj: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        obj = obj.get(part) if isinstance(obj, Mapping) else None
    return obj


def accelerators(resources: Object) -> Counter[str]:
    """Return the accelerators in the resources of a container, by extended resource."""
    found: Counter[str] = Counter()
    for name, amount in {**(resources.get("requests") or {}), **(resources.get("limits") or {})}.items():
        number = quantity(amount)
        if is_accelerator(name) and number:
            found[name] += int(number)
    return found


@functools.cache
def is_accelerator(resource: str) -> bool:
    """Return whether a resource counts accelerators: extended, and neither a network nor an amount of memory."""
    known = facts.accelerators()
    others = (*known.networks.resources, *known.amounts.resources)
    return "/" in resource and not any(re.search(pattern, resource) for pattern in others)


def is_claimed(device: str) -> bool:
    """Return whether a counted device comes from a claim."""
    return device.endswith(_CLAIM)


@functools.cache
def kind_of(device: str) -> Accelerator | None:
    """Return the kind of a counted device, by its extended resource or device class; None for an unknown one."""
    name = device.removesuffix(_CLAIM)
    for kind in facts.accelerators().types:
        own = kind.device_class if is_claimed(device) else kind.resource
        if own and name == own:
            return kind
        shares = [share.count for share in kind.shares.values()]
        more = any(re.search(pattern, name) for pattern in kind.more_resources)
        if not is_claimed(device) and (more or name in shares):
            return kind
    return None


def vendors_of(counted: Mapping[str, int]) -> set[str] | None:
    """Return the vendors of counted devices; None where that of one is not known."""
    kinds = [kind_of(device) for device in counted]
    return {kind.vendor for kind in kinds if kind} if all(kinds) else None


@functools.cache
def built_for(image: str) -> tuple[Accelerator, ...]:
    """Return the kinds of accelerators that an image is built for; none where its name does not tell.

    Of several words in the name the last one decides: ``vllm-openai-rocm`` is built for AMD.
    """
    name = image.partition("@")[0].rpartition("/")[2].lower()
    found: dict[int, list[Accelerator]] = {}
    for kind in facts.accelerators().types:
        for word in kind.image_words:
            for match in re.finditer(rf"(?<![a-z]){re.escape(word)}(?![a-z])", name):
                found.setdefault(match.start(), []).append(kind)
    return tuple(found[max(found)]) if found else ()


def vendor_of_label(label: str) -> str | None:
    """Return the vendor whose nodes alone have a label; None for a label of no vendor."""
    found = {
        prefix: kind.vendor
        for kind in facts.accelerators().types
        for prefix in (kind.node_labels.prefixes if kind.node_labels else ())
        if label.startswith(prefix)
    }
    return found[max(found, key=len)] if found else None
