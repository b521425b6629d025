"""Deployments of other systems to import, and values that people really use; see :func:`support.render.shared`."""

from __future__ import annotations

from pathlib import Path

from modelservice.importers.source.documents import read_documents
from modelservice.importers.systems import SYSTEMS
from support.render import ROOT, SHARED, shared

WRITTEN = ROOT / "tests" / "data" / "samples"
"""Samples that were written for the tests, by system."""

COMPANIONS = {
    "kubeai": "kubeai/system-values.yaml",
    "kserve": "kserve-isvc/runtime--kserve-huggingfaceserver.yaml",
    "llm-d-operator": "",
}
"""What belongs to every sample of a system."""


def sample(relative: str) -> Path:
    """A sample by its path: one that was written for the tests, else one of the shared folder."""
    written = WRITTEN / relative
    return written if written.exists() else shared(f"samples/{relative}")


def samples() -> list[str]:
    """Files with a model, under the folders of samples; the written ones only where the others are not there."""
    found = []
    for root in (SHARED / "samples", WRITTEN):
        for path in sorted(root.rglob("*.y*ml")):
            relative = str(path.relative_to(root))
            if "generate-golden" in relative or "crd-" in relative:
                continue
            documents = read_documents([str(path)])
            if any(system.recognises(item) for system in SYSTEMS.values() for item in documents):
                found.append(relative)
    return found


def files_of(relative: str) -> list[str]:
    """A sample and what belongs to it."""
    folder, _, _ = relative.partition("/")
    base = {"simple-model/granite3.2.yaml": "simple-model/simple-baseconfig.yaml"}.get(relative.partition("/")[2])
    if folder == "llm-d-operator":
        base = base or "test/baseconfig.yaml"
        return [str(sample(relative)), str(sample(f"llm-d-operator/{base}"))]
    system = {"kserve-isvc": "kserve", "kserve-llmisvc": "kserve"}.get(folder, folder)
    companion = COMPANIONS.get(system, "")
    return [str(sample(relative)), *([str(sample(companion))] if companion else [])]


def real_values() -> list[str]:
    """Real values files, relative to their folder; none where the data is absent."""
    folder = SHARED / "upstream" / "real-values"
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*.yaml")))
    return [str(path) for path in files if path.parts[0] != "gaie" and path.parent.name != "pvc"] or ["absent"]
