"""The table of accelerators in ``docs/features/accelerators.md``, from the facts."""

from __future__ import annotations

from modelservice import facts
from modelservice.facts.models import Accelerator
from modelservice.kubernetes.quantity import GIB


def accelerator_table() -> str:
    """Return the Markdown table of the types of accelerators; processors are none."""
    head = "| `accelerator.type` | Accelerators | Extended resource | DeviceClass | Node label |\n|---|---|---|---|---|"
    kinds = [kind for kind in facts.accelerators().types if kind.resource or kind.device_class]
    rows = ((f"`{kind.type}`", kind.title, *_requests(kind), _labels(kind)) for kind in kinds)
    return "\n".join((head, *(f"| {' | '.join(row)} |" for row in rows)))


def product_table() -> str:
    """Return the Markdown table of the memory of products, from the smallest."""
    head = "| `accelerator.type` | Product matches | Memory of an engine, GiB |\n|---|---|---|"
    rows = []
    for kind in facts.accelerators().types:
        for product in kind.products:
            most = product.memory_mib / 1024 if product.memory_mib else float(product.memory_gb)
            least = most if product.memory_mib else product.memory_gb * 1000**3 / GIB
            least -= kind.reserved.gib if kind.reserved else 0
            pattern = product.pattern.replace("|", "\\|")
            rows.append((most, f"| `{kind.type}` | `{pattern}` | {least:.1f} to {most:.1f} |"))
    return "\n".join((head, *(row for _, row in sorted(rows))))


def _requests(kind: Accelerator) -> tuple[str, str]:
    """Return what a pod asks for: by device plugin and by claim."""
    by_plugin = f"`{kind.resource}`" if kind.resource else "none"
    return by_plugin, f"`{kind.device_class}`" if kind.device_class else "none"


def _labels(kind: Accelerator) -> str:
    """Return the label with the product, else the beginnings of the vendor's labels."""
    known = kind.node_labels
    if known is None:
        return "not known"
    return f"`{known.product}`" if known.product else ", ".join(f"`{prefix}…`" for prefix in known.prefixes)
