"""Plain manifests: a Deployment, StatefulSet or LeaderWorkerSet that runs vLLM or SGLang, and what goes with it."""

from __future__ import annotations

from modelservice.importers.systems.manifests.convert import convert
from modelservice.importers.systems.manifests.fields import FIELDS
from modelservice.importers.systems.manifests.workloads import serves
from modelservice.importers.systems.system import System

SYSTEM = System(
    name="manifests",
    title="a Deployment, StatefulSet or LeaderWorkerSet that runs vLLM or SGLang",
    recognises=serves,
    parts=lambda document: bool(document.kind),
    fields=FIELDS,
    convert=convert,
)
