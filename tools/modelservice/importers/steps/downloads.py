"""What a download of the model needs: revision, mirror and token."""

from __future__ import annotations

import re

from modelservice.importers.source.go_templates import escaped
from modelservice.importers.steps.model import values_of
from modelservice.importers.values_builder import ValuesBuilder

_WITH_REVISIONS = ("hf", "ms", "pvc+hf")


def set_revision(builder: ValuesBuilder) -> None:
    """Take ``--revision`` where both roles load the same one; give ``modelArtifacts.revision``."""
    engines = [role.engine for role in builder.roles]
    found = values_of(engines[0], "revision")
    scheme = (builder.uri or "").partition("://")[0]
    if scheme not in _WITH_REVISIONS or not found or not all(role.derived for role in builder.roles):
        return
    if all(values_of(engine, "revision") == found for engine in engines):
        for engine in engines:
            engine.take("revision")
        builder.section("modelArtifacts")["revision"] = found[0]


def set_endpoint(builder: ValuesBuilder) -> None:
    """Take the variables of another hub; give ``modelArtifacts.endpoint``, or a URI of ModelScope."""
    artifacts = builder.section("modelArtifacts")
    uri = builder.uri or ""
    if not uri.startswith("hf://"):
        return
    if all(role.derived for role in builder.roles) and take_variable(builder, "VLLM_USE_MODELSCOPE", "True"):
        builder.uri = f"ms://{uri.removeprefix('hf://')}"
        artifacts["uri"] = escaped(builder.uri)
        return
    variables = builder.served_by.container.get("env", [])
    mirror = next((item.get("value") for item in variables if item["name"] == "HF_ENDPOINT"), None)
    if mirror and re.fullmatch(r"https?://[^\s{}$]+", mirror) and take_variable(builder, "HF_ENDPOINT", mirror):
        artifacts["endpoint"] = mirror


def set_token(builder: ValuesBuilder) -> None:
    """Take the Hugging Face token from a Secret; give ``modelArtifacts.authSecretName`` and ``authSecretKey``."""
    if (builder.uri or "").startswith("ms://"):
        return  # there the chart's variable is ModelScope's
    artifacts = builder.section("modelArtifacts")
    for role in builder.roles:
        for variable in list(role.container.get("env", [])):
            reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
            if variable["name"] != "HF_TOKEN" or set(reference) != {"name", "key"}:
                continue
            given = {"authSecretName": reference["name"], "authSecretKey": reference["key"]}
            if all(artifacts.setdefault(key, value) == value for key, value in given.items()):
                role.container["env"].remove(variable)


def take_variable(builder: ValuesBuilder, name: str, value: str) -> bool:
    """Take a variable out of all engines, where all have it with this value; return whether they had."""
    variable = {"name": name, "value": value}
    containers = [role.container for role in builder.roles]
    if not all(variable in container.get("env", []) for container in containers):
        return False
    for container in containers:
        container["env"] = [item for item in container["env"] if item != variable]
    return True
