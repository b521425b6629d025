"""KServe's LLMInferenceService with its base configurations and presets."""

from modelservice.importers.systems.kserve.llm_inference_service.convert import convert as convert
from modelservice.importers.systems.kserve.llm_inference_service.fields import FIELDS as FIELDS
from modelservice.importers.systems.kserve.llm_inference_service.spec import is_config as is_config
from modelservice.importers.systems.kserve.llm_inference_service.spec import recognises as recognises
