"""Kubernetes quantities as numbers (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""

from __future__ import annotations

import re
from decimal import Decimal

GIB = 1024**3
"""Bytes of a GiB."""
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}  # fmt: skip


def quantity(text: object) -> Decimal | None:
    """The number of a quantity, ``"16Gi"`` as bytes; None for what is no quantity."""
    match = re.fullmatch(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([numkMGTPE]?i?)", str(text).strip())
    if match is None or match[2] not in _SUFFIXES:
        return None
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def shown(number: Decimal) -> str:
    """Bytes for people: ``137 GiB``, ``512 MiB``."""
    for unit, size in (("GiB", Decimal(GIB)), ("MiB", Decimal(1024) ** 2)):
        if number >= size:
            return f"{number / size:.0f} {unit}"
    return f"{number:.0f} bytes"
