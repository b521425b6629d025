"""Deployments of other systems to import, and values that people really use; see :func:`support.render.shared`."""

from __future__ import annotations

from modelservice.importers.source.documents import read_documents
from modelservice.importers.systems import SYSTEMS
from support.render import SHARED, shared

COMPANIONS = {
    "kubeai": "kubeai/system-values.yaml",
    "kserve": "kserve-isvc/runtime--kserve-huggingfaceserver.yaml",
    "llm-d-operator": "",
}
"""What belongs to every sample of a system."""


def samples() -> list[str]:
    """Files with a model, under the folder of samples; none where they are not there."""
    root = SHARED / "samples"
    found = []
    for path in sorted(root.rglob("*.y*ml")):
        relative = str(path.relative_to(root))
        if "generate-golden" in relative or "crd-" in relative:
            continue
        documents = read_documents([str(path)])
        if any(system.recognises(item) for system in SYSTEMS.values() for item in documents):
            found.append(relative)
    return found


def files_of(sample: str) -> list[str]:
    """A sample and what belongs to it."""
    folder, _, _ = sample.partition("/")
    base = {"simple-model/granite3.2.yaml": "simple-model/simple-baseconfig.yaml"}.get(sample.partition("/")[2])
    if folder == "llm-d-operator":
        base = base or "test/baseconfig.yaml"
        return [str(shared(f"samples/{sample}")), str(shared(f"samples/llm-d-operator/{base}"))]
    system = {"kserve-isvc": "kserve", "kserve-llmisvc": "kserve"}.get(folder, folder)
    companion = COMPANIONS.get(system, "")
    return [str(shared(f"samples/{sample}")), *([str(shared(f"samples/{companion}"))] if companion else [])]


def real_values() -> list[str]:
    """Real values files, relative to their folder; none where the data is absent."""
    folder = SHARED / "upstream" / "real-values"
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*.yaml")))
    return [str(path) for path in files if path.parts[0] != "gaie" and path.parent.name != "pvc"] or ["absent"]
