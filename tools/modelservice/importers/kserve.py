"""KServe: LLMInferenceService, and InferenceService with the Hugging Face runtime."""

from __future__ import annotations

from modelservice.importers import kserve_llm
from modelservice.importers.documents import Document
from modelservice.importers.fields import Ledger
from modelservice.importers.secrets import Vault
from modelservice.importers.serving import Serving
from modelservice.importers.system import Source, System


def _recognises(document: Document) -> bool:
    return kserve_llm.is_service(document) or kserve_llm.is_model_config(document)


def _convert(document: Document, source: Source, ledger: Ledger, vault: Vault) -> Serving | None:
    if kserve_llm.is_config(document) and any(kserve_llm.is_service(item) for item in source.documents):
        return None
    return kserve_llm.convert(document, source, ledger, vault)


SYSTEM = System(
    name="kserve",
    title="KServe (serving.kserve.io)",
    recognises=_recognises,
    parts=kserve_llm.is_config,
    fields={"LLMInferenceService": kserve_llm.FIELDS},
    convert=_convert,
)
