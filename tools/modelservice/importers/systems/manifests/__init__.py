"""Plain manifests: a workload of one of several kinds that runs an engine, and what goes with it."""

from __future__ import annotations

from modelservice import facts
from modelservice.engines.grammar import reads_flags
from modelservice.importers.systems.manifests.convert import convert
from modelservice.importers.systems.manifests.fields import FIELDS
from modelservice.importers.systems.manifests.workloads import serves, why_not
from modelservice.importers.systems.system import System

*_OTHERS, _LAST = [engine.title for engine in facts.engines() if reads_flags(engine.type)]

SYSTEM = System(
    name="manifests",
    title=f"a Deployment, StatefulSet, LeaderWorkerSet or DisaggregatedSet that runs {', '.join(_OTHERS)} or {_LAST}",
    recognises=serves,
    why_not=why_not,
    parts=lambda document: bool(document.kind),
    fields=FIELDS,
    convert=convert,
)
