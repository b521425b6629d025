"""KServe's InferenceService with the Hugging Face runtime, or with a container that runs an engine."""

from modelservice.importers.systems.kserve.inference_service.convert import convert as convert
from modelservice.importers.systems.kserve.inference_service.convert import recognises as recognises
from modelservice.importers.systems.kserve.inference_service.fields import FIELDS as FIELDS
from modelservice.importers.systems.kserve.inference_service.fields import RUNTIME_FIELDS as RUNTIME_FIELDS
from modelservice.importers.systems.kserve.inference_service.runtime import is_runtime as is_runtime
