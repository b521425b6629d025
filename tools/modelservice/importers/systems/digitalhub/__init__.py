"""DigitalHub: function, task and run of the runtimes kubeai, vllmserve and huggingfaceserve."""

from __future__ import annotations

from modelservice.importers.systems.digitalhub import documents
from modelservice.importers.systems.digitalhub.convert import convert
from modelservice.importers.systems.digitalhub.fields import BUNDLE
from modelservice.importers.systems.system import System

SYSTEM = System(
    name="digitalhub",
    title="DigitalHub's functions and runs",
    recognises=documents.recognises,
    parts=documents.is_part,
    fields={"function, task and run": BUNDLE},
    convert=convert,
)
