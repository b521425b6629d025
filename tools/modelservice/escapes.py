"""Text of others made safe to print: no character that a terminal obeys or that XML cannot hold."""

from __future__ import annotations

import re

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, without tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # directions of writing, which show a line in another order than it has
    "\ud800-\udfff\ufffe\uffff]"  # half characters and those that are none (https://www.w3.org/TR/xml/#charsets)
)


def visible(text: str) -> str:
    """Return a text with control characters as Python writes them, e.g. ``\\x1b``; line feeds and tabs stay."""
    return _OBEYED.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
