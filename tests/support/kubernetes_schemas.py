"""Validation of rendered objects against the schemas of Kubernetes and of the CRDs the chart uses.

Every render in a test goes through :func:`problems`, so no test can accept an object that an API server
would refuse. Sources: the package ``kubernetes-validate`` (schemas of Kubernetes, strict: unknown fields
fail) and the CustomResourceDefinitions of pinned Go modules.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema_rs

from localcluster.definitions import definitions

SUPPORTED_VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36")
"""Kubernetes minor versions that the chart supports."""

custom_kinds = True
"""Whether custom kinds are validated too: reading their definitions needs Go (``--without-go``)."""


def problems(objects: list[dict[str, Any]]) -> list[str]:
    """What an API server would refuse in the objects, one line each; empty when all is well."""
    return [
        f"{obj['kind']}/{obj['metadata']['name']}: {problem}"
        for obj in objects
        for check in (_schema_problems, _null_problems, _env_problems, _resource_problems)
        for problem in check(obj)
    ]


def _schema_problems(obj: dict[str, Any]) -> Iterator[str]:
    kind = (obj["apiVersion"], obj["kind"])
    validators = {
        f"Kubernetes {version}": validator
        for version in SUPPORTED_VERSIONS
        if (validator := kubernetes_validator(version, *kind)) is not None
    }
    if not validators and not custom_kinds:
        return
    if not validators and (custom := custom_validator(*kind)) is not None:
        validators = {"its definition": custom}
    if not validators:
        yield f"no supported Kubernetes version and no definition knows {kind[0]} {kind[1]}"
    for source, validator in validators.items():
        for error in validator.iter_errors(obj):
            path = "/".join(str(part) for part in error.instance_path)
            yield f"{source}: {path}: {error.message}"


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}/{index}")


def _null_problems(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in _walk(obj):
        if value is None:
            yield f"{path} is null"


def _env_problems(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in _walk(obj):
        if path.endswith("/env") and isinstance(value, list):
            names = [variable["name"] for variable in value]
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{path} has {name} twice"


def _resource_problems(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in _walk(obj):
        if path.endswith("/resources") and isinstance(value, dict):
            limits, requests = value.get("limits", {}), value.get("requests", {})
            for name in sorted({*limits, *requests}):
                if "/" in name and limits.get(name) != requests.get(name):
                    yield f"{path}: {name} has limit {limits.get(name)} and request {requests.get(name)}"


@functools.cache
def _definitions(version: str) -> dict[str, Any]:
    folder = next(
        entry
        for entry in resources.files("kubernetes_validate").joinpath("kubernetes-json-schema").iterdir()
        if entry.name.startswith(f"v{version}.") and entry.name.endswith("-local-strict")
    )
    loaded: dict[str, Any] = json.loads(folder.joinpath("_definitions.json").read_text())
    return loaded


def kubernetes_schema(version: str, api_version: str, kind: str) -> dict[str, Any] | None:
    """Strict schema of one kind in one Kubernetes version; None if that version does not serve it."""
    group, _, api = api_version.rpartition("/")
    document = _definitions(version)
    root = "$defs" if "$defs" in document else "definitions"
    for name, definition in document[root].items():
        for served in definition.get("x-kubernetes-group-version-kind", []):
            if (served["group"], served["version"], served["kind"]) == (group, api, kind):
                return {"$ref": f"#/{root}/{name}", root: document[root]}
    return None


@functools.cache
def kubernetes_validator(version: str, api_version: str, kind: str) -> jsonschema_rs.Draft7Validator | None:
    """Strict validator of one kind in one Kubernetes version; None if that version does not serve it."""
    schema = kubernetes_schema(version, api_version, kind)
    return None if schema is None else jsonschema_rs.Draft7Validator(schema)


@functools.cache
def custom_schemas() -> list[tuple[str, str, dict[str, Any]]]:
    """Group and version, kind and strict schema of every custom kind of the definitions."""
    found = [each for definition in definitions() for each in strict_schemas(definition)]
    # The definition moved to llm-d's group as it is; the repository it moved to is in no reachable Go module.
    (objective,) = [schema for *_, kind, schema in found if kind == "InferenceObjective"]
    return [*found, ("llm-d.ai/v1alpha2", "InferenceObjective", objective)]


def strict_schemas(definition: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Group and version, kind and strict schema of every version of a CustomResourceDefinition."""
    spec = definition["spec"]
    for version in spec["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        _close(schema)
        yield f"{spec['group']}/{version['name']}", spec["names"]["kind"], schema


@functools.cache
def custom_validator(api_version: str, kind: str) -> jsonschema_rs.Draft7Validator | None:
    """Strict validator of one custom kind; None if none of the definitions has it."""
    found = [schema for *known, schema in custom_schemas() if known == [api_version, kind]]
    return jsonschema_rs.Draft7Validator(found[0]) if found else None


def _close(schema: Any) -> None:
    """Turns a structural OpenAPI schema into a strict JSON schema, in place."""
    if isinstance(schema, list):
        for item in schema:
            _close(item)
    if not isinstance(schema, dict):
        return
    if schema.pop("x-kubernetes-int-or-string", False):
        schema["type"] = ["integer", "string"]
        schema.pop("anyOf", None)
    if "(?i)" in str(schema.get("pattern")):
        del schema["pattern"]  # Go's flags inside a pattern are not in JSON schema's
    for item in schema.values():
        _close(item)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    is_metadata = schema.get("type") == "object" and "properties" not in schema
    if isinstance(schema.get("properties"), dict) and not open_ended and not is_metadata:
        schema["additionalProperties"] = False
