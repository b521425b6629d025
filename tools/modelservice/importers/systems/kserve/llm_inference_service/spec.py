"""The spec of an LLMInferenceService, over its base configurations and with its templates evaluated."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from modelservice.importers.source.documents import Document
from modelservice.importers.source.go_templates import Templates
from modelservice.importers.systems.kserve.llm_inference_service import presets
from modelservice.importers.systems.kserve.llm_inference_service.fields import FIELDS
from modelservice.importers.systems.system import Conversion
from modelservice.kubernetes import merge

GROUP = "serving.kserve.io"


def is_service(document: Document) -> bool:
    """Return whether a document is an LLMInferenceService."""
    return document.kind == "LLMInferenceService" and document.group == GROUP


def is_config(document: Document) -> bool:
    """Return whether a document is a base configuration or a preset."""
    return document.kind == "LLMInferenceServiceConfig" and document.group == GROUP


def recognises(document: Document) -> bool:
    """Return whether a document is a service, or a configuration that names a model, so that it could be one."""
    if is_service(document):
        return True
    spec = document.data.get("spec")
    named = is_config(document) and isinstance(spec, dict) and "model" in spec
    return named and not document.name.startswith(presets.PREFIX)


def read_spec(conversion: Conversion, data: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of the document, complete.

    Args:
        conversion: the conversion.
        data: the document, of the declared types.

    Raises:
        ModelserviceError: it names no model, or a template fails.
    """
    spec = _over_bases(conversion, data.get("spec", {}))
    if not spec.get("model", {}).get("uri"):
        raise conversion.error("it names no model", ("spec", "model"), key="spec.model.uri")
    return _evaluated(conversion, spec, conversion.namespace(data) or "default")


def _over_bases(conversion: Conversion, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec over its base configurations, the last one first."""
    report, documents = conversion.report, conversion.source.documents
    merged: dict[str, Any] = {}
    for index, reference in enumerate(spec.get("baseRefs", [])):
        name = reference.get("name")
        found = next((item for item in documents if is_config(item) and item.name == name), None)
        if found is None:
            why = (
                f"the LLMInferenceServiceConfig {name} is not among the files; add the output of kubectl get "
                f"llminferenceserviceconfig {name} -o yaml"
            )
            report.lost(("spec", "baseRefs", index, "name"), why, document=conversion.document)
            continue
        merged = merge.strategic(merged, conversion.read(FIELDS, found).get("spec", {}))
    for other in documents:
        if is_config(other) and other.name.startswith(presets.PREFIX):
            conversion.source.use(other)
            report.kept(other.title, "KServe's presets are known; the values have what counts of them")
    return merge.strategic(merged, {key: value for key, value in spec.items() if key != "baseRefs"})


def _evaluated(conversion: Conversion, spec: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Return the spec with KServe's templates evaluated."""
    name = conversion.document.name
    variables = {
        "ObjectMeta": {"Name": name, "Namespace": namespace},
        "Spec": {"Model": {"Name": spec["model"].get("name") or name}},
        "GlobalConfig": {
            "EnableTLS": False,
            "IngressGatewayName": "kserve-ingress-gateway",
            "IngressGatewayNamespace": "kserve",
        },
    }
    result = copy.deepcopy(spec)
    slots = {str(index): slot for index, slot in enumerate(_templates(result))}
    where = conversion.document.where()
    texts = {index: (_child_names(holder[key]), where) for index, (holder, key) in slots.items()}
    templates = Templates(variables, {"ChildName": '{{- printf "%s%s" .a .b -}}'})
    for index, text in templates.render(texts).items():
        holder, key = slots[index]
        holder[key] = text
    conversion.report.note_changing(templates.changing)
    return result


def _templates(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the holder and key of every string with a template."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        if isinstance(item, str) and "{{" in item:
            yield value, key
        else:
            yield from _templates(item)


def _child_names(text: str) -> str:
    """Return a template without KServe's ChildName, which joins name and suffix and hashes only long names."""
    return re.sub(r"\bChildName\s+(\S+)\s+(`[^`]*`|\"[^\"]*\")", r'printf "%s%s" \1 \2', text)
