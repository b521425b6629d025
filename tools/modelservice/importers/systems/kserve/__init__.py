"""KServe: LLMInferenceService, and InferenceService with the Hugging Face runtime."""

from __future__ import annotations

from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import ConversionReport
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.systems.kserve import fields, inference_service, llm_inference_service
from modelservice.importers.systems.system import Source, System
from modelservice.importers.workload import ServedModel


def _recognises(document: Document) -> bool:
    return any(
        recognises(document)
        for recognises in (
            llm_inference_service.is_service,
            llm_inference_service.is_model_config,
            inference_service.is_service,
        )
    )


def _convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel | None:
    if inference_service.is_service(document):
        return inference_service.convert(document, source, report, secrets)
    if llm_inference_service.is_config(document) and any(
        llm_inference_service.is_service(item) for item in source.documents
    ):
        return None
    return llm_inference_service.convert(document, source, report, secrets)


SYSTEM = System(
    name="kserve",
    title="KServe (serving.kserve.io)",
    recognises=_recognises,
    parts=lambda document: llm_inference_service.is_config(document) or inference_service.is_runtime(document),
    fields={
        "LLMInferenceService": fields.FIELDS,
        "InferenceService": inference_service.FIELDS,
        "ServingRuntime": inference_service.RUNTIME_FIELDS,
    },
    convert=_convert,
)
