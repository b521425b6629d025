"""KServe: LLMInferenceService, and InferenceService with a runtime that serves language models."""

from __future__ import annotations

from modelservice.importers.source.documents import Document
from modelservice.importers.systems.kserve import inference_service, llm_inference_service
from modelservice.importers.systems.system import Conversion, System
from modelservice.importers.workload import ServedModel


def _recognises(document: Document) -> bool:
    return inference_service.recognises(document) or llm_inference_service.recognises(document)


def _is_part(document: Document) -> bool:
    return inference_service.is_runtime(document) or llm_inference_service.is_config(document)


def _convert(conversion: Conversion) -> ServedModel | None:
    if inference_service.recognises(conversion.document):
        return inference_service.convert(conversion)
    return llm_inference_service.convert(conversion)


SYSTEM = System(
    name="kserve",
    title="KServe (serving.kserve.io)",
    recognises=_recognises,
    parts=_is_part,
    fields={
        "LLMInferenceService": llm_inference_service.FIELDS,
        "InferenceService": inference_service.FIELDS,
        "ServingRuntime": inference_service.RUNTIME_FIELDS,
    },
    convert=_convert,
)
