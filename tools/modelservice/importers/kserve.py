"""KServe: LLMInferenceService, and InferenceService with the Hugging Face runtime."""

from __future__ import annotations

from modelservice.importers import kserve_fields, kserve_isvc, kserve_llm
from modelservice.importers.documents import Document
from modelservice.importers.fields import Ledger
from modelservice.importers.secrets import Vault
from modelservice.importers.serving import Serving
from modelservice.importers.system import Source, System


def _recognises(document: Document) -> bool:
    return any(
        recognises(document)
        for recognises in (kserve_llm.is_service, kserve_llm.is_model_config, kserve_isvc.is_service)
    )


def _convert(document: Document, source: Source, ledger: Ledger, vault: Vault) -> Serving | None:
    if kserve_isvc.is_service(document):
        return kserve_isvc.convert(document, source, ledger, vault)
    if kserve_llm.is_config(document) and any(kserve_llm.is_service(item) for item in source.documents):
        return None
    return kserve_llm.convert(document, source, ledger, vault)


SYSTEM = System(
    name="kserve",
    title="KServe (serving.kserve.io)",
    recognises=_recognises,
    parts=lambda document: kserve_llm.is_config(document) or kserve_isvc.is_runtime(document),
    fields={
        "LLMInferenceService": kserve_fields.FIELDS,
        "InferenceService": kserve_isvc.FIELDS,
        "ServingRuntime": kserve_isvc.RUNTIME_FIELDS,
    },
    convert=_convert,
)
