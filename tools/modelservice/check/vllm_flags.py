"""Flags of pods that run vLLM, compared with the arguments of their version."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modelservice import facts
from modelservice.check.finding import Severity
from modelservice.engines import arguments as vllm
from modelservice.engines.command import Option
from modelservice.engines.version import Version, is_modified
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.suggest import misspelt


class Compared(NamedTuple):
    """Pods that run vLLM, and the arguments that their flags are compared with."""

    group: PodGroup
    known: vllm.Table
    version: Version | None
    """Version of the image as far as it is known."""
    modified: bool
    """Whether the image is built from changed sources."""

    @property
    def severity(self) -> Severity | None:
        """Severity of what these arguments reject: None, the rule's own, only where the image has exactly them."""
        if self.version is not None and not self.known.exact:
            return Severity.info
        return Severity.warning if self.version is None or self.modified else None

    @property
    def value_severity(self) -> Severity | None:
        """Severity of a value of another type: of a flag that is known, only another version may change it."""
        return Severity.info if self.version is not None and not self.known.exact else None

    @property
    def title(self) -> str:
        """The version for a sentence, with the reason where it is not certain."""
        if self.version is None:
            return f"vLLM {self.known.version} (the image's tag does not tell the version)"
        return f"vLLM {self.known.version}" + (" (the image is built from changed sources)" if self.modified else "")


def compared_with_vllm(deployment: Deployment) -> Iterator[Compared]:
    """Yield the pods that run vLLM, with what their flags are compared with."""
    for group in deployment.servers:
        if group.command.engine == "vllm":
            version = deployment.engine_version(group)
            stated = deployment.vllm_version is not None and deployment.engine_upgrade is None
            modified = not stated and is_modified(group.engine.image)
            yield Compared(group, vllm.table(version), version, modified)


class Unknown(NamedTuple):
    """What to report about a flag that is not known."""

    message: str
    fix: str
    severity: Severity | None
    name: str | None = None
    """Another name for it, without dashes."""
    sure: bool = False
    """Whether no other name can be meant."""


def unknown_flag(flag: Option, compared: Compared) -> Unknown:
    """Return what to report about a flag that is not known."""
    spelling, known, severity = flag.spelling, compared.known, compared.severity
    message = f"{compared.title} does not know {spelling}"
    runs, removed = vllm.history(spelling), vllm.removed(spelling)
    before = [last for _, last in runs if last < known.version] + ([removed] if removed else [])
    if before:
        fix = vllm.replacement(spelling) or f"remove it, or use an image of vLLM {before[-1]} or older"
        return Unknown(f"{message}, which was removed after {before[-1]}", fix, severity)
    if runs:
        fix = f"remove it, or use an image of vLLM {runs[0][0]} or newer"
        return Unknown(f"{message}, which appeared in {runs[0][0]}", fix, severity)
    if spelling.startswith("-") and not spelling.startswith("--") and known.find(f"-{spelling}"):
        return Unknown(f"{spelling} is read as several short flags", f"use -{spelling}", None, spelling[1:], True)
    near = known.nearest(spelling)
    if other := _other_engines().get(spelling.lstrip("-").replace("_", "-")):
        title, own = other
        return Unknown(
            f"{message}, which is a flag of {title}", f"use --{own}", compared.value_severity, own, known.exact
        )
    if severity is Severity.warning and misspelt(vllm.canonical(spelling), known.by_flag):
        severity = None
    elif severity is Severity.warning and near is None:
        severity = Severity.info  # a newer version or another distribution may have it
    sure = severity is not Severity.info and misspelt(vllm.canonical(spelling), known.by_flag) == near
    return Unknown(
        message, f"did you mean {near}?" if near else "remove it", severity, near.lstrip("-") if near else None, sure
    )


@functools.cache
def _other_engines() -> Mapping[str, tuple[str, str]]:
    """Return flags of other engines, each with the engine's title and vLLM's flag of the same meaning."""
    return {
        own: (engine.title, name)
        for engine in facts.engines()
        for name, own in (engine.flags.foreign if engine.flags else {}).items()
        if own and not vllm.history(f"--{own}")
    }
