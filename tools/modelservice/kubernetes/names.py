"""Names of Kubernetes objects
(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names)."""

from __future__ import annotations

import hashlib
import re

LABEL_LENGTH = 63
"""Most characters of a DNS label."""


def dns_label(text: str, longest: int = LABEL_LENGTH) -> str:
    """Return a text as a DNS label, without the characters that it may not have; empty where none is left.

    Args:
        text: any text.
        longest: most characters of the result.
    """
    return _allowed(text)[:longest].strip("-")


def distinct_label(text: str, longest: int = LABEL_LENGTH) -> str:
    """Return a text as a DNS label; one that is cut ends in a hash, so that two with the same beginning differ.

    Args:
        text: any text.
        longest: most characters of the result.
    """
    label = _allowed(text)
    if len(label) <= longest:
        return label
    mark = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{label[: longest - len(mark) - 1].strip('-')}-{mark}"


def _allowed(text: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", text.strip().lower()).strip("-")
