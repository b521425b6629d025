"""The llm-d ModelService operator: ModelService (llm-d.ai/v1alpha1) with or without its base ConfigMap."""

from __future__ import annotations

from modelservice.importers.systems.llm_d_operator.convert import convert
from modelservice.importers.systems.llm_d_operator.documents import is_base, is_service
from modelservice.importers.systems.llm_d_operator.fields import BASE_FIELDS, FIELDS
from modelservice.importers.systems.system import System

SYSTEM = System(
    name="llm-d-operator",
    title="llm-d's ModelService (llm-d.ai)",
    recognises=is_service,
    parts=is_base,
    fields={"ModelService": FIELDS, "base ConfigMap": BASE_FIELDS},
    convert=convert,
)
