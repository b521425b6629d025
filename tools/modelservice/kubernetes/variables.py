"""Environment variables of a container, and references to them in its command (``$(NAME)``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Variables = Mapping[str, str | None]
"""Values by name; None where only the running container knows the value."""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


def variables(container: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the variables of a container, references among them expanded."""
    found: dict[str, str | None] = {}
    for variable in container.get("env") or []:
        if "valueFrom" in variable:
            found[str(variable["name"])] = None
        else:
            found[str(variable["name"])] = expand(str(variable.get("value") or ""), found)
    return found


def expand(text: str, known: Variables) -> str:
    """Return a word of ``command`` or ``args`` with its references expanded.

    A reference to a variable that the container does not have stays as it is, and so does one whose value only the
    container knows; ``$$`` is an escaped ``$``.
    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint
    """

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return match[0] if (found := known.get(match[1])) is None else found

    return _REFERENCE.sub(value, text)
