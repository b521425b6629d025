"""The version of vLLM in a container image."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from modelservice.facts.image_versions import ImageVersions, image_versions


class Version(NamedTuple):
    """A version of vLLM; compares with others and with tuples such as ``(0, 16)``."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Return the version at the start of a text such as ``v0.11.0rc2``; None where there is none."""
        match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
        return cls(*(int(part) for part in match.groups(default="0"))) if match else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@functools.cache
def vllm_version(image: str) -> Version | None:
    """Return the version of vLLM in an image; None where its name and tag do not tell."""
    known, tag = _known(image)
    version = known.version(tag) if known else None
    return Version.parse(version) if version else None


@functools.cache
def is_modified(image: str) -> bool:
    """Return whether an image is known to be built from changed sources of vLLM."""
    known, _ = _known(image)
    return known is not None and known.modified


def _known(image: str) -> tuple[ImageVersions | None, str]:
    """Return what is known of an image's repository, and its tag."""
    path, slash, name = image.partition("@")[0].rpartition("/")
    name, _, tag = name.partition(":")
    return next((known for known in image_versions() if re.search(known.images, f"{path}{slash}{name}")), None), tag
