"""Kubernetes types as fields of pydantic models.

A field annotated with :class:`Kubernetes` accepts what the API server accepts: its JSON schema is a reference to
Kubernetes' own definition, whose closure is embedded into the chart's ``values.schema.json``, because Helm and
editors validate without a network.

The definitions come from the package ``kubernetes-validate``, which is needed to generate the schema; to validate
values the definitions in the generated schema are enough.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from modelservice import facts
from modelservice.paths import chart_dir

if TYPE_CHECKING:  # only the models need pydantic, which takes 70 ms to import
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

PLACEHOLDER = "x-kubernetes-type"
PARTIAL = "x-kubernetes-partial"

_IRREGULAR: dict[str, dict[str, Any]] = {
    # Upstream says oneOf, in which null matches both branches and therefore fails.
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number", "null"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer", "null"]},
}

_NOT_FOR_TEMPLATES = {
    "io.k8s.api.core.v1.PodSpec": {"ephemeralContainers"},
    # Volume plugins that no supported version has any more; a pod with one never starts
    # (https://kubernetes.io/docs/concepts/storage/volumes/).
    "io.k8s.api.core.v1.Volume": {
        "cephfs", "flocker", "gitRepo", "glusterfs", "photonPersistentDisk", "quobyte", "rbd", "scaleIO", "storageos",
    },
    # What the API server fills in.
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {
        "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
        "ownerReferences", "resourceVersion", "selfLink", "uid",
    },
}  # fmt: skip
"""Fields that a pod template cannot use. Leaving them out also leaves out the definitions that only they refer to."""


@dataclass(frozen=True)
class Kubernetes:
    """Annotation of a field that holds a Kubernetes object: ``Annotated[dict[str, Any], Kubernetes(name)]``.

    Args:
        name: name of the definition in Kubernetes' OpenAPI document, ``io.k8s.api.core.v1.Toleration``.
        partial: a fragment of the object, to be merged into one: nothing is required at its top level.
    """

    name: str
    partial: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return a placeholder that :func:`link` replaces: pydantic resolves only references that it made."""
        return {PLACEHOLDER: self.name, PARTIAL: self.partial}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate the value against the definition, as Helm does."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._validate, core_schema.dict_schema(strict=True))

    def _validate(self, value: dict[str, Any]) -> dict[str, Any]:
        from pydantic_core import PydanticCustomError

        for error in _validator(definition_name(self.name, self.partial)).iter_errors(value):
            pointer = "".join(f"/{part}" for part in error.instance_path) or "/"
            raise PydanticCustomError(
                "kubernetes", "not a valid {name}: {pointer}: {reason}",
                {"name": self.name.rsplit(".", 1)[-1], "pointer": pointer, "reason": error.message},
            )  # fmt: skip
        return value


@dataclass(frozen=True)
class Violation:
    """A place where a value is not valid for Kubernetes."""

    path: tuple[str | int, ...]
    """Keys and indices of the place."""
    message: str
    unknown: tuple[str, ...] = ()
    """Unknown fields, if those are the violation."""


def violations(name: str, value: Any, partial: bool = False) -> Iterator[Violation]:
    """Yield the violations of a Kubernetes type that the chart's schema embeds.

    Args:
        name: name of the definition, ``io.k8s.api.core.v1.PodSpec``.
        value: the value.
        partial: a fragment, of which nothing is required at its top level.
    """
    for error in _validator(definition_name(name, partial)).iter_errors(value):
        unknown = tuple(getattr(error.kind, "unexpected", ()))
        yield Violation(tuple(error.instance_path), error.message, unknown)


def pod_problem(spec: Any) -> str | None:
    """Return the first type error of a pod spec as ``/containers/0/env: reason``; None if there is none.

    Fields that this version of Kubernetes does not know are left to the API server.
    """
    for violation in violations("io.k8s.api.core.v1.PodSpec", spec, partial=True):
        if not violation.unknown:
            return f"{''.join(f'/{part}' for part in violation.path) or '/'}: {violation.message}"
    return None


def definition_name(name: str, partial: bool) -> str:
    """Return the key of a type under ``definitions``: ``core.v1.Container`` or ``core.v1.Container.partial``."""
    short = name.removeprefix("io.k8s.").removeprefix("api.").removeprefix("apimachinery.pkg.")
    return f"{short}.partial" if partial else short


