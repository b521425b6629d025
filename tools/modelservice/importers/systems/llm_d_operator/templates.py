"""The operator's templates, evaluated by Helm's engine, which has the same text/template and sprig."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from modelservice.documents import Source, documents, parse
from modelservice.errors import ModelserviceError
from modelservice.importers.report import ConversionReport, Outcome
from modelservice.importers.source.documents import Document, dotted
from modelservice.importers.source.fields import Field
from modelservice.importers.source.go_templates import Templates
from modelservice.importers.source.kubernetes_fields import DEPLOYMENT, OBJECT
from modelservice.importers.source.reader import read_fields
from modelservice.importers.systems.llm_d_operator.documents import KEYS, ROLES, Checked
from modelservice.importers.systems.llm_d_operator.names import Names
from modelservice.kubernetes.names import dns_label

ROOT = "/model-cache"
"""Where the operator mounts the model; the chart's default is taken from it."""

_ANY_OBJECT = (
    *OBJECT,
    Field("metadata", ""),
    Field("spec", "", type="object"),
    Field("data", ""),
    Field("binaryData", ""),
    Field("immutable", ""),
)
_FIELDS = dict.fromkeys(("prefillDeployment", "decodeDeployment", "eppDeployment"), DEPLOYMENT)


def variables(service: Checked, namespace: str) -> dict[str, str]:
    """Return the operator's template variables.

    Raises:
        ModelserviceError: the operator cannot load the model.
    """
    spec, names = service.spec, Names(service.name)
    path, mounted = _model_paths(service)
    return {
        "ModelServiceName": names.model,
        "ModelServiceNamespace": namespace,
        "ModelName": spec["routing"]["modelName"],
        "HFModelName": path if mounted == ROOT else "",
        "SanitizedModelName": dns_label(spec["routing"]["modelName"]),
        "ModelPath": path,
        "MountedModelPath": mounted,
        "AuthSecretName": spec["modelArtifacts"].get("authSecretName", ""),
        "EPPServiceName": names.epp_service,
        "EPPDeploymentName": names.epp,
        "PrefillDeploymentName": names.prefill,
        "DecodeDeploymentName": names.decode,
        "PrefillServiceName": names.prefill_service,
        "DecodeServiceName": names.decode_service,
        "InferencePoolName": names.pool,
        "InferenceModelName": names.model,
    }


def _model_paths(service: Checked) -> tuple[str, str]:
    """Return the model's path in its store, and the path that the engine reads."""
    uri = service.spec["modelArtifacts"]["uri"]
    scheme, _, rest = uri.partition("://")
    at = ("spec", "modelArtifacts", "uri")
    message, fix = f"the operator does not support {uri!r}", "use hf://organisation/model or pvc://claim/path"
    if scheme == "hf":
        message = f"{uri!r} is not hf://organisation/model"
        if len(rest.split("/")) == 2 and all(rest.split("/")):
            return rest, ROOT
    elif scheme == "pvc":
        message = f"{uri!r} is not pvc://claim/path"
        claim, _, path = rest.partition("/")
        if claim and path:
            return path, f"{ROOT}/{path}"
    raise ModelserviceError(message, file=service.document.where(at), key=dotted(at), fix=fix)


