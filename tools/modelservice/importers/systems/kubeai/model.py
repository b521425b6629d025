"""KubeAI's Model and the values of KubeAI's chart, as they are read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from modelservice.errors import ModelserviceError
from modelservice.importers.report import ConversionReport, Outcome
from modelservice.importers.source.documents import Document, Path
from modelservice.importers.source.reader import read_fields
from modelservice.importers.systems.kubeai.fields import CHART_FIELDS
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Pod, ServedModel

ENGINES = ("VLLM", "OLlama", "FasterWhisper", "Infinity")
"""Engines that a Model may name."""

_ABOUT_MODELS = ("resourceProfiles.", "cacheProfiles.", "modelServerPods.")
"""Parts of the chart's values in which an unknown field is worth a note."""


def is_model(document: Document) -> bool:
    """Return whether a document is KubeAI's Model."""
    return document.kind == "Model" and document.group == "kubeai.org"


def is_chart_values(document: Document) -> bool:
    """Return whether a document is KubeAI's system configuration or values of its chart."""
    return not document.kind and any(
        isinstance(document.data.get(key), dict) for key in ("resourceProfiles", "modelServers")
    )


@dataclass
class Model:
    """A Model and what KubeAI runs for it.

    Args:
        conversion: the conversion.
        metadata: its metadata.
        spec: its spec.
        at: path of the spec in the document.
        chart: values of KubeAI's chart; empty where they are not among the files.
        served: what the conversion returns, under construction.
        container: the engine's container, under construction.
        pod: the pod, under construction.
    """

    conversion: Conversion
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    at: Path
    chart: Mapping[str, Any]
    served: ServedModel
    container: dict[str, Any] = field(default_factory=dict)
    pod: Pod = field(default_factory=dict)

    @property
    def url(self) -> SplitResult:
        """``spec.url`` in its parts."""
        return urlsplit(str(self.spec["url"]))

    @property
    def reference(self) -> str:
        """``spec.url`` without scheme and query."""
        return f"{self.url.netloc}{self.url.path}".strip("/")

    @property
    def query(self) -> dict[str, str]:
        """The query of ``spec.url``; the last value of a key counts."""
        return {key: values[-1] for key, values in parse_qs(self.url.query).items()}

    def artifacts(self) -> dict[str, Any]:
        """Return ``modelArtifacts`` of the further values."""
        section: dict[str, Any] = self.served.settings.setdefault("modelArtifacts", {})
        return section

    def url_error(self, why: str, fix: str) -> ModelserviceError:
        """Return an error about the model's URL."""
        return self.conversion.error(f"{self.spec['url']}: {why}", (*self.at, "url"), key="spec.url", fix=fix)


def check(conversion: Conversion, data: Mapping[str, Any], at: Path) -> None:
    """Check what KubeAI's own schema requires.

    Raises:
        ModelserviceError: a field is missing, or two contradict each other.
    """
    spec = data.get("spec", {})
    name = data.get("metadata", {}).get("name", "")
    for key, value in (("metadata.name", name), ("spec.url", spec.get("url")), ("spec.engine", spec.get("engine"))):
        if not value:
            raise conversion.error("it is missing, and KubeAI requires it", at, key=key)
    if spec["engine"] not in ENGINES:
        fix = f"set {', '.join(sorted(ENGINES))}"
        raise conversion.error(f"no engine {spec['engine']}", (*at, "engine"), key="spec.engine", fix=fix)
    paths = [item.get("path", "") for item in spec.get("files", [])]
    for broken, key, why in (
        (spec.get("minReplicas", 0) > spec.get("maxReplicas", 10**9), "maxReplicas", "it is less than minReplicas"),
        (bool(spec.get("adapters")) and spec["engine"] != "VLLM", "adapters", "only the engine VLLM has adapters"),
        (len(set(paths)) < len(paths), "files", "two files have the same path"),
        (any(not path.startswith("/") for path in paths), "files", "a path is not absolute"),
    ):
        if broken:
            raise conversion.error(why, (*at, key), key=f"spec.{key}")


def chart_values(conversion: Conversion) -> dict[str, Any]:
    """Return the values of KubeAI's chart among the documents; empty where there are none.

    Most of them are not about models and are left aside.
    """
    document = next((item for item in conversion.source.documents if is_chart_values(item)), None)
    if document is None:
        return {}
    conversion.source.use(document)
    tops = {item.path.split(".")[0] for item in CHART_FIELDS}
    about_models = {key: document.data[key] for key in tops if key in document.data}
    report = ConversionReport()
    values = read_fields(Document(about_models, document.file, document.node), CHART_FIELDS, report)
    conversion.report.extend(
        note
        for note in report.notes
        if note.outcome is Outcome.lost and (not note.unknown or note.path.startswith(_ABOUT_MODELS))
    )
    return values