def link(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace the placeholders of a generated schema with references, and embed their definitions, in place.

    Descriptions of Kubernetes' fields are left out: they are two thirds of the size, and Helm stores the schema with
    every release.

    Raises:
        KeyError: a field names a type that Kubernetes does not have.
    """
    wanted: list[tuple[str, bool]] = []
    for node in _nodes(schema):
        if PLACEHOLDER in node:
            name, partial = node.pop(PLACEHOLDER), node.pop(PARTIAL)
            node["$ref"] = f"#/definitions/{definition_name(name, partial)}"
            wanted.append((name, partial))
    definitions = schema.setdefault("definitions", {})
    while wanted:
        name, partial = wanted.pop()
        key = definition_name(name, partial)
        if key in definitions:
            continue
        definition = _definition(name)
        if partial:
            definition.pop("required", None)
        for node in _nodes(definition):
            if "$ref" in node:
                target = node["$ref"].removeprefix("#/$defs/")
                node["$ref"] = f"#/definitions/{definition_name(target, False)}"
                wanted.append((target, False))
        definitions[key] = definition
    _share_fragments(definitions)
    schema["definitions"] = dict(sorted(definitions.items()))
    return schema


def _share_fragments(definitions: dict[str, Any]) -> None:
    """Define an object whose fragment is embedded too as the fragment with required fields, in place."""
    for fragment in [key for key in definitions if key.endswith(".partial")]:
        whole = definitions.get(fragment.removesuffix(".partial"))
        if whole is not None:
            required = whole["required"]
            whole.clear()
            whole.update({"allOf": [{"$ref": f"#/definitions/{fragment}"}], "required": required})


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in list(schema.values()):
            yield from _nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _nodes(value)


def _definition(name: str) -> dict[str, Any]:
    if name in _IRREGULAR:
        return json.loads(json.dumps(_IRREGULAR[name]))  # type: ignore[no-any-return]
    definition: dict[str, Any] = json.loads(json.dumps(_upstream()[name]))
    _strip(definition)
    for field in _NOT_FOR_TEMPLATES.get(name, ()):
        definition["properties"].pop(field, None)
    return definition


def _strip(schema: Any, properties: bool = False) -> None:
    """Remove descriptions, formats and Kubernetes' extensions; a property may be called ``description``."""
    if isinstance(schema, list):
        for item in schema:
            _strip(item)
    if not isinstance(schema, dict):
        return
    if not properties:
        for key in [key for key in schema if key in ("description", "format") or key.startswith("x-")]:
            del schema[key]
    for key, value in schema.items():
        _strip(value, properties=key == "properties" and not properties)


@functools.cache
def _upstream() -> dict[str, Any]:
    """Return all definitions of the embedded Kubernetes version, which reject unknown fields."""
    folder = f"v{facts.kubernetes().definitions}.0-local-strict"
    file = resources.files("kubernetes_validate") / "kubernetes-json-schema" / folder / "_definitions.json"
    definitions: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["$defs"]
    return definitions


@functools.cache
def _validator(key: str) -> jsonschema_rs.Draft7Validator:
    """Return the validator of an embedded definition, compiled once."""
    return jsonschema_rs.Draft7Validator({"$ref": f"#/definitions/{key}", "definitions": embedded()})


@functools.cache
def embedded() -> dict[str, Any]:
    """Return the definitions in the chart's schema by name, e.g. ``core.v1.Toleration``."""
    schema = json.loads((chart_dir() / "values.schema.json").read_text(encoding="utf-8"))
    definitions: dict[str, Any] = schema["definitions"]
    return definitions


def merge_keys(root: str = "io.k8s.api.core.v1.PodSpec") -> dict[str, str]:
    """Return the merge keys of the lists in a type and in all types of its fields, by the list's name."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    wanted = [root]
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        definition = _upstream()[name]
        for field, schema in definition.get("properties", {}).items():
            if "x-kubernetes-patch-merge-key" in schema:
                found[field] = schema["x-kubernetes-patch-merge-key"]
        wanted += [node["$ref"].removeprefix("#/$defs/") for node in _nodes(definition) if "$ref" in node]
    return dict(sorted(found.items()))
