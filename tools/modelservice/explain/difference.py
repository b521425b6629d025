"""What changes between two renders, as far as people may see it."""

from __future__ import annotations

import difflib

from modelservice.concealed import Concealer
from modelservice.model.pods import reference
from modelservice.rendered import Rendered, dump
from modelservice.secrets import MASK

OTHER = f"{MASK} (another)"
"""Text in place of a secret that is there only after the change."""


def difference(before: Rendered, after: Rendered) -> dict[str, str]:
    """Return unified diffs between two renders, by object; secrets are not shown, only that they differ."""
    known: set[str] = set()

    def first(secret: str) -> str:
        known.add(secret)
        return MASK

    hide_old = Concealer(before.objects, after.objects, put=first)
    hide_new = Concealer(before.objects, after.objects, put=lambda secret: MASK if secret in known else OTHER)
    old = {reference(obj): dump(hide_old(obj)) for obj in before.objects}
    new = {reference(obj): dump(hide_new(obj)) for obj in after.objects}
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
