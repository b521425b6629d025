"""The version of vLLM in a container image."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from modelservice.facts.image_versions import image_versions


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
    path, slash, name = image.partition("@")[0].rpartition("/")
    name, _, tag = name.partition(":")
    rule = next((rule for rule in image_versions() if re.search(rule.images, f"{path}{slash}{name}")), None)
    version = rule.version(tag) if rule else None
    return Version.parse(version) if version else None
