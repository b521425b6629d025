"""Types that JSON schema describes better than Python: a quantity, a port or a template, a number or a percentage."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class JsonType:
    """Annotation of a field whose type is a JSON schema, for Helm, editors and pydantic alike.

    Args:
        schema: the schema, as JSON text, so that equal types are equal.
    """

    schema: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema itself."""
        parsed: dict[str, Any] = json.loads(self.schema)
        return parsed

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate the value by the schema."""
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: Any) -> Any:
        for error in _validator(self.schema).iter_errors(value):
            raise PydanticCustomError("json_schema", "{reason}", {"reason": error.message})
        return value


def json_type(**schema: Any) -> JsonType:
    """Return keywords of a JSON schema as an annotation: ``json_type(type=["integer", "string"], minimum=1)``."""
    return JsonType(json.dumps(schema, sort_keys=True))


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator(json.loads(schema))
