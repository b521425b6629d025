"""A line of the output, found again in other renders."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelservice.explain.address import Address, Object, at
from modelservice.model.pods import reference
from modelservice.rendered import Rendered


@dataclass(frozen=True, eq=False)
class Line:
    """A line of the output."""

    address: Address
    value: Any
    template: str
    """The template that printed the object."""
    position: int
    """Place of the object among those of its kind that the template prints."""
    number: int
    """How many those are."""

    @classmethod
    def of(cls, address: Address, obj: Object, rendered: Rendered) -> Line:
        """Return the line at an address of an object."""
        template = rendered.template_of(obj)
        alike = _alike(rendered.objects_of(template), address)
        return cls(address, at(obj, address.path), template, alike.index(dict(obj)), len(alike))

    def among(self, text: str) -> Line:
        """Return the same line of another text of the template, which prints other objects next to it."""
        alike = _alike(_printed(text), self.address)
        names = [reference(obj) for obj in alike]
        return replace(self, position=names.index(self.address.object), number=len(alike))

    def same_in(self, rendered: Rendered) -> bool:
        """Return whether another render has the value at the same place of the same object, whatever its name."""
        return self._same_in(rendered.objects_of(self.template))

    def same_in_text(self, text: str) -> bool:
        """Return whether another text of the template, which prints its objects as JSON, has it."""
        try:
            return self._same_in(_printed(text))
        except json.JSONDecodeError:
            return False

    def _same_in(self, objects: Sequence[Object]) -> bool:
        alike = _alike(objects, self.address)
        match = next((obj for obj in alike if reference(obj) == self.address.object), None)
        if match is None and len(alike) == self.number:
            match = alike[self.position]
        return match is not None and bool(at(match, self.address.path) == self.value)


def _alike(objects: Sequence[Object], address: Address) -> list[Object]:
    kind = address.object.partition("/")[0]
    return [obj for obj in objects if obj.get("kind") == kind]


def _printed(text: str) -> list[Object]:
    """Return the objects of a text that has each as JSON, after a line of dashes."""
    return [json.loads(document) for document in re.split(r"^---$", text, flags=re.MULTILINE) if document.strip()]
