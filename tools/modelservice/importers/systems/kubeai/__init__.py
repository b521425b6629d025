"""KubeAI: Model (kubeai.org/v1), with the resource profiles and images of its chart's values."""

from __future__ import annotations

from modelservice.importers.systems.kubeai.convert import convert
from modelservice.importers.systems.kubeai.fields import CHART_FIELDS, FIELDS
from modelservice.importers.systems.kubeai.model import is_chart_values, is_model
from modelservice.importers.systems.system import System

SYSTEM = System(
    name="kubeai",
    title="KubeAI's Model (kubeai.org)",
    recognises=is_model,
    parts=is_chart_values,
    fields={"Model": FIELDS, "values of KubeAI's chart": CHART_FIELDS},
    convert=convert,
)
