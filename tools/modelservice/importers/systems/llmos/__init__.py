"""LLMOS: ModelService (ml.llmos.ai/v1)."""

from __future__ import annotations

from modelservice.importers.source.documents import Document
from modelservice.importers.systems.llmos.convert import convert
from modelservice.importers.systems.llmos.fields import FIELDS
from modelservice.importers.systems.system import System


def is_service(document: Document) -> bool:
    """Return whether a document is LLMOS's ModelService."""
    return document.kind == "ModelService" and document.group == "ml.llmos.ai"


SYSTEM = System(
    name="llmos",
    title="LLMOS's ModelService (ml.llmos.ai)",
    recognises=is_service,
    parts=lambda document: False,
    fields={"ModelService": FIELDS},
    convert=convert,
)
