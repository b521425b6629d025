"""Which version of vLLM the images of a repository hold."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_PATH = Path(__file__).with_name("image-versions.yaml")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True)
class ImageVersions:
    """How the tags of a repository's images tell the version of vLLM."""

    images: str
    """Regular expression for the repository."""
    source: str | list[str]
    """URLs of what says so."""
    tag: str | None = None
    """Regular expression for the tag, with one group; None where tags do not tell the version."""
    releases: Mapping[str, str] = field(default_factory=dict)
    """The version of vLLM by what the group finds; empty where the group is the version."""
    modified: bool = False
    """Whether they are built from changed sources, so that their flags may differ from the release's."""

    def version(self, tag: str) -> str | None:
        """Return the version of vLLM behind a tag; None where it is not known."""
        found = re.search(self.tag, tag) if self.tag else None
        if found is None:
            return None
        return self.releases.get(found[1]) if self.releases else found[1]


@functools.cache
def image_versions() -> tuple[ImageVersions, ...]:
    """Return all rules; the first whose ``images`` finds a repository decides."""
    with _PATH.open(encoding="utf-8") as file:
        return tuple(ImageVersions(**rule) for rule in yaml.load(file, Loader=_Loader))  # noqa: S506