class OperatorTemplates(Templates):
    """Templates with the operator's variables and its ``getPort``."""

    def __init__(self, service: Checked, namespace: str) -> None:
        ports = {item["name"]: str(item["port"]) for item in service.spec["routing"].get("ports", [])}
        super().__init__({**variables(service, namespace), _PORTS_KEY: ports}, {"getPort": _PORTS})

    def render(self, texts: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """Return texts by key, rendered.

        Raises:
            ModelserviceError: a template names a variable that the operator does not have.
        """
        for text, where in texts.values():
            self._check_variables(text, where)
        return super().render({key: (_with_ports(text), where) for key, (text, where) in texts.items()})

    def _check_variables(self, text: str, where: str) -> None:
        if re.search(r"\b(range|with)\b", text):
            return  # the dot is something else there
        known = sorted(set(self.variables) - {_PORTS_KEY})
        for action in _ACTION.findall(text):
            bare = re.sub(r'"(?:[^"\\]|\\.)*"|`[^`]*`', "", action)
            for name in re.findall(r"(?:(?<=[\s({|,])|^|\$)\.([A-Z]\w*)", bare):
                if name not in known:
                    fix = f"use one of {', '.join(known)}"
                    raise ModelserviceError(f"the operator has no variable .{name}", file=where, fix=fix)


_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PORTS_KEY = "modelserviceNamedPorts"
_PORTS = '{{ index .ports .name | default "-1" }}'
_ARGUMENT = r'("(?:[^"\\]|\\.)*"|`[^`]*`|\$?\.?[A-Za-z_][\w.]*|\$[\w.]*)'


def _with_ports(text: str) -> str:
    """The text with calls of ``getPort``, which Helm does not have, as calls of a named template."""
    call = f'(include "getPort" (dict "ports" $.{_PORTS_KEY} "name" {{}}) | int)'

    def action(match: re.Match[str]) -> str:
        piped = re.sub(_ARGUMENT + r"\s*\|\s*getPort\b", lambda found: call.format(found[1]), match[0])
        return re.sub(r"\bgetPort\s+" + _ARGUMENT, lambda found: call.format(found[1]), piped)

    return _ACTION.sub(action, text)


def render_arguments(service: Checked, templates: Templates) -> Checked:
    """Return a ModelService with the arguments of its prefill and decode containers rendered."""
    data = copy.deepcopy(dict(service.data))
    texts: dict[str, tuple[str, str]] = {}
    slots: dict[str, tuple[list[str], int]] = {}
    for role in ROLES:
        for kind in ("initContainers", "containers"):
            for index, container in enumerate(data["spec"].get(role, {}).get(kind, [])):
                for number, argument in enumerate(container.get("args", [])):
                    path = ("spec", role, kind, index, "args", number)
                    texts[dotted(path)] = (argument, service.document.where(path))
                    slots[dotted(path)] = (container["args"], number)
    for key, text in templates.render(texts).items():
        arguments, number = slots[key]
        arguments[number] = text
    return Checked(data, service.document)


def render_base(base: Checked, templates: Templates, report: ConversionReport) -> dict[str, Any]:
    """Return the objects in a base ConfigMap, their templates rendered.

    Raises:
        ModelserviceError: a template fails, or what it renders to is not an object.
    """
    data = base.data.get("data", {})
    texts = {key: (data[key], base.document.where(("data", key))) for key in KEYS if data.get(key, "").strip()}
    found: dict[str, Any] = {}
    for key, text in templates.render(texts).items():
        place = texts[key][1]
        parsed = _parse(key, text, place)
        if isinstance(parsed, Document):
            inner = ConversionReport()
            found[key] = read_fields(parsed, _FIELDS.get(key, _ANY_OBJECT), inner)
            for note in inner.notes:
                if note.outcome is Outcome.lost:
                    report.lost(f"data.{key}.{note.path}", note.why, unknown=note.unknown)
        elif parsed is not None:
            found[key] = parsed
    return found


def _parse(key: str, text: str, place: str) -> Document | list[Any] | None:
    """Return what a key of the base renders to: an object, or a list of ConfigMaps; None for nothing."""
    try:
        source = Source(key, text)
        parsed, node = next(iter(documents(source)), None), next(iter(parse(source)), None)
    except ModelserviceError as error:
        problem = error.problems[0]
        line = (problem.file or "").removeprefix(f"{key}:")
        raise ModelserviceError(f"{key} renders to {problem.message}, line {line} of it", file=place) from None
    if parsed is None or node is None:
        return None
    wanted, words = (list, "a list") if key == "configMaps" else (dict, "a mapping")
    if not isinstance(parsed, wanted):
        raise ModelserviceError(f"{key} is not {words}", file=place)
    return parsed if isinstance(parsed, list) else Document(parsed, f"{place} ({key})", node)
