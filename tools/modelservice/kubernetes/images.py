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


def pull_policy(image: str) -> str:
    """Return the pull policy of an image where none is stated: ``Always`` for ``latest`` and for no tag
    (https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting)."""
    name, digest, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if not digest and tag in ("", "latest") else "IfNotPresent"


_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::(?P<port>\d+))?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@(?:sha256:[0-9a-f]{64}|(?!sha256:)[a-z0-9+._-]+:[0-9a-fA-F]{32,}))?"
)
"""https://github.com/distribution/reference"""


def is_image_reference(image: str) -> bool:
    """Return whether an image can be pulled under this name, as far as its form tells."""
    match = _REFERENCE.fullmatch(image)
    return match is not None and 0 < int(match["port"] or 1) <= 65535
