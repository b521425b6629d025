"""Names of Kubernetes objects
(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names)."""

from __future__ import annotations

import re

LABEL_LENGTH = 63
"""Most characters of a DNS label."""


def dns_label(text: str, longest: int = LABEL_LENGTH) -> str:
    """Return a text as a DNS label, without the characters that it may not have; empty where none is left.

    Args:
        text: any text.
        longest: most characters of the result.
    """
    return re.sub(r"[^a-z0-9-]+", "-", text.strip().lower()).strip("-")[:longest].strip("-")
