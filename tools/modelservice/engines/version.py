"""The version of vLLM in a container image."""

from __future__ import annotations

import re
from typing import NamedTuple


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


def vllm_version(image: str) -> Version | None:
    """Return the version of vLLM in an image; None where the name and tag do not tell."""
    if not re.search(r"(^|/)vllm(-openai|-cpu\S*|)(:|@|$)", image) or "/llm-d" in image:
        return None
    match = re.search(r":(v?0\.\d+(?:\.\d+)?)[^/]*$", image.partition("@")[0])
    return Version.parse(match[1]) if match else None
