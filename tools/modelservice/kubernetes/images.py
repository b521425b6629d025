"""Names of container images."""

from __future__ import annotations

import re


def image_name(image: str) -> str:
    """Return the last part of an image's repository: ``team/web:1@sha256:…`` as ``web``."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def image_version(image: str) -> tuple[int, ...] | None:
    """Return the version in an image's tag, ``v0.10.0`` as ``(0, 10, 0)``; None for ``latest`` and the like."""
    match = re.search(r":v?(\d+)\.(\d+)(?:\.(\d+))?[^/]*$", image.partition("@")[0])
    return tuple(int(part) for part in match.groups(default="0")) if match else None
