"""Strings and numbers with a fixed form: names, ports, quantities, durations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type

WORDS: dict[str, str] = {}
"""What each pattern asks for, for messages: a regular expression explains little."""


def _form(words: str, pattern: str, **bounds: Any) -> Any:
    """Return the constraints of a string, and keep its description for messages."""
    WORDS[pattern] = words
    return Field(pattern=pattern, **bounds)


def _json_form(words: str, pattern: str, **schema: Any) -> Any:
    """Return the JSON type of a value whose strings have a form, and keep its description for messages."""
    WORDS[pattern] = words
    return json_type(pattern=pattern, **schema)


Port = Annotated[int, Field(ge=1, le=65535)]
Replicas = Annotated[int, Field(ge=0, le=10000)]
ImagePullPolicy = Literal["Always", "IfNotPresent", "Never", ""]

DnsLabel = Annotated[
    str,
    _form(
        "a DNS label: lowercase letters, digits and dashes, at most 63",
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        max_length=63,
    ),
]
"""A DNS-1123 label, which Kubernetes requires of container, volume and claim names."""
DnsSubdomain = Annotated[
    str,
    _form(
        "a DNS name: lowercase letters, digits, dashes and dots",
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length=253,
    ),
]
