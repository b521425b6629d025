"""What changes between two renders."""

from __future__ import annotations

import difflib

from modelservice.model.pods import reference
from modelservice.rendered import Rendered, dump


def difference(before: Rendered, after: Rendered) -> dict[str, str]:
    """Return unified diffs between two renders, by object."""
    old = {reference(obj): dump(obj) for obj in before.objects}
    new = {reference(obj): dump(obj) for obj in after.objects}
    found = {}
    for name in dict.fromkeys([*old, *new]):
        lines = difflib.unified_diff(
            old.get(name, "").splitlines(),
            new.get(name, "").splitlines(),
            f"{name} (now)",
            f"{name} (then)",
            lineterm="",
        )
        text = "\n".join(lines)
        if text:
            found[name] = text
    return found
