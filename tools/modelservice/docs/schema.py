"""Generate the chart's ``values.schema.json`` from the models of :mod:`modelservice.values`.

Helm compiles the schema in every render, which takes time for each subschema and each regular expression. Subschemas
that occur more than once are therefore definitions to which the fields refer.

Editors complete and explain keys by the same file, through the YAML language server. Its keywords
``patternErrorMessage`` and ``deprecationMessage`` are read by no validator.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from modelservice.docs.keys import Model, models, plain
from modelservice.kubernetes.types import link
from modelservice.values.scalars import WORDS

_ANNOTATIONS = ("description", "default", "examples", "deprecated", "deprecationMessage")
"""Keywords that say something about a field and do not validate it."""


class _Draft7(GenerateJsonSchema):
    """JSON schema as Helm reads it best: draft-07, and null as one of a value's types.

    ``type: [integer, "null"]`` gives the message "got string, want null or integer"; pydantic's own ``anyOf`` would
    give a tree of them.
    """

    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if "$ref" in inner or "x-kubernetes-type" in inner:
            return inner  # every definition allows null itself
        if "const" in inner:
            inner["enum"] = [inner.pop("const")]
        if "enum" in inner and None not in inner["enum"]:
            inner["enum"] = [*inner["enum"], None]
        if "type" in inner:
            types = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
            inner["type"] = types if "null" in types else [*types, "null"]
        elif "anyOf" in inner:
            inner["anyOf"] = [*inner["anyOf"], {"type": "null"}]
        return inner

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Close maps whose keys have a pattern: pydantic would let any other key pass.

        ``propertyNames`` would do too, but Helm's message for it does not say where the key is.
        """
        result = super().dict_schema(schema)
        if "patternProperties" in result:
            result.pop("propertyNames", None)
            result["additionalProperties"] = False
        return result


def json_schema(model: Model) -> dict[str, Any]:
    """Return the draft-07 schema of a values model, self-contained: no ``$id``, no reference outside of it."""
    schema = model.model_json_schema(by_alias=True, ref_template="#/definitions/{model}", schema_generator=_Draft7)
    definitions = schema.pop("$defs", {})
    root = {"$schema": _Draft7.schema_dialect, **_without_titles(schema)}
    root["definitions"] = {name: _nullable(_without_titles(item)) for name, item in definitions.items()}
    for part in models(model):
        definition = root if part is model else root["definitions"].get(part.__name__)
        if definition:  # else a field has a schema of its own instead
            definition["description"] = _paragraph(part.__doc__)
            _document(part, definition["properties"])
    return _with_pattern_messages(_shared(link(root)))


def _document(model: Model, properties: dict[str, Any]) -> None:
    """Describe the fields for people: pydantic leaves out descriptions and defaults of fields with their own schema."""
    for name, field in model.model_fields.items():
        schema = properties[field.alias or name]
        schema["description"] = _paragraph(field.description)
        if field.deprecated:
            schema["deprecationMessage"] = schema["description"]
        default = plain(field.default)
        schema.pop("default", None)
        if "$ref" not in schema and not field.is_required() and _can_be_inserted(default):
            schema["default"] = default


def _paragraph(text: str | None) -> str:
    """Return a text without its line breaks, each of which editors show as the end of a paragraph."""
    return " ".join((text or "").split())


def _can_be_inserted(default: Any) -> bool:
    """Return whether editors can complete a key with its default.

    The YAML language server inserts null as a word, where no value at all is meant, and maps in a list as
    ``[object Object]``. With a null for a string it fails, and offers nothing.
    """
    if isinstance(default, dict):
        return all(map(_can_be_inserted, default.values()))
    if isinstance(default, list):
        return not any(isinstance(item, dict | list) for item in default)
    return default is not None


def _with_pattern_messages(schema: dict[str, Any]) -> dict[str, Any]:
    """Say in words what each regular expression allows, in place."""
    for part in [*_inside(schema), *(inner for item in schema["definitions"].values() for inner in _with_inside(item))]:
        if words := WORDS.get(part.get("pattern", "")):
            part["patternErrorMessage"] = f"It is not {words}."
    return schema


def _nullable(definition: dict[str, Any]) -> dict[str, Any]:
    if definition.get("type") == "object":
        definition["type"] = ["object", "null"]
    return definition


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop pydantic's titles, which repeat the key, and defaults that the referenced definition repeats."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
        if "$ref" in field:
            field.pop("default", None)
        for key in ("items", "additionalProperties"):
            if isinstance(field.get(key), dict):
                field[key].pop("title", None)
    return schema


def _shared(schema: dict[str, Any]) -> dict[str, Any]:
    """Move subschemas that occur more than once into definitions, in place.

    A lone ``type`` or ``enum`` stays where it is: a reference would cost as much. The names of the definitions have a
    dot, like those of Kubernetes' types, since they are not objects of the values either.
    """
    places = [
        *_inside(schema),
        *(inner for definition in schema["definitions"].values() for inner in _inside(definition)),
    ]
    uses = Counter(map(_validation, places))
    names: dict[str, str] = {}
    for part in places:
        key = _validation(part)
        if uses[key] > 1 and {"pattern", "patternProperties", "items", "additionalProperties", "anyOf"} & part.keys():
            names.setdefault(key, f"shared.{len(names) + 1}")
    definitions = {name: json.loads(key) for key, name in names.items()}
    for part in [*places, *(part for item in definitions.values() for part in _inside(item))]:
        if name := names.get(_validation(part)):
            for keyword in part.keys() - set(_ANNOTATIONS):
                del part[keyword]
            part["$ref"] = f"#/definitions/{name}"
    schema["definitions"] |= definitions
    return schema


def _validation(part: dict[str, Any]) -> str:
    """Return the keywords of a subschema that validate, as a key to compare by."""
    return json.dumps({key: value for key, value in part.items() if key not in _ANNOTATIONS}, sort_keys=True)


def _with_inside(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    yield from _inside(schema)


def _inside(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the subschemas of a schema, outer ones first; definitions are left out."""
    children = [*schema.get("properties", {}).values(), *schema.get("patternProperties", {}).values()]
    children += [*schema.get("anyOf", []), schema.get("items"), schema.get("additionalProperties")]
    for child in children:
        if isinstance(child, dict):
            yield child
            yield from _inside(child)


def text(schema: dict[str, Any]) -> str:
    """Return the schema as JSON with one definition a line, and without spaces, since Helm reads it in every render."""

    def dump(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def lines(items: dict[str, str], indent: str) -> str:
        return "{" + ",".join(f"\n{indent}{dump(key)}: {text}" for key, text in items.items()) + "\n" + indent[1:] + "}"

    definitions = lines({name: dump(value) for name, value in schema["definitions"].items()}, "  ")
    return lines({key: dump(value) for key, value in schema.items()} | {"definitions": definitions}, " ") + "\n"
